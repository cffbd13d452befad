"""Tasks of every kind on hand-written worlds: each promise of a task is executed, and each check is shown failing."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest
from desks import KINDS, STAMPED, WORLDS, desk, world
from hypothesis import given, settings
from hypothesis import strategies as st

from rubrics import CHECKS
from rubrics.normal import Text, leaves, mentions
from synth.goals import BuildFailed, Built, Desk, build
from synth.goals.build import unclear
from synth.goals.check import by_pointer, check, reached, replay
from synth.goals.ground import at_path
from synth.goals.independence import waves
from synth.goals.story import LONGEST_TURN
from synth.records import canonical
from synth.taskspec import Goal, Step, Tell
from synth.worlds.spec import World

SWEEP = 12  # tasks per kind and world


def tasks(kinds: tuple[str, ...] = KINDS, n: int = SWEEP) -> Iterator[tuple[str, Desk, Built]]:
    for name in WORLDS:
        for kind in kinds:
            for seed in range(n):
                d = desk(name, kind, seed)
                yield kind, d, build(d, kind, random.Random(f"{name} {kind} {seed}"))  # type: ignore[arg-type]


ONE_SIDED = tuple(k for k in KINDS if k != "dual")  # the user changes nothing; test_dual has the rest


@pytest.fixture(scope="module")
def built() -> list[tuple[str, Desk, Built]]:
    return list(tasks(ONE_SIDED))


TALKING = ("recover", "chat", "change", "long", "policy", "injection")  # kinds of one turn or of several


def test_every_kind_builds_on_both_worlds(built: list[tuple[str, Desk, Built]]) -> None:
    assert len(built) == 2 * len(ONE_SIDED) * SWEEP >= 200
    assert {k for k, _, _ in built} == set(ONE_SIDED)
    for kind, _, b in built:
        assert 1 <= b.difficulty <= 5
        assert b.user.turns
        assert all(t.strip() for t in b.user.turns)
        assert (len(b.user.turns) > 1) == (kind == "multi_turn") or kind in TALKING


def test_a_plan_replays_to_its_goal_in_order_and_in_waves(built: list[tuple[str, Desk, Built]]) -> None:
    for _, d, b in built:
        for steps in (b.plan.steps, [s for wave in waves(b.plan.steps) for s in wave]):
            ran = replay(d, [s for s in steps if s.id not in struck(b)])
            assert ran is not None
            assert reached(d, ran[0], b.goal.changes, STAMPED)
            shown = {canonical(v) for r in ran[1].values() for _, v in leaves(r)}
            assert all(canonical(t.value) in shown for t in b.goal.tell if t.source == "result")


def struck(b: Built) -> set[int]:
    """Steps that a fault takes away for good."""
    lasting = [f for f in b.start.faults if f.recover in ("other_way", "none")]
    return {[s.id for s in b.plan.steps if s.tool == f.tool][f.nth] for f in lasting}


def outage(b: Built) -> bool:
    return any(f.recover == "none" for f in b.start.faults)


def test_doing_nothing_fails_and_so_does_leaving_out_a_write(built: list[tuple[str, Desk, Built]]) -> None:
    for kind, d, b in built:
        own = {"no_calls", "declined", "addresses"} & {c.check for c in b.rubric.criteria if c.required}
        assert b.goal.changes or b.goal.tell or b.goal.refuse or own
        assert b.goal.refuse == (kind == "no_tool" or outage(b))
        assert b.plan.steps or kind in ("no_tool", "chat", "policy")
        if b.goal.changes:
            assert not reached(d, d.start, b.goal.changes, STAMPED)
        for s in b.plan.steps:
            without = replay(d, b.plan.steps, skip=s.id)
            taken_back = kind == "change"  # a write that is taken back is not missed
            if s.effect == "write" and not b.goal.refuse and not taken_back and changes_something(d, b.plan.steps, s):
                assert without is None or not reached(d, without[0], b.goal.changes, STAMPED), (s.tool, b.goal.text)


def changes_something(d: Desk, steps: list[Step], step: Step) -> bool:
    """A multiplexer counts as a write even where the step only reads."""
    before = replay(d, steps[: step.id])
    assert before is not None
    return bool(d.cw.execute(before[0], d.offered[step.tool], step.arguments)[0].changes)


def test_every_argument_has_a_source_that_gives_it(built: list[tuple[str, Desk, Built]]) -> None:
    for _, d, b in built:
        facts = {f.id: f for f in b.user.facts}
        ran = replay(d, [s for s in b.plan.steps if s.id not in struck(b)])
        assert ran is not None
        for s in b.plan.steps:
            assert all(any(at == p or at.startswith(p + "/") for p in s.sources) for at, _ in leaves(s.arguments))
            for at, source in s.sources.items():
                value = by_pointer(s.arguments, at)
                if source.kind == "result":
                    assert source.step in s.after
                    assert at_path(ran[1][source.step], source.path) == value
                elif source.kind == "user":
                    assert facts[str(source.fact)].value == value


def test_told_values_stand_in_their_turn_and_hidden_ones_nowhere(built: list[tuple[str, Desk, Built]]) -> None:
    for kind, _, b in built:
        for f in b.user.facts:
            if f.told is None:
                assert kind in ("clarify", "change", "policy")
                assert not mentions(f.value, Text("\n".join(b.user.turns)))
                assert mentions(f.value, Text(f.say))
            elif not isinstance(f.value, bool):
                assert mentions(f.value, Text(b.user.turns[f.told])), (f, b.user.turns)
        for t in b.goal.tell:
            assert t.source == "said" or not mentions(t.value, Text("\n".join(b.user.turns)))


def test_a_chain_needs_an_earlier_result_and_no_id_is_said() -> None:
    for _, d, b in tasks(("chain",), 40):
        assert any(src.kind == "result" for s in b.plan.steps for src in s.sources.values())
        ids = {str(k) for e, spec in d.world.entities.items() if spec.generated_key for k in d.start.rows(e)}
        assert not any(i in turn for i in ids for turn in b.user.turns)


def test_a_single_is_one_call_and_parallel_calls_do_not_wait() -> None:
    for kind, _, b in tasks(("single", "parallel"), 25):
        if kind == "single":
            assert len(b.plan.steps) == 1
            assert all(src.kind != "result" for src in b.plan.steps[0].sources.values())
        else:
            assert sum(not s.after for s in b.plan.steps) >= 2


def test_clarify_asks_before_the_value_is_used() -> None:
    for _, _, b in tasks(("clarify",), 25):
        (ask,) = b.plan.asks
        hidden = [f for f in b.user.facts if f.told is None]
        assert [f.id for f in hidden] == ask.facts
        step = b.plan.steps[ask.before]
        assert any(src.fact in ask.facts for src in step.sources.values())
        assert any(set(about.lower().split()) <= words(ask.question) for f in hidden for about in f.about)


def words(text: str) -> set[str]:
    return {w.strip("?,.:").lower() for w in text.split()}


def test_recover_strikes_a_call_of_the_plan() -> None:
    for _, _, b in tasks(("recover",), 25):
        (fault,) = b.start.faults
        assert sum(s.tool == fault.tool for s in b.plan.steps) > fault.nth


def test_no_tool_asks_for_what_the_offered_tools_cannot_do() -> None:
    for _, d, b in tasks(("no_tool",), 25):
        assert b.goal.refuse
        assert not b.goal.changes
        assert not b.plan.steps
        assert {c.check for c in b.rubric.criteria if c.part == "success"} == {"refused", "nothing_else"}
        assert len(d.offered) < len(d.world.tools)


def test_rubrics_name_checks_that_exist(built: list[tuple[str, Desk, Built]]) -> None:
    for _, _, b in built:
        assert {c.check for c in b.rubric.criteria} <= CHECKS.keys()
        assert any(c.part == "success" and c.required for c in b.rubric.criteria)
        assert len({c.id for c in b.rubric.criteria}) == len(b.rubric.criteria)


def test_the_same_seed_gives_the_same_task() -> None:
    for kind in KINDS:
        one, two = (build(desk("library", kind, 3), kind, random.Random(5)) for _ in range(2))  # type: ignore[arg-type]
        assert one == two


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**9), st.sampled_from(KINDS), st.sampled_from(WORLDS))
def test_any_seed_gives_a_checked_task(seed: int, kind: str, name: str) -> None:
    d = desk(name, kind, seed)
    b = build(d, kind, random.Random(seed))  # type: ignore[arg-type]
    for s in b.plan.steps:
        assert all(a < s.id for a in s.after)
        assert s.tool in d.offered


# --- each check is shown failing ---


def a_chain() -> tuple[Desk, Built]:
    for seed in range(50):
        d = desk("helpdesk", "chain", seed)
        b = build(d, "chain", random.Random(seed))
        if len(b.goal.changes) > 1 and not b.goal.tell:
            return d, b
    raise AssertionError("no chain with two changes in fifty seeds")


def verdict(d: Desk, b: Built, **other: object) -> str | None:
    given = {"steps": b.plan.steps, "goal": b.goal, "turns": b.user.turns, "facts": b.user.facts} | other
    return check(d, volatile=STAMPED, **given)  # type: ignore[arg-type]


def test_the_checks_refuse_what_is_no_task() -> None:
    d, b = a_chain()
    assert verdict(d, b) is None
    more = b.plan.steps[-1].model_copy(update={"id": len(b.plan.steps)})
    assert "does not re" in str(verdict(d, b, steps=b.plan.steps[:-1]))
    assert verdict(d, b, steps=[*b.plan.steps, more]) is not None
    assert "nothing" in str(verdict(d, b, goal=b.goal.model_copy(update={"changes": []})))
    assert "not in the user's words" in str(verdict(d, b, turns=["Do it." for _ in b.user.turns]))
    assert "no fact" in str(verdict(d, b, facts=[]))
    bare = [s.model_copy(update={"sources": {}}) for s in b.plan.steps]
    assert "has no source" in str(verdict(d, b, steps=bare))
    early = [s.model_copy(update={"after": []}) for s in b.plan.steps]
    assert verdict(d, b, steps=early) is not None
    hidden = [f.model_copy(update={"told": None}) for f in b.user.facts]
    assert "hidden" in str(verdict(d, b, facts=hidden))


def test_arguments_that_sound_the_same_make_no_task() -> None:
    spec = world("library").dump()
    spec["entities"]["Book"]["fields"] |= {"due": "date", "due_date": "date"}
    spec["tools"] = {"add_book": {"op": "create", "of": "Book", "needs": ["title", "due", "due_date"]}}
    twins = World.load(spec)
    with pytest.raises(BuildFailed, match="same words"):
        build(Desk("w", twins, {"add_book": "add_book"}, 0), "single", random.Random(1))


def test_what_a_fields_own_words_deny_is_no_task() -> None:
    def told(say: str, value: object) -> Goal:
        return Goal(changes=[], tell=[Tell(id="t0", turn=0, say=say, value=value)])

    assert unclear(told("the sections not is cobble", "cobble")) == "the words of a field deny what is told"
    assert unclear(told('the title is "Do not touch"', "Do not touch")) is None
    assert unclear(told("the budget is not set", None)) is None
    twice = [Tell(id=f"t{n}", turn=0, say="the size is 4", value=4) for n in range(2)]
    assert unclear(Goal(changes=[], tell=twice)) == "the same is to be told twice"


def test_requests_are_short_and_never_ask_for_what_is_so(built: list[tuple[str, Desk, Built]]) -> None:
    for _, d, b in built:
        assert all(len(turn) < LONGEST_TURN + 260 for turn in b.user.turns)
        for change in b.goal.changes:
            if change.kind == "update":
                key = tuple(change.key) if isinstance(change.key, list) else change.key
                row = d.start.rows(change.entity)[key]
                assert all(row.get(f) != v for f, v in change.fields.items())
        reads = [(s.turn, s.tool, json.dumps(s.arguments, sort_keys=True)) for s in b.plan.steps if s.effect == "read"]
        assert b.goal.changes or len(set(reads)) == len(reads)
        assert len({t.say for t in b.goal.tell}) == len(b.goal.tell)


def test_a_write_in_doubt_comes_with_the_read_that_shows_what_became_of_it() -> None:
    doubts = [(d, b) for _, d, b in tasks(("recover",), 60) if b.plan.looks]
    assert {b.start.faults[0].kind for _, b in doubts} == {"lost_request", "lost_answer"}
    for d, b in doubts:
        (look,), (fault,) = b.plan.looks, b.start.faults
        assert (b.plan.steps[look.step].tool, b.plan.steps[look.step].effect) == (fault.tool, "write")
        for done, steps in ((False, b.plan.steps[: look.step]), (True, b.plan.steps[: look.step + 1])):
            ran = replay(d, steps)
            assert ran is not None
            result, _ = d.cw.execute(ran[0], d.offered[look.tool], look.arguments)
            shown = {canonical(v) for _, v in leaves(result.value)} if result.ok else set()
            there = look.fails if not result.ok else not look.fails and {canonical(v) for v in look.shown} <= shown
            assert (there and not {canonical(v) for v in look.gone} & shown) == done


def test_a_write_that_is_out_of_service_is_tried_and_then_said() -> None:
    outages = [b for _, _, b in tasks(("recover",), 60) if outage(b)]
    assert outages
    for b in outages:
        assert b.goal.refuse and not b.goal.changes
        assert b.plan.steps[-1].tool == b.start.faults[0].tool
        assert any(c.check == "tried" and c.required for c in b.rubric.criteria)


def test_a_tool_out_of_service_is_gone_round() -> None:
    ways = [b for _, _, b in tasks(("recover",), 60) if b.start.faults[0].recover == "other_way"]
    assert ways
    for b in ways:
        (fault,) = b.start.faults
        assert b.plan.steps[0].tool == fault.tool
        assert all(s.tool != fault.tool and s.after for s in b.plan.steps[1:])
