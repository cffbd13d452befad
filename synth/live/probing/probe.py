"""The probe of one server: walks from a few starts, then the candidates in fresh instances, until there are enough."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import combinations

from synth.executors.protocol import PlaceTool
from synth.live.probing.confirming import Confirmer
from synth.live.probing.hands import Bench, Open, names_of
from synth.live.probing.records import Course, ToolProbe
from synth.live.probing.starts import start_state
from synth.live.probing.walking import Candidate, Made, Walk, Walker, candidates
from synth.pipeline_executors import McpServer, Probe
from synth.records import rng_for
from synth.taskspec import PlaceStart

Objection = Callable[[Course], str]  # the reason, empty where there is none
ENOUGH = "enough"  # not tried: there were courses enough
PAIRS = 0.25  # share of the courses that are of two calls side by side
MORE = 3  # candidates tried for every course wanted


async def probed(
    server: McpServer, tools: Sequence[PlaceTool], open_place: Open, objection: Objection, seed: int,
    masks: Sequence[str], at_once: int,
) -> dict[str, ToolProbe]:  # fmt: skip
    """What came of it, by tool. `objection` says why a course is of no use; `at_once`: instances side by side. The
    same server, seed and settings give the same. Raises TaskFailure("infra") where the server does not start."""
    settings = server.probe or Probe()
    named = {t.name: t for t in tools}
    patterns = [re.compile(m) for m in masks]
    bench = Bench(server, named, open_place, asyncio.Semaphore(at_once), patterns, names_of(named))
    starts = [rng_for(seed, "probe", server.id, n) for n in range(settings.starts)]
    walks = await asyncio.gather(*(Walker(bench, _begin(server, rng), rng).walk() for rng in starts))
    tally = Tally(named, objection)
    found = [candidates(walk) for walk in walks]
    for walk in walks:
        tally.add(walk)
    share = [settings.courses // settings.starts + (n < settings.courses % settings.starts) for n in range(len(walks))]
    await asyncio.gather(*(_courses(bench, w, c, n, seed, tally) for w, c, n in zip(walks, found, share, strict=True)))
    return tally.result()


def _begin(server: McpServer, rng: random.Random) -> PlaceStart:
    """A URL has no work folder."""
    files = server.probe.files if server.probe is not None else {}
    return start_state(rng, files) if server.url is None else PlaceStart()


class Tally:
    """Counts by tool, whatever ends first."""

    def __init__(self, tools: dict[str, PlaceTool], objection: Objection) -> None:
        self._objection = objection
        self._calls: Counter[str] = Counter()
        self._answered: Counter[str] = Counter()
        self._refused: dict[str, Counter[str]] = {name: Counter() for name in tools}
        self._courses: dict[str, list[tuple[str, Course]]] = {name: [] for name in tools}

    def add(self, walk: Walk) -> None:
        self._calls += walk.tried
        self._answered += walk.answered
        for tool, reasons in walk.refused.items():
            self._refused[tool] += reasons

    def take(self, candidate: Candidate, found: Course | str) -> bool:
        """Whether the course is kept."""
        reason = found if isinstance(found, str) else self._objection(found)
        if isinstance(found, str) or reason:
            self._refused[candidate.tool][reason] += 1
            return False
        self._courses[candidate.tool].append((candidate.key(), found))
        return True

    def leave(self, some: Sequence[Candidate]) -> None:
        """What need not be tried any more."""
        for candidate in some:
            self._refused[candidate.tool][ENOUGH] += 1

    def result(self) -> dict[str, ToolProbe]:
        return {
            tool: ToolProbe(
                calls=self._calls[tool], answered=self._answered[tool], kept=len(courses),
                refused=dict(sorted(self._refused[tool].items())),
                courses=[course for _, course in sorted(courses, key=lambda c: c[0])],
            )
            for tool, courses in self._courses.items()
        }  # fmt: skip


async def _courses(bench: Bench, walk: Walk, found: Sequence[Candidate], wanted: int, seed: int, tally: Tally) -> None:
    """Confirm the candidates of one walk, tool by tool in turn, until there are as many as wanted; then pairs."""
    confirmer = Confirmer(bench, walk)
    pairs = round(PAIRS * wanted)
    rng = rng_for(seed, "probe turns", bench.server.id, walk.start.model_dump_json())
    queue = _in_turn(found, rng)
    left = queue[MORE * wanted :]
    queue = queue[: MORE * wanted]
    kept: list[Candidate] = []
    while queue and len(kept) < wanted - pairs:
        width = wanted - pairs - len(kept)
        some, queue = queue[:width], queue[width:]
        kept += await _confirmed(confirmer, some, tally)
    tally.leave([*queue, *left])
    both = _pairs([c for c in kept if c.kind == "single"])
    rng.shuffle(both)
    await _confirmed(confirmer, both[:pairs], tally)


async def _confirmed(confirmer: Confirmer, some: Sequence[Candidate], tally: Tally) -> list[Candidate]:
    ended = await asyncio.gather(*map(confirmer.confirm, some))
    return [candidate for candidate, course in zip(some, ended, strict=True) if tally.take(candidate, course)]


def _in_turn(found: Sequence[Candidate], rng: random.Random) -> list[Candidate]:
    """One of each tool, then a second, and so on; its chains first, for they are rarer. The tools of each start come in
    an order of their own, so that few courses are not always those of the same tools."""
    tools = sorted({c.tool for c in found})
    rank = dict(zip(rng.sample(tools, len(tools)), range(len(tools)), strict=True))
    seen: Counter[str] = Counter()
    order = []
    for n, candidate in enumerate(sorted(found, key=lambda c: c.kind == "single")):
        order.append((seen[candidate.tool], rank[candidate.tool], n, candidate))
        seen[candidate.tool] += 1
    return [o[3] for o in sorted(order, key=lambda o: o[:3])]


def _pairs(singles: Sequence[Candidate]) -> list[Candidate]:
    """Two calls from the same start, side by side."""
    out = []
    for a, b in combinations(singles, 2):
        if a.start == b.start and _apart(a.calls[0], b.calls[0]):
            out.append(Candidate("parallel", a.start, (a.calls[0], b.calls[0])))
    return out


def _apart(a: Made, b: Made) -> bool:
    return (a.tool, a.arguments) != (b.tool, b.arguments)
