"""Requests in words that are a little off: words that carry a request, but stand neither in the tools nor in what the
assistant does with it, are replaced, left out or put in. People ask in more ways than any grammar; what is left of a
sentence like that are values, names of fields and things, and a reader has to find its way by them. What leads to a
value is worded anew too: "the order ORD-7" becomes "the order walnut under ORD-7".
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

from model_core.feeding.rows import Part, Row
from model_core.feeding.vary import Lexicon, invented, root

KINDS = frozenset({"single", "parallel", "chain", "clarify", "multi_turn", "change", "recover", "dual"})
SHARES = (0.1, 0.2, 0.35)  # of the words that may change
# What turns a request round, joins its parts or counts: these stay.
_KEPT = frozenset(
    re.findall(
        r"\S+",
        """a an and are as at before after both but by can't don't each every first for from if in instead into is it
        last never no none not of off on one only or other out than that the then this to under until
        wait with without""",
    )
)
_LEADS = ("as", "as", "under", "by", "with", "at", "for", "to", "in", "of", "on", "is", "called")
# What is quoted or holds a digit or a sign inside is a value; so is a word with a capital inside a sentence.
_PIECE = re.compile(r"\"[^\"]*\"|“[^”]*”|[A-Za-z']*[\w.@/:-]*[\d_@/][\w.@/:-]*|[A-Za-z]+(?:'[a-z]+)?")
_WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")


def noised(row: Row, word: Callable[[random.Random], str], rng: random.Random, prompt: Row | None = None) -> Row:
    """The example with some of the user's words changed, or as it is where its kind is not one of `KINDS`. `word`:
    another one to put there; `prompt`: with the tools, where the row has only what follows them."""
    if row.kind not in KINDS:
        return row
    share = rng.choice(SHARES)
    fixed = _fixed(row) | (_fixed(prompt) if prompt else set())
    parts: list[Part] = list(row.parts)
    for place in _said_by_user(row):
        parts[place] = _changed(str(parts[place]), fixed, share, word, rng)
    return Row(row.kind, parts, row.learn)


def another_word(rows: Sequence[Row], lexicon: Lexicon) -> Callable[[random.Random], str]:
    """Half of the words are what a user says in another example, half are rare or invented ones."""

    def draw(rng: random.Random) -> str:
        if rng.random() < 0.5:
            row = rows[rng.randrange(len(rows))]
            said = " ".join(str(row.parts[place]) for place in _said_by_user(row))
            if words := _WORD.findall(said):
                return str(rng.choice(words)).lower()
        return rng.choice(lexicon.rare) if lexicon.rare and rng.random() < 0.5 else invented(rng)

    return draw


def _said_by_user(row: Row) -> list[int]:
    """Places of the parts that are a user's words."""
    begin, middle = ("<|im_user|>",), ("<|im_middle|>",)
    return [
        place
        for place in range(3, len(row.parts))
        if row.parts[place - 3] == begin and row.parts[place - 1] == middle and isinstance(row.parts[place], str)
    ]


def _fixed(row: Row) -> set[str]:
    """Roots of words that the assistant says or calls with, and of those in the declared tools."""
    texts = [p for p, learn in zip(row.parts, row.learn, strict=True) if learn and isinstance(p, str)]
    if "tool_declare" in row.parts:
        texts.append(str(row.parts[row.parts.index("tool_declare") + 2]))
    words = (w for text in texts for w in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", text))
    return {root(w.lower())[0] for w in words}


def _changed(text: str, fixed: set[str], share: float, word: Callable[[random.Random], str], rng: random.Random) -> str:
    def other(match: re.Match[str]) -> str:
        found = match.group(0)
        plain = found.lower()
        if not _WORD.fullmatch(found):
            leads = text[: match.start()].endswith(" ") and rng.random() < share / 2
            return f"{_lead(word, rng)} {found}" if leads else found
        if plain in _KEPT or root(plain)[0] in fixed:
            return found
        begins = match.start() == 0 or text[: match.start()].rstrip(" ")[-1:] in ".!?:\n-"
        if (found[0].isupper() and not begins and len(found) > 1) or rng.random() >= share:
            return found
        way = rng.random()
        if way < 0.3:
            return ""
        new = word(rng) if way < 0.8 else f"{word(rng)} {plain}"
        return new[0].upper() + new[1:] if found[0].isupper() else new

    return re.sub(r"  +", " ", _PIECE.sub(other, text)).strip(" ")


def _lead(word: Callable[[random.Random], str], rng: random.Random) -> str:
    """Words in front of a value that say nothing about it."""
    words = [word(rng) for _ in range(rng.choice((0, 1, 1, 1, 2)))]
    return " ".join([*words, rng.choice(_LEADS)] if not words or rng.random() < 0.7 else words)
