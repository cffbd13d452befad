"""How near two tasks are to each other: by what they are about (`CodeTask.essence`), names and constants aside."""

from __future__ import annotations

import builtins
import keyword
import re
from collections import Counter
from collections.abc import Iterable

WIDTH = 4  # tokens of a shingle
BOUND = 0.9  # tasks at least this near are one

_TOKEN = re.compile(r"""\.\w+|[A-Za-z_]\w*|\d+|"[^"\n]*"|'[^'\n]*'|\S""")
_KEPT = frozenset({*keyword.kwlist, *keyword.softkwlist, *dir(builtins)})


def shape(text: str) -> Counter[tuple[str, ...]]:
    """Shingles of the code's tokens: names become `v`, numbers `0`, texts `s`; keywords, built-in names, attributes and
    operators stay."""
    tokens = [_plain(token) for token in _TOKEN.findall(text)]
    return Counter(tuple(tokens[i : i + WIDTH]) for i in range(max(1, len(tokens) - WIDTH + 1)))


def _plain(token: str) -> str:
    if token[0] in "\"'":
        return "s"
    if token[0].isdigit():
        return "0"
    return "v" if token.isidentifier() and token not in _KEPT else token


def nearness(one: Counter[tuple[str, ...]], other: Counter[tuple[str, ...]]) -> float:
    """Jaccard similarity of two multisets of shingles: 0 to 1."""
    return (one & other).total() / (one | other).total()


class Distinct:
    """Tasks that are not near each other: the first of each lot, in the order in which they come."""

    def __init__(self) -> None:
        self._shapes: list[Counter[tuple[str, ...]]] = []

    def add(self, essence: str) -> bool:
        """Whether the task is one more; one within `BOUND` of an earlier one is not."""
        mine = shape(essence)
        if self.near(mine):
            return False
        self._shapes.append(mine)
        return True

    def near(self, mine: Counter[tuple[str, ...]]) -> bool:
        """Whether one of them is within `BOUND`. Those of too different a size cannot be."""
        size = mine.total()
        alike = (one for one in self._shapes if BOUND * max(size, one.total()) <= min(size, one.total()))
        return any(nearness(mine, one) >= BOUND for one in alike)


def nearest(one: Counter[tuple[str, ...]], others: Iterable[Counter[tuple[str, ...]]]) -> float:
    """How near the nearest of the others is; 0 where there is none."""
    return max((nearness(one, other) for other in others), default=0.0)
