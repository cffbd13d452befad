"""`recover`: a call that is needed goes wrong: for a moment, with its answer lost, for good with a way round, or for
good without one."""

from __future__ import annotations

import random
from dataclasses import replace

from synth.goals.desk import Desk
from synth.goals.kinds.basic import chain, multi_turn, single
from synth.goals.kinds.draft import Draft
from synth.goals.kinds.no_tool import producible
from synth.goals.looking import look_for
from synth.goals.story import DeadEnd, Story
from synth.sim.faults import AT_RANDOM, Shape
from synth.taskspec import FaultKind, FaultSpec, Step

FOR_GOOD = 99  # calls struck by a fault that does not pass
_BLOCKED = AT_RANDOM["write"]
_LOST: tuple[FaultKind, ...] = ("lost_request", "lost_answer")
_SHARES = ((0.25, "other_way"), (0.5, "in_doubt"), (0.62, "outage"))  # what is tried first, by cumulated share


def recover(desk: Desk, rng: random.Random) -> Draft:
    """A call that is needed fails. Not every world has a second way, or a read that shows what became of a write;
    trying again is always possible."""
    drawn = rng.random()
    way = next((name for bound, name in _SHARES if drawn < bound), "")
    builder = {"other_way": other_way, "in_doubt": in_doubt, "outage": outage}.get(way)
    if builder is not None:
        try:
            return builder(desk, rng)
        except DeadEnd:
            pass
    draft = chain(desk, rng) if rng.random() < 0.7 else multi_turn(desk, rng)
    steps = draft.story.steps
    step = rng.choice(steps)
    nth = sum(s.tool == step.tool for s in steps[: step.id])
    kind = rng.choice(AT_RANDOM[shape_of(desk, step)])
    times = 2 if kind in _BLOCKED and rng.random() < 0.25 else 1
    draft.faults.append(FaultSpec(tool=step.tool, kind=kind, nth=nth, times=times))
    return draft


def shape_of(desk: Desk, step: Step) -> Shape:
    if step.effect == "write":
        return "write"
    return "list" if desk.cw.tool(desk.offered[step.tool]).op in ("list", "search") else "read"


def in_doubt(desk: Desk, rng: random.Random) -> Draft:
    """Nobody answers a write. It was carried out or it was not; a read shows which."""
    draft = chain(desk, rng) if rng.random() < 0.7 else single(desk, rng)
    steps = draft.story.steps
    looks = [k for s in steps if (k := look_for(desk, steps, s)) is not None]
    if not looks:
        raise DeadEnd("no read shows what became of the write")
    look = rng.choice(looks)
    draft.looks.append(look)
    draft.faults.append(FaultSpec(tool=steps[look.step].tool, kind=rng.choice(_LOST)))
    return draft


def outage(desk: Desk, rng: random.Random) -> Draft:
    """The one function that could do it is out of service. It is tried, and then said."""
    draft = chain(desk, rng) if rng.random() < 0.6 else single(desk, rng)
    story = draft.story
    if len(story.aims) != 1 or story.tells or story.steps[-1].effect != "write":
        raise DeadEnd("not one write at the end")
    broken = story.steps[-1].tool
    rest = replace(desk, offered={n: t for n, t in desk.offered.items() if n != broken})
    if producible(rest, story.aims[0].act):
        raise DeadEnd("another tool could do it")
    draft.faults.append(FaultSpec(tool=broken, kind=rng.choice(_BLOCKED), times=FOR_GOOD, recover="none"))
    return draft


def other_way(desk: Desk, rng: random.Random) -> Draft:
    """The read an assistant would begin with is out of service; the same keys can be found without it."""
    first = chain(desk, rng).story
    broken = first.steps[0]
    if first.tells or broken.effect == "write" or any(s.tool == broken.tool for s in first.steps[1:]):
        raise DeadEnd("no read to do without")
    story = Story(desk, rng, avoid=frozenset({broken.tool}))
    story.new_turn()
    for aim in first.aims:
        story.write(aim)
    mine = {k.id: k.told.at for k in first.facts.values()}
    sources = {}
    for at, source in broken.sources.items():
        known = story.facts.get(mine.get(source.fact or "", ""))
        if source.kind == "user" and known is None:
            raise DeadEnd("the user does not say what the broken call needs")
        sources[at] = source if known is None else source.model_copy(update={"fact": known.id})
    steps = [broken.model_copy(update={"sources": sources})]
    for s in story.steps:
        moved = {at: src if src.step is None else src.model_copy(update={"step": src.step + 1})
                 for at, src in s.sources.items()}  # fmt: skip
        after = [0, *[i + 1 for i in s.after]]
        steps.append(s.model_copy(update={"id": s.id + 1, "sources": moved, "after": after}))
    story.steps = steps
    kind = rng.choice(_BLOCKED)
    fault = FaultSpec(tool=broken.tool, kind=kind, nth=0, times=FOR_GOOD, recover="other_way")
    return Draft(story, faults=[fault])
