"""Stage `agents`: an assistant is a system prompt and a set of tools, all of one split.

The needed core comes from one primary world that can be executed; distractors come from worlds of the same split (same
verb with another noun, same noun with another verb) and from real tools without semantics. Where the world has enough
tools, one or more are held back, so that there are requests the assistant cannot serve.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from importlib import resources
from typing import Any

import yaml
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from synth.goals.words import split_words
from synth.records import AgentRow, DroppedRow, FailedRow, Split, ToolRow, WorldRow, content_hash, make_id, rng_for
from synth.stage import Context, Inputs, Output, Part
from synth.worlds.spec import World
from synth.worlds.values import values_for

TABLE = "agents"
VERSION = "3"
ASSETS = [
    "synth/prompts/agent_brief.j2",
    "synth/prompts/agent_letter.j2",
    "synth/prompts/agent_numbered.j2",
    "synth/prompts/agent_plain.j2",
    "synth/prompts/agent_sections.j2",
    "synth/prompts/agent_tags.j2",
    "synth/goals/data/agents.yaml",
]  # part of the fingerprint
PART_SIZE = 50
CORE_SHARE = (0.5, 0.85)  # of an agent's tools, from the primary world
MOST_WORLDS = 3  # worlds of one agent, the primary one included
MOST_REAL = 2  # tools without semantics
WRITTEN_SHARE = 0.05  # of an origin's weight, per written world
GOOD_WORLD = 4  # admitted tools, a write and a read among them
_NAME = re.compile(r"[^a-zA-Z0-9_-]+")


@dataclass
class Shelf:
    """What agents of one split are made of."""

    worlds: dict[str, WorldRow] = field(default_factory=dict)
    tools: dict[str, list[ToolRow]] = field(default_factory=dict)  # admitted, by world
    by_server: dict[str, list[str]] = field(default_factory=dict)  # usable worlds by root server and origin
    by_word: dict[str, list[ToolRow]] = field(default_factory=dict)  # first and last word of the name
    real: list[ToolRow] = field(default_factory=list)


def waves(ctx: Context) -> list[list[Part]]:
    """One wave of fixed ranges."""
    count = int(ctx.settings.count)
    ranges = range(0, count, PART_SIZE)
    return [[Part("agents", i, a, min(a + PART_SIZE, count)) for i, a in enumerate(ranges)]]


def run(ctx: Context, part: Part) -> Output:
    """Build the agents of a part; two of the same content are one row and one drop."""
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


# --- what there is ---

_shelves: list[tuple[tuple[Any, Any], dict[Split, Shelf]]] = []


def shelves_of(inputs: Inputs) -> dict[Split, Shelf]:
    """Tools and worlds by split, sorted once per process while the tables stay the same."""
    worlds, tools = inputs.table("worlds"), inputs.table("tools")
    if not _shelves or _shelves[0][0][0] is not worlds or _shelves[0][0][1] is not tools:
        _shelves[:] = [((worlds, tools), shelve(worlds, tools))]
    return _shelves[0][1]


def shelve(worlds: list[WorldRow], tools: list[ToolRow]) -> dict[Split, Shelf]:
    out: dict[Split, Shelf] = {"train": Shelf(), "validation": Shelf(), "eval": Shelf()}
    for w in worlds:
        out[w.split].worlds[w.world_id] = w
    lifted = {p for t in tools if t.world_id is not None for p in t.parents}
    for t in tools:
        if isinstance(t.semantics, dict) and t.semantics.get("side") == "user":
            continue  # only the user can call it
        shelf = out[t.split]
        if t.world_id is None or t.semantics is None:
            if t.tool_id not in lifted:
                shelf.real.append(t)
        elif t.world_id in shelf.worlds:
            shelf.tools.setdefault(t.world_id, []).append(t)
            words = split_words(t.name)
            for word in {words[0], words[-1]} if words else ():
                shelf.by_word.setdefault(word, []).append(t)
    for shelf in out.values():
        good = [world_id for world_id in shelf.worlds if usable(shelf.tools.get(world_id, []))]
        for world_id in good or [w for w in shelf.worlds if shelf.tools.get(w)]:
            row = shelf.worlds[world_id]
            shelf.by_server.setdefault(f"{row.origin} {row.server or row.domain}", []).append(world_id)
    return out


def usable(tools: list[ToolRow]) -> bool:
    return len(tools) >= GOOD_WORLD and {t.effect for t in tools} == {"read", "write"}


# --- one agent ---


def make_agent(ctx: Context, shelves: dict[Split, Shelf], ordinal: int, row_id: str) -> AgentRow | None:
    """The agent of a slot, None where no split has a usable world."""
    rng = rng_for(ctx.seed, "agents", ordinal)
    split = draw_split(rng, shelves, ctx.settings.split)
    if split is None:
        return None
    shelf = shelves[split]
    world = shelf.worlds[draw_world(rng, shelf)]
    most = rng.randint(ctx.settings.min_tools, ctx.settings.max_tools)
    core, held_back = draw_core(rng, shelf.tools[world.world_id], most)
    others = distractors(rng, shelf, world.world_id, core, held_back, max(most, ctx.settings.min_tools) - len(core))
    tools = [*core, *others]
    rng.shuffle(tools)
    offered = offered_names(tools)
    worlds = [world.world_id, *sorted({t.world_id for t in others if t.world_id is not None} - {world.world_id})]
    prompt, said = system_prompt(rng, world, split)
    traits = {"world_id": world.world_id, **said, "offered": offered, "held_back": sorted(t.name for t in held_back)}
    return AgentRow(agent_id=row_id, split=split, world_ids=worlds, tool_ids=[t.tool_id for t in tools],
                    system_prompt=prompt, traits=traits)  # fmt: skip


def draw_split(rng: random.Random, shelves: dict[Split, Shelf], shares: Any) -> Split | None:
    """A split by its share; train where the drawn one has no usable world, any other where train has none."""
    at = rng.random()
    drawn: Split = "eval" if at < shares.eval else "validation" if at < shares.eval + shares.validation else "train"
    for split in (drawn, "train", "validation", "eval"):
        if shelves[split].by_server:
            return split
    return None


def draw_world(rng: random.Random, shelf: Shelf) -> str:
    """Origins evenly (but a few written worlds by their number), then servers evenly (so none is drawn more often for
    having many worlds), then a world."""
    origins = Counter(s.split(" ", 1)[0] for s in shelf.by_server for _ in shelf.by_server[s])
    names = sorted(origins)
    weights = [min(1.0, origins[o] * WRITTEN_SHARE) if o == "written" else 1.0 for o in names]
    origin = rng.choices(names, weights=weights)[0]
    server = rng.choice(sorted(s for s in shelf.by_server if s.startswith(origin + " ")))
    return rng.choice(shelf.by_server[server])


def draw_core(rng: random.Random, tools: list[ToolRow], most: int) -> tuple[list[ToolRow], list[ToolRow]]:
    """Tools of the primary world, and those held back. Tools that share a noun stay together: a write is of little
    use without the read that finds its key."""
    size = min(len(tools), max(3, round(most * rng.uniform(*CORE_SHARE))))
    if size == len(tools) and len(tools) > GOOD_WORLD and rng.random() < 0.6:
        size -= 1 + (len(tools) > 10 and rng.random() < 0.5)
    if size >= len(tools):
        return list(tools), []
    if size >= len(tools) - 2:  # nearly all: hold back a write
        writes = [t for t in tools if t.effect == "write"]
        back = rng.sample(writes, min(len(writes) - 1, len(tools) - size)) if len(writes) > 1 else []
        return [t for t in tools if t not in back], back
    chosen: list[ToolRow] = []
    nouns = sorted({noun_of(t) for t in tools})
    rng.shuffle(nouns)
    linked = nouns[:1]
    while len(chosen) < size and linked:
        name = linked.pop(0)
        mine = [t for t in tools if noun_of(t) == name and t not in chosen]
        reads = [t for t in mine if t.effect == "read"]
        writes = [t for t in mine if t.effect == "write"]
        rng.shuffle(writes)
        take = [*reads[:4], *writes]
        chosen += take[: size - len(chosen)]
        asked = {noun for t in take for noun in refers_to(t, nouns)}
        nouns.remove(name)
        linked = [n for n in linked if n in nouns] or [n for n in nouns if n in asked][:3] or nouns[:1]
    back = [t for t in tools if t not in chosen]
    return chosen, back


def noun_of(tool: ToolRow) -> str:
    """The entity a tool works on, else the last word of its name."""
    of = tool.semantics.get("of") if isinstance(tool.semantics, dict) else None
    return str(of or (split_words(tool.name) or ("",))[-1])


def refers_to(tool: ToolRow, nouns: list[str]) -> list[str]:
    """Nouns that occur in the names of a tool's parameters."""
    words = {w for n in (tool.input_schema.get("properties") or {}) for w in split_words(n)}
    return [n for n in nouns if words & set(split_words(n))]


def distractors(
    rng: random.Random, shelf: Shelf, world_id: str, core: list[ToolRow], held_back: list[ToolRow], wanted: int
) -> list[ToolRow]:
    """Tools like the core's from a few other worlds of the split, and a few without semantics."""
    out: list[ToolRow] = []
    if wanted <= 0:
        return out
    avoid = {"".join(split_words(t.name)) for t in [*core, *held_back]}
    worlds: set[str] = set()
    words = sorted({w for t in core for w in (split_words(t.name) or ("",))[:: max(1, len(split_words(t.name)) - 1)]})
    rng.shuffle(words)
    pools = [shelf.by_word.get(w, []) for w in words]
    for pool in [*pools, *[shelf.tools.get(w, []) for w in worlds]]:
        for tool in rng.sample(pool, min(3, len(pool))):
            if tool.world_id == world_id or len(out) >= wanted or "".join(split_words(tool.name)) in avoid:
                continue
            if tool.world_id not in worlds and len(worlds) >= MOST_WORLDS - 1:
                continue
            worlds.add(str(tool.world_id))
            avoid.add("".join(split_words(tool.name)))
            out.append(tool)
    for other in sorted(worlds):
        rest = [t for t in shelf.tools.get(other, []) if "".join(split_words(t.name)) not in avoid]
        rng.shuffle(rest)
        out += rest[: max(0, min(4, wanted - len(out)))]
    nouns = {noun_of(t).lower() for t in [*core, *held_back]}
    for tool in rng.sample(shelf.real, min(rng.randint(0, MOST_REAL), len(shelf.real), max(0, wanted - len(out)))):
        if not nouns & set(split_words(tool.name)):
            out.append(tool)
    return out


def offered_names(tools: list[ToolRow]) -> dict[str, str]:
    """Names as the assistant sees them: legal, at most 64 characters, unique in the agent."""
    out: dict[str, str] = {}
    for tool in tools:
        base = _NAME.sub("_", tool.name).strip("_")[:64] or "tool"
        name, n = base, 2
        while name in out:
            prefix = _NAME.sub("_", tool.server or "") if n == 2 else ""
            name = f"{prefix}_{base}"[:64].strip("_") if prefix else f"{base[:60]}_{n}"
            n += 1
        out[name] = tool.tool_id
    return out


# --- its prompt ---


@lru_cache(maxsize=1)
def templates() -> tuple[tuple[str, Any], ...]:
    """The prompt templates by name. Sandboxed: values are text and never read as templates."""
    env = SandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, autoescape=False)
    files = sorted((f for f in resources.files("synth.prompts").iterdir() if f.name.startswith("agent_")), key=str)
    return tuple((f.name.removesuffix(".j2"), env.from_string(f.read_text(encoding="utf-8"))) for f in files)


@lru_cache(maxsize=1)
def manners() -> dict[str, Any]:
    text = resources.files("synth.goals").joinpath("data/agents.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def system_prompt(rng: random.Random, world: WorldRow, split: Split) -> tuple[str, dict[str, str]]:
    """A prompt and what it says about the assistant. The date is the world's clock; rules that the assistant has to
    keep stand in it."""
    words = manners()
    spec = world.spec
    title = " ".join(str(spec.get("title") or " ".join(split_words(str(spec.get("world", ""))))).split())[:60]
    app = title or "the application"
    domain = " ".join(split_words(world.domain or world.category)) or "daily work"
    role = rng.choice(words["roles"]).replace("{app}", app).replace("{domain}", domain)
    tone = rng.choice(sorted(words["tones"]))
    organisation = str(values_for(split).gen("company", rng))
    today = date.fromisoformat(str(spec.get("clock") or World.model_fields["clock"].default)[:10])
    groups = rng.sample(words["rules"], rng.randint(3, len(words["rules"])))
    rules = [rng.choice(g) for g in groups]
    policies = [p["text"] for p in spec.get("policies", []) if p.get("held_by", "assistant") == "assistant"]
    name, template = rng.choice(templates())
    said = {"role": role, "organisation": organisation, "app": app, "domain": domain}
    text = template.render(
        **said, rules=[*rules, *policies], short_rules=[*rules[:3], *policies], title=rng.choice(words["titles"]),
        tone=rng.choice(words["tones"][tone]), date=today.isoformat(), weekday=f"{today:%A}",
    )  # fmt: skip
    traits = {"role": role, "tone": tone, "organisation": organisation, "template": name, "date": today.isoformat()}
    return text.strip(), traits
