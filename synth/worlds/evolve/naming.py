"""Names of tools from what they do: verb of the operation or of the lifecycle move, noun of the entity."""

from __future__ import annotations

from synth.worlds.evolve.draft import DEntity, Draft, DTool
from synth.worlds.evolve.style import Style, cased


def name_tools(draft: Draft, style: Style) -> dict[str, DTool]:
    """Distinct names in draft order; tools that would share a name say more, then those that still do are left out."""
    out: dict[str, DTool] = {}
    for tool in draft.tools:
        entity = draft.entities[tool.of]
        options = _options(draft, entity, tool, style)
        if style.long_names:
            options = [*_longer(draft, entity, options), *options]
        if style.bare and tool.op in ("get", "list"):
            options = [("", noun) for _, noun in options] + options
        for verb, noun in options:
            name = style.tool(verb, noun)[:64]
            if name not in out:
                out[name] = tool
                break
    return out


def _longer(draft: Draft, entity: DEntity, options: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The same names with the noun's owner before it: `list_tender_attachments`."""
    owner = next((str(s.to) for s in entity.fields.values() if s.type == "ref" and not s.nullable), None)
    if owner is None or entity.link or draft.entities[owner] is entity:
        return []
    said = draft.entities[owner].noun
    return [(verb, f"{said} {noun}") for verb, noun in options if said not in noun]


def plural(entity: DEntity) -> str:
    return entity.plural or f"{entity.noun}s"


def _options(draft: Draft, entity: DEntity, tool: DTool, style: Style) -> list[tuple[str, str]]:
    noun, many = entity.noun, plural(entity)
    verb = (
        style.verb(tool.op) if tool.op in ("get", "list", "search", "create", "update", "delete", "copy") else tool.op
    )
    if tool.batch:
        return _batched(entity, tool, style, many)
    if tool.joins:
        return [(style.verb("get"), f"{noun} {w}") for w in ("overview", "summary", "report")]
    if tool.op in ("series", "transfer", "job") or entity.virtual:
        return _special(entity, tool, style)
    if tool.preset:
        word = tool.verb or tool.preset[1]
        return [(f"{verb} and {word}".replace("_", " "), noun), (f"{verb} {tool.preset[1]}".replace("_", " "), noun)]
    if tool.op in ("list", "search"):
        return _listing(draft, entity, tool, verb, many)
    if tool.op == "get" and tool.by:
        return [(style.verb("by"), f"{noun} by {tool.by}"), ("find", f"{noun} by {tool.by}")]
    if tool.op == "update" and len(tool.needs) == 1 and not tool.may:
        kind = "assign" if entity.fields[tool.needs[0]].type == "ref" else "set"
        return [(style.verb(kind), f"{noun} {tool.needs[0]}"), ("set", f"{noun} {tool.needs[0]}")]
    if tool.op == "update":
        given = (tool.needs + tool.may)[:1]
        return [(verb, noun), (verb, f"{noun} details"), (verb, f"{noun} {' '.join(given)}")]
    if tool.op == "move":
        word = tool.verb or entity.verbs.get(tool.to or "", f"set {tool.to}")
        return [(word.replace("_", " "), noun), (f"mark {tool.to}", noun)]
    if tool.op == "aggregate":
        if tool.measure:
            return [(style.verb("total"), f"{noun} {tool.measure}"), ("total", f"{many} {tool.measure}")]
        if tool.group:
            return [(style.verb("aggregate"), f"{many} by {tool.group}"), ("summarize", f"{many} by {tool.group}")]
        return [(style.verb("aggregate"), many), ("count matching", many)]
    if tool.op in ("relate", "unrelate") and entity.link:
        ends = [draft.entities[str(entity.fields[f].to)].noun for f in entity.link]
        return [(style.verb(tool.op), f"{ends[0]} {ends[1]}"), (style.verb(tool.op), noun)]
    if tool.op == "create":
        parent = next((f for f in tool.needs if entity.fields[f].type == "ref"), "")
        return [(verb, noun), (verb, f"{parent} {noun}"), (verb, f"{noun} with {' and '.join(tool.may[:2])}")]
    if tool.op == "choose":
        return [(style.verb("choose"), many)]
    if tool.op in ("send", "exists"):
        return [(style.verb(tool.op), noun)]
    return [(verb, noun), (verb, f"{noun} details")]


def _batched(entity: DEntity, tool: DTool, style: Style, many: str) -> list[tuple[str, str]]:
    if tool.op == "move":
        verb = (tool.verb or entity.verbs.get(tool.to or "", "move")).replace("_", " ")
    elif tool.op == "update" and len(tool.needs) == 1 and not tool.may:
        verb, many = style.verb("set"), f"{many} {tool.needs[0]}"
    else:
        verb = style.verb(tool.op)
    return [(verb, many) if tool.op != "get" else (verb, f"{many} by ids"), (f"batch {verb}", many),
            (f"bulk {verb}", many)]  # fmt: skip


def _special(entity: DEntity, tool: DTool, style: Style) -> list[tuple[str, str]]:
    noun = entity.noun
    if tool.op == "transfer":
        return [("transfer", f"{noun} {tool.amount}"), ("move", f"{noun} {tool.amount}")]
    if tool.op == "job":
        return [(tool.verb or "start", noun), ("start", noun), ("request", noun)]
    owner, curve = noun.rsplit(" ", 2)[0], noun.split()[-2]
    many = {"price": "price history", "occupancy": "occupancy"}.get(curve, f"{curve} history")
    if tool.op == "get":
        return [(style.verb("get"), f"latest {owner} {curve}"), (style.verb("get"), f"current {owner} {curve}")]
    return [(style.verb("get"), f"{owner} {many}"), (style.verb("list"), f"{owner} {curve} data")]


def _listing(draft: Draft, entity: DEntity, tool: DTool, verb: str, many: str) -> list[tuple[str, str]]:
    if tool.view:
        value = tool.view[1].replace("_", " ")
        return [(verb, f"{value} {many}"), (verb, f"{many} {value}")]
    needed = [f for f, _, required in tool.filters if required]
    out = [(verb, many)]
    for f in needed:
        if entity.fields[f].type == "ref":
            owner = draft.entities[str(entity.fields[f].to)].noun
            out.insert(0 if len(many.split()) == 1 else 1, (verb, f"{owner} {many}"))
            out.append((verb, f"{many} by {f}"))
        else:
            out.insert(0, (verb, f"{many} by {f}"))
    if tool.op == "search":
        out.append(("find", many))
    return [*out, (verb, f"all {many}")]


def entity_name(key: str) -> str:
    return cased(key, "pascal")
