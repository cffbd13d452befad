"""How near two tasks are to each other: by what they are about (`CodeTask.essence`), names and constants aside."""

from __future__ import annotations

import builtins
import keyword
import re
from collections import Counter
from collections.abc import Iterable, Iterator

WIDTH = 4  # tokens of a shingle
BOUND = 0.9  # tasks at least this near are one

_TOKEN = re.compile(r"""\.\w+|[A-Za-z_]\w*|\d+|"[^"\n]*"|'[^'\n]*'|\S""")
_CLAUSE = re.compile(r"""["'](SELECT|FROM|(LEFT )?JOIN|WHERE|GROUP BY|HAVING|ORDER BY|LIMIT)\b""")
_SQL_FUNCTIONS = frozenset({"count", "max", "min", "sum", "avg", "coalesce", "julianday", "length", "total"})
_KEPT = frozenset({*keyword.kwlist, *keyword.softkwlist, *dir(builtins)})


def shape(text: str) -> Counter[tuple[str, ...]]:
    """Shingles of the code's tokens: names become `v`, numbers `0`, texts `s`; keywords, built-in names, attributes and
    operators stay. A text that is a clause of SQL is code: its words in capitals and its functions stay."""
    tokens = list(_plain_tokens(text))
    return Counter(tuple(tokens[i : i + WIDTH]) for i in range(max(1, len(tokens) - WIDTH + 1)))


def _plain_tokens(text: str) -> Iterator[str]:
    for token in _TOKEN.findall(text):
        if _CLAUSE.match(token):
            yield from (t if t.isupper() or t in _SQL_FUNCTIONS else _plain(t) for t in _TOKEN.findall(token[1:-1]))
        else:
            yield _plain(token)


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
        self._shapes: list[tuple[Counter[tuple[str, ...]], int]] = []  # and how many shingles

    def add(self, essence: str) -> bool:
        """Whether the task is one more; one within `BOUND` of an earlier one is not."""
        mine = shape(essence)
        if self.near(mine):
            return False
        self._shapes.append((mine, mine.total()))
        return True

    def near(self, mine: Counter[tuple[str, ...]]) -> bool:
        """Whether one of them is within `BOUND`. Most cannot be, by their sizes or by the shingles that only one has,
        each of which is missing from what they share."""
        size = mine.total()
        for one, other in self._shapes:
            if BOUND * max(size, other) > min(size, other):
                continue
            if len(mine.keys() ^ one.keys()) > (1 - BOUND) * (size + other) / (1 + BOUND) + 1:
                continue
            if nearness(mine, one) >= BOUND:
                return True
        return False


def nearest(one: Counter[tuple[str, ...]], others: Iterable[Counter[tuple[str, ...]]]) -> float:
    """How near the nearest of the others is; 0 where there is none."""
    return max((nearness(one, other) for other in others), default=0.0)
