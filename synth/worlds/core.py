"""Core statements: the only things that run.

    let {name: expr}                        load NAME from E key expr [by fields] else CODE [ambiguous CODE]
    find NAME from E where [...]            require expr else CODE [with {name: expr}]
    when expr do [...] otherwise [...]      each NAME in expr do [...]
    append NAME value expr                  insert E given {field: arg} row {field: expr} [like NAME] as NAME
    set NAME of E given {...} to {...}      delete NAME of E
    return expr                             use SHARED

A statement compiles to a closure over the environment; `args`, `now`, `$state`, `$fuel` and `$world` are bound in it. A
failing statement raises ToolError with a declared code; the caller discards the state, so a failed call changes
nothing.
Bounds: FUEL row visits per call, `each` nested at most twice, shared blocks form a DAG.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from synth.errors import SpecError
from synth.worlds.expr import Closure, Env, Scope, compile_expr
from synth.worlds.exprcompile import burn
from synth.worlds.functions import parse_time, sort_key
from synth.worlds.spec import Entity, FieldSpec, World
from synth.worlds.start import make_key
from synth.worlds.state import Key, RowData, State, freeze

FUEL = 20_000
MAX_ROWS = 10_000
MAX_EACH = 2
Step = Callable[[Env], tuple[Any] | None]  # None = go on, (value,) = return value


class ToolError(Exception):
    """A call fails with a declared code; `bound` fills its message."""

    def __init__(self, code: str, **bound: Any) -> None:
        super().__init__(code)
        self.code = code
        self.bound = bound


def field_type(world: World, spec: FieldSpec) -> str:
    """The expression type of a field."""
    if spec.type in ("int", "money"):
        return "int"
    if spec.type in ("number", "bool"):
        return spec.type
    if spec.type == "list":
        return "list:any"
    if spec.type in ("map", "record"):
        return "record"
    if spec.type == "ref":
        return key_type(world, str(spec.to))
    return "text"


def key_type(world: World, entity: str) -> str:
    e = world.entities[entity]
    if e.generated_key:
        return "int" if e.id.kind == "int" else "text"
    first = e.fields[e.keys[0]]
    return "any" if len(e.keys) > 1 or first.type == "ref" else field_type(world, first)


def entity_types(world: World) -> dict[str, dict[str, str]]:
    """Field types of every table, as expressions see them."""
    out: dict[str, dict[str, str]] = {}
    for name, e in world.entities.items():
        out[name] = {k: key_type(world, name) for k in e.keys if k not in e.fields}
        out[name] |= {f: field_type(world, s) for f, s in e.fields.items()}
    return out


def row_key(entity: Entity, row: Mapping[str, Any]) -> Key:
    return row[entity.key] if isinstance(entity.key, str) else tuple(row[k] for k in entity.key)


class BodyCompiler:
    """Compiles the body of one tool. Names bound anywhere in the body are known from there on."""

    def __init__(
        self, world: World, entities: dict[str, dict[str, str]], arg_types: dict[str, str], where: str
    ) -> None:
        self.world, self.where = world, where
        names = {"args": "row:$args", "now": "text", **dict.fromkeys(world.tables, "any")}
        self.scope = Scope(names, {**entities, "$args": arg_types})
        self.using: list[str] = []

    def expr(self, text: Any, path: str, **types: str) -> Closure:
        if not isinstance(text, str):
            raise SpecError(f"{self.where}.{path}", f"an expression is a text, not {text!r}")
        return compile_expr(text, self.scope.with_(**types) if types else self.scope, f"{self.where}.{path}")[0]

    def typed(self, text: Any, path: str) -> tuple[Closure, str]:
        if not isinstance(text, str):
            raise SpecError(f"{self.where}.{path}", f"an expression is a text, not {text!r}")
        return compile_expr(text, self.scope, f"{self.where}.{path}")

    def bind(self, name: str, kind: str) -> None:
        self.scope = self.scope.with_(**{name: kind})

    def entity(self, name: Any, path: str) -> Entity:
        if name not in self.world.entities:
            raise SpecError(f"{self.where}.{path}", f"no entity {name}")
        return self.world.entities[name]

    def block(self, body: list[dict[str, Any]], path: str, depth: int = 0) -> Step:
        steps = [self.stmt(s, f"{path}[{i}]", depth) for i, s in enumerate(body)]

        def run(env: Env) -> tuple[Any] | None:
            for step in steps:
                out = step(env)
                if out is not None:
                    return out
            return None

        return run

    def stmt(self, stmt: dict[str, Any], path: str, depth: int) -> Step:
        for kind in (
            "let",
            "load",
            "find",
            "require",
            "when",
            "each",
            "append",
            "insert",
            "set",
            "delete",
            "return",
            "use",
        ):
            if kind in stmt:
                method = getattr(self, "do_" + kind)
                step: Step = method(stmt, path, depth)
                return step
        raise SpecError(f"{self.where}.{path}", f"unknown statement with keys {sorted(stmt)}")

    def do_let(self, stmt: dict[str, Any], path: str, depth: int) -> Step:
        pairs: list[tuple[str, Closure]] = []
        for name, text in stmt["let"].items():
            run, kind = self.typed(text, f"{path}.let.{name}")
            pairs.append((name, run))
            self.bind(name, kind)

        def step(env: Env) -> None:
            for name, run in pairs:
                env[name] = run(env)

        return step

    def do_load(self, stmt: dict[str, Any], path: str, depth: int) -> Step:
        name, table, code = stmt["load"], stmt["from"], stmt["else"]
        self.entity(table, path)
        key = self.expr(stmt["key"], f"{path}.key")
        by: list[str] = stmt.get("by", [])
        ambiguous = stmt.get("ambiguous")
        self.bind(name, f"row:{table}")

        def step(env: Env) -> None:
            value = key(env)
            burn(env, 1)
            rows = env["$state"].tables[table]
            row = rows.rows.get(value) if not by or not isinstance(value, dict | list) else None
            if row is None and by:
                for field in by:
                    found = rows.by(field, value)
                    if len(found) > 1 and ambiguous:
                        raise ToolError(ambiguous, entity=table, id=value)
                    if found:
                        row = found[0]
                        break
            if row is None:
                raise ToolError(code, entity=table, id=value)
            env[name] = row

        return step

    def do_find(self, stmt: dict[str, Any], path: str, depth: int) -> Step:
        name, table = stmt["find"], stmt["from"]
        entity = self.entity(table, path)
        tests: list[tuple[str, str, Closure, bool]] = []
        free: list[Closure] = []
        for i, cond in enumerate(stmt.get("where", [])):
            if isinstance(cond, str):
                free.append(self.expr(cond, f"{path}.where[{i}]", it=f"row:{table}"))
            else:
                tests.append(
                    (
                        cond["field"],
                        cond.get("compare", "eq"),
                        self.expr(cond["value"], f"{path}.where[{i}]"),
                        cond.get("optional", False),
                    )
                )
        indexed = {f for f, s in entity.fields.items() if s.type in ("ref", "enum") or s.unique} | set(entity.keys)
        self.bind(name, f"list:row:{table}")

        def step(env: Env) -> None:
            state: State = env["$state"]
            live = [(f, c, v) for f, c, run, optional in tests if (v := run(env)) is not None or not optional]
            pick = next(
                (t for t in live if t[1] == "eq" and t[0] in indexed and not isinstance(t[2], dict | tuple)), None
            )
            rows = state.tables[table].by(pick[0], pick[2]) if pick else tuple(state.tables[table].rows.values())
            burn(env, 1 + len(rows))
            found = [r for r in rows if all(t is pick or COMPARE[t[1]](r.get(t[0]), t[2]) for t in live)]
            if free:
                inner = dict(env)
                for test in free:
                    found = [r for r in found if _with(inner, r, test)]
            env[name] = tuple(found)

        return step

    def do_require(self, stmt: dict[str, Any], path: str, depth: int) -> Step:
        test = self.expr(stmt["require"], f"{path}.require")
        code = stmt["else"]
        bound = {n: self.expr(t, f"{path}.with.{n}") for n, t in stmt.get("with", {}).items()}

        def step(env: Env) -> None:
            if test(env) is not True:
                raise ToolError(code, **{n: run(env) for n, run in bound.items()})

        return step

    def do_when(self, stmt: dict[str, Any], path: str, depth: int) -> Step:
        test = self.expr(stmt["when"], f"{path}.when")
        yes = self.block(stmt["do"], f"{path}.do", depth)
        no = self.block(stmt.get("otherwise", []), f"{path}.otherwise", depth)
        return lambda env: yes(env) if test(env) is True else no(env)

    def do_each(self, stmt: dict[str, Any], path: str, depth: int) -> Step:
        if depth >= MAX_EACH:
            raise SpecError(f"{self.where}.{path}", f"`each` nested deeper than {MAX_EACH}")
        name = stmt["each"]
        items, kind = self.typed(stmt["in"], f"{path}.in")
        self.bind(name, kind[5:] if kind.startswith("list:") else "any")
        body = self.block(stmt["do"], f"{path}.do", depth + 1)

        def step(env: Env) -> tuple[Any] | None:
            values = items(env)
            for value in values if isinstance(values, tuple | list) else ():
                burn(env, 1)
                env[name] = value
                out = body(env)
                if out is not None:
                    return out
            return None

        return step

    def do_append(self, stmt: dict[str, Any], path: str, depth: int) -> Step:
        name = stmt["append"]
        value = self.expr(stmt["value"], f"{path}.value")

        def step(env: Env) -> None:
            env[name] = (*(env.get(name) or ()), value(env))

        return step

    def do_insert(self, stmt: dict[str, Any], path: str, depth: int) -> Step:
        table, like = stmt["insert"], stmt.get("like")
        entity = self.entity(table, path)
        given: dict[str, str] = stmt.get("given", {})
        exprs = {f: self.expr(t, f"{path}.row.{f}") for f, t in stmt.get("row", {}).items()}
        name = stmt.get("as")
        world = self.world
        if name:
            self.bind(name, f"row:{table}")

        def step(env: Env) -> None:
            args = env["args"]
            values = {f: args[a] for f, a in given.items() if a in args} | {f: run(env) for f, run in exprs.items()}
            row = new_row(world, table, entity, env, values, env[like] if like else None)
            if name:
                env[name] = row

        return step

    def do_set(self, stmt: dict[str, Any], path: str, depth: int) -> Step:
        name, table = stmt["set"], stmt["of"]
        entity = self.entity(table, path)
        given: dict[str, str] = stmt.get("given", {})
        exprs = {f: self.expr(t, f"{path}.to.{f}") for f, t in stmt.get("to", {}).items()}
        stamps = [f for f, s in entity.fields.items() if _stamp(f, s)]

        def step(env: Env) -> None:
            old: RowData = env[name]
            args = env["args"]
            values = {f: freeze(args[a]) for f, a in given.items() if a in args and f not in entity.keys}
            values |= {f: freeze(run(env)) for f, run in exprs.items()}
            new = {**old, **values}
            if new != old:
                new |= {f: _now(env, entity.fields[f]) for f in stamps if f not in values}
                key = row_key(entity, old)
                env["$state"].put(table, key, new)
                env[name] = env["$state"].tables[table].rows[key]

        return step

    def do_delete(self, stmt: dict[str, Any], path: str, depth: int) -> Step:
        name, table = stmt["delete"], stmt["of"]
        entity = self.entity(table, path)
        world = self.world
        return lambda env: delete_row(world, env, table, row_key(entity, env[name]))

    def do_return(self, stmt: dict[str, Any], path: str, depth: int) -> Step:
        value = self.expr(stmt["return"], f"{path}.return")
        return lambda env: (value(env),)

    def do_use(self, stmt: dict[str, Any], path: str, depth: int) -> Step:
        name = stmt["use"]
        if name not in self.world.shared:
            raise SpecError(f"{self.where}.{path}", f"no shared block {name}")
        if name in self.using:
            raise SpecError(f"{self.where}.{path}", f"shared block {name} uses itself")
        self.using.append(name)
        body = self.block(self.world.shared[name], f"shared.{name}", depth)
        self.using.pop()
        return body


def _with(env: Env, row: RowData, test: Closure) -> bool:
    env["it"] = row
    return test(env) is True


def _now(env: Env, spec: FieldSpec) -> str:
    now: str = env["now"]
    return now[:10] if spec.type == "date" else now


def _stamp(name: str, spec: FieldSpec) -> bool:
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
            row[f] = _now(env, spec)
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
