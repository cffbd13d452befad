"""`long`: fifteen to sixty calls that reach the goal; a request for every row of a sort leaves none of them out."""

from __future__ import annotations

import random

import pytest
from desks import STAMPED, WORLDS, desk, world

from synth.goals import Built, Desk, build
from synth.goals.check import reached, replay
from synth.goals.kinds.long import FEWEST, MOST, every_row
from synth.goals.story import DeadEnd, Story
from synth.worlds.spec import World


@pytest.fixture(scope="module")
def built() -> list[tuple[Desk, Built]]:
    out = []
    for name in WORLDS:
        for seed in range(6):
            d = desk(name, "long", seed)
            out.append((d, build(d, "long", random.Random(f"{name} {seed}"))))
    return out


def test_plans_are_long_and_reach_the_goal(built: list[tuple[Desk, Built]]) -> None:
    for d, b in built:
        assert FEWEST <= len(b.plan.steps) <= MOST
        ran = replay(d, b.plan.steps)
        assert ran is not None
        assert reached(d, ran[0], b.goal.changes, STAMPED)
        without = replay(d, b.plan.steps[:-1])
        assert without is None or b.goal.tell or not reached(d, without[0], b.goal.changes, STAMPED)


def test_every_row_of_a_sort_is_worked_on() -> None:
    """No row that has the value in common at the start is left as it was."""
    seen = 0
    for seed in range(30):
        spec = world("helpdesk").dump()
        spec["entities"]["Ticket"]["rows"] = 24
        small = World.load(spec)
        d = Desk("w", small, {t: t for t in small.tools}, seed, "train", "You are an assistant.")
        story = Story(d, random.Random(seed))
        story.new_turn()
        try:
            every_row(story)
        except DeadEnd:
            continue
        entity = str(story.aims[0].act.of)
        worked = {c.key for a in story.aims for c in a.changes}
        common = [f for f, spec in d.entity(entity).fields.items() if spec.type == "enum"
                  and len({d.start.rows(entity)[k][f] for k in worked}) == 1]  # fmt: skip
        assert any(
            {k for k, r in d.start.rows(entity).items() if r[f] == d.start.rows(entity)[next(iter(worked))][f]}
            == worked
            for f in common
        )
        assert " all " in f" {story.turns[-1][0].vp} "
        seen += 1
    assert seen
