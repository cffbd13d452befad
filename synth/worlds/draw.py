"""Random valid arguments that are likely to succeed: used by admission, by goal drawing and by the random policy.

Keys are those of existing rows, lifecycle moves are legal, filters are taken from a row so that something is found,
payload values come from the field's generator.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from synth.worlds.core import FUEL
from synth.worlds.drawmore import draw_batch, draw_transfer, moment_value, text_value
from synth.worlds.expr import Scope
from synth.worlds.exprcompile import compile_expr
from synth.worlds.params import sides
from synth.worlds.rows import row_key
from synth.worlds.simulate import CompiledTool, CompiledWorld
from synth.worlds.spec import Entity, FieldSpec, Param, targets
from synth.worlds.state import RowData, State, thaw
from synth.worlds.values import Values, parse_clock, values_for

_EPOCH = parse_clock("2026-03-02T09:00:00")
OPTIONAL = 0.3  # chance that an optional parameter is given
RELATED = 0.8  # chance that a named row goes with the rows named before it


class Drawer:
    """Draws arguments for one tool on one state. `None` where the state holds nothing to work on."""

    def __init__(
        self, compiled: CompiledWorld, tool: CompiledTool, state: State, rng: random.Random, split: str
    ) -> None:
        self.world, self.cw, self.tool, self.state, self.rng = compiled.world, compiled, tool, state, rng
        self.values: Values = values_for(split)
        self.entity: Entity | None = compiled.world.entities[tool.of] if tool.of else None

    def draw(self, given: Mapping[str, Any]) -> dict[str, Any] | None:
        tool = self.tool
        params = tool.params
        out: dict[str, Any] = dict(given)
        if tool.op == "choose":
            return self.choose(out)
        if tool.spec.batch_over is not None:
            return draw_batch(self, out)
        if tool.op == "transfer":
            out = draw_transfer(self, out, sides(tool.spec)) or {}
            if not out:
                return None
        row = self.target(given)
        if row is None and self.needs_row():
            return None
        payload = [n for n, p in params.items() if p.role == "field"]
        wanted = {n for n, p in params.items() if p.required or self.rng.random() < OPTIONAL}
        if tool.op in ("update", "setting", "upsert", "move") and payload and not wanted & set(payload):
            wanted.add(self.rng.choice(payload))
        for name, p in params.items():
            if name in out:
                continue
            if name not in wanted and p.role not in ("key", "confirm"):
                continue
            if p.role == "key" and not p.required and p.entity in (None, tool.of) and tool.op != "upsert":
                continue
            value = self.value(name, p, row, out)
            if value is None:
                if p.required:
                    return None
                continue
            out[name] = value
        return out

    def choose(self, out: dict[str, Any]) -> dict[str, Any] | None:
        cases = self.tool.spec.cases or {}
        action = next(n for n, p in self.tool.params.items() if p.role == "action")
        case = str(out.get(action) or self.rng.choice(list(cases)))
        if case not in cases:
            return None
        inner_tool = self.cw.case(self.tool.name, case)
        drawn = Drawer(self.cw, inner_tool, self.state, self.rng, self.values.split).draw(
            {n: v for n, v in out.items() if n in inner_tool.params}
        )
        return None if drawn is None else {**drawn, **out, action: case}

    def named(self, field: str) -> str:
        """`Entity.field`: what a text says depends on whose it is."""
        return f"{self.tool.of}.{field}"

    def needs_row(self) -> bool:
        if self.entity is not None and self.entity.virtual:
            return False
        return self.tool.op in ("get", "update", "copy", "delete", "move", "unrelate", "exists", "edit")

    def target(self, given: Mapping[str, Any]) -> RowData | None:
        """The row the call is about: named by `given` keys, else a random one on which the operation is legal."""
        if self.entity is None:
            return None
        rows = list(self.state.rows(str(self.tool.of)).values())
        own = {
            str(p.field or self.entity.keys[0]): given[n]
            for n, p in self.tool.params.items()
            if n in given and p.role in ("key", "filter") and p.compare == "eq" and p.entity in (None, self.tool.of)
        }
        if own:
            rows = [r for r in rows if all(r.get(f) == v for f, v in own.items())]
        if self.tool.op == "move":
            rows = [r for r in rows if self.legal(r)]
        needed = {str(p.field) for p in self.tool.params.values() if p.required and p.role == "filter" and p.field}
        if needed:
            rows = [r for r in rows if all(r.get(f) is not None for f in needed)] or rows
        return self.rng.choice(rows) if rows else None

    def legal(self, row: RowData) -> bool:
        assert self.entity is not None
        cycle = self.entity.lifecycle
        if self.tool.op == "move" and cycle is not None:
            moves = cycle.moves.get(row[cycle.field], [])
            return self.tool.spec.to in moves if self.tool.spec.to else bool(moves)
        return True

    def value(self, name: str, p: Param, row: RowData | None, out: Mapping[str, Any]) -> Any:
        if p.role == "key":
            return self.key_value(p, row)
        if p.role == "filter":
            return self.filter_value(p, row)
        if p.role == "field":
            return self.field_value(p, row, out)
        if p.role == "query":
            return self.query_value(row)
        if p.role in ("from", "until", "span", "every"):
            return moment_value(self, name, p, out)
        if p.role in ("text", "find", "line", "line_end"):
            return text_value(self, name, p, row, out)
        if p.role == "confirm":
            return True
        if p.type is not None:
            return self.typed(p.type, name, row, out)
        if p.role in ("dry_run", "cursor", "offset", "page", "projection") and not p.required:
            return None
        schema = self.param_schema(name)
        if p.role == "sort" and self.entity is not None and not schema.get("enum"):
            return next((n for n in self.entity.fields), None)
        if p.role == "dry_run":
            return False
        return sample(schema, self.rng, self.values, name)

    def param_schema(self, name: str) -> dict[str, Any]:
        node: Any = self.tool.input_schema
        for step in self.tool.params[name].at or [name]:
            node = (node.get("properties") or {}).get(step, {}) if isinstance(node, dict) else {}
        return node if isinstance(node, dict) else {}

    def key_value(self, p: Param, row: RowData | None) -> Any:
        if p.entity not in (None, self.tool.of):
            linked = self.linked(str(p.entity), row)
            return linked if linked is not None else self.any_key(str(p.entity))
        assert self.entity is not None
        if self.tool.op == "relate" and p.field in self.entity.fields:
            return self.any_key(str(self.entity.fields[str(p.field)].to))
        field = p.field or self.entity.keys[0]
        if self.entity.virtual:
            return self.virtual_key(p, field)
        if self.tool.op in ("create", "send") and field in self.entity.fields:
            return self.values.draw(self.entity.fields[field], self.named(field), self.rng, self.cw.start)
        if row is None:
            return None
        return [thaw(row[field])] if p.compare == "in" else thaw(row[field])

    def virtual_key(self, p: Param, field: str) -> Any:
        """Part of the key of a row that is not stored: an existing row where it refers to one; a time gone by."""
        assert self.entity is not None
        spec = self.entity.fields[field]
        value = (
            self.any_key(str(spec.to)) if spec.type == "ref"
            else self.values.draw(spec, self.named(field), self.rng, self.cw.start)
        )  # fmt: skip
        many = p.compare == "in" and self.param_schema(next(n for n, q in self.tool.params.items() if q is p))
        return [value] if many and many.get("type") == "array" and value is not None else value

    def linked(self, target: str, row: RowData | None) -> Any:
        """The key of the `target` row that `row` refers to."""
        if row is None or self.entity is None:
            return None
        return next(
            (
                row[f]
                for f, s in self.entity.fields.items()
                if s.type == "ref" and s.to == target and row[f] is not None
            ),
            None,
        )

    def typed(self, spec: FieldSpec, name: str, row: RowData | None, out: Mapping[str, Any]) -> Any:
        """A value of a free argument. Rows it names go with those that were named before, mostly."""
        near = self.rng.random() < RELATED

        def ref(target: str, _: random.Random) -> Any:
            key = self.related(target, row, out) if near else None
            return key if key is not None else self.any_key(target)

        whole = spec.model_copy(update={"null": 0.0}) if spec.nullable else spec
        return self.values.drawer(whole, name, ref)(self.rng, self.cw.start)

    def related(self, target: str, row: RowData | None, out: Mapping[str, Any]) -> Any:
        """The key of a `target` row that a row named so far refers to, that refers to one, or that shares a reference
        with one; None where there is none."""
        named: list[tuple[str, RowData | None]] = [(str(self.tool.of), row)]
        for n, p in self.tool.params.items():
            if p.type is not None and p.type.type == "ref" and isinstance(out.get(n), str | int):
                entity = str(p.type.to)
                named.append((entity, self.state.rows(entity).get(out[n])))
        choices: list[Any] = []
        for entity, there in named:
            if there is None:
                continue
            own, wanted = self.world.entities[entity], self.world.entities[target]
            near = [k for f, s in own.fields.items() for k in referred(s, there.get(f), target)]
            links = {f: there.get(own.keys[0]) for f, s in wanted.fields.items() if s.type == "ref" and s.to == entity}
            if entity == target:
                links |= {f: there[f] for f, s in own.fields.items() if s.type == "ref" and there[f] is not None}
            near += [k for f, v in links.items() for r in self.state.tables[target].by(f, v)
                     if r is not there and not isinstance(k := row_key(wanted, r), tuple)]  # fmt: skip
            choices += near
        return self.rng.choice(choices) if choices else None

    def any_key(self, entity: str) -> Any:
        keys = list(self.state.rows(entity))
        if not keys:
            return None
        key = self.rng.choice(keys)
        return key[0] if isinstance(key, tuple) else key

    def filter_value(self, p: Param, row: RowData | None) -> Any:
        assert self.entity is not None
        spec = self.entity.fields.get(str(p.field))
        value = thaw(row.get(str(p.field))) if row is not None else None
        if value is None and spec is not None:
            value = (
                self.any_key(str(spec.to))
                if spec.type == "ref"
                else self.values.draw(spec, self.named(str(p.field)), self.rng, self.cw.start)
            )
        if isinstance(value, list):
            value = value[0] if value else None
        if p.compare == "in" and value is not None:
            return [value]
        if p.compare == "contains" and isinstance(value, str) and value.split():
            return max(value.split(), key=len)
        return value

    def query_value(self, row: RowData | None) -> str | None:
        if row is None or self.entity is None:
            return None
        texts = self.tool.spec.in_ or [
            f for f, s in self.entity.fields.items() if s.type in ("text", "code") or s.search
        ]
        label = self.entity.label if self.entity.label in texts else None
        field = label or next((f for f in texts if row.get(f)), None)
        joined = next((j for j in texts if j in self.tool.spec.joins), None)
        value = row.get(field) if field else self.joined(joined, row) if joined else None
        return value if isinstance(value, str) and value.strip() else None

    def joined(self, name: str, row: RowData) -> Any:
        """What a read would join to `row` under this name."""
        scope = Scope({"it": f"row:{self.tool.of}", "now": "text", **dict.fromkeys(self.world.tables, "any")},
                      self.cw.entities)  # fmt: skip
        run, _ = compile_expr(self.tool.spec.joins[name], scope)
        env = {"it": row, "now": self.cw.now(self.state), "$state": self.state, "$fuel": [FUEL], **self.world.tables}
        return run(env)

    def field_value(self, p: Param, row: RowData | None, out: Mapping[str, Any]) -> Any:
        assert self.entity is not None
        field = str(p.field)
        if field not in self.entity.fields:
            return None
        spec = self.entity.fields[field]
        schema = self.param_schema(next(n for n, q in self.tool.params.items() if q is p))
        allowed = schema.get("enum")
        old = row.get(field) if row is not None and self.tool.op not in ("create", "send", "relate") else None
        cycle = self.entity.lifecycle
        if cycle is not None and field == cycle.field:
            options = cycle.moves.get(str(old), []) if old is not None else list(spec.of or [])
            options = [o for o in options if allowed is None or o in allowed]
            return self.rng.choice(options) if options else None
        if spec.type == "ref":
            return self.any_key(str(spec.to))
        if spec.type == "enum":
            options = [o for o in (spec.of or []) if o != old and (allowed is None or o in allowed)]
            return self.rng.choice(options) if options else None
        if allowed:
            options = [o for o in allowed if o is not None and o != old]
            return self.rng.choice(options) if options else None
        return self.fresh(spec, field, schema, old)

    def fresh(self, spec: FieldSpec, field: str, schema: dict[str, Any], old: Any) -> Any:
        """A value of the field that differs from the old one and fits the parameter's own schema."""
        if spec.nullable:
            spec = spec.model_copy(update={"null": 0.0})
        if spec.type == "bool" and old is not None:
            return not old
        if spec.type == "list" and isinstance(spec.of, str) and spec.of.startswith("ref "):
            key = self.any_key(spec.of[4:])
            return [key] if key is not None else None
        named = self.values.drawer(spec, self.named(field), lambda to, _: self.any_key(to)) if targets(spec) else None
        for _ in range(8):
            if named is not None:
                value = named(self.rng, self.cw.start)
            else:
                value = self.values.draw(spec, self.named(field), self.rng, self.cw.start)
            if value is None or value == old:
                continue
            if fits(schema, value):
                if spec.unique and self.entity is not None and self.state.tables[str(self.tool.of)].by(field, value):
                    continue
                return value
        return sample(schema, self.rng, self.values, field) if schema else None


def referred(spec: FieldSpec, value: Any, target: str) -> list[Any]:
    """Keys of `target` rows that a field's value holds, at any depth."""
    if value is None or target not in targets(spec):
        return []
    if spec.type == "ref":
        return [value]
    values = value if isinstance(value, list | tuple) else [value]
    if isinstance(spec.of, str) and spec.of.startswith("ref "):
        return list(values)
    return [k for v in values if isinstance(v, dict)
            for n, f in (spec.fields or {}).items() for k in referred(f, v.get(n), target)]  # fmt: skip


def fits(schema: Mapping[str, Any], value: Any) -> bool:
    """The cheap bounds a generator may miss."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = schema.get("minimum"), schema.get("maximum")
        return (low is None or value >= low) and (high is None or value <= high)
    if isinstance(value, str):
        if schema.get("format") == "date" and len(value) != 10:
            return False
        return schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 1 << 30)
    return True


def sample(schema: Mapping[str, Any], rng: random.Random, values: Values, name: str = "value", depth: int = 0) -> Any:
    """A value of a JSON Schema fragment; None where the fragment is beyond this sampler."""
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        options = [v for v in schema["enum"] if v is not None]
        return rng.choice(options) if options else None
    for union in ("anyOf", "oneOf"):
        if schema.get(union):
            branch = next((b for b in schema[union] if isinstance(b, dict) and b.get("type") != "null"), {})
            return sample(branch, rng, values, name, depth + 1)
    kind = schema.get("type", "string")
    if isinstance(kind, list):
        kind = next((k for k in kind if k != "null"), "string")
    if kind in ("integer", "number"):
        low = schema.get("minimum", schema.get("exclusiveMinimum", 0) + (1 if "exclusiveMinimum" in schema else 0) or 1)
        high = schema.get("maximum", max(low + 50, 50))
        whole = rng.randint(round(low), max(round(low), int(high)))
        return whole if kind == "integer" else float(whole)
    if kind == "boolean":
        return rng.random() < 0.5
    if kind == "array":
        count = max(1, int(schema.get("minItems", 1)))
        items = schema.get("items", {})
        return [sample(items if isinstance(items, dict) else {}, rng, values, name, depth + 1) for _ in range(count)]
    if kind == "object":
        if depth > 4:
            return {}
        props = schema.get("properties") or {}
        return {n: sample(props.get(n, {}), rng, values, n, depth + 1) for n in schema.get("required", [])}
    spec = FieldSpec.model_validate({"date": "date", "date-time": "time"}.get(str(schema.get("format")), "text"))
    text = str(values.draw(spec, name, rng, _EPOCH))
    text = text.ljust(int(schema.get("minLength", 0)), "x")
    return text[: int(schema.get("maxLength", 1 << 20))]


def draw_arguments(
    compiled: CompiledWorld,
    tool_name: str,
    state: State,
    rng: random.Random,
    split: str = "train",
    given: Mapping[str, Any] | None = None,
) -> dict[str, Any] | None:
    """Arguments (in their real, nested form) of a call that is likely to succeed on `state`; None where there is
    nothing to work on. `given` fixes canonical parameters."""
    tool = compiled.tool(tool_name)
    drawn = Drawer(compiled, tool, state, rng, split).draw(given or {})
    return None if drawn is None else tool.arguments(drawn)
