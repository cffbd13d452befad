"""Replay: equal for what happened, unequal for anything else."""

from __future__ import annotations

from typing import Any

import desk
import pytest

from synth.pipeline_stages import RolloutsSettings
from synth.records import TrajectoryRow
from synth.replaying import replay_rows
from synth.stage import Context, Part
from synth.stages import rollouts


def played(policy: str, attempts: int) -> list[TrajectoryRow]:
    tasks = list(desk.tasks().values())
    settings = RolloutsSettings(policy=policy, attempts=attempts, fault_rate=0.4)
    return rollouts.run(Context(3, settings, desk.Inputs(tasks=tasks)), Part("rollouts", 0, 0, len(tasks))).rows  # type: ignore[return-value]


def task_of(row: TrajectoryRow) -> Any:
    return next(t for t in desk.tasks().values() if t.task_id == row.task_id)


@pytest.mark.parametrize(("policy", "attempts"), [("expert", 20), ("random", 10), ("idle", 1)])
def test_what_happened_replays(policy: str, attempts: int) -> None:
    rows = played(policy, attempts)
    reports = [replay_rows(r, task_of(r), desk.catalog()) for r in rows]
    assert [r.differences for r in reports if not r.equal] == []
    assert sum(r.calls for r in reports) == sum(len(r.calls) for r in rows)
    if policy != "idle":
        assert any(c.fault for r in rows for c in r.calls)


def _call(row: TrajectoryRow, **fields: Any) -> dict[str, Any]:
    return {"calls": [row.calls[0].model_copy(update=fields), *row.calls[1:]]}


@pytest.mark.parametrize(
    "forge",
    [
        lambda r: _call(r, result={"id": "other"}),
        lambda r: _call(r, ok=False, error="not_found"),
        lambda r: _call(r, fault="timeout"),
        lambda r: _call(r, arguments={"id": "other"}),
        lambda r: {"calls": r.calls[1:]},
        lambda r: {"state_diff": []},
        lambda r: {"end_state_sha256": "0" * 64},
        lambda r: {"messages": [m | {"content": "{}"} if m["role"] == "tool" else m for m in r.messages]},
    ],
    ids=["result", "outcome", "fault", "arguments", "dropped call", "diff", "end state", "shown result"],
)
def test_anything_else_does_not(forge: Any) -> None:
    row = next(r for r in played("expert", 1) if r.task_id == desk.tasks()["single"].task_id)
    report = replay_rows(row.model_copy(update=forge(row)), task_of(row), desk.catalog())
    assert not report.equal
    assert report.differences


def test_another_start_state_does_not_replay() -> None:
    row = next(r for r in played("expert", 1) if r.task_id == desk.tasks()["chain"].task_id)
    task = task_of(row)
    start = {"worlds": {desk.WORLD_ID: {"seed": desk.SEED + 1}}}
    assert not replay_rows(row, task.model_copy(update={"start": start}), desk.catalog()).equal
