"""Stage `worlds`: real servers are lifted, a person's own worlds are taken in, then evolved worlds grow from the lifted
ones.

Slots: one per real server (its worlds, or a drop), one per world file, then one per evolved world and one per world
that a model is asked for (`synth.proposing`). Tools that a server has but no world took up are finer drops with their
reason; they stay in the `tools` table as real rows and serve as distractors. `synthetic` counts tools: each part of the
second wave owns a share of them and grows worlds until it has its share.
"""

from __future__ import annotations

import math
from itertools import chain
from typing import Any

from synth.models import clients
from synth.models.prompts import digests as prompt_digests
from synth.models.session import Models, with_models
from synth.places.rows import places_of, world_row
from synth.proposing import PROMPTS, propose_worlds, revise
from synth.records import DroppedRow, Row, Split, WorldRow, make_id
from synth.stage import Context, Output, Part
from synth.worlds import written
from synth.worlds.evolve import Rejected, evolve
from synth.worlds.evolve.hashes import marks_of
from synth.worlds.evolve.twins import Marked, surplus
from synth.worlds.lift import lift_server
from synth.worlds.real import catalog_of, category_split, chosen_servers, harvest_digests, real_tool_id
from synth.worlds.spec import World
from synth.worlds.splits import split_lookup
from synth.worlds.written import digests, split_of, written_worlds
from tools_catalog.observed import load_observed
from tools_catalog.taxonomy import load_taxonomy

TABLE = "worlds"
VERSION = "9"
ASSETS = [
    "tools_catalog/data/catalog.jsonl.xz",
    "tools_catalog/data/observed.json",
    "tools_catalog/data/taxonomy.json",
    "synth/worlds/data/phrases.txt",
]  # part of the fingerprint
SERVERS_PER_PART = 16
TOOLS_PER_PART = 500
TOOLS_PER_WORLD = 10  # about; how many slots a part is planned with
SLACK = 1.02  # near-duplicates across parts show only later
PROPOSALS_PER_PART = 8  # so many are lost, and paid for again, when a run is killed
SPARE = 1_000_000  # ordinals from here on are spare ones, so many to a part
SPARES_PER_PART = 500


def depends(settings: Any) -> dict[str, Any]:
    """The user's own worlds, their own harvest where the pipeline prefers it, and what a model is asked: new ones make
    new rows."""
    files = {f"file {i}": digest for i, digest in enumerate(digests(settings).values())}
    asked = prompt_digests(*PROMPTS) | clients.outside(settings.propose.backend) if settings.propose else {}
    return files | asked | (harvest_digests() if settings.prefer_cache else {})


def problems(settings: Any) -> list[tuple[str, str]]:
    """What is wrong with world files and with the model that proposes, as (path in the stage, sentence)."""
    told = clients.problems(settings.propose.backend) if settings.propose else []
    return [*written.problems(settings), *(("propose.model", sentence) for sentence in told)]


def ready(settings: Any) -> None:
    """Raises UsageError where the model that proposes could not be asked: the key of its endpoint is missing."""
    if settings.propose:
        clients.ready(settings.propose.backend)


def waves(ctx: Context) -> list[list[Part]]:
    """Lifting and written worlds first; evolving reads the lifted worlds."""
    n, written = len(chosen_servers(ctx.settings)), len(ctx.settings.files)
    wanted = ctx.settings.synthetic if n else 0
    lifting = [
        Part("worlds", i, start, min(start + SERVERS_PER_PART, n), {"do": "lift"})
        for i, start in enumerate(range(0, n, SERVERS_PER_PART))
    ]
    if written:
        lifting.append(Part("worlds", len(lifting), 0, written, {"do": "written"}))
    if ctx.settings.places:
        count = len(places_of(ctx.settings.places))
        lifting.append(Part("worlds", len(lifting), 0, count, {"do": "places"}))
    evolving, begin = [], 0
    for i, start in enumerate(range(0, wanted, TOOLS_PER_PART)):
        tools = min(TOOLS_PER_PART, wanted - start)
        stop = begin + math.ceil(tools / TOOLS_PER_WORLD)
        evolving.append(Part("worlds", len(lifting) + i, begin, stop, {"do": "evolve", "tools": tools}))
        begin = stop
    asked = ctx.settings.propose.worlds if ctx.settings.propose and n else 0
    for start in range(0, asked, PROPOSALS_PER_PART):
        stop = min(start + PROPOSALS_PER_PART, asked)
        evolving.append(Part("worlds", len(lifting) + len(evolving), start, stop, {"do": "propose"}))
    return [w for w in (lifting, evolving) if w]


def asks(settings: Any) -> bool:
    return settings.propose is not None


def run(ctx: Context, part: Part) -> Output:
    if asks(ctx.settings):
        return with_models(lambda models: arun(ctx, part, models))
    return MAKERS[part.payload["do"]](ctx, part)


async def arun(ctx: Context, part: Part, models: Models) -> Output:
    """The same where a model proposes: it writes worlds, and revises evolved ones."""
    if part.payload["do"] == "propose":
        return await _propose(ctx, part, models)
    if part.payload["do"] == "evolve":
        return await revise(ctx, models, _evolve(ctx, part))
    return MAKERS[part.payload["do"]](ctx, part)


def _lift(ctx: Context, part: Part) -> Output:
    out = Output(opened=part.stop - part.start)
    catalog, split_of = catalog_of(ctx.settings.prefer_cache), category_split(ctx.settings)
    for server in chosen_servers(ctx.settings)[part.start : part.stop]:
        tools = catalog.tools_of(server)
        category = tools[0].category
        lift = lift_server(server, category, tools, load_observed().get(server))
        for dropped in lift.dropped:
            out.dropped.append(
                DroppedRow(stage="worlds", row_id=real_tool_id(server, dropped.tool), parent_id=server,
                           reason=dropped.reason, detail=dropped.detail)
            )  # fmt: skip
        out.extra_drops += len(lift.dropped)
        for ordinal, world in enumerate(lift.worlds):
            out.rows.append(_row(ctx, with_parents(world, server), split_of(category), server, ordinal))
        if lift.worlds:
            out.closed_with_rows += 1
        else:
            out.dropped.append(
                DroppedRow(stage="worlds", row_id=make_id("world", ctx.seed, "worlds", server, 0), parent_id=server,
                           reason="nothing_lifted", detail=f"none of its {len(tools)} tools")
            )  # fmt: skip
    return out


def with_parents(world: World, server: str) -> World:
    """Each lifted tool's parent is its real row."""
    tools = {n: t.model_copy(update={"parents": [real_tool_id(server, t.source or n)]}) for n, t in world.tools.items()}
    return world.model_copy(update={"tools": tools, "roots": [server]})


def _row(ctx: Context, world: World, split: Split, server: str, ordinal: int) -> WorldRow:
    return WorldRow(
        world_id=make_id("world", ctx.seed, "worlds", server, ordinal), category=world.category,
        domain=world.domain or world.category, origin="lifted", split=split, server=server, parents=[], roots=[server],
        operators=[], spec=world.dump(), marks=marks_of(world),
    )  # fmt: skip


def _written(ctx: Context, part: Part) -> Output:
    rows: list[Row] = [
        WorldRow(
            world_id=make_id("world", ctx.seed, "worlds", "written", world.world),
            category=world.category or world.domain or world.world,
            domain=world.domain or world.category or world.world, origin="written", split=split_of(world, ctx.settings),
            server=None, parents=[], roots=[], operators=[], spec=world.dump(), marks=marks_of(world),
        )
        for world in written_worlds(ctx.settings)[part.start : part.stop]
    ]  # fmt: skip
    return Output(opened=part.stop - part.start, rows=rows, closed_with_rows=len(rows))


def _places(ctx: Context, part: Part) -> Output:
    """Where calls are really run: workspaces, live servers. Nothing is started here."""
    rows: list[Row] = [world_row(ctx.seed, place) for place in places_of(ctx.settings.places)[part.start : part.stop]]
    return Output(opened=part.stop - part.start, rows=rows, closed_with_rows=len(rows))


def _evolve(ctx: Context, part: Part) -> Output:
    """Worlds until their tools are the part's share of the tools wanted, within its slots and its spare ordinals. Tools
    that repeat one of the same part count as none."""
    out = Output(opened=0)
    parents = [w for w in ctx.inputs.table("worlds") if w.origin == "lifted"]
    taxonomy = load_taxonomy()
    shares = ctx.settings.split
    split_of = split_lookup(taxonomy.domain_names(), shares.validation, shares.eval)
    spare = SPARE + part.index * SPARES_PER_PART
    made: list[Marked] = []
    for ordinal in chain(range(part.start, part.stop), range(spare, spare + SPARES_PER_PART)):
        out.opened += 1
        row_id = make_id("world", ctx.seed, "worlds", "evolved", ordinal)
        grown = evolve(ordinal, ctx.seed, parents, taxonomy, split_of_domain=split_of)
        if isinstance(grown, Rejected):
            out.dropped.append(
                DroppedRow(
                    stage="worlds", row_id=row_id, parent_id=grown.parent_id, reason=grown.reason, detail=grown.detail
                )
            )
            if grown.reason == "no_parent":
                break
            continue
        out.closed_with_rows += 1
        marks = marks_of(grown.world)
        out.rows.append(
            WorldRow(
                world_id=row_id, category=grown.world.category, domain=grown.world.domain, origin="synthetic",
                split=grown.split, server=grown.world.roots[0] if grown.world.roots else None, parents=grown.parents,
                roots=grown.world.roots, operators=grown.world.operators, spec=grown.world.dump(), marks=marks,
            )
        )  # fmt: skip
        made.append(Marked(row_id, "synthetic", marks))
        if enough(made, part.payload["tools"]):
            break
    return out


MAKERS = {"lift": _lift, "written": _written, "places": _places, "evolve": _evolve}


async def _propose(ctx: Context, part: Part, models: Models) -> Output:
    """Worlds that the model writes, each from a lifted one."""
    parents = [w for w in ctx.inputs.table("worlds") if w.origin == "lifted"]
    taxonomy, shares = load_taxonomy(), ctx.settings.split
    split_of = split_lookup(taxonomy.domain_names(), shares.validation, shares.eval)
    return await propose_worlds(ctx, models, part, parents, taxonomy, split_of)


def enough(made: list[Marked], tools: int) -> bool:
    """Whether the worlds of a part hold its share of tools that are neither near-duplicates nor one shape too often."""
    marks = sum(len(m.marks) for m in made)
    return marks >= SLACK * tools and marks - len(surplus(made)) >= SLACK * tools
