"""How many parameters tools have: as many as those of the host, the widest given to the tools with the most to say.

Real servers differ: some ask for one id, others for a dozen filters. Sizes are drawn from the host's own, per
effect, and handed out in order of room, so that a `get` stays narrow where a `list` or a `create` grows.
"""

from __future__ import annotations

import random

from synth.worlds.evolve.draft import CHANGED, MADE, DEntity, Draft, DTool
from synth.worlds.evolve.hosts import Host
from synth.worlds.evolve.repair import NUMERIC, required_refs

LISTING = frozenset({"list", "search", "aggregate"})
READING = LISTING | {"get", "exists"}
MAKING = frozenset({"create", "send", "update", "copy"})
_EXACT = frozenset({"enum", "bool", "ref"})
_REMARKS = frozenset(["notes", "note", "memo", "comment", "description", "summary", "body", "message", "reason"])
MOST_FIELDS = 16
WIDEST = 14


def fit_sizes(draft: Draft, host: Host, rng: random.Random) -> None:
    """Widen and narrow the tools of `draft` to sizes that tools of `host` have."""
    for effect in ("read", "write"):
        tools = [t for t in draft.tools if (t.op in READING) == (effect == "read") and _sized(t)]
        pool = host.counts.get(effect) or host.counts.get("read") or (1, 2, 3, 5)
        sizes = sorted(min(WIDEST, rng.choice(pool)) for _ in tools)
        for tool, size_ in zip(sorted(tools, key=lambda t: room(draft, t)), sizes, strict=True):
            resize(draft.entities[tool.of], tool, size_, rng)


def _sized(tool: DTool) -> bool:
    """Whether a tool's parameters are a matter of taste."""
    return tool.op not in ("choose", "job", "series", "transfer") and not tool.batch


def room(draft: Draft, tool: DTool) -> int:
    """The most parameters a tool could sensibly have."""
    entity = draft.entities[tool.of]
    fields = min(MOST_FIELDS, len(entity.payload()) + len(entity.spare))
    if tool.op in LISTING:
        return fields + 6
    if tool.op in MAKING:
        return fields + 1
    return 3 if tool.op == "move" else 2 if tool.op in ("delete", "relate", "unrelate") else 1


def size(tool: DTool) -> int:
    """Parameters the tool is rendered with."""
    key = tool.op in ("get", "exists", "update", "copy", "delete", "move")
    fixed = 2 if tool.op in ("relate", "unrelate") else int(key) + (tool.op == "search")
    paging = 2 if tool.op in ("list", "search") and tool.paging != "none" else 0
    return fixed + paging + len(tool.needs) + len(tool.may) + len(tool.filters) + len(tool.extras)


def resize(entity: DEntity, tool: DTool, wanted: int, rng: random.Random) -> None:
    """Bring one tool to `wanted` parameters, as near as its kind allows."""
    if tool.op in LISTING:
        _narrow_listing(tool, wanted, rng)
        _widen_listing(entity, tool, wanted, rng)
    elif tool.op in MAKING:
        _resize_payload(entity, tool, wanted, rng)
    elif tool.op == "move" and wanted > size(tool):
        remarks = [f for f in entity.payload() if f in _REMARKS and f not in tool.needs + tool.may]
        tool.may += remarks[: wanted - size(tool)]
    elif tool.op == "delete" and wanted > 1 and not tool.extras:
        tool.extras.add(rng.choice(("confirm", "dry_run")))


def _narrow_listing(tool: DTool, wanted: int, rng: random.Random) -> None:
    for extra in ("projection", "order", "sort"):
        if size(tool) > wanted:
            tool.extras.discard(extra)
    if tool.paging != "none" and size(tool) > wanted and (wanted < 2 or rng.random() < 0.5):
        tool.paging = "none"
    while size(tool) > wanted and any(not required for _, _, required in tool.filters):
        tool.filters.remove([f for f in tool.filters if not f[2]][-1])


def _widen_listing(entity: DEntity, tool: DTool, wanted: int, rng: random.Random) -> None:
    if tool.op != "aggregate" and size(tool) + 2 <= wanted and tool.paging == "none":
        tool.paging = rng.choice(("offset", "page", "cursor"))
    options = _filters(entity, tool)
    while size(tool) < wanted and options:
        tool.filters.append(options.pop(0))
    for extra in ("sort", "order", "projection") if tool.op != "aggregate" else ():
        if size(tool) < wanted:
            tool.extras.add(extra)
    while size(tool) < wanted and (name := _unpack(entity)):
        tool.filters += [f for f in _filters(entity, tool) if f[0] == name][:1]


def _filters(entity: DEntity, tool: DTool) -> list[tuple[str, str, bool]]:
    """Conditions a list may still take: exact ones first, then ranges, then words in a text."""
    taken = {f for f, _, _ in tool.filters} | {tool.group, tool.view[0] if tool.view else None}
    free = {f: s for f, s in entity.fields.items() if f not in taken}
    exact = [(f, "eq", False) for f, s in free.items() if s.type in _EXACT]
    spans = [(f, c, False) for f, s in free.items() if s.type in NUMERIC | {"date", "time"} for c in ("ge", "le")]
    words = [(f, "contains", False) for f, s in free.items() if s.type == "text" and f not in tool.texts]
    return [*exact, *spans, *words]


def _resize_payload(entity: DEntity, tool: DTool, wanted: int, rng: random.Random) -> None:
    fixed = {entity.label, *required_refs(entity)} if tool.op in ("create", "send") else set(tool.needs[:1])
    while size(tool) > wanted and (drop := [f for f in [*tool.needs, *tool.may] if f not in fixed]):
        gone = drop[-1]
        if len(tool.needs) + len(tool.may) == 1:
            break
        tool.needs, tool.may = [f for f in tool.needs if f != gone], [f for f in tool.may if f != gone]
    if tool.op == "update" and len(tool.needs) == 1 and not tool.may:
        return  # a setter of one field is what its name says
    own = entity.label if entity.natural and tool.op == "update" else None
    while size(tool) < wanted:
        spare = [f for f in entity.payload() if f not in tool.needs and f not in tool.may and f != own]
        field = spare[0] if spare else _unpack(entity)
        if field is None:
            return
        (tool.needs if tool.op != "update" and rng.random() < 0.25 else tool.may).append(field)


def _unpack(entity: DEntity) -> str | None:
    """One more field that things of this noun have."""
    while entity.spare and len(entity.fields) < MOST_FIELDS:
        name = next(iter(entity.spare))
        spec = entity.spare.pop(name)
        if name not in entity.fields and name not in (MADE, CHANGED):
            entity.fields[name] = spec
            return name
    return None
