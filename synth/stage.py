"""What a stage is: a name, the table it writes, and one function from a fixed range of slots to rows.

A stage module in `synth/stages/` has

    TABLE: str                            the table its rows go to
    VERSION: str                          raised whenever its output for the same input changes; part of the fingerprint
    def waves(ctx) -> list[list[Part]]    only worlds, tools, agents: wave k is committed before wave k+1 starts
    def depends(settings) -> dict         optional: hashes of files outside the package that its rows follow from
    def run(ctx, part) -> Output          pure in (ctx.seed, ctx.settings, part, committed inputs)

A stage whose slots may ask models has, besides,

    def asks(settings) -> bool            whether any do
    async def arun(ctx, part, models)     `run` with clients that are shared: slots of many parts wait side by side
    def mixed(settings) -> bool           whether some ask and others only compute; then
    async def begin(ctx, part, models)    gives the Output of those that ask,
    def finish(ctx, part, begun)          plays the others in any process and puts all in order, as `run` would

`tasks`, `rollouts` and `judge` have no `waves`: the run loop opens task slots in rounds, and part i of rollouts reads
part i of tasks as soon as that one is committed. No stage imports another, none knows Ray, files or Parquet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from synth.records import DroppedRow, FailedRow, Row, StageName, UsageRow


@dataclass(frozen=True)
class Part:
    """Slots [start, stop) of one stage. `payload` is JSON: for tasks `{"kinds": [one kind per slot]}`."""

    stage: StageName
    index: int
    start: int
    stop: int
    payload: dict[str, Any] = field(default_factory=dict)


@dataclass
class Output:
    """What became of the slots of one part. Invariant, asserted before commit: every opened slot (by parent or slot id)
    ends as at least one row, or exactly one drop, or exactly one failure:

        len(opened) == len(row parents) + len(dropped slots) + len(failed slots)
    """

    opened: int
    rows: list[Row] = field(default_factory=list)
    closed_with_rows: int = 0  # slots that ended in one row or more
    dropped: list[DroppedRow] = field(
        default_factory=list
    )  # may hold extra, finer drops (a tool of a world): see `extra_drops`
    failed: list[FailedRow] = field(default_factory=list)
    usage: list[UsageRow] = field(default_factory=list)  # what models were asked for; no part of the ledger
    extra_drops: int = 0  # drops that are children of a slot that did end in a row

    def check(self, name: str) -> None:
        """Raise AssertionError when a slot went missing: nothing may disappear."""
        closed = self.closed_with_rows + len(self.dropped) - self.extra_drops + len(self.failed)
        if closed != self.opened:
            raise AssertionError(
                f"{name}: {self.opened} slots opened, {closed} closed "
                f"({self.closed_with_rows} with rows, {len(self.dropped)}-{self.extra_drops} dropped, "
                f"{len(self.failed)} failed)"
            )


class Inputs(Protocol):
    """Committed rows of earlier stages (never of another fingerprint)."""

    def table(self, name: str) -> list[Any]:
        """All rows of a table, in id-independent part order; read once per process."""

    def part(self, name: str, index: int) -> list[Any]:
        """The rows of one part of a table."""

    def parts(self, name: str) -> list[int]:
        """The indexes of the parts that have rows."""

    def columns(self, name: str, fields: Sequence[str], indexes: Iterable[int] | None = None) -> list[dict[str, Any]]:
        """Some fields of all rows (or of some parts), without decoding the rest."""

    def digest(self, name: str) -> str:
        """A hash of the whole table's content."""


@dataclass(frozen=True)
class Context:
    seed: int
    settings: Any  # the stage's own settings model from synth.pipeline
    inputs: Inputs
