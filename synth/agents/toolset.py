"""Which tools an agent holds: a core that belongs together, tools held back, and look-alikes that are not needed."""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import dataclass, field

from synth.agents.shelf import GOOD_WORLD, Shelf, noun_of, shape_of, squeezed
from synth.goals.words import split_words
from synth.records import ToolRow

CORE_SHARE = (0.5, 0.85)  # of an agent's tools, from the worlds it works in
SECOND_WORLD = 0.25  # share of agents with enough tools that work in two worlds
TWO_WORLDS_FROM = 8  # tools from which a second world is thought of
USUAL_SIZE = 12  # the size most agents are near, on a log scale
MOST_WORLDS = 4  # worlds of one agent, those it works in included
MOST_REAL = 2  # tools without semantics
MOST_OF_A_KIND = 3  # look-alikes drawn for one word or shape
WRITTEN_SHARE = 0.05  # of an origin's weight, per written world


@dataclass
class ToolSet:
    """`distractors` says per tool id why it is there: verb, noun, shape (what it has in common with a tool of the
    core), near (of the same world as one of those), real (no semantics)."""

    worlds: list[str]  # worked in, the primary one first
    tools: list[ToolRow] = field(default_factory=list)
    held_back: list[ToolRow] = field(default_factory=list)
    distractors: dict[str, str] = field(default_factory=dict)


def draw_tools(rng: random.Random, shelf: Shelf, least: int, most: int) -> ToolSet:
    """The tools of one agent; at least two, and fewer than `least` only where the shelf has no more."""
    size = draw_size(rng, least, most)
    out = ToolSet([draw_world(rng, shelf)])
    if size >= TWO_WORLDS_FROM and rng.random() < SECOND_WORLD:
        other = draw_world(rng, shelf)
        names, others = ({squeezed(t) for t in shelf.tools[w]} for w in (out.worlds[0], other))
        if not names & others:  # what one holds back, the other must not offer
            out.worlds.append(other)
    for world_id in out.worlds:
        core, back = draw_core(rng, shelf.tools[world_id], max(2, size // len(out.worlds)))
        out.tools += core
        out.held_back += back
    out.distractors = distractors(rng, shelf, out, size - len(out.tools))
    return out


def draw_size(rng: random.Random, least: int, most: int) -> int:
    """Most sets are near `USUAL_SIZE`, on a log scale, so that both two tools and sixty-four occur."""
    low, high = math.log(least), math.log(most)
    return round(math.exp(rng.triangular(low, high, min(max(math.log(USUAL_SIZE), low), high))))


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
    """Tools of a world, and those held back. Tools that share a noun stay together: a write is of little use without
    the read that finds its key."""
    size = min(len(tools), max(2, round(most * rng.uniform(*CORE_SHARE))))
    if size == len(tools) and len(tools) > GOOD_WORLD and rng.random() < 0.6:
        size -= 1 + (len(tools) > 10 and rng.random() < 0.5)
    if size >= len(tools):
        return list(tools), []
    if size >= len(tools) - 2:  # nearly all: hold back a write
        writes = [t for t in tools if t.effect == "write"]
        back = rng.sample(writes, min(len(writes) - 1, len(tools) - size)) if len(writes) > 1 else []
        return [t for t in tools if t not in back], back
    chosen = linked_tools(rng, tools, size)
    if not {t.effect for t in chosen} >= {"write"}:  # a small set that came out without a write
        writes = [t for t in tools if t.effect == "write"]
        mine = [t for t in writes if noun_of(t) in {noun_of(c) for c in chosen}] or writes
        chosen[-1:] = rng.sample(mine, min(1, len(mine)))
    return chosen, [t for t in tools if t not in chosen]


def linked_tools(rng: random.Random, tools: list[ToolRow], size: int) -> list[ToolRow]:
    """Tools of one noun after another, the next noun being one that the former ask for."""
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
    return chosen


def refers_to(tool: ToolRow, nouns: list[str]) -> list[str]:
    """Nouns that occur in the names of a tool's parameters."""
    words = {w for n in (tool.input_schema.get("properties") or {}) for w in split_words(n)}
    return [n for n in nouns if words & set(split_words(n))]


# --- look-alikes ---


def distractors(rng: random.Random, shelf: Shelf, core: ToolSet, wanted: int) -> dict[str, str]:
    """Add up to `wanted` tools to the set: like the core's, from a few other worlds of the split, and a few without
    semantics."""
    out: dict[str, str] = {}
    worlds: set[str] = set()
    avoid = {squeezed(t) for t in [*core.tools, *core.held_back]}
    mine = list(core.tools)

    def add(tool: ToolRow, why: str) -> None:
        if len(out) >= wanted or squeezed(tool) in avoid or tool.world_id in core.worlds:
            return
        if tool.world_id is not None and tool.world_id not in worlds:
            if len(worlds) + len(core.worlds) >= MOST_WORLDS:
                return
            worlds.add(tool.world_id)
        avoid.add(squeezed(tool))
        out[tool.tool_id] = why
        core.tools.append(tool)

    for why, pool in alike(rng, shelf, mine):
        for tool in rng.sample(pool, min(MOST_OF_A_KIND, len(pool))):
            add(tool, why)
    for other in sorted(worlds):
        rest = list(shelf.tools.get(other, []))
        rng.shuffle(rest)
        for tool in rest:
            add(tool, "near")
    nouns = {noun_of(t).lower() for t in [*mine, *core.held_back]}
    for tool in rng.sample(shelf.real, min(rng.randint(0, MOST_REAL), len(shelf.real))):
        if not nouns & set(split_words(tool.name)):
            add(tool, "real")
    return out


def alike(rng: random.Random, shelf: Shelf, core: list[ToolRow]) -> list[tuple[str, list[ToolRow]]]:
    """Pools of tools that look like one of the core: the same verb, the same noun, the same shape; in random order,
    the three kinds in turn."""
    verbs, nouns, shapes = set[str](), set[str](), set[str]()
    for tool in core:
        words = split_words(tool.name) or ("",)
        verbs.add(words[0])
        nouns.add(words[-1])
        shapes.add(shape_of(tool))
    kinds = [
        [("verb", shelf.by_verb.get(w, [])) for w in rng.sample(sorted(verbs), len(verbs))],
        [("noun", shelf.by_noun.get(w, [])) for w in rng.sample(sorted(nouns), len(nouns))],
        [("shape", shelf.by_shape.get(s, [])) for s in rng.sample(sorted(shapes), len(shapes))],
    ]
    return [kind[i] for i in range(max(map(len, kinds))) for kind in kinds if i < len(kind)]
