"""How words come out: typed in lower case, with slips of the finger, or spoken into a phone.

Names, values, codes and whatever stands in quotation marks stay as they are: what a person has to say remains findable.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from synth.goals.templates import grammar, personas
from synth.packaged import HELD_OUT

WORDS_PER_TYPO = 14
VOICES = ("train", HELD_OUT)
_SLIPPERY = 4  # letters of a word from which on it is mistyped
_WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)?")
_QUOTED = re.compile(r'“[^”]*”|"[^"]*"')
_CODE = re.compile(r"\S*[\d_@/\\<>{}=*#]\S*|\S+[.:-](?=\w)\S*")
_CAPITAL = re.compile(r"(?<![\w@/-])[A-Z][a-z']*(?![\w@/-])")
_DROPPED = re.compile(r"[,:;?!](?=\s|$)")
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")

Span = tuple[int, int]


def spoken_as(manner: str | None, text: str, kept: Iterable[str], rng: random.Random) -> str:
    """`text` in a manner of `_MANNERS`; `kept` are the values in it."""
    return text if manner is None else _MANNERS[manner](text, list(kept), rng)


def spared(text: str, kept: Iterable[str]) -> list[Span]:
    """Where the text must stay as it is."""
    spans = [m.span() for pattern in (_QUOTED, _CODE) for m in pattern.finditer(text)]
    for value in kept:
        spans += [m.span() for m in re.finditer(re.escape(value), text)] if value else []
    return spans


def _free(at: Span, spans: list[Span]) -> bool:
    return not any(a < at[1] and at[0] < b for a, b in spans)


def lower(text: str, kept: list[str], rng: random.Random) -> str:
    """No capitals, but for acronyms."""
    spans = spared(text, kept)
    return _CAPITAL.sub(lambda m: m.group().lower() if _free(m.span(), spans) else m.group(), text)


def upper(text: str, kept: list[str], rng: random.Random) -> str:
    """With the shift key stuck: capitals throughout, but for values."""
    spans = spared(text, kept)
    return _WORD.sub(lambda m: m.group().upper() if _free(m.span(), spans) else m.group(), text)


def dictated(text: str, kept: list[str], rng: random.Random) -> str:
    """As a phone writes down what it hears: lower case, no signs but the full stop between sentences."""
    spans = spared(text, kept)
    heard = "".join("" if _DROPPED.match(text, i) and _free((i, i + 1), spans) else c for i, c in enumerate(text))
    return lower(heard, kept, rng).removesuffix(".")


def typos(text: str, kept: list[str], rng: random.Random) -> str:
    """A slip of the finger in a few words of the sender's own."""
    spans = spared(text, kept)
    taken = {w for value in kept for w in _WORD.findall(value.lower())}
    able = [m for m in _WORD.finditer(text)
            if m.group().lower() in own_words() - taken and _free(m.span(), spans)]  # fmt: skip
    chosen = rng.sample(able, min(len(able), max(1, len(text.split()) // WORDS_PER_TYPO)))
    for match in sorted(chosen, key=lambda m: -m.start()):
        text = text[: match.start()] + mistyped(match.group(), rng) + text[match.end() :]
    return text


def mistyped(word: str, rng: random.Random) -> str:
    """The word with one slip behind its first letter."""
    at = rng.randrange(1, len(word) - 1)
    way = rng.choice(("swap", "swap", "drop", "double", "next"))
    if way == "swap" and word[at] != word[at + 1]:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if way == "double":
        return word[:at] + word[at] + word[at:]
    row = next((r for r in _KEYS if word[at].lower() in r), None)
    if way == "next" and row is not None:
        place = row.index(word[at].lower())
        return word[:at] + row[place - 1 if place else 1] + word[at + 1 :]
    return word[:at] + word[at + 1 :]


@lru_cache(maxsize=1)
def own_words() -> frozenset[str]:
    """Words of the templates themselves; names of things and fields come from elsewhere."""
    found: set[str] = set()
    stack: list[object] = [personas(s) for s in VOICES]
    stack += [grammar(s)[group] for s in VOICES for group in ("clauses", "questions")]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack += item.values()
        elif isinstance(item, list):
            stack += item
        elif isinstance(item, str):
            found |= {w.lower() for w in re.findall(r"(?<![\[{])\b[A-Za-z]{4,}\b(?![\]}])", item)}
    return frozenset(w for w in found if len(w) >= _SLIPPERY)


_MANNERS: dict[str, Callable[[str, list[str], random.Random], str]] = {
    "lower": lower,
    "upper": upper,
    "dictated": dictated,
    "typos": typos,
}
