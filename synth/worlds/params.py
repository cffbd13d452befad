"""The parameters of a surface operation, spelled out: short forms (needs, may, filters, in, paging) become roles."""

from __future__ import annotations

from synth.worlds.spec import Entity, Paging, Param, ToolSpec, World

KEYED = frozenset({"get", "exists", "update", "upsert", "copy", "delete", "move", "do", "edit"})


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
        for k in entity.keys[:-1] if entity.virtual else entity.keys:
            out[k] = Param(role="key", field=k, required=True)
    if tool.op in ("series", "transfer", "edit"):
        out |= _of_kind(tool, entity)
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
    if tool.idempotent_by is not None:
        out[tool.idempotent_by] = Param(role="idempotency", field=tool.idempotent_by)
    return _batched(tool, out) if tool.batch_over is not None else out


def _of_kind(tool: ToolSpec, entity: Entity) -> dict[str, Param]:
    """What series, transfer and edit take besides keys and payload."""
    if tool.op == "series":
        keys = {k: Param(role="key", field=k, required=True) for k in entity.keys[:-1]}
        return {
            **keys, "from": Param(role="from"), "until": Param(role="until"), "every": Param(role="every"),
            "limit": Param(role="limit"),
        }  # fmt: skip
    if tool.op == "transfer":
        own = {n: Param(role="key", required=True) for n in sides(tool)}
        return {**own, "amount": Param(role="amount", field=tool.field, required=True)}
    out: dict[str, Param] = {}
    if tool.how in ("insert", "lines"):
        out["line"] = Param(role="line", required=True)
    if tool.how == "lines":
        out["line_end"] = Param(role="line_end")
    if tool.how in ("replace", "replace_one"):
        out["find"] = Param(role="find", required=True)
    return {**out, "text": Param(role="text", required=True)}


def _batched(tool: ToolSpec, one: dict[str, Param]) -> dict[str, Param]:
    """The short form for a list: its items are keys where the operation has one, else objects of the payload."""
    over = str(tool.batch_over)
    if tool.op in KEYED and not tool.needs and not tool.may:
        first = next(n for n, p in one.items() if p.role == "key")
        return {(over if n == first else n): p for n, p in one.items()}
    members = {n: p.model_copy(update={"at": [over, n]}) for n, p in one.items()}
    return {over: Param(role="batch", required=True), **members}


def one_item(tool: ToolSpec, params: dict[str, Param]) -> tuple[ToolSpec, dict[str, Param]]:
    """The operation on one item of a batch: its spec and its parameters."""
    inner = {n: p for n, p in params.items() if p.role != "batch"}
    return tool.model_copy(
        update={"batch_over": None, "params": inner, "output_schema": None, "input_schema": None}
    ), inner


def sides(tool: ToolSpec) -> tuple[str, str]:
    """Parameters that name source and target of a transfer."""
    return tool.left or "from", tool.right or "to"


def arg(name: str) -> str:
    """The expression that reads a canonical parameter, whatever characters its name has."""
    return "args[" + quote(name) + "]"


def quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"
