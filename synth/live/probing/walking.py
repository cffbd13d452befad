"""A walk through a server: things are made, everything is looked at, then changed, each call drawn from what is known
by then. What works is only a candidate; `confirming` decides."""

from __future__ import annotations

import asyncio
import copy
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from synth.executors.masking import masked
from synth.executors.protocol import Outcome, PlaceExecutor, PlaceTool
from synth.live.probing.drawing import Drawer, Drawn, Memory
from synth.live.probing.hands import Bench, failure_of, holds_now
from synth.live.probing.showing import Shown, label_of, shown_in
from synth.live.probing.starts import DATABASE
from synth.records import Kind, canonical
from synth.sim.grounding import parts, put
from synth.taskspec import PlaceStart
from synth.worlds.lift.lexicon import wordset

MAKES = wordset(
    """create add insert new write put save store register post append set open start init initialize upsert record
    remember log import book plan make build generate define track enqueue push"""
)
UNMAKES = wordset(
    """delete remove clear reset drop purge destroy unset cancel close truncate wipe erase uninstall kill stop archive
    forget disconnect revoke trash evict undo rollback move rename"""
)
MADE = 5  # calls at most that make the start state
TRIES = 4  # calls of one tool in one part of a walk
MOST_CALLS = 240  # of one walk
FEW = 2
COUNTED = 5  # the places in a list that a person would count to
AMBIGUOUS = "ambiguous"  # nobody could say which one is meant
NO_ARGUMENTS = "no_arguments"  # none could be drawn that fit the schema
NOT_READ_ONLY = "not_read_only"
UNSTEADY = "unsteady"  # another instance gives another result or state
DOES_NOT_MATTER = "value_does_not_matter"  # what the first result shows is not needed


@dataclass(frozen=True)
class Made:
    """One call of a walk that worked."""

    number: int
    tool: str
    arguments: dict[str, Any]
    found: dict[str, Shown]
    outcome: Outcome
    changed: bool


@dataclass(frozen=True)
class Candidate:
    """Calls that may make a task: `start` and then `calls`, whose `found` refer to the calls by their place here."""

    kind: Kind
    start: PlaceStart
    calls: tuple[Made, ...]

    @property
    def tool(self) -> str:
        return self.calls[-1].tool

    def key(self) -> str:
        return canonical([self.start.model_dump(mode="json"), [[c.tool, c.arguments] for c in self.calls]])


@dataclass
class Walk:
    """What one walk saw. `tried` and `refused` by tool."""

    start: PlaceStart
    setup: list[Made] = field(default_factory=list)
    looks: list[Made] = field(default_factory=list)
    changes: list[Made] = field(default_factory=list)
    tried: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    refused: dict[str, Counter[str]] = field(default_factory=dict)

    def refuse(self, tool: str, reason: str) -> None:
        self.refused.setdefault(tool, Counter())[reason] += 1


class Walker:
    """Makes one walk."""

    def __init__(self, bench: Bench, start: PlaceStart, rng: random.Random) -> None:
        files = [f for f in start.files if not f.startswith(".")]
        self._bench, self._rng, self._walk = bench, rng, Walk(start)
        self._memory = Memory([*files, *([DATABASE] if "tables" in start.setup else [])])
        self._count = 0
        self._seen: set[str] = set()
        self._digest = ""  # of the instance that is walked through

    async def walk(self) -> Walk:
        bench = self._bench
        allowed = {n: t for n, t in bench.tools.items() if bench.may_call(t)}
        for name in bench.tools:
            if name not in allowed:
                self._walk.refuse(name, NOT_READ_ONLY)
        await self._make([t for n, t in allowed.items() if bench.things[n].verb in MAKES])
        self._digest = ""
        async with bench.instance(with_calls(self._walk.start, self._walk.setup)) as executor:
            reads = [t for t in allowed.values() if t.effect == "read"]
            self._walk.looks = await self._try(executor, reads)
            again = [t for t in reads if self._walk.answered[t.name] < FEW]  # by now more is known
            self._walk.looks += await self._try(executor, again)
            writes = sorted((t for t in allowed.values() if t.effect == "write"), key=self._harm)
            self._walk.changes = await self._try(executor, writes)
        return self._walk

    def _harm(self, tool: PlaceTool) -> bool:
        """What takes things away comes last."""
        return tool.annotations.get("destructiveHint") is True or self._bench.things[tool.name].verb in UNMAKES

    async def _make(self, tools: Sequence[PlaceTool]) -> None:
        """Things that are there before the user says anything: calls that come out the same in two instances. A tool
        that does otherwise is left out, and all is made anew without it."""
        order = [t for t in tools if t.effect == "write" and not self._harm(t)]
        self._rng.shuffle(order)
        while True:
            one, two = self._bench.instance(self._walk.start), self._bench.instance(self._walk.start)
            async with one as executor, two as other:
                unsteady = await self._made_twice(executor, other, [*order, *order, *order])
            if unsteady is None:
                return
            self._walk.refuse(unsteady, UNSTEADY)
            self._walk.setup.clear()
            self._memory.shown.clear()
            self._memory.said.clear()
            order = [t for t in order if t.name != unsteady]

    async def _made_twice(
        self, executor: PlaceExecutor, other: PlaceExecutor, tools: Sequence[PlaceTool]
    ) -> str | None:
        """The tool that did not do the same in both, if any."""
        for tool in tools:
            if len(self._walk.setup) == MADE:
                break
            made = await self._call(executor, tool)
            if made is None:
                continue
            again = await other.call(made.tool, made.arguments)
            same = masked(again.content, self._bench.masks) == masked(made.outcome.content, self._bench.masks)
            diff = await asyncio.to_thread(executor.diff)
            if not same or diff != await asyncio.to_thread(other.diff) or holds_now(canonical(diff)):
                return tool.name
            self._walk.setup.append(made)
        return None

    async def _try(self, executor: PlaceExecutor, tools: Sequence[PlaceTool]) -> list[Made]:
        out: list[Made] = []
        for tool in tools:
            for _ in range(TRIES):
                made = await self._call(executor, tool, self._seen)
                if made is None:
                    continue
                if made.found and not await self._needed(executor, made):
                    self._walk.refuse(tool.name, DOES_NOT_MATTER)
                    continue
                out.append(made)
                if not tool.input_schema.get("properties"):
                    break
        return out

    async def _call(self, executor: PlaceExecutor, tool: PlaceTool, seen: set[str] | None = None) -> Made | None:
        if self._count >= MOST_CALLS:
            return None
        thing = self._bench.things[tool.name]
        makes = thing.verb in MAKES and tool.effect == "write"
        drawn = Drawer(self._rng, self._memory, thing.thing, tool, makes).draw()
        if drawn is None:
            self._walk.refuse(tool.name, NO_ARGUMENTS)
            return None
        key = canonical([tool.name, drawn.arguments])
        if seen is not None and key in seen:
            return None
        (seen if seen is not None else set()).add(key)
        return await self._made(executor, tool, drawn)

    async def _made(self, executor: PlaceExecutor, tool: PlaceTool, drawn: Drawn) -> Made | None:
        number, self._count = self._count, self._count + 1
        self._walk.tried[tool.name] += 1
        outcome = await executor.call(tool.name, drawn.arguments)
        if reason := failure_of(outcome):
            self._walk.refuse(tool.name, reason)
            return None
        self._walk.answered[tool.name] += 1
        was, self._digest = self._digest, await asyncio.to_thread(executor.digest)
        if not drawn.found:  # else it would take three calls to get there
            self._memory.shown += shown_in(number, outcome.value, self._bench.things[tool.name].thing)
        self._memory.hear(drawn.arguments)
        return Made(number, tool.name, drawn.arguments, drawn.found, outcome, was != self._digest)

    async def _needed(self, executor: PlaceExecutor, made: Made) -> bool:
        """Whether what was found matters: another value in its place fails, or gives another result."""
        other = made.arguments
        for pointer in made.found:
            other = _with_other(other, pointer)
        self._count += 1
        outcome = await executor.call(made.tool, other)
        self._digest = await asyncio.to_thread(executor.digest)
        if failure_of(outcome):
            return True
        values = [str(s.value) for s in made.found.values()]
        return without(outcome.content, [_other(v) for v in values]) != without(made.outcome.content, values)


def candidates(walk: Walk) -> list[Candidate]:
    """What the walk's calls may become: one call whose values the user says, or two of which the first shows what the
    second needs."""
    out: dict[str, Candidate] = {}
    whole = with_calls(walk.start, walk.setup)
    by_number = {m.number: m for m in [*walk.setup, *walk.looks, *walk.changes]}
    for made in [*walk.looks, *walk.changes]:
        origins = {s.call for s in made.found.values()}
        if not origins:
            one = Candidate("single", whole, (made,))
        elif len(origins) == 1 and (first := by_number.get(origins.pop())) is not None and not first.found:
            found = {p: replace(s, call=0) for p, s in made.found.items()}
            if not all(told_apart(s, first) for s in made.found.values()):
                walk.refuse(made.tool, AMBIGUOUS)
                continue
            rest = [m for m in walk.setup if m is not first]
            one = Candidate("chain", with_calls(walk.start, rest), (first, replace(made, found=found)))
        else:
            walk.refuse(made.tool, "needs_more_than_one_look")
            continue
        out.setdefault(one.key(), one)
    return list(out.values())


def told_apart(shown: Shown, first: Made) -> bool:
    """Whether a person can say which value of the first result is meant: by another field of its item, by its place
    among the first of a list, or because there is no other."""
    all_shown = shown_in(first.number, first.outcome.value, shown.owner)
    others = [s for s in all_shown if s.name == shown.name and str(s.value) != str(shown.value)]
    if shown.path is None or not others:
        return not others
    label, _ = label_of(shown)
    if label:
        return label_of(shown) not in [label_of(s) for s in others]
    return any(isinstance(p, int) and p < COUNTED for p in shown.path)


def with_calls(start: PlaceStart, made: Sequence[Made]) -> PlaceStart:
    """The start with what was made there."""
    calls = [[m.tool, m.arguments] for m in made]
    return start.model_copy(update={"setup": {**start.setup, "calls": calls}}) if calls else start


def _with_other(arguments: dict[str, Any], pointer: str) -> dict[str, Any]:
    path = parts(pointer)
    changed: Any = copy.deepcopy(arguments)
    value: Any = changed
    for step in path:
        value = value[int(step)] if isinstance(value, list) else value[step]
    put(changed, path, _other(value))
    out: dict[str, Any] = changed
    return out


def _other(value: Any) -> Any:
    return value + 7919 if isinstance(value, int | float) else f"{value}-zz9"


def without(text: str, values: Sequence[str]) -> str:
    """A text with these values as `#`."""
    for value in values:
        text = text.replace(value, "#")
    return text
