"""The loop over tasks found by search: the expert passes, idleness and chance do not, what is broken is caught."""

from __future__ import annotations

import functools
import random

import desk
import pytest

from synth.goals.build import BuildFailed, build
from synth.goals.desk import Desk
from synth.pipeline import JudgeSettings, RolloutsSettings
from synth.records import Kind, TaskRow, TrajectoryRow, VerdictRow, make_id
from synth.replaying import replay_rows
from synth.stage import Context, Part
from synth.stages import judge, rollouts
from synth.trial.ways import WAYS, broken

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


@pytest.mark.parametrize("way", sorted(set(WAYS) - {"false_claim", "ignored_policy", "swapped_ids"}))
def test_a_broken_trajectory_does_not_pass(way: str) -> None:
    tasks = {t.task_id: t for t in built()}
    settings = JudgeSettings()
    tried = 0
    for row in played("expert", 2)[0]:
        bad = broken(way, row, tasks[row.task_id], desk.catalog())
        if bad is not None:
            tried += 1
            assert judge.judge(bad, tasks[row.task_id], desk.catalog(), settings).passed is not True, bad.messages[1:]
    assert tried > 0
