"""What a world does by itself as its clock moves: jobs finish, holds expire.

A row that a call leaves in an event's condition gets a date; when the clock reaches it and the condition still holds,
fields that only the system sets take new values. Events fire between calls, in order of their tick, so that the same
calls give the same states; they are no change of the call that follows. An event whose work is unbounded lapses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from synth.worlds.core import FUEL
from synth.worlds.expr import Closure, Scope
from synth.worlds.exprcompile import Fuel, compile_expr
from synth.worlds.spec import World
from synth.worlds.state import Change, Key, State, freeze

if TYPE_CHECKING:
    from synth.worlds.simulate import CompiledWorld

MAX_FIRED = 1_000  # per call; what is left fires at the next


class _Event(NamedTuple):
    entity: str
    when: Closure
    after: int
    to: list[tuple[str, Closure]]


class Events:
    """The events of one world, compiled. SpecError where an expression is wrong."""

    def __init__(self, world: World, entities: Mapping[str, Mapping[str, str]]) -> None:
        self.world = world
        self.list: list[_Event] = []
        for i, event in enumerate(world.events):
            names = {"it": f"row:{event.of}", "now": "text", **dict.fromkeys(world.tables, "any")}
            scope = Scope(names, entities)
            where = f"events[{i}]"
            when = compile_expr(event.when, scope, f"{where}.when")[0]
            to = [(f, compile_expr(t, scope, f"{where}.to.{f}")[0]) for f, t in event.to.items()]
            self.list.append(_Event(event.of, when, event.after, to))
        self.watched = {e.entity for e in self.list}

    def watch(self, cw: CompiledWorld, state: State, changes: Iterable[Change]) -> None:
        """Dates for rows that a call left in a condition; dates of others lapse."""
        for change in changes:
            if change.entity in self.watched:
                self._date(cw, state, change.entity, change.key, state.clock)

    def fire(self, cw: CompiledWorld, state: State) -> None:
        """Everything that is due at the clock of `state`, which it changes."""
        for _ in range(MAX_FIRED):
            due = min(((tick, i, str(key), key) for (i, key), tick in state.due.items()), default=None)
            if due is None or due[0] > state.clock:
                return
            tick, i, _text, key = due
            state.due = {at: t for at, t in state.due.items() if at != (i, key)}
            event = self.list[i]
            row = state.tables[event.entity].rows.get(key)
            env = self._env(cw, state, row, tick)
            if row is None or not _holds(event, env):
                continue
            try:
                values = {f: freeze(run(env)) for f, run in event.to}
            except Fuel:
                continue
            state.put(event.entity, key, {**row, **values})
            self._date(cw, state, event.entity, key, tick)

    def _date(self, cw: CompiledWorld, state: State, entity: str, key: Key, tick: int) -> None:
        row = state.tables[entity].rows.get(key)
        dates = dict(state.due)
        for i, event in enumerate(self.list):
            if event.entity != entity:
                continue
            if row is not None and _holds(event, self._env(cw, state, row, tick)):
                dates.setdefault((i, key), tick + event.after)
            else:
                dates.pop((i, key), None)
        state.due = dates

    def _env(self, cw: CompiledWorld, state: State, row: Any, tick: int) -> dict[str, Any]:
        return {**self.world.tables, "it": row, "now": cw.time_at(tick), "$state": state, "$fuel": [FUEL]}


def _holds(event: _Event, env: dict[str, Any]) -> bool:
    try:
        return event.when(env) is True
    except Fuel:
        return False
