"""Guards: whatever an operator left behind is made whole again, or goes.

Every tool keeps fields that exist, every referenced entity has a tool that lists or finds it and every entity a tool at
all, every lifecycle state can be reached, no two tools do the same.
"""

from __future__ import annotations

import random

from synth.worlds.evolve.draft import CHANGED, MADE, DEntity, Draft, DTool

NUMERIC = frozenset({"int", "number", "money"})
_FILTERABLE = frozenset({"enum", "bool", "ref"})


def repair(draft: Draft, rng: random.Random) -> None:
    """Make `draft` whole, in place."""
    _entities(draft)
    draft.tools = [t for t in draft.tools if t.of in draft.entities and _tool(draft, t, rng)]
    _producers(draft, rng)
    draft.tools = _distinct(draft.tools)


def _entities(draft: Draft) -> None:
    for entity in draft.entities.values():
        entity.fields = {f: s for f, s in entity.fields.items() if s.type != "ref" or s.to in draft.entities}
        if entity.link and not all(f in entity.fields for f in entity.link):
            entity.link = None
        if entity.link:
            entity.fields.update(
                {f: entity.fields[f].model_copy(update={"null": 0.0, "on_delete": "cascade"}) for f in entity.link}
            )


def _tool(draft: Draft, tool: DTool, rng: random.Random) -> bool:
    """Repair one tool; False where nothing sensible is left of it."""
    entity = draft.entities[tool.of]
    known = entity.fields
    tool.needs = [f for f in dict.fromkeys(tool.needs) if f in known]
    tool.may = [f for f in dict.fromkeys(tool.may) if f in known and f not in tool.needs]
    tool.filters = [f for f in tool.filters if f[0] in known]
    tool.shows = [f for f in tool.shows if f in known] or None if tool.shows else None
    if entity.link and tool.op not in ("list", "search", "aggregate", "relate", "unrelate", "create", "delete"):
        return False
    if tool.op in ("relate", "unrelate") and not entity.link:
        return False
    if tool.op == "create" and entity.link:
        tool.op, tool.needs, tool.may = "relate", [], []
    if tool.op in ("delete",) and entity.link:
        tool.op = "unrelate"
    tool.joins = [j for j in tool.joins if j.child in draft.entities and j.field in draft.entities[j.child].fields]
    if tool.op == "transfer":
        return tool.amount in known
    handler = {
        "create": _create, "send": _create, "update": _update, "copy": _copy, "list": _list, "search": _search,
        "aggregate": _aggregate, "move": _move,
    }.get(tool.op)  # fmt: skip
    return handler(entity, tool, rng) if handler else True


def required_refs(entity: DEntity) -> list[str]:
    return [f for f, s in entity.fields.items() if s.type == "ref" and not s.nullable]


def _create(entity: DEntity, tool: DTool, rng: random.Random) -> bool:
    payload = entity.payload()
    must = [f for f in (entity.label, *required_refs(entity)) if f]
    tool.needs = list(dict.fromkeys([*must, *(f for f in tool.needs if f in payload)]))
    tool.may = [f for f in tool.may if f in payload and f not in tool.needs]
    if len(tool.needs) + len(tool.may) < 2:
        spare = [f for f in payload if f not in tool.needs and f not in tool.may]
        for f in spare[: 2 + int(rng.random() * 3)]:
            (tool.needs if len(tool.needs) < 2 or rng.random() < 0.3 else tool.may).append(f)
    return bool(tool.needs)


def _update(entity: DEntity, tool: DTool, rng: random.Random) -> bool:
    payload = [f for f in entity.payload() if not (entity.natural and f == entity.label)]
    tool.needs = [f for f in tool.needs if f in payload]
    tool.may = [f for f in tool.may if f in payload]
    if not tool.needs and not tool.may:
        tool.may = rng.sample(payload, min(len(payload), 3)) if payload else []
    return bool(tool.needs or tool.may)


def _copy(entity: DEntity, tool: DTool, rng: random.Random) -> bool:
    payload = entity.payload()
    tool.needs = [f for f in tool.needs if f in payload][:1]
    tool.may = [f for f in tool.may if f in payload]
    return not any(s.unique for s in entity.fields.values())


def _list(entity: DEntity, tool: DTool, rng: random.Random) -> bool:
    tool.needs, tool.may = [], []
    seen: dict[tuple[str, str], tuple[str, str, bool]] = {}
    for f, c, r in tool.filters:
        kind = entity.fields[f].type
        if kind in ("list", "text") and c not in ("eq", "contains"):
            continue
        if c in ("lt", "le", "gt", "ge") and kind not in NUMERIC | {"date", "time"}:
            c = "eq"
        seen.setdefault((f, c), (f, c, r))
    tool.filters = list(seen.values())
    if tool.view is not None and tool.view[0] not in entity.fields:
        tool.view = None
    if tool.sort and tool.sort.strip("-") not in entity.fields:
        tool.sort = None
    if not any(s.type in ("text", "int", "number", "money", "date", "time", "enum") for s in entity.fields.values()):
        tool.extras -= {"sort", "order"}
    if "order" in tool.extras and "sort" not in tool.extras:
        tool.extras.discard("order")
    return True


def _search(entity: DEntity, tool: DTool, rng: random.Random) -> bool:
    texts = [f for f, s in entity.fields.items() if s.type == "text"]
    tool.texts = [f for f in tool.texts if f in texts] or texts[:3]
    if not tool.texts:
        tool.op = "list"
    return _list(entity, tool, rng)


def _aggregate(entity: DEntity, tool: DTool, rng: random.Random) -> bool:
    if tool.measure and (tool.measure not in entity.fields or entity.fields[tool.measure].type not in NUMERIC):
        tool.measure = None
    if tool.group and (
        tool.group not in entity.fields or entity.fields[tool.group].type not in ("enum", "bool", "text")
    ):
        tool.group = None
    if not tool.filters:
        tool.filters = [(f, "eq", False) for f, s in entity.fields.items() if s.type in _FILTERABLE][:3]
    return _list(entity, tool, rng)


def _move(entity: DEntity, tool: DTool, rng: random.Random) -> bool:
    return tool.to is not None and any(tool.to in ts for ts in entity.moves.values())


def make_room(draft: Draft) -> None:
    """Where rows may only be deleted while nothing refers to them, there must be some that nothing refers to."""
    for name, entity in draft.entities.items():
        if not any(t.op == "delete" or any(c.op == "delete" for c in t.cases) for t in draft.of(name)):
            continue
        rows = 0
        for child, field in draft.children(name):
            other = draft.entities[child]
            spec = other.fields[field]
            if spec.on_delete == "restrict" and spec.nullable and child != name:
                other.fields[field] = spec.model_copy(update={"on_delete": "clear"})
            elif spec.on_delete == "restrict" or any(r.kind == "no_children" for t in draft.of(name) for r in t.rules):
                rows += other.rows
        entity.rows = min(150, max(entity.rows, rows))


def _producers(draft: Draft, rng: random.Random) -> None:
    """Ids must come from somewhere: each entity gets a list or search tool, and a lone read gets company."""
    for name, entity in draft.entities.items():
        if entity.virtual:
            continue
        own = draft.of(name)
        if any(t.op in ("list", "search") and not t.view for t in own) or any(_cases(t) for t in own):
            continue
        near = own[0] if own else next(iter(draft.tools), None)
        if near is None:
            continue
        filters = [(f, "eq", False) for f, s in entity.fields.items() if s.type in _FILTERABLE][:3]
        draft.tools.append(
            DTool("list", name, filters=filters, paging="offset", parents=list(near.parents), source=near.source)
        )


def _cases(tool: DTool) -> bool:
    return any(c.op in ("list", "search") for c in tool.cases)


def signature(tool: DTool) -> tuple[object, ...]:
    """Equal for tools that a caller could not tell apart."""
    inputs = (tuple(sorted(tool.needs)), tuple(sorted(tool.may))) if tool.op in ("update", "copy") else ()
    if tool.op in ("list", "search", "aggregate"):
        inputs = (tuple(sorted(f for f, _, r in tool.filters if r)), (str(tool.view),))
    more = (tool.batch, tool.preset, tuple(j.name for j in tool.joins), tool.amount)
    cases = tuple(c.verb for c in tool.cases)
    return (tool.op, tool.of, tool.to, tool.by, tool.group, tool.measure, inputs, cases, more)


def _distinct(tools: list[DTool]) -> list[DTool]:
    seen: dict[tuple[object, ...], DTool] = {}
    for tool in tools:
        seen.setdefault(signature(tool), tool)
    return list(seen.values())


def stamped(entity: DEntity) -> bool:
    return MADE in entity.fields or CHANGED in entity.fields
