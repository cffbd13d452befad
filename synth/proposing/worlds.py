"""The operator `propose_world`: a real world as the parent, a domain of the taxonomy, and the model writes a world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from synth.errors import SpecError
from synth.models.prompts import fill
from synth.models.roles import Answer, Judged, Role
from synth.proposing import facts
from synth.proposing.loading import bad_texts, check_shared_texts, described, surface, without
from synth.proposing.schemas import MAX_ENTITIES, MAX_ROWS, MAX_TOOLS, proposed_world
from synth.records import WorldRow, make_id, rng_for, world_tool_id
from synth.worlds.admit import admit_world
from synth.worlds.simulate import compile_world
from synth.worlds.spec import World
from synth.worlds.wellformed import wellformed
from synth.worlds.written import WHY
from tools_catalog.taxonomy import Domain

OPERATOR = "propose_world"
MIN_TOOLS = 4  # admitted ones, a read and a write among them
MAX_TOKENS = 16_000


@dataclass(frozen=True)
class Slot:
    """One proposal: its number, the parent and where the new world goes."""

    ordinal: int
    seed: int
    parent: WorldRow
    domain: Domain

    @property
    def name(self) -> str:
        return make_id("proposed", self.seed, self.ordinal, self.parent.world_id, self.domain.name)


@dataclass(frozen=True)
class Proposed:
    """A world whose tools are all admitted, and {tool: (reason, detail)} of those that were left out."""

    world: World
    lost: dict[str, tuple[str, str]]


async def propose_world(role: Role, slot: Slot) -> Answer[Proposed]:
    parent = World.load(slot.parent.spec, slot.parent.world_id)
    schema = proposed_world(list(parent.tools))
    return await role.ask(prompt_of(slot, parent), schema, lambda raw: judge(slot, parent, raw))


def prompt_of(slot: Slot, parent: World) -> str:
    """What the model is asked: the domain with its nouns, the parent as facts, the language, the limits."""
    nouns = [f"{n.name}: {', '.join(f.name for f in n.fields[:6])}" for n in slot.domain.nouns]
    return fill(
        "propose_world.j2", domain=slot.domain.name, category=slot.domain.category.replace("_", " "), nouns=nouns,
        entities=facts.entities_of(parent), tools=facts.tools_of(parent), min_tools=MIN_TOOLS, max_tools=MAX_TOOLS,
        max_entities=MAX_ENTITIES, max_rows=MAX_ROWS,
    )  # fmt: skip


def judge(slot: Slot, parent: World, raw: dict[str, Any]) -> Judged[Proposed]:
    """Load, check and admit what the model wrote. Tools that fail cost themselves, not the world."""
    try:
        world = load(slot, parent, raw)
    except SpecError as error:
        return Judged(None, 0, "does_not_load", [str(error)])
    lost = bad_texts(world, world.tools)
    try:
        lost = {**rejected(world, slot.parent.split), **lost}
    except SpecError as error:  # a start state that cannot be drawn
        return Judged(None, 0, "does_not_load", [str(error)])
    kept = [n for n in world.tools if n not in lost]
    said = [detail for _, detail in lost.values()]
    if not enough(world, kept):
        said.append(f"only {len(kept)} tools are good; a world needs {MIN_TOOLS}, one that reads and one that writes")
        return Judged(None, 0, "inadmissible", said)
    return Judged(Proposed(without(world, lost), lost), len(kept), "inadmissible" if said else "", said)


def load(slot: Slot, parent: World, raw: dict[str, Any]) -> World:
    """The proposed world, lineage and identity set by the pipeline. Raises SpecError."""
    parents = {n: [world_tool_id(slot.parent.world_id, n)] for n in parent.tools}
    sources = {n: t.source or n for n, t in parent.tools.items()}
    rng = rng_for("clock", slot.seed, slot.ordinal)
    spec = raw | {
        "world": slot.name, "category": slot.domain.category, "domain": slot.domain.name,
        "server": slot.parent.roots[0] if slot.parent.roots else None, "roots": slot.parent.roots,
        "operators": [*slot.parent.operators, OPERATOR],
        "clock": f"2026-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}T{rng.randint(7, 18):02d}:00:00",
        "tools": {n: surface(body, parents, sources) for n, body in raw["tools"].items()},
    }  # fmt: skip
    world = World.load(spec, "world")
    wellformed(world)
    check_shared_texts(world)
    return described(world, {n: body["arguments"] for n, body in raw["tools"].items() if body.get("arguments")})


def rejected(world: World, split: str) -> dict[str, tuple[str, str]]:
    """{tool: (reason, sentence)} of the tools that do not compile or are not admitted."""
    bad = compile_world(world).check()
    if bad:  # said before anything is executed: the model mends these first
        return {n: ("does_not_compile", str(error)) for n, error in bad.items()}
    return {
        name: (a.reason, f"tools.{name}: {WHY.get(a.reason, a.reason)} ({a.detail})")
        for name, a in admit_world(world, split=split).items()
        if not a.ok
    }


def enough(world: World, kept: Sequence[str]) -> bool:
    effects = {world.tools[n].writes for n in kept}
    return len(kept) >= MIN_TOOLS and effects == {True, False}
