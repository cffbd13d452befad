"""The core statement `series`: rows of a virtual table over a range of time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import product
from typing import TYPE_CHECKING, Any

from synth.worlds.expr import Closure, Env
from synth.worlds.exprcompile import burn
from synth.worlds.rows import ToolError
from synth.worlds.series import VirtualTable
from synth.worlds.spec import Entity, FieldSpec
from synth.worlds.steps import Step, back, parse_moment, parse_span, parse_step

if TYPE_CHECKING:
    from synth.worlds.core import BodyCompiler

MAX_POINTS = 1_000  # rows of one call
_TABLES = 16  # virtual tables kept per statement, one per seed


def do_series(body: BodyCompiler, stmt: dict[str, Any], path: str) -> Callable[[Env], None]:
    """`{series: NAME, from: E, key: [expr per leading key part], since, until, span, every, limit: {param, value}}`;
    every bound may be absent. Binds NAME to the rows, oldest first."""
    name, table = stmt["series"], stmt["from"]
    entity = body.entity(table, path)
    keys = [body.expr(t, f"{path}.key[{i}]") for i, t in enumerate(stmt["key"])]
    given: dict[str, tuple[str, Closure]] = {
        part: (stmt[part]["param"], body.expr(stmt[part]["value"], f"{path}.{part}"))
        for part in ("since", "until", "span", "every", "limit")
        if part in stmt
    }
    window = _Window(table, entity, given, stmt.get("unit"), stmt.get("step"), int(stmt.get("default", 30)))
    exact = bool(stmt.get("exact"))
    specs = [entity.fields[k] for k in entity.keys[:-1]]
    body.bind(name, f"list:row:{table}")
    world, tables = body.world, dict[int, VirtualTable]()

    def step(env: Env) -> None:
        parts = [_parts(env, spec, run(env)) for spec, run in zip(specs, keys, strict=True)]
        width, first, last = window.of(env, exact)
        seed = env["$state"].seed
        virtual = tables.get(seed)
        if virtual is None:
            if len(tables) >= _TABLES:
                tables.clear()
            virtual = tables[seed] = VirtualTable(world, table, seed)
        found: list[Any] = []
        for key in product(*parts):
            burn(env, max(0, last - first + 1))
            if len(found) + last - first >= MAX_POINTS:
                raise ToolError("too_large")
            found.extend(virtual.rows(key, width, first, last))
        env[name] = tuple(found)

    return step


def _parts(env: Env, spec: FieldSpec, value: Any) -> tuple[Any, ...]:
    """One key part, or several where a list was given; each must exist."""
    values = value if isinstance(value, tuple) else (value,)
    for v in values:
        if v is None:
            continue
        if spec.type == "ref" and (isinstance(v, dict) or v not in env["$state"].tables[str(spec.to)].rows):
            raise ToolError("not_found", entity=str(spec.to), id=v)
        if spec.type == "enum" and v not in (spec.of or ()):
            raise ToolError("invalid_value", field=str(v), detail=f"expected one of {', '.join(spec.of or ())}")
    return values


class _Window:
    """Which buckets a call asks for."""

    def __init__(
        self,
        name: str,
        entity: Entity,
        given: dict[str, tuple[str, Closure]],
        unit: str | None,
        every: str | None,
        default: int,
    ) -> None:
        self.given, self.unit, self.default, self.ahead = given, unit, default, entity.ahead
        self.name = name
        native = parse_step(entity.step)
        assert native is not None  # checked when the world was loaded
        if entity.fields[entity.keys[-1]].type == "date":
            native = native.coarser(Step("s", 86_400))
        self.native = native
        self.step = native.coarser(parse_step(every) or native) if every else native

    def of(self, env: Env, exact: bool) -> tuple[Step, int, int]:
        """(step, first bucket, last bucket); the last lies before the first where nothing does. `exact`: the end is
        the time asked for, which may not lie ahead."""
        now = parse_moment(env["now"], datetime.min)
        assert now is not None
        step = self.width(env)
        since, until = self.moment(env, "since", now), self.moment(env, "until", now)
        if exact and until is not None and until > now and not self.ahead:
            raise ToolError("not_found", entity=self.name, id=self.text(env, "until"))
        span = self.read(env, "span", lambda v: parse_span(v, self.unit))
        limit = self.read(env, "limit", lambda v: v if isinstance(v, int) and v > 0 else None)
        if self.ahead:
            first = step.bucket(since or now)
            count = limit or (max(1, span.seconds // step.seconds) if span else self.default)
            last = step.bucket(until) if until is not None else first + count - 1
            last = min(last, first + limit - 1) if limit else last
        else:
            end = until or now
            last = step.bucket(min(end, now))
            start = since if since is not None else back(end, span) if span is not None else None
            first = step.bucket(start) if start is not None else last - (limit or self.default) + 1
            first = max(first, last - limit + 1) if limit else first
        if since is not None and (until or (since if self.ahead else now)) < since:
            raise ToolError("invalid_range", since=self.text(env, "since"), until=self.text(env, "until") or env["now"])
        return step, first, last

    def width(self, env: Env) -> Step:
        wanted = self.read(env, "every", lambda v: parse_step(v) if isinstance(v, str) else None)
        return self.step if wanted is None else self.native.coarser(wanted)

    def moment(self, env: Env, part: str, now: datetime) -> datetime | None:
        return self.read(env, part, lambda v: parse_moment(v, now, end=part == "until"))

    def text(self, env: Env, part: str) -> Any:
        return self.given[part][1](env) if part in self.given else None

    def read(self, env: Env, part: str, parse: Callable[[Any], Any]) -> Any:
        value = self.text(env, part)
        if value is None:
            return None
        out = parse(value)
        if out is None:
            raise ToolError(
                "invalid_value", field=self.given[part][0], detail=f"{value} cannot be read as {_KINDS[part]}"
            )
        return out


_KINDS = {
    "since": "a time", "until": "a time", "span": "a length of time", "every": "a step such as day, hour or month",
    "limit": "a number of rows",
}  # fmt: skip
