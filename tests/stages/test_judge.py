"""The judge over hand-written tasks: what passes, what must not, and what it says when it cannot tell."""

from __future__ import annotations

import time
from typing import Any

import desk
import pytest

import rubrics
from synth.pipeline_stages import JudgeSettings, RolloutsSettings
from synth.records import TaskRow, TrajectoryRow, VerdictRow
from synth.stage import Context, Output, Part
from synth.stages import judge, rollouts
from synth.trial.ways import WAYS, broken

ALL = JudgeSettings(economy=False)


def played(*tasks: TaskRow, policy: str = "expert", attempts: int = 1, fault_rate: float = 0.0) -> list[TrajectoryRow]:
    settings = RolloutsSettings(policy=policy, attempts=attempts, fault_rate=fault_rate)
    out = rollouts.run(Context(7, settings, desk.Inputs(tasks=list(tasks))), Part("rollouts", 0, 0, len(tasks)))
    assert not out.failed, out.failed
    return out.rows  # type: ignore[return-value]


def judged(tasks: list[TaskRow], trajectories: list[TrajectoryRow], settings: JudgeSettings = ALL) -> Output:
    out = judge.run(
        Context(7, settings, desk.Inputs(tasks=tasks, trajectories=trajectories)),
        Part("judge", 0, 0, len(trajectories)),
    )
    out.check("judge")
    return out


def verdict(task: TaskRow, trajectory: TrajectoryRow, settings: JudgeSettings = ALL) -> VerdictRow:
    (row,) = judged([task], [trajectory], settings).rows
    assert isinstance(row, VerdictRow)
    return row


@pytest.mark.parametrize("name", desk.MAKERS)
def test_the_expert_passes_with_evidence_for_each_criterion(name: str) -> None:
    task = desk.tasks()[name]
    for trajectory in played(task, attempts=4):
        row = verdict(task, trajectory)
        assert row.passed is True, row.reasons
        assert all(c.evidence for c in row.criteria)
        assert len(row.criteria) == len(task.rubric["criteria"]) + len(rubrics.standing())


@pytest.mark.parametrize("policy", ["idle", "random"])
def test_doing_nothing_or_anything_does_not_pass(policy: str) -> None:
    tasks = [t for t in desk.tasks().values() if t.kind != "no_tool"]
    trajectories = played(*tasks, policy=policy, attempts=1 if policy == "idle" else 25)
    passed = [r for r in judged(tasks, trajectories).rows if r.passed]  # type: ignore[attr-defined]
    assert len(passed) <= (0 if policy == "idle" else 0.02 * len(trajectories))


CATCHES = {
    name: [k for k in desk.MAKERS if broken(name, played(desk.tasks()[k])[0], desk.tasks()[k], desk.catalog())]
    for name in WAYS
}


def test_every_way_of_breaking_applies_somewhere() -> None:
    # no task of the desk writes twice with one tool or counts anything; tests/pipeline tries these ways
    assert {name for name, kinds in CATCHES.items() if not kinds} <= {"swapped_ids", "miscounted", "hedged"}


@pytest.mark.parametrize(("way", "kind"), [(w, k) for w, kinds in CATCHES.items() for k in kinds])
def test_a_broken_trajectory_is_caught(way: str, kind: str) -> None:
    task = desk.tasks()[kind]
    for seed, trajectory in enumerate(played(task, attempts=3)):
        bad = broken(way, trajectory, task, desk.catalog(), seed)
        if bad is not None:
            row = verdict(task, bad)
            assert row.passed is not True, bad.messages[1:]
            assert row.reasons


def test_a_forged_record_is_caught() -> None:
    task = desk.tasks()["single"]
    (trajectory,) = played(task)
    call = trajectory.calls[0].model_copy(update={"arguments": {"id": "TCK-OTHER1"}})
    assert verdict(task, trajectory.model_copy(update={"calls": [call]})).passed is False
    assert verdict(task, trajectory.model_copy(update={"state_diff": []})).passed is False


def test_economy_stops_at_the_first_failed_success_criterion_with_the_same_outcome() -> None:
    tasks = list(desk.tasks().values())
    for policy in ("expert", "idle", "random"):
        trajectories = played(*tasks, policy=policy)
        full, quick = judged(tasks, trajectories).rows, judged(tasks, trajectories, JudgeSettings()).rows
        assert [r.passed for r in full] == [r.passed for r in quick]  # type: ignore[attr-defined]
    lazy = quick[0]
    assert isinstance(lazy, VerdictRow)
    assert any(c.passed is None and c.evidence.startswith("not looked at") for c in lazy.criteria)


def test_an_unknown_check_gives_no_verdict_rather_than_a_pass() -> None:
    task = desk.tasks()["single"]
    (trajectory,) = played(task)
    rubric = {"criteria": [*task.rubric["criteria"], _criterion("made_up")]}
    row = verdict(task.model_copy(update={"rubric": rubric}), trajectory)
    assert (row.passed, row.score) == (None, None)
    assert "unknown check" in row.reasons[0]


@pytest.mark.parametrize(
    "rubric",
    [{}, {"criteria": []}, {"criteria": [{"id": "x", "part": "style", "check": "economy", "params": {"calls": 9}}]}],
)
def test_a_rubric_without_success_criteria_rests_on_the_standing_ones_only(rubric: dict[str, Any]) -> None:
    task = desk.tasks()["single"].model_copy(update={"rubric": rubric})
    (trajectory,) = played(desk.tasks()["single"])
    row = verdict(task, trajectory)
    assert row.passed is None
    assert "no required success criterion" in row.reasons[0]


def test_least_score() -> None:
    task = desk.tasks()["single"]
    (trajectory,) = played(task)
    extra = {**_criterion("economy"), "part": "style", "required": False, "params": {"calls": 0}}
    task = task.model_copy(update={"rubric": {"criteria": [*task.rubric["criteria"], extra]}})
    assert verdict(task, trajectory).passed is True
    assert verdict(task, trajectory, JudgeSettings(economy=False, min_score=0.99)).passed is False


def test_a_judge_that_cannot_look_gives_a_failed_row_of_class_judge() -> None:
    task = desk.tasks()["single"]
    out = judged([], played(task))
    assert [f.class_ for f in out.failed] == ["judge"]


def test_verdicts_are_the_same_twice_and_cheap() -> None:
    tasks = list(desk.tasks().values())
    trajectories = played(*tasks, attempts=5)
    first = judged(tasks, trajectories).rows
    began = time.process_time()
    assert judged(tasks, trajectories).rows == first
    assert (time.process_time() - began) / len(trajectories) < 0.02  # 0.5 ms measured; room for a busy machine


def _criterion(check: str) -> dict[str, Any]:
    return {"id": check, "part": "success", "text": check, "check": check, "params": {}, "required": True}
