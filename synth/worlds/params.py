"""The parameters of a surface operation, spelled out: short forms (needs, may, filters, in, paging) become roles."""

from __future__ import annotations

from synth.worlds.spec import Paging, Param, ToolSpec, World

KEYED = frozenset({"get", "exists", "update", "upsert", "copy", "delete", "move", "do"})


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
    free = {n: Param(role="value", required=not spec.nullable, type=spec) for n, spec in tool.takes.items()}
    if tool.of is None:
        return free
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
    out |= free
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
