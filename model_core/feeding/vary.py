"""Other words for the same example: what an example is about is renamed throughout, so that a model has to read the
names and values in front of it, and cannot learn them by heart.

Words that many examples share (of the language, of the layouts, common fields) stay. Any other word has one
replacement in the whole example: in tool names, descriptions, what is said, arguments and results, in each case and
with its ending. Replacements are rare words of other examples, or words that nobody has ever used.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Mapping

from model_core.feeding.rows import Part, Row

WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
# A word, or a run of letters and digits: an id. Ids stay, since words in them would be easier to find than they are.
_WORD_OR_ID = re.compile(rf"(?<![A-Za-z0-9])(?:[A-Za-z]+\d|\d+[A-Za-z])[A-Za-z0-9]*|{WORD.pattern}")
_ENDING = re.compile(r"(ies|es|s|ed|ing|e|y)$")
_KEPT_ENDING = {"ies": "s", "es": "s", "s": "s", "ed": "ed", "ing": "ing"}
SHORTEST = 3  # letters of a word that can be replaced
KEEP_SHARE = 0.25  # of examples that stay as they are
INVENTED = 0.5  # of replacements that are no word
_ONSETS = ("b", "br", "c", "ch", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "pl", "qu", "r",
           "s", "sh", "st", "t", "tr", "v", "w", "z")  # fmt: skip
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ea", "oo", "ou")
_CODAS = ("", "", "b", "ck", "d", "g", "l", "ll", "m", "n", "nd", "nt", "p", "r", "rk", "rn", "sk", "st", "t", "x")


def root(word: str) -> tuple[str, str]:
    """A lower-case word without its ending, and the ending as a replacement takes it."""
    found = _ENDING.search(word)
    if found is None or found.start() < SHORTEST or word.endswith("ss"):
        return word, ""
    return word[: found.start()], _KEPT_ENDING.get(found.group(1), "")


def roots_of(row: Row) -> set[str]:
    """The roots of all words of an example."""
    return _roots(part for part in row.parts if isinstance(part, str))


def own_words(row: Row) -> tuple[set[str], set[str]]:
    """Roots that only the assistant uses, and roots that only the user does: their manner of speaking."""
    assistant = _roots(p for p, learn in zip(row.parts, row.learn, strict=True) if learn and isinstance(p, str))
    user: list[str] = []
    rest: list[str] = []
    speaker = ""
    for part, learn in zip(row.parts, row.learn, strict=True):
        if not isinstance(part, str):
            speaker = part[0] if part[0] != "<|im_middle|>" else speaker
        elif not learn:
            (user if speaker == "<|im_user|>" else rest).append(part)
    others = _roots(rest)
    return assistant - others - _roots(user), _roots(user) - others


def _roots(texts: Iterable[str]) -> set[str]:
    return {root(word.lower())[0] for text in texts for word in _WORD_OR_ID.findall(text) if word.isalpha()}


class Lexicon:
    """Which roots are everybody's (`common`), and the rare ones, which can stand for each other."""

    def __init__(self, common: Iterable[str], rare: Iterable[str]) -> None:
        self.common = frozenset(common)
        self.rare = sorted(set(rare) - self.common)

    @staticmethod
    def of(rows: Iterable[Row], anywhere: float = 0.04, assistant: float = 0.001, user: float = 0.01) -> Lexicon:
        """Everybody's are the roots in so large a share of the examples; `assistant`, `user`: of the words that only
        they use in an example."""
        counts = [Counter[str](), Counter[str](), Counter[str]()]
        total = 0
        for row in rows:
            for count, roots in zip(counts, (roots_of(row), *own_words(row)), strict=True):
                count.update(roots)
            total += 1
        shares = (anywhere, assistant, user)
        common = {r for c, share in zip(counts, shares, strict=True) for r, n in c.items() if n >= share * total}
        return Lexicon(common, (r for r, n in counts[0].items() if n > 1 and len(r) > SHORTEST))


def invented(rng: random.Random) -> str:
    """A word that sounds like one."""
    syllables = rng.choices((1, 2, 3), weights=(1, 4, 2))[0]
    text = "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(syllables))
    return text + rng.choice(_CODAS)


def varied(row: Row, lexicon: Lexicon, rng: random.Random) -> Row:
    """The example in other words, or as it is."""
    if rng.random() < KEEP_SHARE:
        return row
    share = rng.choice((0.3, 0.6, 1.0))
    taken = roots_of(row)
    fixed = lexicon.common | own_words(row)[0]  # what the assistant could not have read stays
    new: dict[str, str] = {}
    for old in sorted(taken):
        if old in fixed or len(old) < SHORTEST or rng.random() >= share:
            continue
        for _ in range(8):
            fresh = invented(rng) if not lexicon.rare or rng.random() < INVENTED else rng.choice(lexicon.rare)
            if fresh not in taken and fresh not in lexicon.common:
                new[old] = fresh
                taken.add(fresh)
                break
    written: dict[str, str] = {}

    def other(match: re.Match[str]) -> str:
        word = match.group(0)
        if word not in written:
            written[word] = _rewritten(word, new) if word.isalpha() else word
        return written[word]

    parts: list[Part] = [_WORD_OR_ID.sub(other, part) if isinstance(part, str) else part for part in row.parts]
    return Row(row.kind, parts, row.learn)


def _rewritten(word: str, new: Mapping[str, str]) -> str:
    """The replacement in the case of the word, with its ending."""
    stem, ending = root(word.lower())
    if stem not in new:
        return word
    text = new[stem] + ending
    if word.isupper() and len(word) > 1:
        return text.upper()
    return text[0].upper() + text[1:] if word[0].isupper() else text
