"""Stage `tools`: every real tool as a row of facts, and every tool of every world that was admitted.

Admission runs here: a lifted or evolved tool becomes a row only after it was executed on its own world. Rejected ones
and near-duplicates are drops with their reason.
"""

from __future__ import annotations

from typing import Any

from synth.records import DroppedRow, Row, Split, ToolRow, WorldRow, world_tool_id
from synth.stage import Context, Output, Part
from synth.worlds.admit import Admission, admit_world
from synth.worlds.evolve.hashes import near_duplicates
from synth.worlds.real import catalog_of, category_split, chosen_servers, real_tool_id
from synth.worlds.simulate import CompiledTool, compile_world
from synth.worlds.spec import World
from tools_catalog import ToolFacts

TABLE = "tools"
VERSION = "1"
SERVERS_PER_PART = 32
WORLDS_PER_PART = 40


def waves(ctx: Context) -> list[list[Part]]:
    servers, worlds = len(chosen_servers(ctx.settings.worlds)), len(ctx.inputs.table("worlds"))
    out = [
        Part("tools", i, a, min(a + SERVERS_PER_PART, servers), {"do": "real"})
        for i, a in enumerate(range(0, servers, SERVERS_PER_PART))
    ]
    first = len(out)
    out += [
        Part("tools", first + i, a, min(a + WORLDS_PER_PART, worlds), {"do": "worlds"})
        for i, a in enumerate(range(0, worlds, WORLDS_PER_PART))
    ]
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
        input_schema=tool.input_schema, output_schema=tool.output_schema, semantics=None, effect=tool.effect,
        annotations=tool.annotations, parents=[], provenance=provenance(tool),
    )  # fmt: skip


def provenance(tool: ToolFacts) -> dict[str, Any]:
    return {
        "server": tool.server, "registry": tool.registry, "package": tool.package, "version": tool.version,
        "licence": tool.licence, "sha256": tool.sha256,
    }  # fmt: skip


def _admitted(ctx: Context, part: Part) -> Output:
    worlds: list[WorldRow] = ctx.inputs.table("worlds")
    twins = duplicates_of(worlds)
    out = Output(opened=0)
    for row in worlds[part.start : part.stop]:
        world = World.load(row.spec, row.world_id)
        compiled = compile_world(world)
        admissions = admit_world(world, ctx.settings.tries, row.split)
        out.opened += len(admissions)
        for name, admission in admissions.items():
            tool_id = world_tool_id(row.world_id, name)
            reason, detail = admission.reason, admission.detail
            if admission.ok and tool_id in twins:
                reason, detail = "near_duplicate", f"of {twins[tool_id]}"
            if reason:
                out.dropped.append(
                    DroppedRow(stage="tools", row_id=tool_id, parent_id=row.world_id, reason=reason, detail=detail)
                )
                continue
            out.rows.append(_tool_row(row, compiled.tool(name), admission, tool_id))
            out.closed_with_rows += 1
    return out


def _tool_row(row: WorldRow, tool: CompiledTool, admission: Admission, tool_id: str) -> ToolRow:
    return ToolRow(
        tool_id=tool_id, world_id=row.world_id, origin=row.origin, split=row.split, server=row.server,
        category=row.category, domain=row.domain, name=tool.name, description=tool.spec.description or "",
        input_schema=tool.input_schema, output_schema=tool.output_schema, semantics=row.spec["tools"][tool.name],
        effect="write" if tool.effect == "write" else "read", annotations=tool.spec.annotations,
        parents=tool.spec.parents,
        provenance={
            "server": row.server, "tool": tool.spec.source, "roots": row.roots, "operators": row.operators,
            "admission": {"calls": admission.calls, "errors": admission.errors},
        },
    )  # fmt: skip


_twins: dict[tuple[int, str, str], dict[str, str]] = {}


def duplicates_of(worlds: list[WorldRow]) -> dict[str, str]:
    """Evolved tools that repeat an earlier tool: {tool id: the earlier one's}. Real servers repeat each other too, and
    a lifted tool is a fact, so only evolved ones give way. Computed once per process and set of worlds."""
    key = (len(worlds), worlds[0].world_id, worlds[-1].world_id) if worlds else (0, "", "")
    if key not in _twins:
        _twins.clear()
        _twins[key] = near_duplicates(worlds)
    return _twins[key]
