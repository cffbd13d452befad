"""`change`: the state at the end counts; what was taken back is not in it, and half of the change is not enough."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from desks import STAMPED, WORLDS, desk, world

from rubrics.normal import Text, mentions
from synth.goals import Built, Desk, build
from synth.goals.check import reached, replay
from synth.goals.story import Story
from synth.worlds.spec import World


@pytest.fixture(scope="module")
def built() -> list[tuple[Desk, Built]]:
    out = []
    for name in WORLDS:
        for seed in range(80):
            d = desk(name, "change", seed)
            out.append((d, build(d, "change", random.Random(f"{name} {seed}"))))
    return out


def shape(b: Built) -> str:
    """Which way it is: from what the plan and the facts show."""
    if any(f.id == "dropped" for f in b.user.facts):
        return "cancelled"
    if b.plan.asks:
        return "pending"
    return "not at all" if b.plan.passing else "after"


def test_every_way_comes_up(built: list[tuple[Desk, Built]]) -> None:
    seen = Counter(shape(b) for _, b in built)
    assert set(seen) == {"cancelled", "pending", "after"}
    assert min(seen.values()) > 2


def test_what_was_made_is_deleted_again() -> None:
    spec = world("helpdesk").dump()
    spec["tools"]["create_contact"] = {"op": "create", "of": "Contact", "needs": ["name", "email"]}
    made = World.load(spec)
    d = Desk("w", made, {t: t for t in made.tools}, 0, "train", "You are an assistant.")
    seen = 0
    for seed in range(60):
        b = build(d, "change", random.Random(seed))
        if b.plan.passing:
            seen += 1
            assert not any(c.entity == "Contact" and c.kind == "insert" for c in b.goal.changes)
            assert {"create_contact", "delete_contact"} <= {s.tool for s in b.plan.steps}
    assert seen


def test_stopping_before_the_change_of_mind_misses_the_goal(built: list[tuple[Desk, Built]]) -> None:
    for d, b in built:
        if shape(b) in ("after", "not at all"):
            assert len(b.user.turns) > 1
            ran = replay(d, [s for s in b.plan.steps if s.turn == 0])
            assert ran is not None
            assert not reached(d, ran[0], b.goal.changes, STAMPED), b.user.turns


def test_a_correction_is_heard_only_with_the_answer(built: list[tuple[Desk, Built]]) -> None:
    for _, b in built:
        if shape(b) != "pending":
            continue
        secret, mended = (f for f in b.user.facts if f.told is None)
        assert mended.say in secret.say
        before = Text("\n".join(b.user.turns))
        assert not mentions(mended.value, before)
        assert not mentions(secret.value, before)
        step = next(s for s in b.plan.steps if s.id == b.plan.asks[0].before)
        assert {mended.id, secret.id} <= {src.fact for src in step.sources.values()}


def test_what_is_dropped_is_in_no_plan(built: list[tuple[Desk, Built]]) -> None:
    for d, b in built:
        if shape(b) == "cancelled":
            (ask,) = b.plan.asks
            assert ask.before is None
            assert b.goal.changes or b.goal.tell
            ran = replay(d, b.plan.steps)
            assert ran is not None
            assert reached(d, ran[0], b.goal.changes, STAMPED)


def test_an_old_value_that_is_not_said_comes_from_a_result(built: list[tuple[Desk, Built]]) -> None:
    seen = 0
    for _, b in built:
        last = [s for s in b.plan.steps if s.effect == "write" and s.turn > 0]
        for s in last:
            taken = {at for at, src in s.sources.items() if src.kind == "result" and not at.endswith(("id", "_id"))}
            seen += bool(taken)
    assert seen


def test_a_mark_may_be_gone_back_to_twice() -> None:
    d = desk("helpdesk", "chain", 0)
    story = Story(d, random.Random(0))
    mark = story.mark()
    for _ in range(2):
        story.new_turn()
        story.hot.append(("Ticket", "x"))
        story.back_to(mark)
        assert story.turns == []
        assert story.hot == []
