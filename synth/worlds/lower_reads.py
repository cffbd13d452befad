"""Lowering of the operations that read: get, exists, list, search, aggregate, compute."""

from __future__ import annotations

import re
from typing import Any

from synth.worlds import schema as sch
from synth.worlds.lower_parts import Parts, Stmt
from synth.worlds.params import arg, paging_of, quote
from synth.worlds.spec import FieldSpec, Param

EVERY = frozenset({"all", "any", "both", "*", "every"})


def every_member(p: Param, spec: FieldSpec | None) -> list[str]:
    """Members of a filter's enum that no row has and that mean no filter: `status: all`."""
    own = spec.of if spec is not None and isinstance(spec.of, list) else []
    members = p.schema_.get("enum") if p.compare == "eq" else None
    return [m for m in members or [] if isinstance(m, str) and m.lower() in EVERY and m not in own]


MEASURE = re.compile(r"^(sum|mean|median|min|max) of (\w+)$")


def measured(measure: re.Match[str], rows: str) -> str:
    """Expression of "sum of total" over the rows named `rows`; null where there are none, but for a sum."""
    values = f"{rows}.map(it, it[{quote(measure[2])}]).filter(value, has(value))"
    return f"{values}.sum()" if measure[1] == "sum" else f"{measure[1]}({values})"


class Reads(Parts):
    """One method per reading operation."""

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
            value, every = arg(name), every_member(p, spec)
            if every:
                value = f"({value} in [{', '.join(quote(m) for m in every)}] ? null : {value})"
            where.append(
                {"field": p.field, "compare": p.compare, "value": value, "optional": bool(every) or not p.required}
            )
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
            said = [f"({self.tool.joins[t]})" if t in self.tool.joins else f"it[{quote(t)}]" for t in texts]
            hay = " + ' ' + ".join(f"coalesce(str({s}), '')" for s in said)
            score = f"similar({arg(queries[0])}, {hay})"
            out.append({"let": {"found": f"has({arg(queries[0])}) ? found.rank(it, {score}) : found"}})
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
        whole = self.row_view("it", shows)
        shown = f"page.map(it, {whole})"
        for n in self.by_role("projection"):
            picked = f"page.map(it, project({whole}, {arg(n)}, {quote(self.first_key())}))"
            shown = f"has({arg(n)}) ? {picked} : {shown}"
        if self.tool.gives is not None:
            return [*out, *self.tool.then, {"return": self.tool.gives}]
        row = self.row_schema(shows)
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
        measure = MEASURE.match(self.tool.measure or "")
        if self.tool.group:
            groups = f"tally(found.map(it, it[{quote(self.tool.group)}]))"
            if measure:
                value = measured(measure, "rows_of")
                groups = f"found.group(it, it[{quote(self.tool.group)}]).map_values(rows_of, {value})"
            self.output = {
                "type": "object",
                "properties": {"groups": {"type": "object"}, "total": {"type": "integer"}},
                "required": ["groups", "total"],
            }
            return [*out, {"return": f"{{groups: {groups}, total: size(found)}}"}]
        if measure:
            self.output = {
                "type": "object",
                "properties": {measure[1]: {"type": ["number", "string", "null"]}, "count": {"type": "integer"}},
                "required": [measure[1], "count"],
            }
            return [*out, {"return": f"{{{measure[1]}: {measured(measure, 'found')}, count: size(found)}}"}]
        name = "count" if self.tool.measure in (None, "size(found)") else "value"
        self.output = {
            "type": "object",
            "properties": {name: {"type": ["number", "string", "null"]}},
            "required": [name],
        }
        return [*out, {"return": f"{{{name}: {self.tool.measure or 'size(found)'}}}"}]

    def op_compute(self) -> list[Stmt]:
        return [*self.load_others(), *self.gates(), {"return": self.tool.gives}]
