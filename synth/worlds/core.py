"""Core statements: the only things that run.

    let {name: expr}                        load NAME from E key expr [by fields] else CODE [ambiguous CODE]
    find NAME from E where [...]            require expr else CODE [with {name: expr}]
    when expr do [...] otherwise [...]      each NAME in expr do [...]
    append NAME value expr                  insert E given {field: arg} row {field: expr} [like NAME] as NAME
    set NAME of E given {...} to {...}      delete NAME of E
    return expr                             use SHARED
    series NAME from E key [...] ...        batch NAME over PARAM mode MODE do [...]

A statement compiles to a closure over the environment; `args`, `now`, `$state`, `$fuel` and `$fail` are bound in it. A
failing statement raises ToolError with a declared code; the caller discards the state, so a failed call changes
nothing.
Bounds: FUEL row visits per call, `each` nested at most twice, shared blocks form a DAG.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from synth.errors import SpecError
from synth.worlds.batches import do_batch
from synth.worlds.expr import Closure, Env, Scope
from synth.worlds.exprcompile import burn, compile_expr
from synth.worlds.rows import COMPARE, ToolError, delete_row, new_row, now_value, renewed, row_key
from synth.worlds.sampling import do_series
from synth.worlds.spec import Entity, World
from synth.worlds.state import RowData, State, freeze
from synth.worlds.statements import Made, kind_of

FUEL = 20_000
MAX_EACH = 2
Step = Callable[[Env], tuple[Any] | None]  # None = go on, (value,) = return value


class BodyCompiler:
    """Compiles the body of one tool. Names bound anywhere in the body are known from there on."""

    def __init__(
        self, world: World, entities: dict[str, dict[str, str]], arg_types: dict[str, str], where: str
    ) -> None:
        self.world, self.where = world, where
        names = {"args": "row:$args", "now": "text", **dict.fromkeys(world.tables, "any")}
        session = next((n for n, e in world.entities.items() if e.session), None)
        if session is not None:
            names["me"] = f"row:{session}"
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

    def whole(self, body: list[dict[str, Any]], before: int) -> Step:
        """The whole body of a tool. Its first `before` statements come from lowering; the others stand in its `do`."""
        lowered = self.block(body[:before], "step")
        if before == len(body):
            return lowered
        own = self.block(body[before:], "do")
        return lambda env: out if (out := lowered(env)) is not None else own(env)

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
        kind = stmt.kind if isinstance(stmt, Made) else kind_of(stmt, f"{self.where}.{path}")
        method = getattr(self, "do_" + kind)
        step: Step = method(stmt, path, depth)
        return step

    def fields(self, table: str, names: Iterable[str], path: str) -> None:
        """SpecError where a name is no field of the entity."""
        entity = self.entity(table, path)
        for name in names:
            if name not in entity.fields and name not in entity.keys:
                raise SpecError(f"{self.where}.{path}", f"{table} has no field {name}")

    def bound_row(self, name: str, table: str, path: str) -> None:
        """SpecError where a name is not bound, or to something else than a row of the entity."""
        self.entity(table, path)
        kind = self.scope.types.get(name)
        if kind not in ("any", f"row:{table}"):
            said = "is not bound here" if kind is None else f"is {kind}"
            raise SpecError(f"{self.where}.{path}", f"`{name}` {said}, not a row of {table}")

    def do_series(self, stmt: dict[str, Any], path: str, depth: int) -> Step:
        return do_series(self, stmt, path)

    def do_batch(self, stmt: dict[str, Any], path: str, depth: int) -> Step:
        return do_batch(self, stmt, path, depth)

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
        self.fields(table, stmt.get("by", []), path)
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
            if isinstance(cond, dict):
                self.condition(table, cond, f"{path}.where[{i}]")
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
            rows: tuple[RowData, ...] | None = None
            done = -1
            for i, (field, compare, value) in enumerate(live):  # the smallest of the buckets that an index gives
                if compare == "eq" and field in indexed and not isinstance(value, dict | tuple):
                    bucket = state.tables[table].by(field, value)
                    if rows is None or len(bucket) < len(rows):
                        rows, done = bucket, i
            if rows is None:
                rows = tuple(state.tables[table].rows.values())
            burn(env, 1 + len(rows))
            found = list(rows)
            for i, (field, compare, value) in enumerate(live):
                if i == done:
                    continue
                if compare == "eq":
                    found = [r for r in found if r.get(field) == value]
                else:
                    fits = COMPARE[compare]
                    found = [r for r in found if fits(r.get(field), value)]
            if free:
                inner = dict(env)
                for test in free:
                    found = [r for r in found if _with(inner, r, test)]
            env[name] = tuple(found)

        return step

    def condition(self, table: str, cond: dict[str, Any], path: str) -> None:
        """SpecError where a condition of `find` is not {field, value, compare, optional}."""
        if not {"field", "value"} <= cond.keys() <= {"field", "value", "compare", "optional"}:
            raise SpecError(f"{self.where}.{path}", "a condition is a text, or {field, value} with compare, optional")
        self.fields(table, [cond["field"]], path)
        if cond.get("compare", "eq") not in COMPARE:
            raise SpecError(f"{self.where}.{path}", f"compare is one of {', '.join(COMPARE)}, not {cond['compare']}")

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
        self.fields(table, [*given, *stmt.get("row", {})], path)
        if like is not None:
            self.bound_row(like, table, path)
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
        self.fields(table, [*given, *stmt.get("to", {})], path)
        self.bound_row(name, table, path)
        if fixed := [f for f in stmt.get("to", {}) if f in entity.keys]:
            raise SpecError(f"{self.where}.{path}", f"{fixed[0]} is the key of {table}, which does not change")
        exprs = {f: self.expr(t, f"{path}.to.{f}") for f, t in stmt.get("to", {}).items()}
        stamps = [f for f, s in entity.fields.items() if renewed(f, s)]

        def step(env: Env) -> None:
            old = present(env[name], table)
            args = env["args"]
            values = {f: freeze(args[a]) for f, a in given.items() if a in args and f not in entity.keys}
            values |= {f: freeze(run(env)) for f, run in exprs.items()}
            new = {**old, **values}
            if new != old:
                new |= {f: now_value(env, entity.fields[f]) for f in stamps if f not in values}
                key = row_key(entity, old)
                env["$state"].put(table, key, new)
                env[name] = env["$state"].tables[table].rows[key]

        return step

    def do_delete(self, stmt: dict[str, Any], path: str, depth: int) -> Step:
        name, table = stmt["delete"], stmt["of"]
        entity = self.entity(table, path)
        self.bound_row(name, table, path)
        world = self.world
        return lambda env: delete_row(world, env, table, row_key(entity, present(env[name], table)))

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


def present(row: Any, table: str) -> RowData:
    """The row at hand; where there is none (a lookup that found nothing) the call fails."""
    if not isinstance(row, RowData):
        raise ToolError("not_found", entity=table)
    return row


def _with(env: Env, row: RowData, test: Closure) -> bool:
    env["it"] = row
    return test(env) is True
