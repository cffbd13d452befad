"""How admission makes a tool fail with each error it declares: a recipe per kind of error, then a bounded search."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from synth.worlds.params import sides
from synth.worlds.simulate import CompiledTool
from synth.worlds.spec import Entity, World
from synth.worlds.state import State, thaw
from synth.worlds.values import parse_clock, values_for

if TYPE_CHECKING:
    from synth.worlds.admit import Trial

FAR: tuple[tuple[Any, Any], ...] = (  # a time to come and one gone by, as parameters may want them
    ("2199-01-01", "1990-01-01"), ("2199-01-01T00:00:00Z", "1990-01-01T00:00:00Z"), ("2199", "1990"), (2199, 1990),
    (7_226_582_400, 631_152_000),
)  # fmt: skip
Attempt = tuple[State, dict[str, Any]]  # a state and values of the part


class Reach:
    """Recipes for one trial. They yield states and values of the trial's part."""

    def __init__(self, trial: Trial) -> None:
        self.trial, self.tool, self.state, self.world = trial, trial.part, trial.state, trial.world
        self.entity: Entity | None = trial.entity

    def code(self, code: str, arguments: dict[str, Any]) -> bool:
        """Whether some call fails with `code`; recipes first, then a bounded random search."""
        values = self.trial.inner(arguments)
        for state, attempt in self.recipes(code, values):
            self.trial.call(state, self.trial.outer(attempt))
            if code in self.trial.reached:
                return True
        for _ in range(self.trial.tries * 3):
            state = self.trial.shaken()
            drawn = self.trial.draw(state)
            if drawn is not None:
                self.trial.call(state, drawn)
                if code in self.trial.reached:
                    return True
        return False

    def recipes(self, code: str, values: dict[str, Any]) -> Iterator[Attempt]:
        if code in ("not_found", "invalid_reference"):
            yield from ((self.state, {**base, n: _unknown(v)}) for base in self.bases(values) for n, v in base.items())
            yield from self.far_times(values)
        elif code == "duplicate":
            yield from self.duplicates(values)
        elif code == "ambiguous" and self.entity is not None:
            yield from self.twins(values)
        elif code == "invalid_move" and self.entity is not None and self.entity.lifecycle is not None:
            yield from self.illegal_moves(values)
        elif code == "not_confirmed":
            yield from ((self.state, {**values, n: False}) for n in self.named("confirm"))
        elif code == "invalid_cursor":
            yield from ((self.state, {**values, n: "not-a-marker"}) for n in self.named("cursor"))
        elif code == "missing_argument":
            keep = {n for n in self.tool.params if n in self.trial.tool.params and self.trial.tool.params[n].required}
            yield self.state, {n: v for n, v in values.items() if n in keep}
        elif self.entity is not None and code in ("in_use", "already_linked", "already_exists", "not_linked"):
            yield from self.every_row(values)
        elif code == "circular":
            own = self.own("key")
            parents = [n for n, f in self.own("field").items() if self.entity is not None and f == self.entity.tree]
            yield from ((self.state, {**values, p: values[n]}) for n in own for p in parents if n in values)
        elif code == "invalid_range":
            yield from self.far_times(values)
        elif code in ("insufficient", "same_row", "invalid_amount"):
            yield from self.transfers(values)
        elif code in ("no_match", "many_matches", "no_such_line"):
            yield from self.edits(values)
        elif code == "key_reused":
            yield from self.reused(values)
        if self.tool.op == "do":
            yield from self.edges(values)

    def named(self, *roles: str) -> list[str]:
        return [n for n, p in self.tool.params.items() if p.role in roles]

    def bases(self, values: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The successful call, then others that give parameters it left out."""
        yield values
        for _ in range(6):
            drawn = self.trial.draw(self.state)
            if drawn is not None:
                yield self.trial.inner(drawn)
        for name, p in self.tool.params.items():
            if name not in values and p.role in ("key", "field", "filter"):
                yield {**values, name: 999_999_999 if _numeric(self.tool, name) else "zz-none"}

    def edges(self, values: dict[str, Any]) -> Iterator[Attempt]:
        """What a body's own conditions are about: the same call twice, one argument in two places, a value that some
        row has already, a number at its bounds."""
        for base in self.bases(values):
            result, after = self.trial.call(self.state, self.trial.outer(base))
            if result.ok and result.changes:
                yield after, base
            for name, p in self.tool.params.items():
                if p.type is None and p.role not in ("key", "field", "value"):
                    continue
                twins = [v for n, v in base.items() if n != name and type(v) is type(base.get(name))]
                low, high = (p.type.range if p.type is not None else None) or (0, 0)
                bounds = [int(low), int(high), int(low) - 1, int(high) + 1] if _numeric(self.tool, name) else []
                for value in [*twins, *bounds, *self.taken(name)]:
                    yield self.state, {**base, name: value}

    def taken(self, name: str) -> list[Any]:
        """Values that rows have in a field called like the parameter, a few of each entity."""
        return [
            thaw(row[name])
            for table, entity in self.world.entities.items()
            if name in entity.fields
            for row in list(self.state.rows(table).values())[:6]
            if row.get(name) is not None
        ]

    def own(self, *roles: str) -> dict[str, str]:
        """Parameters of these roles about the own entity -> the field they name."""
        if self.entity is None:
            return {}
        return {
            n: str(p.field or self.entity.keys[0])
            for n, p in self.tool.params.items()
            if p.role in roles and p.entity in (None, self.tool.of)
        }

    def duplicates(self, values: dict[str, Any]) -> Iterator[Attempt]:
        if self.entity is None:
            return
        rows = list(self.state.rows(str(self.tool.of)).values())[:40]
        changes = self.tool.op in ("update", "setting", "move", "upsert", "copy")
        roles = ("field",) if changes else ("field", "key")  # the row that is changed is named by its own key
        names = {n: str(p.field or self.entity.keys[0]) for n, p in self.tool.params.items() if p.role in roles}
        for row in rows:
            unique = {f for f, spec in self.entity.fields.items() if spec.unique} | set(self.entity.keys)
            taken = {n: thaw(row[f]) for n, f in names.items() if f in unique and row.get(f) is not None}
            if changes:
                taken = {n: v for n, v in taken.items() if names[n] not in self.entity.keys}
            if taken:
                yield self.state, {**values, **taken}

    def twins(self, values: dict[str, Any]) -> Iterator[Attempt]:
        assert self.entity is not None
        by = self.tool.spec.by if isinstance(self.tool.spec.by, list) else []
        own = self.own("key")
        rows = list(self.state.rows(str(self.tool.of)).items())
        for f in [*by, *own.values()]:
            if f in self.entity.fields and len(rows) > 1:
                first = next((r for _, r in rows if r[f] is not None), None)
                other = next(((k, r) for k, r in rows if r is not first), None)
                if first is not None and other is not None:
                    state = self.state.snapshot()
                    state.put(str(self.tool.of), other[0], {**other[1], f: first[f]})
                    for n in own:
                        yield state, {**values, n: thaw(first[f])}

    def illegal_moves(self, values: dict[str, Any]) -> Iterator[Attempt]:
        assert self.entity is not None and self.entity.lifecycle is not None
        cycle = self.entity.lifecycle
        key = next(iter(self.own("key")), None)
        target = next((n for n, p in self.tool.params.items() if p.role == "field" and p.field == cycle.field), None)
        members = list(self.entity.fields[cycle.field].of or [])
        for row_key, row in list(self.state.rows(str(self.tool.of)).items())[:12]:
            named = {key: thaw(row[str(self.tool.params[key].field or self.entity.keys[0])])} if key else {}
            for start in members:
                state = self.state.snapshot()
                state.put(str(self.tool.of), row_key, {**row, cycle.field: start})
                base = {**values, **named}
                for n, p in self.tool.params.items():
                    if p.role == "filter" and n in base and p.field in row:
                        base[n] = thaw(row[str(p.field)])
                for wanted in members if target else [None]:
                    yield state, {**base, str(target): wanted} if target else base

    def every_row(self, values: dict[str, Any]) -> Iterator[Attempt]:
        assert self.entity is not None
        own = self.own("key", "field", "filter")
        for row in list(self.state.rows(str(self.tool.of)).values())[:60]:
            yield self.state, {**values, **{n: thaw(row[f]) for n, f in own.items() if row.get(f) is not None}}
        if self.tool.op == "unrelate":
            left, right = (
                list(self.state.rows(str(self.entity.fields[str(f)].to)))
                for f in (self.tool.spec.left, self.tool.spec.right)
            )
            names = {f: n for n, f in own.items()}
            a_name, b_name = names[str(self.tool.spec.left)], names[str(self.tool.spec.right)]
            yield from ((self.state, {**values, a_name: a, b_name: b}) for a in left[:8] for b in right[:8])

    def far_times(self, values: dict[str, Any]) -> Iterator[Attempt]:
        """A range that begins long after it ends; the row of a day to come."""
        if self.entity is None or not self.entity.virtual:
            return
        untils = self.named("until")
        moments = [n for n, f in self.own("key").items() if f == self.entity.keys[-1]]
        for n in [*self.named("from"), *moments]:
            members = [m for m in _node(self.tool, n).get("enum") or [] if m is not None]
            lasts = [m for u in untils for m in _node(self.tool, u).get("enum") or [] if m is not None]
            pairs = [(late, early) for late in members[::-1][:4] for early in lasts[:4] or members[:4]]
            for late, early in [*FAR, *pairs]:
                for u in untils:
                    yield self.state, {**values, n: late, u: early}
                yield self.state, {**{m: v for m, v in values.items() if m not in untils}, n: late}

    def transfers(self, values: dict[str, Any]) -> Iterator[Attempt]:
        source, target = sides(self.tool.spec)
        (amount,) = self.named("amount")
        field, table = str(self.tool.spec.field), str(self.tool.params[source].entity or self.tool.of)
        yield self.state, {**values, target: values[source]}
        for bad in (0, -1):
            yield self.state, {**values, amount: bad}
        state = self.state.snapshot()
        state.put(table, values[source], {**state.rows(table)[values[source]], field: 0})
        yield state, values

    def edits(self, values: dict[str, Any]) -> Iterator[Attempt]:
        for n in self.named("find"):
            yield self.state, {**values, n: "zz-none-zz"}
            state = self.state.snapshot()
            table, field = str(self.tool.of), str(self.tool.spec.field)
            for key, row in list(state.rows(table).items()):
                state.put(table, key, {**row, field: "twice and twice"})
            yield state, {**values, n: "twice"}
        for n in self.named("line", "line_end"):
            yield self.state, {**values, n: 100_000}

    def reused(self, values: dict[str, Any]) -> Iterator[Attempt]:
        for n in self.named("idempotency"):
            _, after = self.trial.call(self.state, self.trial.outer({**values, n: "used-3k9f"}))
            for _ in range(8):
                drawn = self.trial.draw(self.state)
                if drawn is not None:
                    yield after, {**self.trial.inner(drawn), n: "used-3k9f"}


def shaken(world: World, base: State, of: str | None, rng: random.Random, split: str) -> State:
    """A neighbour of `base`: a few enum, bool and nullable fields of random rows set otherwise; another session. With
    no `of`, rows of all entities, and numbers at the ends of their range."""
    state = base.snapshot()
    session = [n for n, e in world.entities.items() if e.session and n != of]
    for name in [*session, *([of] if of is not None else world.entities)]:
        entity = world.entities[name]
        rows = list(state.rows(name).items())
        for key, row in rng.sample(rows, min(4, len(rows))):
            new = dict(row)
            for f, spec in entity.fields.items():
                if f in entity.keys or rng.random() < 0.5:
                    continue
                if spec.type == "enum":
                    new[f] = rng.choice(list(spec.of or []))
                elif spec.type == "bool":
                    new[f] = rng.random() < 0.5
                elif entity.session and rng.random() < 0.7:
                    new[f] = _given(world, state, name, f, rng, split)
                elif of is None and spec.range and spec.type in ("int", "money", "number"):
                    end = rng.choice(spec.range)
                    new[f] = end if spec.type == "number" else int(end)
                elif spec.nullable:
                    new[f] = None
            state.put(name, key, new)
    return state


def _given(world: World, state: State, name: str, f: str, rng: random.Random, split: str) -> Any:
    """A value for a field of the session: a row that is there, else a drawn one."""
    spec = world.entities[name].fields[f]
    if spec.type == "ref":
        keys = list(state.rows(str(spec.to)))
        return rng.choice(keys) if keys else None
    filled = spec.model_copy(update={"null": 0.0})
    return values_for(split).draw(filled, f"{name}.{f}", rng, parse_clock(world.clock))


def _node(tool: CompiledTool, name: str) -> dict[str, Any]:
    """The schema of one parameter, empty where it has none."""
    node: Any = tool.input_schema
    for step in tool.params[name].at or [name]:
        node = (node.get("properties") or {}).get(step, {}) if isinstance(node, dict) else {}
    return node if isinstance(node, dict) else {}


def _numeric(tool: CompiledTool, name: str) -> bool:
    kinds = _node(tool, name).get("type") or []
    return "integer" in kinds or "number" in kinds


def _unknown(value: Any) -> Any:
    """A value of the same type that no row has."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return 987_654_321
    if isinstance(value, str):
        return "zz-none" if len(value) != 36 else "00000000-0000-4000-8000-000000000000"
    return [_unknown(v) for v in value] if isinstance(value, list) else value
