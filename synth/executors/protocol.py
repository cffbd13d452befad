"""What runs calls: one executor per world, container or server of an episode."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

from synth.records import Checked
from synth.taskspec import PlaceCheck


class Outcome(NamedTuple):
    """What a call gave. `value` is JSON, `content` the text the model sees, `error` a declared code or None."""

    ok: bool
    value: Any
    error: str | None
    content: str


class Executor(Protocol):
    """Runs calls on one start state that it owns for one episode.

    Whatever the caller sends is answered with an Outcome: unknown tools and wrong arguments are error results, never
    exceptions. An exception means that the executor itself broke (class `infra`).
    """

    name: str  # goes into `calls.executor`
    latency_is_real: bool  # False: latency is recorded as 0, so that equal runs give equal bytes

    async def call(self, tool: str, arguments: dict[str, Any]) -> Outcome:
        """Run one call under the tool's own name."""
        ...

    def error(self, code: str, status: int, message: str) -> Outcome:
        """An error result in the style of this place, without running anything."""
        ...

    def diff(self) -> list[dict[str, Any]]:
        """Changes since the start: [{world_id, entity, kind, key, before, after, changed, stamped}]."""
        ...

    def digest(self) -> str:
        """Hash of the present state (hex); empty where nothing counts."""
        ...

    async def close(self) -> None:
        """Give back what the episode held."""
        ...


@runtime_checkable
class PlaceExecutor(Executor, Protocol):
    """An executor whose calls really run. It opens what it needs at its first call, check or difference; a sandbox or
    server that broke or cannot be opened raises TaskFailure("infra"); `close` may be called at any time, and twice."""

    async def check(self, check: PlaceCheck) -> Checked:
        """Evaluate a postcondition on the present state, after the episode."""
        ...


@dataclass(frozen=True)
class PlaceTool:
    """A tool of a place, as an assistant is offered it."""

    name: str
    description: str
    input_schema: dict[str, Any]
    effect: Literal["read", "write"]
    output_schema: dict[str, Any] | None = None
    annotations: dict[str, Any] = field(default_factory=dict)
