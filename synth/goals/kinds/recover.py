"""`recover`: a call that is needed fails, at first or for good."""

from __future__ import annotations

import random
from typing import Literal

from synth.goals.desk import Desk
from synth.goals.kinds.basic import chain, multi_turn
from synth.goals.kinds.draft import Draft
from synth.goals.story import DeadEnd, Story
from synth.taskspec import FaultSpec

FOR_GOOD = 99  # calls struck by a fault that does not pass
_FAULTS: tuple[Literal["unavailable", "rate_limit", "timeout"], ...] = ("unavailable", "rate_limit", "timeout")


def recover(desk: Desk, rng: random.Random) -> Draft:
    """A call that is needed fails: at first, so that trying again works, or for good, and there is another way."""
    if rng.random() < 0.3:
        try:
            return other_way(desk, rng)
        except DeadEnd:
            pass  # not every world has a second way; trying again is always possible
    draft = chain(desk, rng) if rng.random() < 0.7 else multi_turn(desk, rng)
    steps = draft.story.steps
    step = rng.choice(steps)
    nth = sum(s.tool == step.tool for s in steps[: step.id])
    times = 2 if rng.random() < 0.25 else 1
    draft.faults.append(FaultSpec(tool=step.tool, kind=rng.choice(_FAULTS), nth=nth, times=times))
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
    kind = rng.choice(_FAULTS)
    fault = FaultSpec(tool=broken.tool, kind=kind, nth=0, times=FOR_GOOD, recover="other_way")
    return Draft(story, faults=[fault])
