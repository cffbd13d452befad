"""The user's own side: acts come when they are asked for, change their own state, and are played again by a replay."""

from __future__ import annotations

import asyncio
import functools
import io
import random

import desk
import pytest
from rich.console import Console

from rubrics.checks import judge_one
from rubrics.evidence import Evidence
from synth.goals.build import BuildFailed, build
from synth.goals.desk import Desk
from synth.pipeline_stages import JudgeSettings, Player, RolloutsSettings
from synth.records import TaskRow, TrajectoryRow, make_id, rng_for
from synth.replaying import replay_rows
from synth.sim.user import SimulatedUser
from synth.sim.userside import compiled_side, places
from synth.stages import judge, rollouts
from synth.taskspec import UserProfile
from synth.trial.performing import lines_of, perform
from synth.view.show import conversation
from synth.worlds.simulate import start_state

SETTINGS = RolloutsSettings(policy="expert", fault_rate=0.05)
HELD_BACK = ("assign_ticket", "update_ticket", "resolve_ticket")


@functools.cache
def tasks() -> tuple[TaskRow, ...]:
    """Tasks on the ticket desk: with some writes held back for the user, and with none."""
    agent = desk.catalog().agents[desk.AGENT_ID]
    offered = {n: n for n, i in agent.traits["offered"].items() if i.startswith("tool_")}
    fewer = {n: t for n, t in offered.items() if n not in HELD_BACK}
    out = []
    for n in range(60):
        there = fewer if n % 2 else offered
        place = Desk(desk.WORLD_ID, desk.world(), there, seed=n % 3, prompt=agent.system_prompt)
        try:
            task = build(place, "dual", random.Random(n))
        except BuildFailed:
            continue
        columns = {k: getattr(task, k).model_dump(mode="json") for k in ("user", "goal", "start", "plan", "rubric")}
        out.append(TaskRow(task_id=make_id("task", n), agent_id=desk.AGENT_ID, ordinal=n, split="train", kind="dual",
                           difficulty=task.difficulty, **columns))  # fmt: skip
    return tuple(out)


@functools.cache
def play(index: int) -> TrajectoryRow:
    task = tasks()[index]
    slot = rollouts.Slot(make_id("traj", task.task_id), task, 0, Player("expert", None))
    return asyncio.run(rollouts.play(slot, desk.catalog(), SETTINGS))


def own(task: TaskRow) -> bool:
    """Whether the user acts in the ticket desk itself."""
    return not task.start["sides"]


def test_there_are_tasks_of_both_sorts() -> None:
    assert len(tasks()) >= 50
    assert 3 <= sum(own(t) for t in tasks()) <= 40
    assert len({w for t in tasks() for w in t.start["sides"]}) >= 3


def test_the_expert_passes_and_every_act_is_played_again() -> None:
    for n, task in enumerate(tasks()):
        row = play(n)
        verdict = judge.judge(row, task, desk.catalog(), JudgeSettings(economy=False))
        assert verdict.passed, (verdict.reasons, row.messages[1:])
        assert [c.name for c in row.user_calls] == [a["tool"] for a in task.user["acts"]]
        assert all(c.ok and c.executor.startswith("user:") for c in row.user_calls)
        assert not {c.name for c in row.user_calls} & {f["function"]["name"] for m in row.messages
                                                       for f in m.get("tool_calls") or ()}  # fmt: skip
        assert replay_rows(row, task, desk.catalog()).equal


def test_a_replay_notices_an_act_that_was_not_there() -> None:
    n = next(i for i, t in enumerate(tasks()) if own(t))
    row, task = play(n), tasks()[n]
    assert not replay_rows(row.model_copy(update={"user_calls": []}), task, desk.catalog()).equal


def test_the_users_side_is_part_of_the_end_state() -> None:
    gated = [i for i, t in enumerate(tasks()) if len(t.user["acts"]) == 2]
    for n in gated:
        world_id = next(iter(tasks()[n].start["sides"]))
        (change,) = [d for d in play(n).state_diff if d["world_id"] == world_id]
        assert change["changed"] == ["status"]
        assert any(c["world_id"] == world_id for c in tasks()[n].goal["changes"])


def test_nobody_acts_before_being_asked() -> None:
    for task in tasks():
        profile = UserProfile.model_validate(task.user)
        user = SimulatedUser(profile, rng_for(1, "user"))
        assert user.acts_for("I have taken care of everything you asked for.") == []
        assert user.acts_for(task.plan["asks"][0]["question"]) == list(profile.acts)


def test_an_instruction_without_a_question_mark_is_understood() -> None:
    n = next(i for i, t in enumerate(tasks()) if not own(t))
    task = tasks()[n]
    user = SimulatedUser(UserProfile.model_validate(task.user), rng_for(1, "user"))
    (place,) = [places()[w.removeprefix("user:")] for w in task.start["sides"]]
    assert user.acts_for(f"Please use the {place.words['about'][0]} and give me the {_label(task)}.")


def _label(task: TaskRow) -> str:
    return next(str(f["about"][0]) for f in task.user["facts"] if f["by"])


def test_a_user_who_could_not_act_says_nothing_of_it() -> None:
    n = next(i for i, t in enumerate(tasks()) if not own(t))
    task = tasks()[n]
    user = SimulatedUser(UserProfile.model_validate(task.user), rng_for(1, "user"))
    fact = next(f for f in task.user["facts"] if f["by"])
    assert str(fact["value"]) not in str(asyncio.run(user.reply(task.plan["asks"][0]["question"])))


def criterion(task: TaskRow, check: str) -> dict[str, object]:
    found: dict[str, object] = next(c for c in task.rubric["criteria"] if c["check"] == check)
    return found


def test_a_claim_of_the_users_act_fails() -> None:
    n = next(i for i, t in enumerate(tasks()) if not own(t))
    task, row = tasks()[n], play(n)
    one = criterion(task, "user_acted")
    claims = one["params"]["claims"]  # type: ignore[index]
    evidence = judge.evidence(row, task, desk.catalog())
    assert judge_one(one, Evidence(evidence)).passed
    evidence["messages"] = [*row.messages[:-1], {"role": "assistant", "content": f"I've just {claims[0]} it for you."}]
    assert judge_one(one, Evidence(evidence)).passed is False


def test_a_guess_without_the_user_fails() -> None:
    """The user's acts are left out: nobody asked, and the write is made all the same."""
    for n, task in enumerate(tasks()):
        row = play(n)
        lines = lines_of(row)
        kept = [x for i, x in enumerate(lines) if not x.did and not (i + 1 < len(lines) and lines[i + 1].did)]
        guessed = asyncio.run(perform(row, task, desk.catalog(), kept))
        assert judge.judge(guessed, task, desk.catalog(), JudgeSettings()).passed is False


@pytest.mark.parametrize("name", sorted(places()))
def test_every_place_opens_by_its_gate_and_shows_its_value(name: str) -> None:
    place = places()[name]
    assert all(t.side == "user" for t in place.world.tools.values())
    world = compiled_side(place.world_id)
    state = start_state(place.world, 3, "train")
    key = next((k for k, r in state.rows(place.entity).items() if r["status"] == place.shut), None)
    if key is None:
        pytest.skip("no shut row at this seed")
    closed, state = world.execute(state, place.words["look"], {"id": key})
    opened, state = world.execute(state, place.words["gate"], {"id": key})
    shown, _ = world.execute(state, place.words["look"], {"id": key})
    assert (closed.ok, opened.ok, shown.ok) == (False, True, True)
    assert "value" in shown.value


def test_show_has_the_users_acts_before_their_words() -> None:
    n = next(i for i, t in enumerate(tasks()) if not own(t))
    out = Console(width=200, record=True, file=io.StringIO())
    for part in conversation(play(n)):
        out.print(part)
    text = out.export_text()
    for call in play(n).user_calls:
        assert f"the user: {call.name}" in text
    answer = next(m["content"] for m in play(n).messages[3:] if m["role"] == "user")
    assert text.index("the user: ") < text.index(answer[:40])
