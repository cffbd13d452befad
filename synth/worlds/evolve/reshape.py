"""Operators that change the form of tools: richer parameters, nested payloads, split and merge, other keys, rules."""

from __future__ import annotations

import random
from collections.abc import Callable

from synth.worlds.evolve.draft import MADE, DEntity, Draft, DTool, Rule, copy_tool
from synth.worlds.evolve.grow import added, near
from synth.worlds.evolve.repair import NUMERIC
from synth.worlds.spec import FieldSpec, IdStyle

NAMES = ("name", "file_name", "title")
NAMED = frozenset({"group", "asset", "place", "item", "document"})
MERGEABLE = frozenset({"get", "list", "create", "update", "delete", "move"})


def enrich(draft: Draft, rng: random.Random) -> bool:
    """Filters, ranges, sorting, paging, projection on reads; dry run and confirmation on writes."""
    changed = False
    tools = draft.tools[:]
    rng.shuffle(tools)
    for tool in tools[: rng.choice((3, 4, 5))]:
        entity = draft.entities[tool.of]
        if tool.op in ("list", "search"):
            changed |= _richer_read(entity, tool, rng)
        elif tool.op == "aggregate":
            changed |= _richer_sum(entity, tool, rng)
        elif tool.op in ("delete", "move", "create", "update") and not tool.extras & {"dry_run", "confirm"}:
            tool.extras.add("confirm" if tool.op == "delete" else "dry_run")
            changed = True
    return changed


def furnish(draft: Draft, rng: random.Random) -> None:
    """Bring bare reads and payloads up to what is usual: real tools have three parameters in the median."""
    for tool in draft.tools:
        entity = draft.entities[tool.of]
        if tool.op in ("list", "search", "aggregate") and len(tool.filters) < 2 and rng.random() < 0.75:
            exact = [(f, "eq", False) for f, s in entity.fields.items() if s.type in ("enum", "bool", "ref")]
            have = {f for f, _, _ in tool.filters} | {tool.group}
            tool.filters += [e for e in exact if e[0] not in have][: rng.choice((1, 2, 3))]
            if tool.paging == "none" and rng.random() < 0.6:
                tool.paging = rng.choice(("offset", "offset", "page", "cursor"))
        elif tool.op in ("create", "send") and rng.random() < 0.6:
            spare = [f for f in entity.payload() if f not in tool.needs and f not in tool.may]
            tool.may += spare[: rng.choice((1, 2, 4))]


def _richer_read(entity: DEntity, tool: DTool, rng: random.Random) -> bool:
    have = {(f, c) for f, c, _ in tool.filters}
    exact = [(f, "eq", False) for f, s in entity.fields.items() if s.type in ("enum", "bool", "ref")]
    spans = [
        pair for f, s in entity.fields.items() if s.type in NUMERIC | {"date", "time"}
        for pair in ((f, "ge", False), (f, "le", False))
    ]  # fmt: skip
    several = [(f, "in", False) for f, s in entity.fields.items() if s.type == "enum" and (f, "eq") not in have]
    for options in (exact, spans[:4], several):
        fresh = [o for o in options if o[:2] not in have]
        if fresh and rng.random() < 0.6:
            tool.filters += fresh[: 2 if options is not several else 1]
    if rng.random() < 0.5:
        tool.extras.add("sort")
        if rng.random() < 0.6:
            tool.extras.add("order")
    if tool.paging == "none" or rng.random() < 0.3:
        tool.paging = rng.choice(("offset", "page", "cursor"))
    if rng.random() < 0.25:
        tool.extras.add("projection")
    seen: dict[tuple[str, str], tuple[str, str, bool]] = {}
    for f in tool.filters:
        if (f[0], "in" if f[1] == "eq" else "eq") not in seen:
            seen.setdefault(f[:2], f)
    tool.filters = list(seen.values())
    return True


def _richer_sum(entity: DEntity, tool: DTool, rng: random.Random) -> bool:
    numbers = [f for f, s in entity.fields.items() if s.type in NUMERIC]
    enums = [f for f, s in entity.fields.items() if s.type == "enum"]
    if numbers and not tool.measure and rng.random() < 0.6:
        tool.measure = rng.choice(numbers)
    elif enums and not tool.group and not tool.measure:
        tool.group = rng.choice(enums)
    return True


def restructure(draft: Draft, rng: random.Random) -> bool:
    """Payloads one level down, fields gathered into a record, one value to a list, other members for an enum."""
    name = rng.choice([n for n, e in draft.entities.items() if not (e.virtual or e.job)])
    entity = draft.entities[name]
    forms: list[Callable[[Draft, str, DEntity, random.Random], bool]] = [_nest, _nest, _gather, _to_list, _grade]
    rng.shuffle(forms)
    applied = 0
    for form in forms:
        applied += form(draft, name, entity, rng)
        if applied >= 2:
            break
    return applied > 0


def _nest(draft: Draft, name: str, entity: DEntity, rng: random.Random) -> bool:
    return nest(draft, rng.choice(("data", "input", "payload", "attributes", "body", name, name)))


def nest(draft: Draft, under: str) -> bool:
    """Payloads of more than one value sit one level down, for the whole world."""
    touched = [
        t for t in draft.tools
        if t.op in ("create", "update", "send") and not (t.envelope or t.batch or t.rules) and len(t.needs + t.may) > 1
    ]  # fmt: skip
    for tool in touched:
        tool.envelope = tool.of if under in draft.entities else under
    return bool(touched)


def _gather(draft: Draft, name: str, entity: DEntity, rng: random.Random) -> bool:
    """Two plain fields become one record: `contact: {email, phone}`."""
    for record, parts in (
        ("contact", ("email", "phone")),
        ("address_details", ("address", "city")),
        ("period", ("starts_at", "ends_at")),
    ):
        if all(p in entity.fields for p in parts) and record not in entity.fields and entity.label not in parts:
            inner = {p: entity.fields.pop(p).model_copy(update={"null": 0.0}) for p in parts}
            entity.fields[record] = FieldSpec(type="record", fields=inner)
            for tool in draft.of(name):
                for names in (tool.needs, tool.may):
                    if any(p in names for p in parts):
                        names[:] = [n for n in names if n not in parts] + [record]
                tool.rules = [r for r in tool.rules if r.field not in parts and r.other not in parts]
            return True
    return False


def _to_list(draft: Draft, name: str, entity: DEntity, rng: random.Random) -> bool:
    texts = [f for f, s in entity.fields.items() if s.type == "text" and f != entity.label and not s.unique]
    texts = [f for f in texts if not any(f in t.texts for t in draft.of(name)) and not f.endswith("s")]
    if not texts:
        return False
    field = rng.choice(texts)
    many = (
        field + ("es" if field.endswith(("x", "ch", "sh")) else "s") if not field.endswith("y") else field[:-1] + "ies"
    )
    if many in entity.fields:
        return False
    spec = entity.fields[field]
    entity.fields = {
        (many if f == field else f): (FieldSpec(type="list", of="text", gen=spec.gen) if f == field else s)
        for f, s in entity.fields.items()
    }
    for tool in draft.of(name):
        tool.needs = [many if f == field else f for f in tool.needs]
        tool.may = [many if f == field else f for f in tool.may]
        tool.shows = [many if f == field else f for f in tool.shows] if tool.shows else None
        tool.filters = [f for f in tool.filters if f[0] != field]
    return True


def _grade(draft: Draft, name: str, entity: DEntity, rng: random.Random) -> bool:
    """A yes/no field becomes a three-way choice, or a choice is added."""
    flags = [f for f, s in entity.fields.items() if s.type == "bool"]
    if flags:
        entity.fields[flags[0]] = FieldSpec(type="enum", of=["yes", "no", "unknown"])
        return True
    options = (
        ("channel", ["web", "phone", "partner"]),
        ("source", ["manual", "import", "api"]),
        ("tier", ["basic", "standard", "premium"]),
    )
    field, members = rng.choice(options)
    if field in entity.fields or entity.link:
        return False
    entity.fields[field] = FieldSpec(type="enum", of=members)
    for tool in draft.of(name):
        if tool.op == "list":
            tool.filters.append((field, "eq", False))
        elif tool.op == "create":
            tool.may.append(field)
    return True


def split(draft: Draft, rng: random.Random) -> bool:
    """One broad update becomes a setter per field; a list becomes a view for one state."""
    wide = [t for t in draft.tools if t.op == "update" and len(t.needs + t.may) >= 2 and not (t.envelope or t.batch)]
    done = False
    if wide:
        tool = rng.choice(wide)
        fields = (tool.needs + tool.may)[:4]
        chosen = rng.sample(fields, min(len(fields), rng.choice((1, 2))))
        for f in chosen:
            draft.tools.append(copy_tool(tool, needs=[f], may=[], verb=None, extras=set()))
        rest = [f for f in tool.needs + tool.may if f not in chosen]
        tool.needs, tool.may = [], rest
        if not rest:
            draft.tools.remove(tool)
        done = True
    lists = [t for t in draft.tools if t.op == "list" and t.view is None and draft.entities[t.of].state and not t.batch]
    if lists and (not done or rng.random() < 0.5):
        tool = rng.choice(lists)
        state = draft.entities[tool.of].state or ""
        member = rng.choice(list(draft.entities[tool.of].moves) or [""])
        if member:
            draft.tools.append(
                copy_tool(tool, view=(state, member), filters=[f for f in tool.filters if f[0] != state])
            )
            done = True
    return done


def merge(draft: Draft, rng: random.Random) -> bool:
    """Several tools of one entity become one with an `action`."""
    options = []
    for name, entity in draft.entities.items():
        tools = [t for t in draft.of(name) if t.op in MERGEABLE and _simple(t)]
        if len(tools) >= 3 and not (entity.link or entity.virtual or entity.job) and name != draft.main():
            options.append((name, tools))
    if not options or len(draft.tools) < 8:
        return False
    name, tools = rng.choice(options)
    cases: dict[str, DTool] = {}
    for tool in tools[:5]:
        verb = tool.verb or (draft.entities[name].verbs.get(tool.to or "", tool.op) if tool.op == "move" else tool.op)
        if tool.op == "update" and len(tool.needs) == 1 and not tool.may:
            verb = f"set_{tool.needs[0]}"
        if verb not in cases and len(tool.extras) == 0:
            cases[verb] = copy_tool(tool, verb=verb, paging="none")
    if len(cases) < 3:
        return False
    gone = {
        id(t) for t in tools[:5] if any(c.op == t.op and c.to == t.to and c.needs == t.needs for c in cases.values())
    }
    draft.tools = [t for t in draft.tools if id(t) not in gone]
    parents = list(dict.fromkeys(p for c in cases.values() for p in c.parents))
    first = next(iter(cases.values()))
    draft.tools.append(DTool("choose", name, cases=list(cases.values()), parents=parents, source=first.source))
    return True


def key_by_name(draft: Draft, name: str) -> bool:
    """The label becomes the key: rows are made, found and referred to under their name."""
    entity = draft.entities[name]
    label = entity.label
    if entity.link or entity.virtual or entity.job or label not in NAMES or entity.slot not in NAMED:
        return False
    if any(t.op == "copy" for t in draft.of(name)):
        return False
    entity.natural = True
    entity.fields[label] = entity.fields[label].model_copy(update={"unique": False, "null": 0.0})
    draft.tools = [t for t in draft.tools if not (t.of == name and t.by == label)]
    for tool in draft.of(name):
        if tool.op in ("update", "move"):
            tool.needs, tool.may = [f for f in tool.needs if f != label], [f for f in tool.may if f != label]
    return True


def _simple(tool: DTool) -> bool:
    return not (tool.envelope or tool.view or tool.by or tool.batch or tool.joins or tool.preset or tool.fee)


def change_keying(draft: Draft, rng: random.Random) -> bool:
    """Other ids, or a unique name as a second way to a row."""
    name = rng.choice([n for n, e in draft.entities.items() if not (e.virtual or e.job)])
    entity = draft.entities[name]
    style = rng.choice(("int", "uuid", "hex", "token", "code"))
    if entity.link:
        return False
    if style != entity.id.kind and rng.random() < 0.5:
        head = "".join(c for c in name if c.isalpha())[:3]
        entity.id = IdStyle(kind=style, prefix=head.upper() if style == "code" else head if style == "token" else "",
                            size={"int": 7, "uuid": 6, "hex": 12, "token": 10, "code": 7}[style])  # fmt: skip
        return True
    label = entity.label
    if not label or entity.fields[label].type != "text" or any(t.by for t in draft.of(name)):
        return False
    entity.fields[label] = entity.fields[label].model_copy(update={"unique": True})
    draft.tools = [t for t in draft.tools if not (t.op == "copy" and t.of == name)]
    added(draft, near(draft, name), "get", name, by=label)
    return True


def add_rule(draft: Draft, rng: random.Random) -> bool:
    """A condition with an error of its own, broken by some rows and kept by others."""
    found: list[tuple[DTool, Rule]] = []
    for tool in draft.tools:
        found += [(tool, rule) for rule in rules_for(draft, tool)] if not (tool.rules or tool.batch) else []
    if not found:
        return False
    kinds = sorted({r.kind for _, r in found})
    rng.shuffle(kinds)
    for kind in kinds[: rng.choice((1, 2))]:
        tool, rule = rng.choice([f for f in found if f[1].kind == kind])
        if not tool.rules:
            tool.rules.append(rule)
    return True


def rules_for(draft: Draft, tool: DTool) -> list[Rule]:
    entity = draft.entities[tool.of]
    noun = entity.noun
    out: list[Rule] = []
    if tool.op in ("create", "update"):
        for f in tool.needs:
            spec = entity.fields[f]
            target = draft.entities.get(str(spec.to)) if spec.type == "ref" else None
            if target is not None and target.state and len(target.moves) > 2:
                good = list(target.moves)[:2]
                out.append(
                    Rule("ref_state", f"{f}_not_ready", f"the {target.noun} is not {_or(good)}", f, str(spec.to), good)
                )
            if spec.type == "ref" and tool.op == "create" and target is not None:
                say = f"this {target.noun} already has the most {_many(entity)} allowed"
                out.append(Rule("quota", "limit_reached", say, f, str(spec.to)))
            if spec.type in ("int", "money") and spec.range is None and not tool.envelope:
                out.append(
                    Rule("ceiling", f"{f}_too_high", f"{f.replace('_', ' ')} is above what a {noun} may have", f)
                )
        if {"starts_at", "ends_at"} <= {*tool.needs}:
            out.append(
                Rule("period", "invalid_period", f"a {noun} cannot end before it starts", "ends_at", "starts_at")
            )
    if tool.op in ("update", "delete") and entity.state and len(entity.moves) > 2:
        final = [s for s, ts in entity.moves.items() if not ts] or list(entity.moves)[-1:]
        code = "already_final" if tool.op == "update" else "not_removable"
        what = "changed" if tool.op == "update" else "removed"
        out.append(Rule("not_in_state", code, f"a {noun} that is {_or(final)} cannot be {what}", value=final))
    if tool.op == "delete":
        for child, f in draft.children(tool.of):
            other = draft.entities[child]
            out.append(Rule("no_children", f"has_{child}s", f"the {noun} still has {_many(other)}", f, child))
    if tool.op == "move" and MADE not in entity.fields:
        refs = [f for f, s in entity.fields.items() if s.type == "ref" and s.nullable]
        if refs:
            out.append(
                Rule("needs_ref", f"no_{refs[0]}", f"a {noun} needs a {refs[0].replace('_', ' ')} first", refs[0])
            )
    return out


def _many(entity: DEntity) -> str:
    return entity.plural or entity.noun + "s"


def _or(states: list[str]) -> str:
    return " or ".join(s.replace("_", " ") for s in states)
