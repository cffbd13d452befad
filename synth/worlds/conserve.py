"""Sums that a call leaves as they are: money is moved, not made."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from synth.worlds.spec import Conserved
    from synth.worlds.state import Change

_TERM = re.compile(r"^(-?)\s*sum of (\w+)\.(\w+)$")
TOLERANCE = 1e-6  # of sums over `number` fields


class Term(NamedTuple):
    sign: int
    entity: str
    field: str


def parse_term(text: str) -> Term | None:
    """`sum of Account.balance`, `-sum of Loan.owed`; None where it is neither."""
    match = _TERM.match(text.strip())
    return Term(-1 if match[1] else 1, match[2], match[3]) if match else None


class Sums:
    """The declared sums of one world."""

    def __init__(self, kept: Iterable[Conserved]) -> None:
        self.kept = []
        for k in kept:
            terms = [t for text in k.terms if (t := parse_term(text)) is not None]
            self.kept.append((" + ".join(k.terms), terms, frozenset(k.except_)))

    def broken(self, tool: str, changes: Iterable[Change]) -> str | None:
        """The first sum that these changes of a call of `tool` alter, None where all hold."""
        for text, terms, free in self.kept:
            if tool in free:
                continue
            total = 0.0
            for term in terms:
                for change in changes:
                    if change.entity == term.entity:
                        after = (change.after or {}).get(term.field) or 0
                        before = (change.before or {}).get(term.field) or 0
                        total += term.sign * (after - before)
            if abs(total) > TOLERANCE:
                return text
        return None
