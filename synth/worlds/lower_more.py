"""Lowering of series, jobs, transfers, text edits, sessions and batches."""

from __future__ import annotations

from typing import Any

from synth.worlds import schema as sch
from synth.worlds.lower_parts import Parts, Stmt
from synth.worlds.lower_reads import Reads
from synth.worlds.lower_writes import Writes
from synth.worlds.params import arg, paging_of, quote, sides
from synth.worlds.statements import Made


class Series(Reads):
    """Rows of virtual tables."""

    def sampled(self, **fixed: Any) -> Stmt:
        """The `series` statement; declares `not_found` where a key names stored rows and `invalid_range` where a
        caller gives the beginning."""
        assert self.entity is not None
        keys = self.own_keys()
        parts = self.entity.keys[:-1]
        if any(k in keys and self.entity.fields[k].type == "ref" for k in parts):
            self.error("not_found")
        stmt: Stmt = {"series": "found", "from": self.tool.of, "key": [self.key_part(k) for k in parts]}
        for role, part in (("from", "since"), ("until", "until"), ("span", "span"), ("every", "every")):
            for n, p in self.by_role(role).items():
                stmt[part] = {"param": n, "value": arg(n)}
                if p.unit:
                    stmt["unit"] = p.unit
        if "since" in stmt and (not self.entity.ahead or "until" in stmt):
            self.error("invalid_range")
        if self.tool.every:
            stmt["step"] = self.tool.every
        return Made("series", {**stmt, **fixed})

    def key_part(self, field: str) -> str:
        keys = self.own_keys()
        if field not in keys:
            return "null"
        name = keys[field]
        return f"split({arg(name)}, ',').map(part, trim(part))" if self.is_joined(name) else arg(name)

    def is_joined(self, name: str) -> bool:
        """Several keys in one text: "AAA,BBB"."""
        p = self.params[name]
        kind = sch.param_schema(self.world, self.tool, p).get("type")
        return p.compare == "in" and kind == "string"

    def op_series(self) -> list[Stmt]:
        assert self.entity is not None
        limits, starts = list(self.by_role("limit")), self.by_role("offset", "page", "cursor")
        paged = bool(starts)
        fixed: dict[str, Any] = {"default": max(1, min(paging_of(self.tool).default, 366))}
        if limits and not paged:
            fixed["limit"] = {"param": limits[0], "value": arg(limits[0])}
        out = [*self.load_others(), self.sampled(**fixed), *self.narrowed(), *self.ordering(), *self.gates()]
        shows = self.tool.shows or self.all_fields()
        if paged or self.tool.gives is not None:
            return [*out, *self.page(shows)]
        return [*out, *self.whole(shows)]

    def narrowed(self) -> list[Stmt]:
        """Filters on what was sampled."""
        out: list[Stmt] = []
        signs = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
        for n, p in self.by_role("filter").items():
            value = f"it[{quote(str(p.field))}]"
            test = (
                f"{value} in {arg(n)}" if p.compare == "in"
                else f"contains({value}, {arg(n)})" if p.compare == "contains"
                else f"{value} {signs[p.compare]} {arg(n)}"
            )  # fmt: skip
            out.append({"let": {"found": f"has({arg(n)}) ? found.filter(it, {test}) : found"}})
        return out

    def whole(self, shows: list[str]) -> list[Stmt]:
        """All sampled rows in their envelope."""
        env = self.envelope
        self.output = sch.wrap_items(self.row_schema(shows), env, False)
        shown = f"found.map(it, {self.row_view('it', shows)})"
        if env.items is None:
            return [*self.tool.then, {"return": shown}]
        total = f", {quote(env.total)}: size(found)" if env.total else ""
        return [*self.tool.then, {"return": f"{{{quote(env.items)}: {shown}{total}}}"}]

    def op_get(self) -> list[Stmt]:
        """Of a virtual entity: its row at the given time, the latest where none is given."""
        if self.entity is None or not self.entity.virtual:
            return super().op_get()
        moment = self.own_keys().get(self.entity.keys[-1])
        fixed: dict[str, Any] = {"limit": {"param": "limit", "value": "1"}}
        if moment is not None:
            fixed |= {"until": {"param": moment, "value": arg(moment)}, "exact": True}
            self.error("not_found")
        out = [*self.load_others(), self.sampled(**fixed), {"let": {"it": "found.first()"}}]
        return [*out, *self.gates(), *self.returns("it", self.all_fields())]


class Changes(Writes):
    """Operations over one or two rows that are more than a set of fields."""

    def op_job(self) -> list[Stmt]:
        return self.op_create()

    def op_session(self) -> list[Stmt]:
        assert self.entity is not None
        if not self.tool.clear:
            return self.op_setting()
        cleared = {f: "null" for f in self.entity.fields if f not in self.entity.keys} | dict(self.tool.init)
        set_: Stmt = {"set": "it", "of": self.tool.of, "given": {}, "to": cleared}
        self.output = {"type": "object", "properties": {"ok": {"const": True}}, "required": ["ok"]}
        gives = self.tool.gives or "{ok: true}"
        return [*self.load(), *self.gates(), *self.dry_run(), set_, *self.tool.then, {"return": gives}]

    def op_transfer(self) -> list[Stmt]:
        source, target = sides(self.tool)
        (amount,) = self.by_role("amount")
        field = str(self.tool.field)
        out: list[Stmt] = []
        for name, param in (("source", source), ("target", target)):
            table = self.params[param].entity or self.tool.of
            out.append({"load": name, "from": table, "key": arg(param), "else": self.error("not_found")})
        if self.table_of(source) == self.table_of(target):
            out.append({
                "require": "source != target", "else": self.error("same_row"), "with": {"id": arg(source)},
            })  # fmt: skip
        value, have = arg(amount), f"source[{quote(field)}]"
        if not _positive(sch.param_schema(self.world, self.tool, self.params[amount])):
            out.append({"require": f"{value} > 0", "else": self.error("invalid_amount"), "with": {"amount": value}})
        bound = {"entity": quote(self.table_of(source)), "id": arg(source), "have": have, "amount": value}
        out += self.gates()
        out.append({"require": f"{have} >= {value}", "else": self.error("insufficient"), "with": bound})
        out += self.dry_run()
        out += [
            {"set": "source", "of": self.table_of(source), "to": {field: f"{have} - {value}"}},
            {"set": "target", "of": self.table_of(target), "to": {field: f"target[{quote(field)}] + {value}"}},
        ]
        if self.tool.gives is not None:
            return [*out, *self.tool.then, {"return": self.tool.gives}]
        number = sch.field_schema(self.world, self.world.entities[self.table_of(source)].fields[field])
        props: sch.Schema = {"amount": {"type": "number"}, "source": number, "target": number}
        self.output = {"type": "object", "properties": props, "required": list(props)}
        if self.by_role("dry_run"):
            self.output = {"type": "object"}
        gives = f"{{amount: {value}, source: {have}, target: target[{quote(field)}]}}"
        return [*out, *self.tool.then, {"return": gives}]

    def table_of(self, param: str) -> str:
        return str(self.params[param].entity or self.tool.of)

    def op_edit(self) -> list[Stmt]:
        field, how = str(self.tool.field), str(self.tool.how)
        old = f"coalesce(it[{quote(field)}], '')"
        text = self.argument("text", "''")
        checks: list[Stmt] = []
        if how in ("replace", "replace_one"):
            find = self.argument("find", "''")
            count = f"occurrences({old}, {find})"
            checks.append({"require": f"{count} > 0", "else": self.error("no_match")})
            if how == "replace_one":
                checks.append({
                    "require": f"{count} == 1", "else": self.error("many_matches"), "with": {"count": count},
                })  # fmt: skip
            new = f"replace({old}, {find}, {text})"
        elif how == "insert":
            line = self.argument("line", "0")
            checks.append(self.line_check(f"{line} >= 0 && {line} <= size(splitlines({old}))", line, old))
            new = f"replace_lines({old}, {line} + 1, {line}, {text})"
        elif how == "lines":
            line, last = self.argument("line", "1"), self.argument("line_end", self.argument("line", "1"))
            inside = f"{line} >= 1 && {last} >= {line} && {last} <= size(splitlines({old}))"
            checks.append(self.line_check(inside, last, old))
            new = f"replace_lines({old}, {line}, {last}, {text})"
        else:
            new = f"{old} + {text}" if how == "append" else f"{text} + {old}"
        set_: Stmt = {"set": "it", "of": self.tool.of, "to": {**self.tool.init, field: new}}
        body = [*self.load(), *checks, *self.gates(), *self.dry_run(), set_]
        if self.tool.gives is None and self.tool.shows is None:
            key = self.first_key()
            props: sch.Schema = {key: sch.key_schema(self.world, str(self.tool.of)), "lines": {"type": "integer"}}
            self.output = {"type": "object", "properties": props, "required": list(props)}
            if self.by_role("dry_run"):
                self.output = {"type": "object"}
            shown = f"{{{quote(key)}: it[{quote(key)}], lines: size(splitlines(it[{quote(field)}]))}}"
            return [*body, *self.tool.then, {"return": shown}]
        return [*body, *self.returns("it", self.echo())]

    def argument(self, role: str, absent: str) -> str:
        """The parameter of a role; `absent` where there is none or it is not given."""
        names = list(self.by_role(role))
        if not names:
            return absent
        return arg(names[0]) if self.params[names[0]].required else f"coalesce({arg(names[0])}, {absent})"

    def line_check(self, that: str, line: str, old: str) -> Stmt:
        bound = {"line": line, "lines": f"size(splitlines({old}))"}
        return {"require": that, "else": self.error("no_such_line"), "with": bound}


def _positive(schema: sch.Schema) -> bool:
    """Whether the schema itself refuses 0 and less."""
    return bool(schema.get("minimum", 0) > 0 or schema.get("exclusiveMinimum", -1) >= 0)


class Batches(Parts):
    """One operation for each item of a list."""

    def batched(self, inner: Parts, body: list[Stmt]) -> list[Stmt]:
        """`body` lowered for one item by `inner`, done for every item."""
        over, mode = str(self.tool.batch_over), self.tool.batch
        if mode == "all_or_nothing":
            for code in inner.errors:
                self.error(code)
        else:
            self.item_errors = list(inner.errors)
        stmt: Stmt = {"batch": "results", "over": over, "mode": mode, "do": body}
        if self.params[over].role == "batch":
            at = self.params[over].at or [over]
            stmt["members"] = {
                n: p.at[len(at) :] for n, p in self.params.items() if p.at and n != over and p.at[: len(at)] == at
            }
        name = self.envelope.items if self.envelope.items not in (None, "items") else "results"
        one = inner.output or {}
        self.output = sch.batch_schema(str(name), one, mode)
        shown = f"{{{quote(str(name))}: results, count: size(results)}}"
        if mode != "all_or_nothing":
            good = "results.count(entry, entry.ok == true)"
            shown = f"{{{quote(str(name))}: results, succeeded: {good}, failed: size(results) - {good}}}"
        return [Made("batch", stmt), {"return": shown}]
