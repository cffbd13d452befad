"""The loop over tasks found by search: the expert passes, idleness and chance do not, what is broken is caught."""

from __future__ import annotations

import functools
import random

import desk
import pytest

from synth.goals.build import BuildFailed, build
from synth.goals.desk import Desk
from synth.pipeline_stages import JudgeSettings, RolloutsSettings
from synth.records import Kind, TaskRow, TrajectoryRow, VerdictRow, make_id
from synth.replaying import replay_rows
from synth.stage import Context, Part
from synth.stages import judge, rollouts
from synth.trial.running import try_judge

KINDS: tuple[Kind, ...] = ("single", "parallel", "chain", "multi_turn", "clarify", "recover", "injection")
PER_KIND = 5


@functools.cache
def built() -> tuple[TaskRow, ...]:
    """Tasks of every kind that needs a call, on the hand-written ticket desk."""
    out = []
    agent = desk.catalog().agents[desk.AGENT_ID]
    offered = {n: n for n, i in agent.traits["offered"].items() if i.startswith("tool_")}
    for kind in KINDS:
        for n in range(PER_KIND):
            place = Desk(
                desk.WORLD_ID, desk.world(), offered, seed=n, prompt=agent.system_prompt, tools_in_all=len(offered)
            )
            try:
                task = build(place, kind, random.Random(f"{kind}{n}"))
            except BuildFailed:
                continue
            columns = {k: getattr(task, k).model_dump(mode="json") for k in ("user", "goal", "start", "plan", "rubric")}
            name = make_id("task", kind, n)
            out.append(TaskRow(task_id=name, agent_id=desk.AGENT_ID, ordinal=len(out), split="train", kind=kind,
                               difficulty=task.difficulty, **columns))  # fmt: skip
    return tuple(out)


@functools.cache
def played(policy: str, attempts: int) -> tuple[list[TrajectoryRow], list[VerdictRow]]:
    tasks = list(built())
    settings = RolloutsSettings(policy=policy, attempts=attempts)
    out = rollouts.run(Context(1, settings, desk.Inputs(tasks=tasks)), Part("rollouts", 0, 0, len(tasks)))
    assert not out.failed, out.failed
    inputs = desk.Inputs(tasks=tasks, trajectories=out.rows)
    verdicts = judge.run(Context(1, JudgeSettings(economy=False), inputs), Part("judge", 0, 0, len(out.rows)))
    assert not verdicts.failed, verdicts.failed
    return out.rows, verdicts.rows  # type: ignore[return-value]


def test_there_are_tasks_of_every_kind() -> None:
    assert {t.kind for t in built()} == set(KINDS)
    assert len(built()) >= 0.6 * PER_KIND * len(KINDS)


def test_the_expert_passes() -> None:
    _, verdicts = played("expert", 2)
    assert [v.reasons for v in verdicts if v.passed is not True] == []


@pytest.mark.parametrize(("policy", "attempts", "most"), [("idle", 1, 0.0), ("random", 10, 0.02)])
def test_idleness_and_chance_do_not(policy: str, attempts: int, most: float) -> None:
    _, verdicts = played(policy, attempts)
    passed = [v.trajectory_id for v in verdicts if v.passed]
    assert len(passed) <= most * len(verdicts), passed


def test_every_trajectory_replays() -> None:
    tasks = {t.task_id: t for t in built()}
    for policy, attempts in (("expert", 2), ("random", 10)):
        for row in played(policy, attempts)[0]:
            report = replay_rows(row, tasks[row.task_id], desk.catalog())
            assert report.equal, report.differences


def test_what_is_broken_does_not_pass_and_what_is_varied_does() -> None:
    tasks = {t.task_id: t for t in built()}
    trial = try_judge(played("expert", 2)[0], tasks, desk.catalog())
    weak = {k: t.examples for k, t in trial.ways.items() if t.not_passed < 0.95 * t.n}
    assert not weak
    assert trial.kill_rate > 0.99
    assert trial.false_reject_rate == 0.0, {k: t.examples for k, t in trial.harmless.items() if t.examples}
    # the desk has no task that cannot be done, and none that writes twice with one tool, counts or asks for an amount
    never = {"false_claim", "ignored_policy", "swapped_ids", "miscounted", "wrong_unit"}
    assert {k for k, t in trial.ways.items() if not t.n} <= never
