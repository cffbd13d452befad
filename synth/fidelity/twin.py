"""The lifted side of an audit: all worlds of one server, driven as one twin of the live server.

A call runs in the world that holds its tool. Worlds of one server share tables by name (a list that finds projects
stands beside tasks in another world), so a row that one world changes is changed in the others, too. Ids that the live
server handed out are aligned with the keys of rows that the twin made in the same call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from synth.fidelity.answers import Outcome, world_class
from synth.fidelity.drawing import Pools
from synth.worlds.rows import row_key
from synth.worlds.simulate import CompiledTool, CompiledWorld, state_of
from synth.worlds.spec import World
from synth.worlds.start import start_rows
from synth.worlds.state import Change, State, freeze


class Aligned:
    """The twin's key of each live id, per pool."""

    def __init__(self) -> None:
        self.key_of: dict[tuple[str, Any], Any] = {}

    def pair(self, pool: str, live: Any, key: Any) -> None:
        self.key_of[pool, live] = key

    def translate(self, value: Any, tool: str, pools: Pools, name: str = "") -> Any:
        """Arguments of a live call as the twin knows them."""
        if isinstance(value, dict):
            return {k: self.translate(v, tool, pools, k) for k, v in value.items()}
        if isinstance(value, list):
            return [self.translate(v, tool, pools, name) for v in value]
        pool = pools.of(tool, name)
        return self.key_of.get((pool, value), value) if pool is not None else value


class Twin:
    """The worlds of one server with a current state each, empty at the start but for one-row tables."""

    def __init__(self, worlds: Iterable[World]) -> None:
        self.worlds = [CompiledWorld(w) for w in worlds]
        self.home: dict[str, int] = {}
        for i, compiled in enumerate(self.worlds):
            for tool in compiled.world.tools:
                self.home.setdefault(tool, i)
        self.reset()

    def reset(self) -> None:
        self.states = [_empty(c.world) for c in self.worlds]

    def tool(self, name: str) -> CompiledTool:
        return self.worlds[self.home[name]].tool(name)

    def call(self, name: str, arguments: Mapping[str, Any]) -> tuple[Outcome, Pending]:
        """Run a call. The state changes only when what it gives back is kept."""
        i = self.home[name]
        result, after = self.worlds[i].execute(self.states[i], name, arguments)
        error = None if result.ok else world_class(str(result.error))
        return Outcome(error, result.content), Pending(i, after, result.changes)

    def state_of_row(self, name: str, arguments: Mapping[str, Any]) -> str | None:
        """The lifecycle state of the row that a call names by its key, None where there is none."""
        tool = self.tool(name)
        i = self.home[name]
        entity = self.worlds[i].world.entities.get(str(tool.of))
        if entity is None or entity.lifecycle is None or isinstance(entity.key, list):
            return None
        for n, p in tool.params.items():
            if p.role == "key" and p.entity in (None, tool.of) and p.field in (None, entity.key):
                key = arguments.get(n)
                row = self.states[i].rows(str(tool.of)).get(key) if isinstance(key, str | int) else None
                return None if row is None else str(row[entity.lifecycle.field])
        return None

    def keep(self, pending: Pending) -> None:
        """Make a call's effect the present: its own world's state, and the changed rows in worlds beside it."""
        self.states[pending.world] = pending.after
        for i in range(len(self.worlds)):
            if i != pending.world:
                self._copy(i, pending.changes)

    def put(self, row: Mapping[str, Any], n: int) -> Any:
        """A row that the live server has from the start, into every world with its table. Its key where the row does
        not give one is drawn from `n`; returned, None where no world has the table."""
        values = {k: v for k, v in row.items() if k != "entity"}
        key = None
        for i, compiled in enumerate(self.worlds):
            entity = compiled.world.entities.get(row["entity"])
            if entity is None:
                continue
            base = {n: (entity.lifecycle.start if entity.lifecycle and entity.lifecycle.field == n else None)
                    for n in (*entity.keys, *entity.fields)}  # fmt: skip
            full = {**base, **{k: v for k, v in values.items() if k in base}}
            for k in entity.keys:
                if full[k] is None:
                    full[k] = 9_000_000 + n if entity.id.kind == "int" else f"planted-{n}"
            key = row_key(entity, full)
            self.states[i].put(row["entity"], key, freeze(full))
        return key

    def _copy(self, i: int, changes: Iterable[Change]) -> None:
        entities = self.worlds[i].world.entities
        for change in changes:
            entity = entities.get(change.entity)
            if entity is None:
                continue
            rows = self.states[i].rows(change.entity)
            if change.after is None:
                if change.key in rows:
                    self.states[i].remove(change.entity, change.key)
                continue
            names = (*entity.keys, *entity.fields)
            if all(k in change.after for k in entity.keys):
                self.states[i].put(change.entity, change.key, freeze({n: change.after.get(n) for n in names}))


class Pending:
    """The effect of one call, not yet kept."""

    __slots__ = ("after", "changes", "world")

    def __init__(self, world: int, after: State, changes: tuple[Change, ...]) -> None:
        self.world, self.after, self.changes = world, after, changes

    def inserted(self) -> dict[str, list[Any]]:
        """Keys of new rows by entity, in order."""
        out: dict[str, list[Any]] = {}
        for c in self.changes:
            if c.before is None:
                out.setdefault(c.entity, []).append(c.key)
        return out


def _empty(world: World) -> State:
    single = {n for n, e in world.entities.items() if e.singleton}
    drawn = start_rows(world, 0) if single else {}
    return state_of(world, {n: rows for n, rows in drawn.items() if n in single})
