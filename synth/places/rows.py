"""Places as rows: which there are, their tools, their agents."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from synth import code
from synth.errors import UsageError
from synth.executors.protocol import PlaceTool
from synth.live.probing import ToolProbe
from synth.packaged import packaged_yaml
from synth.pipeline_executors import Executors
from synth.pipeline_problems import nearest
from synth.places import live
from synth.records import AgentRow, Kind, Origin, Split, ToolRow, WorldRow, make_id, world_tool_id

ORIGINS = ("workspace", "live")
SPLITS: tuple[Split, ...] = ("train", "validation", "eval")
CODE: Kind = "code"


@dataclass(frozen=True)
class Place:
    """A place of the pipeline. `spec` is the `spec` column of its row."""

    key: str
    origin: Origin
    split: Split
    server: str | None
    domain: str
    spec: dict[str, Any]


def is_place(row: WorldRow | ToolRow) -> bool:
    """Whether calls of it are really run."""
    return row.origin in ORIGINS


def places_of(executors: Executors) -> list[Place]:
    """The places that `executors` asks for, in a fixed order: one workspace per split that has families, and one place
    per live server."""
    return [*_workspaces(executors), *_live(executors)]


def _workspaces(executors: Executors) -> list[Place]:
    if executors.code is None:
        return []
    asked = executors.code.families
    families = [f for f in code.FAMILIES.values() if asked == "all" or f.name in asked]
    out = []
    for split in SPLITS:
        names = sorted(f.name for f in families if f.split == split)
        if names:
            spec = {"executor": "workspace", "families": names, "limits": executors.limits.model_dump(mode="json")}
            out.append(Place(f"workspace {split}", "workspace", split, None, "software development", spec))
    return out


def _live(executors: Executors) -> list[Place]:
    out = []
    for named in executors.mcp.servers if executors.mcp else ():
        server = live.server_of(named)
        spec = {"executor": "mcp", "server": server.model_dump(mode="json"), "volatile": live.volatile(server)}
        out.append(Place(f"live {server.id}", "live", server.split, server.id, live.domain(server.id), spec))
    return out


def unknown_of(executors: Executors) -> list[tuple[str, str]]:
    """What `executors` names and nobody knows, as (path, sentence)."""
    out = []
    asked = executors.code.families if executors.code is not None else []
    for family in asked if asked != "all" else []:
        if family not in code.FAMILIES:
            known = nearest(family, list(code.families()))
            out.append(("executors.code.families", f"there is no family {family!r}; {known}"))
    for named in executors.mcp.servers if executors.mcp else ():
        try:
            live.server_of(named)
        except UsageError as error:
            out.append(("executors.mcp.servers", str(error)))
    return out


def world_row(seed: int, place: Place) -> WorldRow:
    """The row of a place. It has no parents: it is the real thing."""
    return WorldRow(
        world_id=make_id("world", seed, "worlds", "place", place.key), category=place.domain, domain=place.domain,
        origin=place.origin,
        split=place.split, server=place.server, parents=[], roots=[place.server] if place.server else [],
        operators=[], spec=place.spec, marks={},
    )  # fmt: skip


def tool_rows(
    world: WorldRow, tools: Sequence[PlaceTool], parents: Mapping[str, str], probes: Mapping[str, ToolProbe]
) -> list[ToolRow]:
    """The tools of a place, as they are listed there. `parents`: real rows of the catalog, by name; `probes`: how those
    of a server that nobody knows did. One that was seen to change something writes, whatever it says."""
    executor = world.spec["executor"]
    return [
        ToolRow(
            tool_id=world_tool_id(world.world_id, tool.name), world_id=world.world_id, origin=world.origin,
            split=world.split, server=world.server, category=world.category, domain=world.domain, name=tool.name,
            description=tool.description, input_schema=tool.input_schema, output_schema=tool.output_schema,
            semantics={"executor": executor}, effect=_effect(tool, probes), annotations=tool.annotations,
            parents=[parents[tool.name]] if tool.name in parents else [],
            provenance={
                "server": world.server, "tool": tool.name, "roots": world.roots, "executor": executor,
                **({"probe": probes[tool.name].model_dump(mode="json")} if tool.name in probes else {}),
            },
        )
        for tool in tools
    ]  # fmt: skip


def _effect(tool: PlaceTool, probes: Mapping[str, ToolProbe]) -> Literal["read", "write"]:
    calls = [call for probe in probes.values() for course in probe.courses for call in course.calls]
    return "write" if any(call.writes and call.tool == tool.name for call in calls) else tool.effect


def kinds_of(world: WorldRow, tools: Sequence[ToolRow]) -> tuple[Kind, ...]:
    """The kinds of tasks that can be made for a place."""
    return (CODE,) if world.origin == "workspace" else live.kinds(world, tools)


def agents_of(origin: str, split: Split, settings: Any) -> int:
    """How many agents a place has. Tasks are drawn by agent: the workspaces held for validation and eval have as few as
    their shares are small."""
    shares = settings.split
    if origin != "workspace" or split == "train":
        return int(settings.per_place)
    share = shares.eval if split == "eval" else shares.validation
    return max(1, round(settings.per_place * share / max(0.1, 1 - shares.eval - shares.validation)))


def agent_row(seed: int, world: WorldRow, tools: Sequence[ToolRow], number: int, rng: random.Random) -> AgentRow:
    """One assistant that works in a place with all its tools."""
    prompt, traits = prompt_for(world, rng)
    return AgentRow(
        agent_id=make_id("agent", seed, "agents", world.world_id, number), split=world.split,
        world_ids=[world.world_id], tool_ids=[t.tool_id for t in tools], system_prompt=prompt,
        traits={
            "world_id": world.world_id, "worlds": [world.world_id], **traits,
            "offered": {t.name: t.tool_id for t in tools}, "distractors": {}, "held_back": [], "surfaces": {},
            "kinds": list(kinds_of(world, tools)),
        },
    )  # fmt: skip


def prompt_for(world: WorldRow, rng: random.Random) -> tuple[str, dict[str, str]]:
    """A system prompt for a place, and what it says."""
    words = packaged_yaml("synth.places", "data/prompts.yaml")
    own = words[world.origin]
    role, tone = rng.choice(own["roles"]), rng.choice(sorted(words["tones"]))
    rules = [rng.choice(group) for group in rng.sample(own["rules"], rng.randint(2, len(own["rules"])))]
    sentences = [role, rng.choice(own["place"]), rng.choice(words["tones"][tone])]
    if rng.random() < 0.5:
        text = "\n".join([" ".join(sentences), "", *(f"- {rule}" for rule in rules)])
    else:
        text = " ".join([*sentences, *rules])
    return text, {"tone": tone, "manner": "none"}
