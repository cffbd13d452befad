"""One reading becomes one surface operation: every real parameter bound to a role, with its own schema fragment."""

from __future__ import annotations

from typing import Any

from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.entities import ID_TAILS, Tables
from synth.worlds.lift.fields import fits, json_class
from synth.worlds.lift.habits import draw
from synth.worlds.lift.lifecycles import RESTARTS, flag_of, is_flag, member, transition
from synth.worlds.lift.naming import Words
from synth.worlds.lift.opening import Arg
from synth.worlds.lift.read import Bound, Reading
from synth.worlds.lift.results import Results
from synth.worlds.lift.table import Table
from synth.worlds.lift.words import singular
from synth.worlds.lift.working import begin_work
from synth.worlds.lower_reads import EVERY
from tools_catalog import describe_parameter

Param = dict[str, Any]
MAX_SHOWN = 6
MAX_INFERRED = 5
_START = ("offset", "page", "cursor")


class ToolBuilder(Results):
    """Builds the tools of one server over its tables."""

    def __init__(self, tables: Tables) -> None:
        self.tables, self.server, self.style = tables, tables.server, tables.style
        self.describes = draw(self.server, "describes", 4) > 0

    def build(self, r: Reading) -> tuple[Table, dict[str, Any], set[str]]:
        """The table a tool works on, its spec, and the names of all entities it touches."""
        own = self.tables.link_of(r) if r.kind in ("relate", "unrelate") else self.tables.table(r.entity)
        params: dict[str, Param] = {}
        touched = {own.name}
        for b in sorted(r.roles, key=lambda b: b.role == "payload"):  # what is told goes before what is inferred
            opened = self.inferred(own, r, b, params) if b.role == "payload" else {}
            params |= opened
            if opened:
                continue
            p = self.param(own, r, b, params)
            if b.arg.required or (b.role in ("key", "owner") and p["role"] == "key"):
                p["required"] = True
            if list(b.arg.at) != [b.arg.name]:
                p["at"] = list(b.arg.at)
            params[b.arg.name] = self.told(p, b.arg.at[-1], b.arg.schema)
        for p in params.values():
            if p.get("entity"):
                touched.add(p["entity"])
            spec = own.spec(p["field"]) if p.get("field") else None
            if spec is not None and spec["type"] == "ref":
                touched.add(spec["to"])
            elif spec is not None and str(spec.get("of", "")).startswith("ref "):
                touched.add(str(spec["of"])[4:])
        tool: dict[str, Any] = {"op": self.op(r, own), "of": own.name, "params": params, "source": r.tool}
        self.details(tool, r, own, params)
        return own, tool, touched

    def told(self, p: Param, name: str, schema: Any) -> Param:
        """`p` with a description in our words, where this server is one that describes its parameters."""
        if self.describes:
            p["description"] = describe_parameter(name, schema, bool(p.get("required")), self.server)
        return p

    def op(self, r: Reading, own: Table) -> str:
        if r.kind == "singleton":
            return "setting"
        if r.kind == "flag" or (r.kind == "move" and is_flag(r, own)):
            return "update"
        if r.kind == "move" and (own.lifecycle is None or r.verb in RESTARTS):
            return "update"
        if own.singleton and r.kind in ("get", "update", "list"):
            return "setting"
        return r.kind

    # --- parameters ---------------------------------------------------------------------------------------------------

    def param(self, own: Table, r: Reading, b: Bound, taken: dict[str, Param]) -> Param:
        arg = b.arg
        role = b.role
        if role == "key":
            return self.key(own, b)
        if role in ("find", "text"):
            return {"role": role, "schema": fragment(arg), "required": True}
        if role == "owner":
            return self.owner(own, b)
        if role in ("left", "right"):
            found = self.tables.ref(own, b.noun, self.tables.ref_words(b), hard=True)
            return self.fit({"role": "key", "field": found}, arg, self.key_class(self.tables.table(b.noun)))
        if role == "parent":
            return self.parent(own, r, b)
        if role == "natural":
            return self.natural(own, b)
        if role in ("limit", *_START, "sort", "order", "projection", "query", "confirm", "dry_run"):
            return self.paging(own, role, arg, taken)
        if role == "time":
            return self.time(own, b)
        if role == "filter":
            return self.filter(own, r, b)
        if role == "field":
            return self.payload(own, r, b, taken)
        return self.ignored(arg)

    @staticmethod
    def ignored(arg: Arg) -> Param:
        return {"role": "ignored", "schema": fragment(arg)}

    @staticmethod
    def fit(p: Param, arg: Arg, want: str) -> Param:
        """`p` with the argument's own fragment where a value of the field passes it."""
        if arg.type == want or (want == "integer" and arg.type == "number"):
            p["schema"] = {
                k: v
                for k, v in fragment(arg).items()
                if k in ("type", "enum", "format")
                and not (k == "format" and v not in ("date", "date-time", "uuid", "email"))
            }
            if p["schema"].get("format") == "uuid" and want == "string":
                p["schema"].pop("format")
        return p

    def key_class(self, t: Table) -> str:
        return "string" if t.natural else "integer" if t.id.get("kind") == "int" else "string"

    def key(self, own: Table, b: Bound) -> Param:
        if own.singleton:
            return self.ignored(b.arg)
        field = own.key
        if b.tail not in ID_TAILS and not own.natural:
            field = self.tables._unique(own, b.tail)
        want = self.key_class(own) if field == own.key else "string"
        return self.fit({"role": "key", "field": field}, b.arg, want)

    def owner(self, own: Table, b: Bound) -> Param:
        """The key of the row that this one belongs to, one to one."""
        found = self.tables.owner(own, b)
        if found is None:
            return self.ignored(b.arg) if own.singleton else self.key(own, b)
        return self.fit({"role": "key", "field": found}, b.arg, self.key_class(self.tables.table(b.noun)))

    def natural(self, own: Table, b: Bound) -> Param:
        """The caller's own key of a new row."""
        if own.natural:
            return self.fit({"role": "field", "field": own.key}, b.arg, "string")
        if b.tail not in ID_TAILS:
            return self.fit({"role": "field", "field": self.tables._unique(own, b.tail)}, b.arg, "string")
        return self.ignored(b.arg)

    def parent(self, own: Table, r: Reading, b: Bound) -> Param:
        """A key of another row: where the own row hangs."""
        target = self.tables.by_noun.get(b.noun)
        if target is None or target.singleton or target.link:
            return self.ignored(b.arg)
        want = self.key_class(target)
        by_name = b.tail not in ID_TAILS and not target.natural
        if by_name or (target is own and r.kind not in ("list", "search")):
            return self.ignored(b.arg)
        field = (
            None
            if own.singleton or r.kind in ("relate", "unrelate")
            else self.tables.ref(own, b.noun, self.tables.ref_words(b), hard=b.arg.required)
        )
        if field is None:
            return (
                self.fit({"role": "key", "entity": target.name}, b.arg, want) if b.arg.required else self.ignored(b.arg)
            )
        role = "field" if r.kind in ("create", "send", "upsert", "copy", "job") else "filter"
        return self.fit({"role": role, "field": field}, b.arg, want)

    def paging(self, own: Table, role: str, arg: Arg, taken: dict[str, Param]) -> Param:
        used = {p["role"] for p in taken.values()}
        if role in used or (role in _START and used & set(_START)) or (role == "order" and "sort" not in used):
            return self.ignored(arg)
        if role in ("sort", "projection"):
            if arg.enum:
                names = {n for n, s in own.fields.values() if s["type"] not in ("list", "map", "record", "ref", "bool")}
                return (
                    {"role": "sort", "schema": {"type": "string", "enum": list(arg.enum)}}
                    if set(arg.enum) <= names and role == "sort"
                    else self.ignored(arg)
                )
            return {"role": role}
        return {"role": role, "schema": fragment(arg)}

    def time(self, own: Table, b: Bound) -> Param:
        if b.arg.type != "string":
            return self.ignored(b.arg)
        times = [(k, n, s) for k, (n, s) in own.fields.items() if s["type"] in ("date", "time")]
        wanted = [(k, n, s) for k, n, s in times if b.field and set(k.split("_")) & {singular(w) for w in b.field}]
        if not wanted and not b.field:
            wanted = [x for x in times if x[0].startswith(("start", "created", "date", "sent"))] or times[:1]
        if not wanted:
            words: Words = (*b.field, "at") if b.field else ("created", "at")
            name = own.add(words, {"type": "time", "within": ["-240d", "-1d"], "set_by": "system"}, self.style)
            spec = own.spec(name)
            if spec is None or spec["type"] not in ("date", "time"):
                return self.ignored(b.arg)
            return {"role": "filter", "field": name, "compare": b.compare, "schema": {"type": "string"}}
        _, name, spec = wanted[0]
        schema: dict[str, Any] = {"type": "string"}
        if b.arg.schema.get("format") == ("date" if spec["type"] == "date" else "date-time"):
            schema["format"] = b.arg.schema["format"]
        return {"role": "filter", "field": name, "compare": b.compare, "schema": schema}

    def filter(self, own: Table, r: Reading, b: Bound) -> Param:
        if b.field == ("<key>",):
            if b.tail in ID_TAILS or own.natural:
                return self.fit({"role": "filter", "field": own.key}, b.arg, self.key_class(own))
            return self.fit({"role": "filter", "field": self.tables._unique(own, b.tail)}, b.arg, "string")
        name = self.tables.bind_field(own, r, b, writes=False)
        spec = own.spec(name) if name else None
        if name is None or spec is None or spec["type"] in ("list", "map", "record"):
            return self.ignored(b.arg)
        if b.compare == "in":
            return {"role": "filter", "field": name, "compare": "in"} if b.arg.type == "array" else self.ignored(b.arg)
        if spec["type"] == "enum" and not b.arg.enum and b.arg.type == "string":
            return {"role": "filter", "field": name}
        if b.arg.enum and spec["type"] == "enum" and not set(b.arg.enum) & set(spec["of"]):
            return self.ignored(b.arg)
        if b.compare in ("ge", "le") and spec["type"] not in ("int", "number", "money", "date", "time"):
            return self.ignored(b.arg)
        want = (
            "integer"
            if spec["type"] == "ref" and self.ref_int(spec)
            else "string"
            if spec["type"] == "ref"
            else json_class(spec)
        )
        if b.arg.enum and any(m.lower() in EVERY for m in b.arg.enum):
            return {
                "role": "filter",
                "field": name,
                "schema": {
                    "type": "string",
                    "enum": [m for m in b.arg.enum if m.lower() in EVERY or m in spec.get("of", ())],
                },
            }
        p: Param = {"role": "filter", "field": name}
        if b.compare != "eq":
            p["compare"] = b.compare
        return self.fit(p, b.arg, want)

    def ref_int(self, spec: dict[str, Any]) -> bool:
        target = next(t for t in self.tables.by_noun.values() if t.name == spec["to"])
        return self.key_class(target) == "integer"

    def payload(self, own: Table, r: Reading, b: Bound, taken: dict[str, Param]) -> Param:
        name = self.tables.bind_field(own, r, b, writes=True)
        spec = own.spec(name) if name else None
        if name is None or spec is None or name in {p.get("field") for p in taken.values() if p["role"] == "field"}:
            return self.ignored(b.arg)
        if spec.get("set_by") == "system" or (r.kind in ("update", "setting") and name == own.key):
            return self.ignored(b.arg)
        p: Param = {"role": "field", "field": name}
        if spec["type"] == "ref":
            return self.fit(p, b.arg, "integer" if self.ref_int(spec) else "string")
        if spec["type"] == "list" and str(spec.get("of", "")).startswith("ref "):
            return p
        if spec["type"] == "enum" and (not b.arg.enum or len(b.arg.enum) > len(spec["of"])):
            return p
        if spec["type"] in ("list", "map", "record"):
            return p
        if fits(spec, b.arg):
            p["schema"] = fragment(b.arg)
        return p

    def inferred(self, own: Table, r: Reading, b: Bound, taken: dict[str, Param]) -> dict[str, Param]:
        """An opaque payload, opened by what rows of this kind have."""
        out: dict[str, Param] = {}
        bound = {p.get("field") for p in taken.values()}
        chosen = [
            (n, s) for n, s in own.fields.values()
            if n not in bound and n != own.key and s["type"] not in ("ref", "map", "record", "list")
            and s.get("set_by", "tool") == "tool"
        ][:MAX_INFERRED]  # fmt: skip
        for i, (n, _) in enumerate(sorted(chosen, key=lambda x: x[0] != own.label)):
            name = n if n not in taken and n not in out else f"{b.arg.name}_{n}"
            out[name] = {
                "role": "field",
                "field": n,
                "at": [*b.arg.at, n],
                "required": bool(b.arg.required and i == 0 and r.kind in ("create", "send")),
            }
        return {n: self.told(p, p["at"][-1], {}) for n, p in out.items()}

    # --- the rest of a tool -------------------------------------------------------------------------------------------

    def details(self, tool: dict[str, Any], r: Reading, own: Table, params: dict[str, Param]) -> None:
        self.about(tool, r.tool)
        if r.kind == "move" and r.verb in RESTARTS:
            stamp = own.add(
                (f"{r.verb}ed", "at"), {"type": "time", "within": ["-60d", "-1d"], "set_by": "system"}, self.style
            )
            tool["init"] = {stamp: "now"}
            if own.lifecycle is not None and "running" in own.lifecycle["moves"]:
                tool["require"] = [{"that": f"it['{own.lifecycle['field']}'] == 'running'", "else": "wrong_state"}]
        elif r.kind == "move" and not is_flag(r, own) and own.lifecycle is not None:
            tool["to"] = member(transition(r)[0], list(own.lifecycle["moves"]))
        elif tool["op"] == "update" and (r.kind == "flag" or is_flag(r, own)):
            name, value = flag_of(r)
            column = own.add((name,), {"type": "bool", "p": 0.5, "set_by": "system"}, self.style)
            tool["init"] = {column: value}
        elif r.kind == "move" and own.free_state is not None:
            goal = member(transition(r)[0], list(own.moves))
            sources = [s for s, targets in own.moves.items() if goal in targets]
            tool["init"] = {own.free_state: f"'{goal}'"}
            tool["require"] = [
                {
                    "that": f"it['{own.free_state}'] in [" + ", ".join(f"'{s}'" for s in sources) + "]",
                    "else": "wrong_state",
                }
            ]
        if r.kind == "aggregate" and r.verb not in lx.COUNT:
            self.sums(tool, own)
        if r.kind == "edit":
            self.editing(tool, r, own, params)
        if r.kind == "job":
            begin_work(tool, own, self.style)
        if tool["op"] in ("list", "search"):
            self.listing(tool, own, params)
        if r.kind == "get" and r.facet and not own.singleton:
            part = own.column(r.facet)
            if part is None and r.facet[-1] in lx.SERIES_HEADS | {"stat", "metric", "usage"}:
                self.measured(tool, r, own)
            elif (
                part is None
                and len(r.facet) <= 2
                and r.facet[-1] not in ("settings", "setting", "details", "config", "configuration", "profile", "info")
            ):
                part = own.add(r.facet, {"type": "text", "null": 0.2}, self.style)
            if part is not None:
                tool["shows"] = [own.key, part]
        if tool["op"] in ("relate", "unrelate"):
            sides = [p["field"] for b, p in ((b, params[b.arg.name]) for b in r.roles if b.role in ("left", "right"))]
            tool["left"], tool["right"] = sides
        envelope = self.envelope(own)
        if envelope:
            tool["envelope"] = envelope

    def about(self, tool: dict[str, Any], name: str) -> None:
        """What the catalog says about a tool as a whole."""
        real = self.tables.tools[name]
        tool["description"] = real.description
        if real.annotations:
            tool["annotations"] = dict(real.annotations)


def fragment(arg: Arg) -> dict[str, Any]:
    """The argument's own schema fragment, small, null allowed where it was."""
    out = {k: v for k, v in arg.schema.items() if k != "format" or v in ("date", "date-time", "email", "uri", "uuid")}
    if "type" not in out and arg.type != "any":
        out["type"] = arg.type
    if isinstance(out.get("enum"), list) and len(out["enum"]) > 40:
        out["enum"] = out["enum"][:40]
    default = out.get("default")
    if default is not None and isinstance(out.get("enum"), list) and default not in out["enum"]:
        out.pop("default")
    if arg.nullable and isinstance(out.get("type"), str) and "enum" not in out:
        out["type"] = [out["type"], "null"]
    return out
