"""Surface operations are lowered to core statements; those alone run.

`explicit(world, tool)` spells out the short forms (needs, may, filters, in, paging) as parameters with roles.
`lower(world, name, tool)` gives the core body, the declared errors and the result's schema. Error codes are derived
from what can go wrong (keys, references, uniqueness, lifecycles, `require`), never invented, so that admission can
reach each.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from synth.worlds import schema as sch
from synth.worlds.spec import Entity, Envelope, Paging, Param, ToolSpec, World

Stmt = dict[str, Any]
KEYED = frozenset({"get", "exists", "update", "upsert", "copy", "delete", "move"})


class Lowered(NamedTuple):
    """A tool ready to compile. `body` is JSON: core statements over `args`, `now` and the tables."""

    params: dict[str, Param]
    body: list[Stmt]
    errors: list[str]
    input_schema: sch.Schema
    output_schema: sch.Schema | None


def paging_of(tool: ToolSpec) -> Paging:
    return tool.paging if isinstance(tool.paging, Paging) else Paging(kind=tool.paging)


def explicit(world: World, tool: ToolSpec) -> dict[str, Param]:
    """All parameters of a tool by canonical name. Given `params` stand as they are."""
    if tool.params is not None:
        return tool.params
    out: dict[str, Param] = {}
    if tool.op == "choose":
        out[str(tool.by)] = Param(role="action", required=True)
        for case in (tool.cases or {}).values():
            for name, p in explicit(world, case).items():
                out.setdefault(name, p.model_copy(update={"required": False}))
        return out
    if tool.of is None:
        return out
    entity = world.entities[tool.of]
    if tool.op in KEYED and not entity.singleton and not (tool.op == "upsert" and entity.generated_key):
        for k in entity.keys:
            out[k] = Param(role="key", field=k, required=True)
    if tool.op in ("relate", "unrelate"):
        for side in (str(tool.left), str(tool.right)):
            out[side] = Param(role="key", field=side, required=True)
    reads = tool.op in ("list", "search", "aggregate")
    for name in tool.needs:
        out.setdefault(name, Param(role="filter" if reads else "field", field=name, required=True))
    for name in tool.may:
        out.setdefault(name, Param(role="filter" if reads else "field", field=name))
    for name in tool.filters:
        out.setdefault(name, Param(role="filter", field=name))
    if tool.op == "search":
        out["query"] = Param(role="query", required=True)
    kind = paging_of(tool).kind
    if kind != "none":
        out["limit"] = Param(role="limit")
        out[kind] = Param(role=kind)
    return out


def arg(name: str) -> str:
    """The expression that reads a canonical parameter, whatever characters its name has."""
    return "args[" + quote(name) + "]"


def quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


def lower(world: World, tool: ToolSpec, name: str = "") -> Lowered:
    """Lower one tool; what is wrong shows when it is compiled. `name` finds the policies that guard it."""
    params = explicit(world, tool)
    build = _Builder(world, tool, params, name)
    body = build.body()
    return Lowered(
        params, body, build.errors, sch.input_schema(world, tool, params), tool.output_schema or build.output
    )


class _Builder:
    def __init__(self, world: World, tool: ToolSpec, params: dict[str, Param], name: str = "") -> None:
        self.world, self.tool, self.params, self.name = world, tool, params, name
        self.entity: Entity | None = world.entities[tool.of] if tool.of else None
        self.errors: list[str] = []
        self.output: sch.Schema | None = None
        self.envelope = tool.envelope or Envelope()

    # --- helpers ------------------------------------------------------------------------------------------------------

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
        shown = f"{name}.pick({', '.join(quote(s) for s in shows)})"
        schema = sch.wrap_item(sch.view_schema(self.world, str(self.tool.of), shows), self.envelope)
        if self.by_role("dry_run"):
            dry = {"type": "object", "properties": {"dry_run": {"const": True}}, "required": ["dry_run"]}
            schema = {"anyOf": [schema, dry]}
        self.output = schema
        item = self.envelope.item
        return [*self.tool.then, {"return": f"{{{quote(item)}: {shown}}}" if item else shown}]

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

    # --- operations ---------------------------------------------------------------------------------------------------

    def body(self) -> list[Stmt]:
        method = getattr(self, f"op_{self.tool.op}")
        return list(method())

    def op_get(self) -> list[Stmt]:
        return [*self.load(), *self.gates(), *self.returns("it", self.all_fields())]

    def op_exists(self) -> list[Stmt]:
        self.output = {"type": "object", "properties": {"exists": {"type": "boolean"}}, "required": ["exists"]}
        keys = self.own_keys()
        other = [f for f in keys if self.entity is not None and f not in self.entity.keys]
        found = (
            f"size(by({self.tool.of}, {quote(other[0])}, {arg(keys[other[0]])})) > 0"
            if other
            else f"{self.tool.of}[{self.key_expr()}] != null"
        )
        return [*self.gates(), {"return": self.tool.gives or f"{{exists: {found}}}"}]

    def find(self) -> list[Stmt]:
        assert self.entity is not None
        where: list[Any] = []
        checks = self.load_others()
        for name, p in self.by_role("filter").items():
            spec = self.entity.fields.get(str(p.field))
            if p.required and spec is not None and spec.type == "ref" and p.compare == "eq":
                checks.append({
                    "require": f"{spec.to}[{arg(name)}] != null", "else": self.error("not_found"),
                    "with": {"entity": quote(str(spec.to)), "id": arg(name)},
                })  # fmt: skip
            where.append({"field": p.field, "compare": p.compare, "value": arg(name), "optional": not p.required})
        for name, p in self.by_role("key").items():
            if p.entity in (None, self.tool.of):
                where.append(
                    {
                        "field": p.field or self.entity.keys[0],
                        "compare": p.compare,
                        "value": arg(name),
                        "optional": not p.required,
                    }
                )
        where.extend(self.tool.where)
        return [*checks, {"find": "found", "from": self.tool.of, "where": where}]

    def op_list(self) -> list[Stmt]:
        assert self.entity is not None
        out = self.find()
        queries = list(self.by_role("query"))
        texts = self.tool.in_ or [n for n, f in self.entity.fields.items() if f.type in ("text", "code") or f.search]
        if queries and texts:
            hay = " + ' ' + ".join(f"coalesce(str(it[{quote(t)}]), '')" for t in texts)
            score = f"similar({arg(queries[0])}, {hay})"
            ranked = f"found.filter(it, {score} >= 0.5).sort(it, 0 - {score})"
            out.append({"let": {"found": f"has({arg(queries[0])}) ? {ranked} : found"}})
        out += self.ordering()
        out += self.gates()
        shows = self.tool.shows or self.all_fields()
        out += self.page(shows)
        return out

    def ordering(self) -> list[Stmt]:
        out: list[Stmt] = []
        if self.tool.sort:
            field = self.tool.sort.removeprefix("-")
            expr = f"found.sort(it, it[{quote(field)}])"
            out.append({"let": {"found": f"reverse({expr})" if self.tool.sort.startswith("-") else expr}})
        for n in self.by_role("sort"):
            out.append({"let": {"found": f"has({arg(n)}) ? found.sort(it, it[{arg(n)}]) : found"}})
        for n in self.by_role("order"):
            out.append(
                {
                    "let": {
                        "found": f"has({arg(n)}) && lower({arg(n)}) in ['desc', 'descending'] ? reverse(found) : found"
                    }
                }
            )
        return out

    def page(self, shows: list[str]) -> list[Stmt]:
        paging = paging_of(self.tool)
        env = self.envelope
        out: list[Stmt] = [{"let": {"total": "size(found)"}}]
        limits, starts = list(self.by_role("limit")), self.by_role("offset", "page", "cursor")
        paged = bool(limits or starts)
        if paged:
            given = f"int({arg(limits[0])})" if limits else "null"
            out.append({"let": {"limit": f"min(max(coalesce({given}, {paging.default}), 1), {paging.max})"}})
            out.append({"let": {"start": self.start_expr(starts)}})
            for n, p in starts.items():
                if p.role == "cursor":
                    out.append(
                        {"require": "start != null", "else": self.error("invalid_cursor"), "with": {"value": arg(n)}}
                    )
            out.append({"let": {"page": "slice(found, start, limit)"}})
        else:
            out.append({"let": {"page": f"slice(found, 0, {paging.max})"}})
        shown = f"page.map(it, it.pick({', '.join(quote(s) for s in shows)}))"
        for n in self.by_role("projection"):
            whole = f"it.pick({', '.join(quote(s) for s in shows)})"
            picked = f"page.map(it, project({whole}, {arg(n)}, {quote(self.first_key())}))"
            shown = f"has({arg(n)}) ? {picked} : {shown}"
        if self.tool.gives is not None:
            return [*out, *self.tool.then, {"return": self.tool.gives}]
        row = sch.view_schema(self.world, str(self.tool.of), shows)
        if self.by_role("projection"):
            row = {**row, "required": [self.first_key()] if self.first_key() in shows else []}
        self.output = sch.wrap_items(row, env, paged)
        if env.items is None:
            return [*out, *self.tool.then, {"return": shown}]
        parts = [f"{quote(env.items)}: {shown}"]
        if env.total:
            parts.append(f"{quote(env.total)}: total")
        if paged and env.next:
            parts.append(f"{quote(env.next)}: {self.next_expr(starts)}")
        return [*out, *self.tool.then, {"return": "{" + ", ".join(parts) + "}"}]

    def first_key(self) -> str:
        assert self.entity is not None
        return self.entity.keys[0]

    def start_expr(self, starts: dict[str, Param]) -> str:
        for n, p in starts.items():
            if p.role == "offset":
                return f"max(coalesce(int({arg(n)}), 0), 0)"
            if p.role == "page":
                return f"(max(coalesce(int({arg(n)}), 1), 1) - 1) * limit"
            return f"has({arg(n)}) ? cursor_start({arg(n)}) : 0"
        return "0"

    def next_expr(self, starts: dict[str, Param]) -> str:
        more = "start + limit < total"
        for p in starts.values():
            if p.role == "cursor":
                return f"{more} ? cursor_at(start + limit) : null"
            if p.role == "page":
                return f"{more} ? start / limit + 2 : null"
        return f"{more} ? start + limit : null"

    op_search = op_list

    def op_aggregate(self) -> list[Stmt]:
        out = [*self.find(), *self.gates()]
        if self.tool.gives is not None:
            return [*out, {"return": self.tool.gives}]
        if self.tool.group:
            self.output = {
                "type": "object",
                "properties": {"groups": {"type": "object"}, "total": {"type": "integer"}},
                "required": ["groups", "total"],
            }
            return [
                *out,
                {"return": f"{{groups: tally(found.map(it, it[{quote(self.tool.group)}])), total: size(found)}}"},
            ]
        name = "count" if self.tool.measure in (None, "size(found)") else "value"
        self.output = {
            "type": "object",
            "properties": {name: {"type": ["number", "string", "null"]}},
            "required": [name],
        }
        return [*out, {"return": f"{{{name}: {self.tool.measure or 'size(found)'}}}"}]

    def op_compute(self) -> list[Stmt]:
        return [*self.gates(), {"return": self.tool.gives}]

    def insert(self) -> Stmt:
        return {
            "insert": self.tool.of,
            "given": self.payload() | self.own_keys(),
            "row": dict(self.tool.init),
            "as": "it",
        }

    def op_create(self) -> list[Stmt]:
        assert self.entity is not None
        checks = [*self.load_others(), *self.check_payload(None)]
        if not self.entity.generated_key:
            checks.append({
                "require": f"{self.tool.of}[{self.key_expr()}] == null", "else": self.error("duplicate"),
                "with": {"field": quote(self.entity.keys[0]), "value": self.key_expr()},
            })  # fmt: skip
        return [*checks, *self.gates(), *self.dry_run(), self.insert(), *self.returns("it", self.echo())]

    op_send = op_create

    def set_given(self) -> Stmt:
        return {"set": "it", "of": self.tool.of, "given": self.payload(), "to": dict(self.tool.init)}

    def op_update(self) -> list[Stmt]:
        return [
            *self.load(),
            *self.check_payload("it"),
            *self.gates(),
            *self.dry_run(),
            self.set_given(),
            *self.returns("it", self.echo()),
        ]

    def op_setting(self) -> list[Stmt]:
        if not self.payload():
            return [*self.load(), *self.gates(), *self.returns("it", self.all_fields())]
        return self.op_update()

    def op_upsert(self) -> list[Stmt]:
        assert self.entity is not None
        checks = [*self.load_others(), *self.check_payload(None)]
        if self.entity.generated_key:
            names = list(self.own_keys().values())
            key = arg(names[0]) if names else "null"
            checks = [
                *self.load_others(),
                {"let": {"it": f"{self.tool.of}[{key}]"}},
                {"require": f"!has({key}) || it != null", "else": self.error("not_found") if names else "not_found"},
                *self.check_payload("it"),
            ]
        else:
            checks = [
                *self.load_others(),
                {"let": {"it": f"{self.tool.of}[{self.key_expr()}]"}},
                *self.check_payload("it"),
            ]
        branch: Stmt = {"when": "it == null", "do": [self.insert()], "otherwise": [self.set_given()]}
        return [*checks, *self.gates(), *self.dry_run(), branch, *self.returns("it", self.echo())]

    def op_copy(self) -> list[Stmt]:
        return [
            *self.load(), *self.check_payload(None), *self.gates(), *self.dry_run(),
            {"insert": self.tool.of, "like": "it", "given": self.payload(), "row": dict(self.tool.init), "as": "it"},
            *self.returns("it", self.all_fields()),
        ]  # fmt: skip

    def op_delete(self) -> list[Stmt]:
        out = [*self.load(), *self.gates(), *self.dry_run()]
        for name, entity in self.world.entities.items():
            guarded = any(f"by({name}," in r.that for r in self.tool.require)  # the tool's own rule speaks first
            if not guarded and any(
                f.type == "ref" and f.to == self.tool.of and f.on_delete == "restrict" for f in entity.fields.values()
            ):
                self.error("in_use")
        key = self.first_key()
        if self.tool.gives is None:
            props: sch.Schema = {"deleted": {"type": "boolean"}, key: sch.key_schema(self.world, str(self.tool.of))}
            self.output = {"type": "object", "properties": props, "required": ["deleted", key]}
            if self.by_role("dry_run"):
                self.output = {"type": "object"}
        gives = self.tool.gives or f"{{deleted: true, {quote(key)}: it[{quote(key)}]}}"
        return [*out, {"delete": "it", "of": self.tool.of}, *self.tool.then, {"return": gives}]

    def op_move(self) -> list[Stmt]:
        assert self.entity is not None and self.entity.lifecycle is not None
        field = self.entity.lifecycle.field
        if self.tool.to is None:
            return self.op_update()
        set_: Stmt = {
            "set": "it",
            "of": self.tool.of,
            "given": self.payload(),
            "to": {**self.tool.init, field: quote(self.tool.to)},
        }
        return [
            *self.load(), *self.check_payload("it"), *self.gates(), self.move_check("it", quote(self.tool.to)),
            *self.dry_run(), set_, *self.returns("it", self.echo()),
        ]  # fmt: skip

    def link(self) -> tuple[list[Stmt], str]:
        assert self.entity is not None
        left, right = str(self.tool.left), str(self.tool.right)
        keys = {**self.payload(), **self.own_keys()}
        a, b = arg(keys[left]), arg(keys[right])
        out: list[Stmt] = []
        for field, value in ((left, a), (right, b)):
            target = str(self.entity.fields[field].to)
            out.append(
                {
                    "require": f"{target}[{value}] != null",
                    "else": self.error("not_found"),
                    "with": {"entity": quote(target), "id": value},
                }
            )
        return out, f"by({self.tool.of}, {quote(left)}, {a}).first(row, row[{quote(right)}] == {b})"

    def op_relate(self) -> list[Stmt]:
        checks, found = self.link()
        checks.append({"require": f"{found} == null", "else": self.error("already_linked")})
        return [
            *checks,
            *self.gates(),
            *self.dry_run(),
            self.insert(),
            *self.returns("it", [str(self.tool.left), str(self.tool.right)]),
        ]

    def op_unrelate(self) -> list[Stmt]:
        checks, found = self.link()
        left, right = str(self.tool.left), str(self.tool.right)
        out = [*checks, {"let": {"it": found}}, {"require": "it != null", "else": self.error("not_linked")}]
        if self.tool.gives is None:
            props = sch.view_schema(self.world, str(self.tool.of), [left, right])["properties"]
            self.output = {
                "type": "object",
                "properties": {"removed": {"type": "boolean"}, **props},
                "required": ["removed", left, right],
            }
        gives = (
            self.tool.gives
            or f"{{removed: true, {quote(left)}: it[{quote(left)}], {quote(right)}: it[{quote(right)}]}}"
        )
        return [*out, *self.gates(), {"delete": "it", "of": self.tool.of}, *self.tool.then, {"return": gives}]

    def op_choose(self) -> list[Stmt]:
        action = next(iter(self.by_role("action")), str(self.tool.by))
        out: list[Stmt] = []
        schemas: list[sch.Schema] = []
        for case_name, case in (self.tool.cases or {}).items():
            params = explicit(self.world, case)
            inner = _Builder(self.world, case, params, self.name)
            needed = [n for n, p in params.items() if p.required]
            guards: list[Stmt] = [
                {"require": f"has({arg(n)})", "else": self.error("missing_argument"), "with": {"name": quote(n)}}
                for n in needed
            ]
            body = [*guards, *inner.body()]
            for code in inner.errors:
                self.error(code)
            schemas.append(case.output_schema or inner.output or {})
            out.append({"when": f"{arg(action)} == {quote(case_name)}", "do": body})
        self.output = {"anyOf": schemas} if all(schemas) else None
        return out

    def op_do(self) -> list[Stmt]:
        for code in _codes(self.tool.do or []):
            self.error(code)
        return [*self.gates(), *(self.tool.do or [])]


def _codes(body: list[Stmt]) -> list[str]:
    out: list[str] = []
    for stmt in body:
        if isinstance(stmt.get("else"), str):
            out.append(stmt["else"])
        for inner in ("do", "otherwise"):
            out += _codes(stmt.get(inner, []))
    return out
