"""A draft put together again as a `World`: names, parameters, envelopes, conditions and descriptions in one style."""

from __future__ import annotations

from typing import Any

from synth.records import rng_for
from synth.worlds.evolve.describe import Habits, describe_param, describe_tool
from synth.worlds.evolve.draft import CHANGED, DEntity, Draft, DTool, Rule
from synth.worlds.evolve.dress import dress
from synth.worlds.evolve.hosts import Host
from synth.worlds.evolve.naming import entity_name, name_tools, plural
from synth.worlds.evolve.render_more import events, more_of, more_params, policies
from synth.worlds.evolve.repair import required_refs
from synth.worlds.evolve.style import Style, cased
from synth.worlds.evolve.wording import elaborate
from synth.worlds.infer import INT_RANGES, words
from synth.worlds.params import quote
from synth.worlds.spec import FieldSpec, Param, World

Json = dict[str, Any]
_MONEY_CEILING = 6000  # generated amounts run from 50 to 100,000 minor units, most below 10,000


class Renderer:
    """Renders one draft. `world_id` names the world and keys its generated ids."""

    def __init__(self, draft: Draft, style: Style, habits: Habits, host: Host, world_id: str) -> None:
        self.draft, self.style, self.habits, self.host, self.world_id = draft, style, habits, host, world_id
        self.rng = rng_for("render", world_id)
        self.errors: dict[str, Json] = {}
        self.fields: dict[str, dict[str, str]] = {}  # entity -> canonical -> shown
        for key, entity in draft.entities.items():
            names = {f: style.field(f, self.by_id(s)) for f, s in entity.fields.items()}
            if len(set(names.values())) < len(names):
                names = {f: cased(f, style.fields) for f in entity.fields}
            self.fields[key] = names

    def world(self) -> World:
        named = name_tools(self.draft, self.style)
        tools = {name: self.tool(tool, i) for i, (name, tool) in enumerate(named.items())}
        return dress(elaborate(World.load(
            {
                "world": self.world_id, "title": self.draft.domain.title(), "category": self.draft.category,
                "domain": self.draft.domain, "server": self.draft.roots[0] if self.draft.roots else None,
                "clock": self.clock(),
                "entities": {entity_name(k): self.entity(k, e) for k, e in self.draft.entities.items()},
                "tools": tools, "events": events(self), "policies": policies(self, named), "errors": self.errors,
                "error_style": self.style.error_style, "roots": self.draft.roots,
                "operators": self.draft.operators,
            },
            self.world_id,
        ), self.habits), self.host, self.world_id)  # fmt: skip

    def clock(self) -> str:
        day, hour, month = self.rng.randint(1, 28), self.rng.randint(7, 18), self.rng.randint(1, 12)
        return f"{self.rng.choice((2025, 2026))}-{month:02d}-{day:02d}T{hour:02d}:{self.rng.choice((0, 15, 30)):02d}:00"

    # --- entities -----------------------------------------------------------------------------------------------------

    def entity(self, key: str, entity: DEntity) -> Json:
        names = self.fields[key]
        out: Json = {
            "key": [names[f] for f in entity.link] if entity.link else self.key_of(key),
            "id": entity.id.model_dump(), "rows": entity.rows, "noun": entity.noun, "plural": plural(entity),
            "fields": {names[f]: self.field(s) for f, s in entity.fields.items()},
        }  # fmt: skip
        if entity.virtual:
            return out | {"key": [names[f] for f in entity.virtual], "virtual": True, "step": entity.step}
        if entity.state and entity.moves and entity.state in names:
            out["lifecycle"] = {"field": names[entity.state], "moves": entity.moves}
        if entity.label in names:
            out["label"] = names[str(entity.label)]
        return out

    def key_of(self, key: str) -> str:
        if self.draft.entities[key].natural:
            return self.fields[key][str(self.draft.entities[key].label)]
        name = self.style.key_name(self.draft.entities[key].noun)
        return name if name not in self.fields[key].values() else cased(f"{key} key", self.style.fields)

    def field(self, spec: FieldSpec) -> FieldSpec | Json:
        if spec.type == "ref":
            return spec.model_copy(update={"to": entity_name(str(spec.to))})
        if spec.type == "record":
            return {
                "type": "record",
                "fields": {cased(f, self.style.fields): s for f, s in (spec.fields or {}).items()},
            }
        return spec

    # --- tools --------------------------------------------------------------------------------------------------------

    def tool(self, tool: DTool, ordinal: int) -> Json:
        entity, names = self.draft.entities[tool.of], self.fields[tool.of]
        out: Json = {
            "op": tool.op, "of": entity_name(tool.of), "source": tool.source,
            "description": describe_tool(self.draft, tool, self.habits, ordinal),
            "parents": tool.parents,
        }  # fmt: skip
        if tool.op == "choose":
            out["by"] = "action"
            out["cases"] = {c.verb or c.op: self.case(c) for c in tool.cases}
            return out
        out["params"] = self.params(tool)
        if tool.op in ("list", "search", "aggregate"):
            out["in"] = [names[f] for f in tool.texts] if tool.op == "search" else []
            if tool.view:
                out["where"] = [f"it[{quote(names[tool.view[0]])}] == {quote(tool.view[1])}"]
            if tool.sort:
                out["sort"] = ("-" if tool.sort[0] == "-" else "") + names[tool.sort.strip("-")]
            out["paging"] = self.paging(tool)
        if tool.op in ("list", "search"):
            out["shows"] = self.shows(tool, entity)
        if tool.op == "aggregate":
            out |= self.measure(tool)
        if tool.op == "move":
            out["to"] = tool.to
        if tool.op in ("relate", "unrelate") and entity.link:
            out["left"], out["right"] = (names[f] for f in entity.link)
        if tool.op in ("update", "move") and CHANGED in entity.fields:
            out["init"] = {names[CHANGED]: "now"}
        out |= more_of(self, tool, out["params"])
        if tool.rules:
            out["require"] = [r for rule in tool.rules if (r := self.rule(tool, rule)) is not None]
        out["envelope"] = self.envelope(tool, entity)
        return {k: v for k, v in out.items() if v not in (None, [], {})}

    def case(self, case: DTool) -> Json:
        out = self.tool(case, 0)
        for name in ("parents", "source"):
            out.pop(name, None)
        return out

    def params(self, tool: DTool) -> Json:
        entity = self.draft.entities[tool.of]
        names = self.fields[tool.of]
        out: Json = {}

        def add(name: str, role: str, field: str | None = None, **more: Any) -> None:
            shown = names.get(field, field) if field else None
            self.param(out, tool, entity, name, {"role": role, "field": shown, **more}, field)

        if tool.op in ("relate", "unrelate") and entity.link:
            for f in entity.link:
                add(names[f], "key", f, required=True)
            return out
        if tool.op in ("get", "exists", "update", "copy", "delete", "move") and not entity.virtual:
            if tool.by:
                add(names[tool.by], "key", tool.by, required=True)
            elif tool.batch:
                add(
                    self.keys_name(tool.of), "key", self.key_of(tool.of), required=True, schema=self.keys_schema(entity)
                )
            else:
                key = self.key_of(tool.of)
                add(key, "key", str(entity.label) if entity.natural else key, required=True)
        if tool.op in ("create", "send", "job"):
            for f in required_refs(entity):
                if f not in tool.needs:
                    tool.needs.append(f)
        for required, fields in ((True, tool.needs), (False, tool.may)):
            for f in fields:
                at = [cased(tool.envelope, self.style.fields), names[f]] if tool.envelope else None
                add(names[f], "field", f, required=required, at=at)
        if tool.op == "search":
            add(self.style.word("query", "query"), "query", required=True)
        for f, compare, required in tool.filters:
            if not (tool.view and f == tool.view[0]):
                add(self.filter_name(names[f], f, compare), "filter", f, compare=compare, required=required)
        if tool.op in ("list", "search"):
            if tool.paging != "none":
                for role in ("limit", tool.paging):
                    add(self.style.word(role, role), role)
            for role, name in (("sort", "sort_by"), ("order", "order"), ("projection", "fields")):
                if role in tool.extras:
                    add(self.style.word(role, name), role)
        for role in ("confirm", "dry_run"):
            if role in tool.extras:
                add(self.style.word(role, role), role)
        more_params(self, tool, add)
        return out

    def keys_name(self, key: str) -> str:
        """What a list of keys is called: ids, order_ids."""
        return self.key_of(key) + "s"

    def by_id(self, spec: FieldSpec) -> bool:
        return spec.type == "ref" and not self.draft.entities[str(spec.to)].natural

    def keys_schema(self, entity: DEntity) -> Json:
        whole = entity.id.kind == "int" and not entity.natural
        return {"type": "array", "minItems": 1, "items": {"type": "integer" if whole else "string"}}

    def param(self, out: Json, tool: DTool, entity: DEntity, name: str, body: Json, field: str | None) -> None:
        if name in out:
            return
        probe = Param.model_validate({k: v for k, v in body.items() if k != "field"})
        known = field if field in entity.fields else None
        body["description"] = describe_param(self.draft, entity, probe, known, self.habits)
        out[name] = {k: v for k, v in body.items() if v is not None and v is not False}

    def filter_name(self, shown: str, field: str, compare: str) -> str:
        low, high = self.style.span
        form = {
            "ge": low,
            "gt": low,
            "le": high,
            "lt": high,
            "in": "{f}_in",
            "contains": "{f}_contains",
            "ne": "{f}_not",
        }
        return cased(form[compare].format(f=field), self.style.fields) if compare in form else shown

    def paging(self, tool: DTool) -> Json:
        if tool.paging == "none":
            return {"kind": "none"}
        size = (10, 20, 25, 50)[self.style.seed % 4]
        return {"kind": tool.paging, "default": size, "max": size * 4}

    def shows(self, tool: DTool, entity: DEntity) -> list[str] | None:
        """Lists show less than a get does; which fields is a habit of the world."""
        names = self.fields[tool.of]
        key = [] if entity.link else [self.key_of(tool.of)]
        rng = rng_for("shows", self.style.seed, tool.of)
        if rng.random() < 0.35 or len(names) <= 4:
            return list(dict.fromkeys([*key, *names.values()]))
        must = [f for f in (entity.label, entity.state, *(entity.link or ()), *entity.refs()) if f in names]
        rest = [f for f in names if f not in must]
        chosen = {*must[:5], *rng.sample(rest, min(len(rest), 2))}
        return list(dict.fromkeys([*key, *(names[f] for f in names if f in chosen)]))

    def measure(self, tool: DTool) -> Json:
        names = self.fields[tool.of]
        if tool.measure:
            return {"measure": f"found.map(it, it[{quote(names[tool.measure])}]).sum()"}
        return {"group": names[tool.group]} if tool.group else {"measure": "size(found)"}

    def envelope(self, tool: DTool, entity: DEntity) -> Json:
        s = self.style
        item = {"bare": None, "noun": cased(entity.noun, s.fields), "data": "data"}[s.item]
        many = {"bare": None, "plural": cased(plural(entity), s.fields)}.get(s.items, s.items)
        total = cased(s.total, s.fields) if s.total else None
        return {"item": item, "items": many, "total": total, "next": cased(s.next, s.fields) if many else None}

    # --- conditions ---------------------------------------------------------------------------------------------------

    def rule(self, tool: DTool, rule: Rule) -> Json | None:
        that = self.condition(tool, rule)
        if that is None:
            return None
        self.errors[rule.code] = {
            "status": 409 if rule.kind in ("not_in_state", "no_children") else 422,
            "say": rule.say,
        }
        return {"that": that, "else": rule.code}

    def condition(self, tool: DTool, rule: Rule) -> str | None:
        names = self.fields[tool.of]
        entity = self.draft.entities[tool.of]
        field = names.get(rule.field, "")
        given = f"args[{quote(field)}]"
        if rule.kind == "not_in_state" and entity.state:
            return f"!(it[{quote(names[entity.state])}] in {_texts(rule.value)})"
        if rule.kind == "no_children" and rule.other in self.fields and rule.field in self.fields[rule.other]:
            shown = self.fields[rule.other][rule.field]
            return f"size(by({entity_name(rule.other)}, {quote(shown)}, it[{quote(self.key_of(tool.of))}])) == 0"
        if rule.kind == "needs_ref" and field:
            return f"it[{quote(field)}] != null"
        if rule.field not in tool.needs or not field:
            return None
        if rule.kind == "ref_state":
            target = self.draft.entities[rule.other]
            state = self.fields[rule.other][str(target.state)]
            return f"{entity_name(rule.other)}[{given}][{quote(state)}] in {_texts(rule.value)}"
        if rule.kind == "quota":
            rows = entity.rows * (1 - entity.fields[rule.field].null)  # a few owners have far more than the mean
            most = max(2, round(1.6 * rows / max(1, self.draft.entities[rule.other].rows)))
            return f"size(by({entity_name(tool.of)}, {quote(field)}, {given})) < {most}"
        if rule.kind == "ceiling":
            return f"{given} <= {ceiling(rule.field, entity.fields[rule.field])}"
        if rule.kind == "period" and rule.other in tool.needs:
            return f"{given} >= args[{quote(names[rule.other])}]"
        return None


def ceiling(name: str, spec: FieldSpec) -> int:
    """A limit inside the range that values of this field are drawn from, so that it is kept and broken."""
    if spec.type == "money":
        return _MONEY_CEILING
    for word in reversed(words(name)):
        if word in INT_RANGES:
            low, high = INT_RANGES[word]
            return low + (high - low) * 3 // 5
    return 120


def _texts(values: list[str]) -> str:
    return "[" + ", ".join(quote(v) for v in values) + "]"
