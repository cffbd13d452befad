"""Calls on a world: microseconds, no side effects, bit for bit repeatable."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from synth.executors.protocol import Outcome
from synth.worlds.simulate import CompiledWorld, render
from synth.worlds.state import Change, State, diff, thaw


class WorldExecutor:
    """One world's state during one episode. `start` is shared and never changed.

    Most worlds of an agent are there for their look-alike tools and never called: the world is compiled and its start
    drawn when they are first needed. `origin` names the start state; it stands for the digest while nothing changed.
    """

    name = "world"
    latency_is_real = False

    def __init__(
        self, world_id: str, origin: str, compiled: Callable[[], CompiledWorld], start: Callable[[], State]
    ) -> None:
        self.world_id, self.origin, self._compiled, self._start = world_id, origin, compiled, start
        self._state: State | None = None  # None: never called
        self._old: State | None = None  # as it was before the last call that changed something

    @cached_property
    def compiled(self) -> CompiledWorld:
        return self._compiled()

    @cached_property
    def start(self) -> State:
        return self._start()

    @property
    def state(self) -> State:
        return self.start if self._state is None else self._state

    async def call(self, tool: str, arguments: dict[str, Any]) -> Outcome:
        was = self.state
        result, self._state = self.compiled.execute(was, tool, arguments)
        if result.changes:
            self._old = was
        return Outcome(result.ok, result.value, result.error, result.content)

    def before(self, tool: str, arguments: dict[str, Any]) -> Outcome:
        """What a read would have shown before the last change. The present state stays as it is."""
        result, _ = self.compiled.execute(self.start if self._old is None else self._old, tool, arguments)
        return Outcome(result.ok, result.value, result.error, result.content)

    def error(self, code: str, status: int, message: str) -> Outcome:
        value: dict[str, Any]
        style = self.compiled.world.error_style
        if style == "http":
            value = {"error": {"code": code, "message": message, "status": status}}
        elif style == "coded":
            value = {"success": False, "error_code": code.upper(), "message": message}
        else:
            value = {"error": message}
        return Outcome(False, value, code, render(value))

    def diff(self) -> list[dict[str, Any]]:
        return [] if self._state is None else [self._entry(c) for c in diff(self.start, self._state)]

    def _entry(self, change: Change) -> dict[str, Any]:
        before, after = change.before, change.after
        kind = "insert" if before is None else "delete" if after is None else "update"
        fields = self.compiled.world.entities[change.entity].fields
        old, new = before or {}, after or {}
        changed = [f for f in {**old, **new} if old.get(f) != new.get(f)] if kind == "update" else []
        return {
            "world_id": self.world_id, "entity": change.entity, "kind": kind, "key": thaw(change.key),
            "before": None if before is None else thaw(dict(before)),
            "after": None if after is None else thaw(dict(after)),
            "changed": changed,
            "stamped": [f for f in changed if f in fields and fields[f].set_by != "tool"],
        }  # fmt: skip

    def digest(self) -> str:
        """The state's digest, or `origin` where the rows are those of the start."""
        if self._state is None or self._state.digest() == self.start.digest():
            return self.origin
        return f"{self._state.digest():032x}"

    async def close(self) -> None:
        self._state = None
