"""Stage `agents`: an assistant is a system prompt and a set of tools, all of one split.

The core comes from one or two worlds that can be executed; look-alikes come from other worlds of the same split (same
verb with another noun, same noun with another verb, same shape in another domain) and from real tools without
semantics. Where a world has enough tools, one or more are held back, so that there are requests the assistant cannot
serve.
"""

from __future__ import annotations

import random
import re
from typing import Any

from synth.agents.prompt import system_prompt
from synth.agents.shelf import Shelf, shelves_of
from synth.agents.surfacing import draw_style, dress
from synth.agents.toolset import draw_tools
from synth.places.rows import ORIGINS, agent_row, agents_of, is_place
from synth.records import AgentRow, DroppedRow, FailedRow, Split, ToolRow, content_hash, make_id, rng_for
from synth.stage import Context, Output, Part
from synth.surface import Surface

TABLE = "agents"
VERSION = "6"
ASSETS = [
    "synth/places/data/prompts.yaml",
    "synth/prompts/agent_brief.j2",
    "synth/prompts/agent_briefing.j2",
    "synth/prompts/agent_bullets.j2",
    "synth/prompts/agent_card.j2",
    "synth/prompts/agent_day.j2",
    "synth/prompts/agent_dialogue.j2",
    "synth/prompts/agent_faq.j2",
    "synth/prompts/agent_handbook.j2",
    "synth/prompts/agent_headings.j2",
    "synth/prompts/agent_ini.j2",
    "synth/prompts/agent_json.j2",
    "synth/prompts/agent_letter.j2",
    "synth/prompts/agent_log.j2",
    "synth/prompts/agent_memo.j2",
    "synth/prompts/agent_numbered.j2",
    "synth/prompts/agent_oneline.j2",
    "synth/prompts/agent_plain.j2",
    "synth/prompts/agent_policyfirst.j2",
    "synth/prompts/agent_question.j2",
    "synth/prompts/agent_sections.j2",
    "synth/prompts/agent_short.j2",
    "synth/prompts/agent_speech.j2",
    "synth/prompts/agent_stars.j2",
    "synth/prompts/agent_tags.j2",
    "synth/prompts/agent_thirdperson.j2",
    "synth/prompts/agent_ticket.j2",
    "synth/prompts/agent_yaml.j2",
    "synth/prompts/eval/agent_badge.j2",
    "synth/prompts/eval/agent_checklist.j2",
    "synth/prompts/eval/agent_contract.j2",
    "synth/prompts/eval/agent_pairs.j2",
    "synth/prompts/eval/agent_story.j2",
    "synth/goals/data/agents.yaml",
    "synth/goals/data/eval/agents.yaml",
]  # part of the fingerprint
PART_SIZE = 50
_NAME = re.compile(r"[^a-zA-Z0-9_-]+")


def waves(ctx: Context) -> list[list[Part]]:
    """One wave of fixed ranges; then the agents of places."""
    worlds = ctx.inputs.columns("worlds", ["origin", "split"])
    places = [row for row in worlds if row["origin"] in ORIGINS]
    count = int(ctx.settings.count) if len(worlds) > len(places) or not places else 0
    ranges = range(0, count, PART_SIZE)
    out = [Part("agents", i, a, min(a + PART_SIZE, count)) for i, a in enumerate(ranges)]
    if places:
        slots = sum(agents_of(row["origin"], row["split"], ctx.settings) for row in places)
        out.append(Part("agents", len(out), 0, slots, {"do": "places"}))
    return [out]


def run(ctx: Context, part: Part) -> Output:
    """Build the agents of a part; two of the same content are one row and one drop."""
    if part.payload.get("do") == "places":
        return _of_places(ctx, part)
    out = Output(opened=part.stop - part.start)
    shelves = shelves_of(ctx.inputs)
    seen: dict[str, str] = {}
    for ordinal in range(part.start, part.stop):
        row_id = make_id("agent", ctx.seed, "agents", ordinal)
        agent = make_agent(ctx, shelves, ordinal, row_id)
        if agent is None:
            detail = "no world with an admitted read and write; admit more tools or ask for fewer per agent"
            out.failed.append(FailedRow(stage="agents", row_id=row_id, parent_id="", class_="task",
                                        boundary="stages.agents", detail=detail, attempts=1))  # fmt: skip
            continue
        digest = content_hash([agent.system_prompt, sorted(agent.tool_ids)])
        if digest in seen:
            out.dropped.append(DroppedRow(stage="agents", row_id=row_id, parent_id=agent.world_ids[0],
                                          reason="duplicate", detail=f"of {seen[digest]}"))  # fmt: skip
            continue
        seen[digest] = row_id
        out.rows.append(agent)
        out.closed_with_rows += 1
    return out


def _of_places(ctx: Context, part: Part) -> Output:
    """The agents of places, those of one place after another."""
    out = Output(opened=part.stop - part.start)
    places = [row for row in ctx.inputs.table("worlds") if is_place(row)]
    slots = [(row, n) for row in places for n in range(agents_of(row.origin, row.split, ctx.settings))]
    tools: dict[str, list[ToolRow]] = {}
    for tool in ctx.inputs.table("tools"):
        if is_place(tool):
            tools.setdefault(str(tool.world_id), []).append(tool)
    for place, number in slots[part.start : part.stop]:
        own = tools.get(place.world_id, [])
        if own:
            rng = rng_for(ctx.seed, "agents", place.world_id, number)
            out.rows.append(agent_row(ctx.seed, place, own, number, rng))
            out.closed_with_rows += 1
            continue
        row_id = make_id("agent", ctx.seed, "agents", place.world_id, number)
        out.dropped.append(DroppedRow(stage="agents", row_id=row_id, parent_id=place.world_id, reason="no_tools",
                                      detail="the place could not be asked for its tools"))  # fmt: skip
    return out


def make_agent(ctx: Context, shelves: dict[Split, Shelf], ordinal: int, row_id: str) -> AgentRow | None:
    """The agent of a slot, None where no split has a usable world. Its traits: `worlds` it works in, what the prompt
    says, `offered` {name: tool id}, `distractors` {name: why}, names `held_back`, `surfaces` {name: how shown}."""
    rng = rng_for(ctx.seed, "agents", ordinal)
    split = draw_split(rng, shelves, ctx.settings.split)
    if split is None:
        return None
    shelf = shelves[split]
    held = draw_tools(rng, shelf, ctx.settings.min_tools, ctx.settings.max_tools)
    rng.shuffle(held.tools)
    offered = offered_names(held.tools)
    surfaces: dict[str, Surface] = {}
    if rng.random() < ctx.settings.surfaces.share:
        offered, surfaces = dress(rng, draw_style(rng), offered, {t.tool_id: t for t in held.tools})
    others = sorted({t.world_id for t in held.tools if t.world_id is not None} - set(held.worlds))
    prompt, said = system_prompt(rng, [shelf.worlds[w] for w in held.worlds], split)
    traits = {
        "world_id": held.worlds[0], "worlds": held.worlds, **said, "offered": offered,
        "distractors": {n: held.distractors[t] for n, t in offered.items() if t in held.distractors},
        "held_back": sorted(t.name for t in held.held_back),
        "surfaces": {n: s.model_dump(exclude_defaults=True) for n, s in surfaces.items()},
    }  # fmt: skip
    return AgentRow(agent_id=row_id, split=split, world_ids=[*held.worlds, *others],
                    tool_ids=[t.tool_id for t in held.tools], system_prompt=prompt, traits=traits)  # fmt: skip


def draw_split(rng: random.Random, shelves: dict[Split, Shelf], shares: Any) -> Split | None:
    """A split by its share; train where the drawn one has no usable world, any other where train has none."""
    at = rng.random()
    drawn: Split = "eval" if at < shares.eval else "validation" if at < shares.eval + shares.validation else "train"
    for split in (drawn, "train", "validation", "eval"):
        if shelves[split].by_server:
            return split
    return None


def offered_names(tools: list[ToolRow]) -> dict[str, str]:
    """Names as the assistant sees them: legal, at most 64 characters, unique in the agent."""
    out: dict[str, str] = {}
    for tool in tools:
        base = legal(tool.name)
        name, n = base, 2
        while name in out:
            prefix = _NAME.sub("_", tool.server or "") if n == 2 else ""
            name = legal(f"{prefix}_{base}") if prefix else f"{base[:60]}_{n}"
            n += 1
        out[name] = tool.tool_id
    return out


def legal(name: str) -> str:
    """The name in the form every provider takes: `[a-zA-Z_][a-zA-Z0-9_-]{0,63}`."""
    name = _NAME.sub("_", name).strip("_-")
    return (name if name[:1].isalpha() else f"tool_{name}" if name else "tool")[:64].strip("_-")
