"""Stage `tools`: every real tool as a row of facts, and every tool of every world that was admitted.

Admission runs here: a lifted or evolved tool becomes a row only after it was executed on its own world. Rejected ones
and near-duplicates are drops with their reason.
"""

from __future__ import annotations

from typing import Any

from synth.errors import TaskFailure, UsageError, classify
from synth.places.hands import hands_of
from synth.places.live import is_unknown, nothing_kept
from synth.places.rows import is_place, tool_rows
from synth.places.scanning import kept_apart
from synth.records import DroppedRow, FailedRow, Row, Split, ToolRow, WorldRow, world_tool_id
from synth.stage import Context, Inputs, Output, Part
from synth.worlds.admit import Admission, admit_world
from synth.worlds.evolve.twins import Surplus, from_columns, surplus
from synth.worlds.real import catalog_of, category_split, chosen_servers, real_tool_id
from synth.worlds.simulate import CompiledTool, compile_world
from synth.worlds.spec import World
from tools_catalog import ToolFacts

TABLE = "tools"
VERSION = "6"
SERVERS_PER_PART = 32


def waves(ctx: Context) -> list[list[Part]]:
    """Real tools by servers, then the tools of worlds: one part per part of the worlds table, so that none has to read
    more of it than that."""
    servers = len(chosen_servers(ctx.settings.worlds))
    out = [
        Part("tools", i, a, min(a + SERVERS_PER_PART, servers), {"do": "real"})
        for i, a in enumerate(range(0, servers, SERVERS_PER_PART))
    ]
    first, begin = len(out), 0
    for i, of in enumerate(ctx.inputs.parts("worlds")):
        stop = begin + len(ctx.inputs.columns("worlds", ["world_id"], [of]))
        out.append(Part("tools", first + i, begin, stop, {"do": "worlds", "of": of}))
        begin = stop
    return [out]


def run(ctx: Context, part: Part) -> Output:
    return _real(ctx, part) if part.payload["do"] == "real" else _admitted(ctx, part)


def _real(ctx: Context, part: Part) -> Output:
    settings = ctx.settings.worlds
    catalog, split_of = catalog_of(settings.prefer_cache), category_split(settings)
    rows: list[Row] = [
        real_row(tool, split_of(tool.category))
        for server in chosen_servers(settings)[part.start : part.stop]
        for tool in catalog.tools_of(server)
    ]
    # the slots of a real part are its tools: each is a fact and ends as a row
    return Output(opened=len(rows), rows=rows, closed_with_rows=len(rows))


def real_row(tool: ToolFacts, split: Split) -> ToolRow:
    return ToolRow(
        tool_id=real_tool_id(tool.server, tool.name), world_id=None, origin="real", split=split, server=tool.server,
        category=tool.category, domain=tool.category, name=tool.name, description=tool.description,
        input_schema=tool.input_schema,
        output_schema=tool.output_schema, semantics=None, effect=tool.effect,
        annotations=tool.annotations, parents=[], provenance=provenance(tool),
    )  # fmt: skip


def provenance(tool: ToolFacts) -> dict[str, Any]:
    return {
        "server": tool.server, "registry": tool.registry, "package": tool.package, "version": tool.version,
        "licence": tool.licence, "sha256": tool.sha256,
    }  # fmt: skip


def _admitted(ctx: Context, part: Part) -> Output:
    twins = surplus_of(ctx.inputs)
    out = Output(opened=0)
    for row in ctx.inputs.part("worlds", part.payload["of"]):
        if is_place(row):
            _listed(ctx, row, out)
            continue
        world = World.load(row.spec, row.world_id)
        compiled = compile_world(world)
        admissions = admit_world(world, ctx.settings.tries, row.split)
        out.opened += len(admissions)
        for name, admission in admissions.items():
            tool_id = world_tool_id(row.world_id, name)
            reason, detail = admission.reason, admission.detail
            if admission.ok and tool_id in twins:
                reason, detail = twins[tool_id]
            if reason:
                out.dropped.append(
                    DroppedRow(stage="tools", row_id=tool_id, parent_id=row.world_id, reason=reason, detail=detail)
                )
                continue
            out.rows.append(_tool_row(row, compiled.tool(name), admission, tool_id))
            out.closed_with_rows += 1
    return out


def _listed(ctx: Context, row: WorldRow, out: Output) -> None:
    """The tools of a place, as it lists them itself; where it cannot be asked, one failed slot."""
    facts = _catalog_facts(ctx, row)
    try:
        tools = hands_of(ctx.settings.places).listing(row)
    except UsageError:
        raise
    except Exception as error:  # noqa: BLE001 - the boundary of a slot: a server that does not start fails its place
        class_, detail = classify(error)
        out.opened += 1
        out.failed.append(FailedRow(stage="tools", row_id=row.world_id, parent_id=row.world_id, class_=class_,
                                    boundary="places.hands", detail=detail[:2000], attempts=1))  # fmt: skip
        return
    apart = kept_apart(row, tools)
    out.dropped += [
        DroppedRow(stage="tools", row_id=world_tool_id(row.world_id, name), parent_id=row.world_id, reason="poison",
                   detail=found) for name, found in apart.items()
    ]  # fmt: skip
    out.opened += len(apart)
    parents = {name: real_tool_id(fact.server, name) for name, fact in facts.items()}
    offered = [t for t in tools if t.name not in apart]
    try:
        probes = hands_of(ctx.settings.places).probe(row, offered, ctx.seed) if is_unknown(row) else {}
    except TaskFailure as failure:
        out.opened += 1
        out.failed.append(FailedRow(stage="tools", row_id=row.world_id, parent_id=row.world_id, class_=failure.class_,
                                    boundary="live.probing", detail=failure.detail[:2000], attempts=1))  # fmt: skip
        return
    if is_unknown(row) and not any(p.courses for p in probes.values()):
        out.opened += 1
        out.dropped.append(DroppedRow(stage="tools", row_id=row.world_id, parent_id=row.world_id,
                                      reason="nothing_probed", detail=nothing_kept(row, probes)))  # fmt: skip
    made = tool_rows(row, offered, parents, probes)
    if row.server not in set(chosen_servers(ctx.settings.worlds)):  # else its real rows are there already
        made = [*(real_row(facts[t.name], row.split) for t in made if t.name in facts), *made]
    out.rows += made
    out.opened += len(made)
    out.closed_with_rows += len(made)


def _catalog_facts(ctx: Context, row: WorldRow) -> dict[str, ToolFacts]:
    """What the catalog knows of a live server's tools, by name."""
    catalog = catalog_of(ctx.settings.worlds.prefer_cache)
    if row.server is None or row.server not in {s.id for s in catalog.servers}:
        return {}
    return {fact.name: fact for fact in catalog.tools_of(row.server)}


def _tool_row(row: WorldRow, tool: CompiledTool, admission: Admission, tool_id: str) -> ToolRow:
    return ToolRow(
        tool_id=tool_id, world_id=row.world_id, origin=row.origin, split=row.split, server=row.server,
        category=row.category, domain=row.domain, name=tool.name, description=tool.spec.description or "",
        input_schema=tool.input_schema,
        output_schema=None if tool.spec.output_schema == {} else tool.output_schema,
        semantics=row.spec["tools"][tool.name],
        effect="write" if tool.effect == "write" else "read", annotations=tool.spec.annotations,
        parents=tool.spec.parents,
        provenance={
            "server": row.server, "tool": tool.spec.source, "roots": row.roots, "operators": row.operators,
            "admission": {"calls": admission.calls, "errors": admission.errors},
            **by_model(row, tool.name),
        },
    )  # fmt: skip


def by_model(row: WorldRow, name: str) -> dict[str, Any]:
    """`model`: who wrote the tool, or its description, where that was a model."""
    told = row.model or {}
    wrote = [what for what in ("tool", "description") if name in told.get(f"{what}s", ())]
    return {"model": {"name": told["name"], "wrote": wrote}} if wrote else {}


_known: dict[str, dict[str, Surplus]] = {}


def surplus_of(inputs: Inputs) -> dict[str, Surplus]:
    """Evolved tools that repeat an earlier tool or use a common shape once too often. Read from the marks of all
    worlds, once per process and set of worlds."""
    key = inputs.digest("worlds")
    if key not in _known:
        _known.clear()
        _known[key] = surplus(from_columns(inputs.columns("worlds", ["world_id", "origin", "marks"])))
    return _known[key]
