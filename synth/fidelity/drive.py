"""The audit of one server: random sequences of calls through the live server and its twin, compared call by call.

Both sides start from the same planted state. After a disagreement that leaves the two in different states the sequence
ends and the next one starts afresh, so that one error is not counted many times; where only the twin succeeded its
change is taken back and the sequence goes on.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio

from synth.errors import UsageError
from synth.fidelity.answers import Outcome, read_answer
from synth.fidelity.compare import Compared
from synth.fidelity.drawing import Drawer, Pools, filled, leaves
from synth.fidelity.live import Live, LiveFailure, running
from synth.fidelity.setups import Setup
from synth.fidelity.twin import Aligned, Pending, Twin
from synth.records import rng_for
from synth.worlds.spec import World
from tools_catalog import ToolFacts
from tools_catalog.harvest.installed import Installed, installed
from tools_catalog.servers import ServerSpec

LENGTH = 40  # calls of one sequence at most
OPENING = 6  # first calls of a sequence, in which rows are made rather than looked for
SELDOM = 0.1  # weight of a tool that has always failed live, against one that never did
DEATHS = 4  # sequences in which the server died or hung, before its audit is given up
SECONDS = 110.0  # of one audit, installation aside
_MAKES = frozenset({"create", "send", "upsert", "copy"})


@dataclass(slots=True)
class Audit:
    """One server's audit. `ended` says why it stopped before the calls asked for, empty where it did not."""

    server: str
    group: str
    seed: int
    compared: list[Compared] = field(default_factory=list)
    lifted: int = 0
    tools: int = 0
    sequences: int = 0
    observed: bool = False  # whether the worlds were lifted with facts of earlier audits
    died: list[str] = field(default_factory=list)  # why a sequence ended in the middle of a call
    uncalled: dict[str, str] = field(default_factory=dict)
    ended: str = ""
    seconds: float = 0.0


async def audit(
    spec: ServerSpec, setup: Setup, tools: Sequence[ToolFacts], worlds: Sequence[World], calls: int, seed: int,
    at: Installed | None = None,
) -> Audit:  # fmt: skip
    """Audit one server. Raises HarvestFailure where it cannot be installed, UsageError where nothing was lifted."""
    twin = Twin(worlds)
    named = {t.name: t for t in tools if t.name in twin.home and t.name not in setup.skip}
    if not named:
        raise UsageError(f"No tool of {spec.id} that can be called offline is lifted; there is nothing to compare.")
    out = Audit(spec.id, setup.group, seed, lifted=len(twin.home), tools=len(tools))
    out.uncalled = {t: why for t, why in sorted(setup.skip.items()) if t in twin.home}
    at = at or await installed(spec)
    started = time.monotonic()
    while len(out.compared) < calls and not out.ended:
        rng = rng_for(seed, "fidelity", spec.id, out.sequences)
        twin.reset()
        try:
            async with running(spec, setup, at) as live:
                sequence = _Sequence(setup, twin, named, live, rng, out.compared)
                await sequence.plant()
                await sequence.run(min(LENGTH, calls - len(out.compared)), started + SECONDS)
        except* LiveFailure as failures:
            out.died += [str(e) for e in _leaves(failures)]
        out.sequences += 1
        if len(out.died) == DEATHS:
            out.ended = f"{DEATHS} sequences ended in the middle of a call, the last so: {out.died[-1]}"
        elif time.monotonic() - started > SECONDS:
            out.ended = f"{SECONDS:g} s were over"
    out.seconds = time.monotonic() - started
    return out


def _leaves(group: BaseExceptionGroup[Any]) -> list[BaseException]:
    out: list[BaseException] = []
    for e in group.exceptions:
        out += _leaves(e) if isinstance(e, BaseExceptionGroup) else [e]
    return out


class _Sequence:
    """One sequence on a freshly started server."""

    def __init__(
        self, setup: Setup, twin: Twin, tools: Mapping[str, ToolFacts], live: Live, rng: random.Random,
        out: list[Compared],
    ) -> None:  # fmt: skip
        self.setup, self.twin, self.tools, self.live, self.rng, self.out = setup, twin, tools, live, rng, out
        self.pools, self.aligned = Pools(setup), Aligned()
        self.fill = {"{work}": str(live.work)}
        self.drawer = Drawer(setup, self.pools, rng, self.fill)
        self.given: dict[str, str] = {}  # values given in successful writes: as live shows them -> as the twin does

    async def plant(self) -> None:
        for n, row in enumerate(self.setup.rows):
            self.twin.put(filled(row, self.fill), n)
        for plant in self.setup.plant:
            arguments = filled(plant.arguments, self.fill)
            outcome = await self._live(plant.tool, arguments)
            if not outcome.ok:
                raise LiveFailure(f"the planted {plant.tool} failed: {outcome.text[:200]}")
            self.pools.use(plant.tool, arguments)
            self._note(plant.tool, outcome, None)
            if plant.tool in self.twin.home:
                twin, pending = self.twin.call(plant.tool, self._translated(plant.tool, arguments))
                if twin.ok:
                    self.twin.keep(pending)
                    self._note(plant.tool, outcome, pending)
                    self._remember(arguments, plant.tool)
                    continue
            keys: dict[str, list[Any]] = {}
            for n, row in enumerate(plant.rows):
                key = self.twin.put(filled(row, self.fill), n)
                if key is not None:
                    keys.setdefault(row["entity"], []).append(key)
                    self._remember({k: v for k, v in row.items() if k != "entity"}, plant.tool)
            self._align(plant.tool, outcome, keys)

    async def run(self, calls: int, until: float) -> None:
        names = list(self.tools)
        for i in range(calls):
            if time.monotonic() > until:
                break
            tool = self._choose(names, opening=i < OPENING)
            arguments = self.drawer.arguments(tool, self.tools[tool].input_schema)
            live = await self._live(tool, arguments)
            translated = self._translated(tool, arguments)
            state = self.twin.state_of_row(tool, translated)
            twin, pending = self.twin.call(tool, translated)
            self.out.append(self._compare(tool, arguments, live, twin, state))
            if live.ok:
                self.pools.use(tool, arguments)
            if live.ok and twin.ok:
                self.twin.keep(pending)
                self._note(tool, live, pending)
                if self.twin.tool(tool).effect == "write":
                    self._remember(arguments, tool)
            elif live.ok and self.twin.tool(tool).effect == "write":
                break  # the live state has moved on alone

    def _choose(self, names: list[str], opening: bool) -> str:
        makers = [n for n in names if self.twin.tool(n).op in _MAKES]
        some = makers if opening and makers and self.rng.random() < 0.7 else names
        return self.rng.choices(some, [self._weight(n) for n in some])[0]

    def _weight(self, tool: str) -> float:
        """Tools that a random caller hardly gets right are called less, never left out."""
        done = [c.live.ok for c in self.out if c.tool == tool]
        return max(SELDOM, (sum(done) + 1) / (len(done) + 1))

    async def _live(self, tool: str, arguments: Mapping[str, Any]) -> Outcome:
        return read_answer(await self.live.call(tool, arguments), self.setup.failed, self.setup.fine)

    def _translated(self, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        out: dict[str, Any] = self.aligned.translate(dict(arguments), tool, self.pools)
        return out

    def _note(self, tool: str, live: Outcome, pending: Pending | None) -> None:
        """Ids that a live answer names become known; with the twin's effect at hand they are aligned."""
        for name, pool in self.setup.pools.items():
            if pool.find is not None and tool in pool.makers:
                for value in re.findall(pool.find, live.text):
                    self.pools.add(name, value)
        if pending is not None:
            self._align(tool, live, pending.inserted())

    def _align(self, tool: str, live: Outcome, inserted: Mapping[str, list[Any]]) -> None:
        """Pair the ids that a maker's answer names with the keys of the rows that the twin made for it, in order."""
        for name, pool in self.setup.pools.items():
            if pool.find is None or tool not in pool.makers:
                continue
            found = list(dict.fromkeys(re.findall(pool.find, live.text)))
            new = [f for f in found if (name, f) not in self.aligned.key_of]
            keys = inserted.get(pool.entity, []) if pool.entity else [k for ks in inserted.values() for k in ks]
            for value, key in zip(new, keys, strict=False):
                self.aligned.pair(name, value, key)

    def _remember(self, arguments: Mapping[str, Any], tool: str) -> None:
        for name, value in leaves(arguments):
            if isinstance(value, str) and len(value) >= 4:
                self.given[value] = str(self.aligned.translate(value, tool, self.pools, name))

    def _compare(
        self, tool: str, arguments: dict[str, Any], live: Outcome, twin: Outcome, state: str | None
    ) -> Compared:
        if not (live.ok and twin.ok) or self.twin.tool(tool).effect == "write":
            return Compared(tool, live, twin, arguments, state=state)
        own = {v for _, v in leaves(arguments) if isinstance(v, str)}  # an echo of the question shows nothing
        values = {a: b for a, b in self.given.items() if a not in own}
        shown = frozenset(a for a in values if a in live.text)
        echoed = frozenset(a for a, b in values.items() if b in twin.text)
        return Compared(tool, live, twin, arguments, shown, echoed, state)


def run_audit(*args: Any, **kwargs: Any) -> Audit:
    """`audit` for callers that are not asynchronous."""

    async def go() -> Audit:
        return await audit(*args, **kwargs)

    return anyio.run(go)
