"""`policy`: what a rule forbids stays undone and is declined, what it lets be done is done."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from desks import STAMPED, WORLDS, desk, world

from rubrics.normal import Text, mentions
from synth.goals import BuildFailed, Built, Desk, build
from synth.goals.check import reached, replay
from synth.goals.kinds.policy import texts
from synth.goals.rules import breaks
from synth.taskspec import Step
from synth.worlds.spec import Policy


def policies(n: int = 100) -> list[tuple[Desk, Built]]:
    out = []
    for name in WORLDS:
        for seed in range(n):
            d = desk(name, "policy", seed)
            out.append((d, build(d, "policy", random.Random(f"{name} {seed}"))))
    return out


@pytest.fixture(scope="module")
def built() -> list[tuple[Desk, Built]]:
    return policies()


def stopped(b: Built) -> bool:
    return b.goal.decline or any(a.before is None for a in b.plan.asks)


def test_both_twins_of_every_rule_come_up(built: list[tuple[Desk, Built]]) -> None:
    seen = Counter((b.start.rules[0].id, stopped(b)) for _, b in built)
    assert {k for k, _ in seen} == {"by_state", "by_value", "by_limit", "by_reason", "by_confirm"}
    assert all(seen[k, True] and seen[k, False] for k, _ in seen)


def test_what_is_forbidden_is_in_no_plan_and_what_is_allowed_is_reached(built: list[tuple[Desk, Built]]) -> None:
    for d, b in built:
        (rule,) = b.start.rules
        writes = [s for s in b.plan.steps if s.effect == "write" and s.tool in rule.tools]
        assert bool(writes) != stopped(b) or len(b.goal.changes) > 0
        ran = replay(d, b.plan.steps)
        assert ran is not None
        assert reached(d, ran[0], b.goal.changes, STAMPED)
        if not stopped(b):
            assert writes
            assert b.goal.changes


def test_a_declined_request_needs_more_than_a_refusal(built: list[tuple[Desk, Built]]) -> None:
    """A fact, a person to go to, or an answer of the user stands in the rubric beside the refusal."""
    for _, b in built:
        if b.goal.decline:
            checks = {c.check for c in b.rubric.criteria if c.required}
            assert "declined" in checks
            assert checks & {"told", "addresses", "asked"}


def test_the_expert_looks_at_the_state_before_it_acts(built: list[tuple[Desk, Built]]) -> None:
    for _, b in built:
        if b.start.rules[0].id == "by_state" and not stopped(b):
            last = [s for s in b.plan.steps if s.effect == "write"][-1]
            assert any(b.plan.steps[i].effect == "read" for i in last.after)


def test_answers_are_waited_for(built: list[tuple[Desk, Built]]) -> None:
    for _, b in built:
        for ask in b.plan.asks:
            (fact,) = [f for f in b.user.facts if f.id in ask.facts]
            assert fact.told is None
            assert not mentions(fact.value, Text("\n".join(b.user.turns)))
            if ask.before is not None:
                assert fact.id in b.plan.steps[ask.before].waits


def test_every_text_fills() -> None:
    for part in ("state", "value", "limit", "reason", "confirm"):
        assert all(isinstance(t, str) for t in texts("train")[part]["reply"])


def ruled(allow_if: str) -> Desk:
    """The library with a rule that the assistant holds."""
    spec = world("library")
    tool = next(n for n, t in spec.tools.items() if t.op == "update")
    rule = Policy(id="house", guards=[tool], allow_if=allow_if, text="Nothing of this kind is changed.")
    held = spec.model_copy(update={"policies": [rule]})
    return Desk("w", held, {t: t for t in held.tools}, 0, "train", f"You are an assistant. {rule.text}")


def test_no_plan_of_any_kind_breaks_a_rule_of_the_world() -> None:
    free, strict = ruled("true"), ruled("false")
    (guarded,) = free.world.policies[0].guards
    used = 0
    for seed in range(40):
        used += any(s.tool == guarded for s in build(free, "chain", random.Random(seed)).plan.steps)
        assert all(s.tool != guarded for s in build(strict, "chain", random.Random(seed)).plan.steps)
    assert used


def test_a_step_that_breaks_a_rule_is_named() -> None:
    d = ruled("false")
    act = next(a for a in d.writes if a.tool == d.world.policies[0].guards[0])
    for seed in range(20):
        values = d.draw(act, d.start, random.Random(seed), {})
        if values is not None and d.execute(d.start, act, values)[0].ok:
            step = Step(id=0, turn=0, tool=act.offered, world_id="w", arguments=d.arguments(act, values), sources={},
                        effect="write")  # fmt: skip
            assert breaks(d, [step]) == "house"
            return
    raise AssertionError("no call of the guarded tool works")


def test_a_rule_of_the_world_makes_tasks_of_both_kinds() -> None:
    assert build(ruled("true"), "policy", random.Random(1))
    found = 0
    for seed in range(30):
        try:
            b = build(ruled("false"), "policy", random.Random(seed))
        except BuildFailed:
            continue
        found += not b.start.rules and b.goal.decline
    assert found
