"""Counting agreement: one record per compared call, figures per tool and in total, disagreements by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from synth.fidelity.answers import Outcome

EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Compared:
    """One call through both sides. `seen_live` and `seen_twin`: of the values given in earlier calls of the sequence,
    those that a read showed. `state`: the lifecycle state in which the twin had the row that the call names."""

    tool: str
    live: Outcome
    twin: Outcome
    arguments: dict[str, Any]
    seen_live: frozenset[str] = frozenset()
    seen_twin: frozenset[str] = frozenset()
    state: str | None = None


@dataclass(slots=True)
class Tally:
    """Counts over compared calls."""

    both: int = 0
    live_only: int = 0
    twin_only: int = 0
    neither: int = 0
    same_class: int = 0
    shown_both: int = 0
    shown_any: int = 0
    reads: int = 0

    def add(self, c: Compared) -> None:
        if c.live.ok and c.twin.ok:
            self.both += 1
            if c.seen_live or c.seen_twin:
                self.reads += 1
            self.shown_both += len(c.seen_live & c.seen_twin)
            self.shown_any += len(c.seen_live | c.seen_twin)
        elif c.live.ok:
            self.live_only += 1
        elif c.twin.ok:
            self.twin_only += 1
        else:
            self.neither += 1
            self.same_class += c.live.error == c.twin.error

    @property
    def calls(self) -> int:
        return self.both + self.live_only + self.twin_only + self.neither

    def figures(self) -> Figures:
        return Figures(
            self.calls,
            _share(self.both + self.live_only, self.calls),
            balanced(self),
            _share(self.both + self.neither, self.calls),
            _share(self.shown_both, self.shown_any),
            _share(self.same_class, self.neither),
        )


@dataclass(frozen=True, slots=True)
class Figures:
    """What a tally comes to; shares in [0, 1], None where nothing was counted. `balanced`: the mean of the shares of
    live successes and of live failures that the twin repeats, of the one class where the other never occurred."""

    calls: int
    live_success: float | None
    balanced: float | None
    agreement: float | None
    readable: float | None  # of values shown by either side's read, those shown by both
    error_class: float | None  # of calls that fail on both sides, those with the same class of error


def balanced(t: Tally) -> float | None:
    """Balanced accuracy of the twin's success or failure against the live server's."""
    rates = [
        r for r in (_share(t.both, t.both + t.live_only), _share(t.neither, t.neither + t.twin_only)) if r is not None
    ]
    return sum(rates) / len(rates) if rates else None


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


@dataclass(slots=True)
class Disagreement:
    """Calls of one tool on which the sides differ in the same way."""

    tool: str
    live: str
    twin: str
    count: int = 0
    of: int = 0
    examples: list[tuple[dict[str, Any], str, str]] = field(default_factory=list)

    @property
    def named(self) -> str:
        return f"{self.tool}: live {self.live}, lifted {self.twin}"


def tallies(compared: Iterable[Compared]) -> tuple[Tally, dict[str, Tally]]:
    """In total and per tool."""
    total = Tally()
    per_tool: dict[str, Tally] = {}
    for c in compared:
        total.add(c)
        per_tool.setdefault(c.tool, Tally()).add(c)
    return total, dict(sorted(per_tool.items()))


def disagreements(compared: Iterable[Compared]) -> list[Disagreement]:
    """Every way in which the sides differ on success, on the class of an error, or on what a read shows; the most
    frequent first."""
    found: dict[tuple[str, str, str], Disagreement] = {}
    calls: Counter[str] = Counter()
    for c in compared:
        calls[c.tool] += 1
        live: str = c.live.error or "ok"
        twin: str = c.twin.error or "ok"
        if live == twin == "ok" and c.seen_live != c.seen_twin:
            missing, extra = len(c.seen_live - c.seen_twin), len(c.seen_twin - c.seen_live)
            live, twin = "shows", "shows less" if missing >= extra else "shows more"
        if live == twin:
            continue
        d = found.setdefault((c.tool, live, twin), Disagreement(c.tool, live, twin))
        d.count += 1
        if len(d.examples) < EXAMPLES:
            d.examples.append((c.arguments, c.live.text[:300], c.twin.text[:300]))
    for d in found.values():
        d.of = calls[d.tool]
    return sorted(found.values(), key=lambda d: (-d.count, d.tool, d.live, d.twin))
