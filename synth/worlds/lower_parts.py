"""What lowering every operation shares: naming errors, loading rows, checking payloads, gates, results."""

from __future__ import annotations

from typing import Any

from synth.worlds import schema as sch
from synth.worlds.params import arg, quote
from synth.worlds.spec import Entity, Envelope, FieldSpec, Param, ToolSpec, World

Stmt = dict[str, Any]


class Parts:
    """Builds the body of one tool. `errors` and `output` fill up as statements are made."""

    def __init__(self, world: World, tool: ToolSpec, params: dict[str, Param], name: str = "") -> None:
        self.world, self.tool, self.params, self.name = world, tool, params, name
        self.entity: Entity | None = world.entities[tool.of] if tool.of else None
        self.errors: list[str] = []
        self.item_errors: list[str] = []
        self.output: sch.Schema | None = None
        self.envelope = tool.envelope or Envelope()

    def error(self, code: str) -> str:
        if code not in self.errors:
            self.errors.append(code)
        return code

    def by_role(self, *roles: str) -> dict[str, Param]:
        return {n: p for n, p in self.params.items() if p.role in roles}

    def payload(self) -> dict[str, str]:
        """entity field -> parameter"""
        return {str(p.field): n for n, p in self.params.items() if p.role == "field"}

    def own_keys(self) -> dict[str, str]:
        """key field of the own entity -> parameter"""
        assert self.entity is not None
        keys = self.entity.keys
        out: dict[str, str] = {}
        for n, p in self.by_role("key").items():
            if p.entity in (None, self.tool.of):
                field = p.field or keys[0]
                out.setdefault(field, n)
        return out

    def key_expr(self) -> str:
        """Key value built from parameters; natural keys may come as payload (create, upsert)."""
        assert self.entity is not None
        given = {**self.payload(), **self.own_keys()}
        parts = [arg(given[k]) if k in given else "null" for k in self.entity.keys]
        return parts[0] if len(parts) == 1 else "[" + ", ".join(parts) + "]"

    def load(self) -> list[Stmt]:
        """Other rows named by keys, then the own row into `it`, then checks that narrow it."""
        assert self.entity is not None
        out = self.load_others()
        if self.entity.singleton:
            return [
                *out,
                {"let": {"it": f"rows({self.tool.of}).first()"}},
                {"require": "it != null", "else": "not_found"},
            ]
        stmt: Stmt = {"load": "it", "from": self.tool.of, "key": self.key_expr(), "else": self.error("not_found")}
        keys = self.own_keys()
        alternative = [f for f in keys if f not in self.entity.keys]
        by = self.tool.by if isinstance(self.tool.by, list) else []
        if alternative and not all(k in keys for k in self.entity.keys):
            stmt["key"] = arg(keys[alternative[0]])  # named by a unique field instead of the key
            stmt["by"] = [alternative[0]]
        elif by:
            stmt["by"] = by
        if "by" in stmt and any(f not in self.entity.keys and not self.entity.fields[f].unique for f in stmt["by"]):
            stmt["ambiguous"] = self.error("ambiguous")
        out.append(stmt)
        for name, p in self.by_role("filter").items():
            check = f"it[{quote(str(p.field))}] == {arg(name)}"
            out.append({"require": check if p.required else f"!has({arg(name)}) || {check}", "else": "not_found"})
        return out

    def load_others(self) -> list[Stmt]:
        out: list[Stmt] = []
        for n, p in self.by_role("key").items():
            if p.entity not in (None, self.tool.of):
                exists = f"{p.entity}[{arg(n)}] != null"
                cond = exists if p.required else f"!has({arg(n)}) || {exists}"
                out.append(
                    {
                        "require": cond,
                        "else": self.error("not_found"),
                        "with": {"entity": quote(str(p.entity)), "id": arg(n)},
                    }
                )
        return out

    def check_types(self) -> list[Stmt]:
        """Rows that typed arguments name exist: the argument itself, each of a list, a field of a record or of each
        record of a list."""
        out: list[Stmt] = []
        for n, p in self.params.items():
            if p.type is None:
                continue
            many = p.type.type == "list"
            for target, path in _named_rows(p.type):
                value = f"x{path}" if many else arg(n) + path
                exists = f"{value} == null || {target}[{value}] != null"
                missing = f"{arg(n)}.first(x, !({exists})){path}" if many else value
                out.append({
                    "require": f"!has({arg(n)}) || " + (f"{arg(n)}.all(x, {exists})" if many else exists),
                    "else": self.error("not_found"), "with": {"entity": quote(target), "id": missing},
                })  # fmt: skip
        return out

    def check_payload(self, row: str | None) -> list[Stmt]:
        """References exist, unique fields are free, lifecycle moves are legal. `row` names the changed row, None = new
        one."""
        assert self.entity is not None
        out: list[Stmt] = []
        for field, n in self.payload().items():
            spec = self.entity.fields.get(field)
            if spec is None:
                continue
            if spec.type == "ref":
                out.append({
                    "require": f"!has({arg(n)}) || {spec.to}[{arg(n)}] != null",
                    "else": self.error("invalid_reference"),
                    "with": {"entity": quote(str(spec.to)), "id": arg(n)},
                })  # fmt: skip
            if spec.unique and field not in self.entity.keys:
                mine = f" || by({self.tool.of}, {quote(field)}, {arg(n)}).all(other, other == {row})" if row else ""
                out.append({
                    "require": f"!has({arg(n)}) || size(by({self.tool.of}, {quote(field)}, {arg(n)})) == 0{mine}",
                    "else": self.error("duplicate"),
                    "with": {"field": quote(field), "value": arg(n)},
                })  # fmt: skip
            if row and field == self.entity.tree:
                below = f"walk({self.tool.of}, {row}[{quote(self.first_key())}])"
                out.append({
                    "require": f"!{below}.exists(lower, lower[{quote(self.first_key())}] == {arg(n)})",
                    "else": self.error("circular"), "with": {"id": arg(n)},
                })  # fmt: skip
            cycle = self.entity.lifecycle
            if row and cycle and cycle.field == field:
                out.append(self.move_check(row, arg(n), optional=True))
        return out

    def move_check(self, row: str, target: str, optional: bool = False) -> Stmt:
        assert self.entity is not None and self.entity.lifecycle is not None
        cycle = self.entity.lifecycle
        state = f"{row}[{quote(cycle.field)}]"
        table = (
            "{" + ", ".join(f"{quote(s)}: [{', '.join(quote(t) for t in ts)}]" for s, ts in cycle.moves.items()) + "}"
        )
        cond = f"{target} in get({table}, {state}, [])"
        if optional:
            cond = f"!has({target}) || {target} == {state} || {cond}"
        return {"require": cond, "else": self.error("invalid_move"), "with": {"from": state, "to": target}}

    def gates(self) -> list[Stmt]:
        """Declared requirements, tool-held policies, confirmation and dry run, in this order, after loading."""
        out: list[Stmt] = [{"require": r.that, "else": self.error(r.else_)} for r in self.tool.require]
        for policy in self.world.policies:
            if policy.held_by == "tool" and self.name in policy.guards:
                rule = f"!({policy.when}) || ({policy.allow_if})" if policy.when else policy.allow_if
                out.append({"require": rule, "else": self.error(policy.id)})
        for n in self.by_role("confirm"):
            out.append({"require": f"{arg(n)} == true", "else": self.error("not_confirmed")})
        return out

    def dry_run(self) -> list[Stmt]:
        names = list(self.by_role("dry_run"))
        return [{"when": f"{arg(names[0])} == true", "do": [{"return": "{dry_run: true, ok: true}"}]}] if names else []

    def view(self, default: list[str]) -> list[str]:
        assert self.entity is not None
        shows = self.tool.shows or default
        return [*[k for k in self.entity.keys if k not in shows], *shows] if self.tool.writes else list(shows)

    def returns(self, name: str, default: list[str]) -> list[Stmt]:
        """The closing statements: `then`, the result in its envelope, and its schema."""
        if self.tool.gives is not None:
            return [*self.tool.then, {"return": self.tool.gives}]
        shows = self.view(default)
        shown = self.row_view(name, shows)
        schema = sch.wrap_item(self.row_schema(shows), self.envelope)
        if self.by_role("dry_run"):
            dry = {"type": "object", "properties": {"dry_run": {"const": True}}, "required": ["dry_run"]}
            schema = {"anyOf": [schema, dry]}
        self.output = schema
        item = self.envelope.item
        return [*self.tool.then, {"return": f"{{{quote(item)}: {shown}}}" if item else shown}]

    def row_view(self, name: str, shows: list[str]) -> str:
        """The record shown of the row `name`: its fields, then what is joined to it."""
        joins = {j: e for j, e in self.tool.joins.items() if not self.tool.shows or j in shows}
        picked = f"{name}.pick({', '.join(quote(s) for s in shows if s not in joins)})"
        return f"{{..{picked}, {', '.join(f'{quote(j)}: {e}' for j, e in joins.items())}}}" if joins else picked

    def row_schema(self, shows: list[str]) -> sch.Schema:
        """Schema of that record; what is joined may be of any type."""
        joins = [j for j in self.tool.joins if not self.tool.shows or j in shows]
        schema = sch.view_schema(self.world, str(self.tool.of), [s for s in shows if s not in joins])
        props = {**schema["properties"], **{j: {} for j in joins}}
        return {**schema, "properties": props, "required": list(props)} if joins else schema

    def all_fields(self) -> list[str]:
        assert self.entity is not None
        return [*[k for k in self.entity.keys if k not in self.entity.fields], *self.entity.fields]

    def echo(self) -> list[str]:
        """What a write shows by default: the key, what was given, and the state."""
        assert self.entity is not None
        names = [*self.entity.keys, *self.payload()]
        if self.entity.lifecycle:
            names.append(self.entity.lifecycle.field)
        return list(dict.fromkeys(n for n in names if n in self.entity.fields or n in self.entity.keys))

    def first_key(self) -> str:
        assert self.entity is not None
        return self.entity.keys[0]


def _named_rows(spec: FieldSpec) -> list[tuple[str, str]]:
    """(entity, path from the argument or from a member of the list) of the references in a typed argument."""
    if spec.type == "ref":
        return [(str(spec.to), "")]
    if spec.type == "list" and isinstance(spec.of, str) and spec.of.startswith("ref "):
        return [(spec.of[4:], "")]
    return [(str(f.to), f"[{quote(n)}]") for n, f in (spec.fields or {}).items() if f.type == "ref"]
