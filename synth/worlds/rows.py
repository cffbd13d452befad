"""Making and deleting rows by the rules of their entity, and comparing values in filters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from synth.worlds.expr import Env
from synth.worlds.exprcompile import burn
from synth.worlds.functions import parse_time, sort_key
from synth.worlds.spec import Entity, FieldSpec, World, targets
from synth.worlds.start import make_key
from synth.worlds.state import Key, RowData, State, freeze

MAX_ROWS = 10_000  # of one table


class ToolError(Exception):
    """A call fails with a declared code; `bound` fills its message."""

    def __init__(self, code: str, **bound: Any) -> None:
        super().__init__(code)
        self.code = code
        self.bound = bound


def row_key(entity: Entity, row: Mapping[str, Any]) -> Key:
    return row[entity.key] if isinstance(entity.key, str) else tuple(row[k] for k in entity.key)


def now_value(env: Env, spec: FieldSpec) -> str:
    now: str = env["now"]
    return now[:10] if spec.type == "date" else now


def renewed(name: str, spec: FieldSpec) -> bool:
    """Whether every change of the row renews this field."""
    words = name.lower()
    return (
        spec.set_by == "system"
        and spec.type in ("date", "time")
        and any(w in words for w in ("updat", "modif", "chang", "edit"))
    )


def _default(spec: FieldSpec) -> Any:
    """Value of a field that a new row was not given."""
    if spec.type == "enum" and not spec.nullable:
        return spec.of[0] if spec.of else None
    if spec.type == "bool" and not spec.nullable:
        return False
    return () if spec.type == "list" else None


def new_row(
    world: World, table: str, entity: Entity, env: Env, values: dict[str, Any], like: Mapping[str, Any] | None
) -> RowData:
    """Insert a row: given values first, then the copied row, lifecycle start, stamps and defaults."""
    state: State = env["$state"]
    rows = state.writable(table)
    if len(rows.rows) >= MAX_ROWS:
        raise ToolError("too_large")
    cycle = entity.lifecycle
    row: dict[str, Any] = {}
    for f, spec in entity.fields.items():
        if f in values:
            row[f] = freeze(values[f])
        elif cycle and f == cycle.field:
            row[f] = cycle.start or next(iter(cycle.moves))
        elif spec.set_by == "system" and spec.type in ("date", "time") and not spec.nullable:
            row[f] = now_value(env, spec)
        elif like is not None and f not in entity.keys:
            row[f] = f"{like[f]} (copy)" if spec.unique and isinstance(like[f], str) else like[f]
        else:
            row[f] = _default(spec)
    rows.inserted += 1
    if entity.generated_key:
        key = make_key(world.world, table, entity.id, state.seed, rows.inserted)
        while key in rows.rows:  # keys are drawn from a finite space
            rows.inserted += 1
            key = make_key(world.world, table, entity.id, state.seed, rows.inserted)
        row = {str(entity.key): key, **row}
    else:
        key = row_key(entity, row)
    if key is None or (isinstance(key, tuple) and None in key) or key in rows.rows:
        raise ToolError("duplicate", entity=table, field=entity.keys[0], value=key)
    state.put(table, key, row)
    return state.tables[table].rows[key]


def delete_row(world: World, env: Env, table: str, key: Key) -> None:
    """Delete by the `on_delete` rules of the references that point here. The row goes first, so that a circle of
    cascades ends; a refusal further down undoes the whole call."""
    state: State = env["$state"]
    if key not in state.tables[table].rows:
        return
    state.remove(table, key)
    for name, entity in world.entities.items():
        for f, spec in entity.fields.items():
            if spec.type == "list" and spec.of == f"ref {table}":
                for row in [r for r in state.tables[name].rows.values() if key in (r[f] or ())]:
                    state.put(name, row_key(entity, row), {**row, f: tuple(v for v in row[f] if v != key)})
            if spec.fields and table in targets(spec):
                _forget(env, table, key, name, entity, f)
            if spec.type != "ref" or spec.to != table:
                continue
            children = state.tables[name].by(f, key)
            burn(env, len(children))
            for row in children:
                child = row_key(entity, row)
                if child not in state.tables[name].rows:
                    continue
                if spec.on_delete == "restrict":
                    raise ToolError("in_use", entity=table, id=key, by=name)
                if spec.on_delete == "clear":
                    state.put(name, child, {**state.tables[name].rows[child], f: None})
                else:
                    delete_row(world, env, name, child)


def _forget(env: Env, table: str, key: Key, name: str, entity: Entity, field: str) -> None:
    """A row goes that records inside the rows of `name` refer to: refused, or (cascade, clear) they let go of it."""
    state: State = env["$state"]
    spec = entity.fields[field]
    burn(env, len(state.tables[name].rows))
    for row in list(state.tables[name].rows.values()):
        new = without(spec, row.get(field), table, key)
        if new is REFUSED:
            raise ToolError("in_use", entity=table, id=key, by=name)
        if new != row.get(field):
            state.put(name, row_key(entity, row), {**row, field: new})


REFUSED: Any = object()


def without(spec: FieldSpec, value: Any, table: str, key: Key) -> Any:
    """The value with references to a row taken out: null in their place, and list members that held one dropped.
    REFUSED where a reference is restricted."""
    if value is None:
        return None
    if spec.type == "ref":
        if spec.to != table or value != key:
            return value
        return REFUSED if spec.on_delete == "restrict" else None
    if spec.type == "list" and isinstance(value, tuple):
        members = [(v, _record_without(spec, v, table, key)) for v in value]
        return REFUSED if any(new is REFUSED for _, new in members) else tuple(v for v, new in members if new == v)
    if spec.type == "map" and isinstance(value, dict):
        parts = {n: _record_without(spec, v, table, key) for n, v in value.items()}
        return REFUSED if any(new is REFUSED for new in parts.values()) else parts
    return _record_without(spec, value, table, key)


def _record_without(spec: FieldSpec, value: Any, table: str, key: Key) -> Any:
    if not isinstance(value, dict):
        return value
    parts = {n: without(f, value[n], table, key) for n, f in (spec.fields or {}).items() if n in value}
    return REFUSED if any(new is REFUSED for new in parts.values()) else {**value, **parts}


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def run(a: Any, b: Any) -> bool:
        if a is None or b is None:
            return False
        x, y = parse_time(a), parse_time(b)
        if x is not None and y is not None:
            if len(str(b)) == 10 and len(str(a)) > 10:  # "until 2026-03-02" includes that day
                x = x.replace(hour=0, minute=0, second=0, microsecond=0)
            return test(x + timedelta(0), y)
        return test(sort_key(a), sort_key(b)) if isinstance(a, str) == isinstance(b, str) else False

    return run


COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "lt": _ordered(lambda a, b: a < b),
    "le": _ordered(lambda a, b: a <= b),
    "gt": _ordered(lambda a, b: a > b),
    "ge": _ordered(lambda a, b: a >= b),
    "contains": lambda a, b: (
        (b.lower() in a.lower()) if isinstance(a, str) and isinstance(b, str) else isinstance(a, tuple) and b in a
    ),
    "in": lambda a, b: isinstance(b, tuple | list) and a in b,
}
