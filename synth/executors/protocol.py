"""What runs calls: one executor per world, container or server of an episode."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol


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
