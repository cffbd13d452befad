"""`synth show` of what failed: the reason on one screen, whatever it is."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import desk
import pytest
from rich.console import Console

from synth.pipeline_stages import JudgeSettings, RolloutsSettings
from synth.records import DroppedRow, FailedRow, Row, StageName, TaskRow, TrajectoryRow, VerdictRow
from synth.stage import Context, Output, Part
from synth.stages import judge, rollouts
from synth.store.parts import write_part
from synth.store.run_store import RunStore
from synth.trial.ways import WAYS, broken
from synth.view.show import show

LINES = 40
TASKS = list(desk.tasks().values())
Show = Callable[[str], str]


def _part(stage: StageName, n: int) -> Part:
    return Part(stage, 0, 0, n)


@pytest.fixture(scope="module")
def played() -> list[TrajectoryRow]:
    context = Context(3, RolloutsSettings(policy="expert", fault_rate=0.0), desk.Inputs(tasks=TASKS))
    return rollouts.run(context, _part("rollouts", len(TASKS))).rows  # type: ignore[return-value]


def in_a_run(
    folder: Path,
    task: TaskRow,
    trajectory: TrajectoryRow,
    failed: tuple[FailedRow, ...] = (),
    dropped: tuple[DroppedRow, ...] = (),
) -> VerdictRow:
    """A run folder with one judged trajectory."""
    inputs = desk.Inputs(tasks=[task], trajectories=[trajectory])
    verdicts = judge.run(Context(3, JudgeSettings(economy=False), inputs), _part("judge", 1)).rows
    catalog = desk.catalog()
    tables: dict[StageName, list[Row]] = {
        "tools": list(catalog.tools.values()), "agents": list(catalog.agents.values()), "tasks": [task],
        "rollouts": [trajectory], "judge": verdicts,
    }  # fmt: skip
    for stage, rows in tables.items():
        more = list(failed) if stage == "rollouts" else []
        gone = list(dropped) if stage == "rollouts" else []
        opened = len(rows) + len(more) + len(gone)
        output = Output(opened=opened, rows=rows, closed_with_rows=len(rows), failed=more, dropped=gone)
        RunStore(folder).publish(stage, write_part(folder, _part(stage, opened), output, "x", 1))
    return verdicts[0]  # type: ignore[return-value]


def shown(folder: Path, row_id: str, full: bool = False, width: int = 120) -> str:
    out = io.StringIO()
    show(folder, row_id, Console(file=out, width=width, force_terminal=False), full)
    return out.getvalue()


@pytest.mark.parametrize("way", sorted(WAYS))
def test_the_reason_of_every_way_of_breaking_stands_on_one_screen(
    way: str, played: list[TrajectoryRow], tmp_path: Path
) -> None:
    tasks = {t.task_id: t for t in TASKS}
    for row in played:
        bad = broken(way, row, tasks[row.task_id], desk.catalog(), 1)
        if bad is None:
            continue
        verdict = in_a_run(tmp_path, tasks[row.task_id], bad)
        if verdict.passed is True:
            continue  # how many the judge lets through is the judge's trial
        text = shown(tmp_path, bad.trajectory_id)
        lines = text.splitlines()
        assert len(lines) <= LINES, text
        assert lines[0].startswith(("FAILED", "COULD NOT TELL"))
        reasons = [c for c in verdict.criteria if c.passed is False and not c.evidence.startswith("not looked at")]
        first = next((c for c in reasons if c.id in verdict.reasons[0]), None)
        assert first is not None
        top = "\n".join(lines[: LINES // 2])
        assert first.id in top
        assert " ".join(first.evidence.split())[:60] in " ".join(top.split())
        return
    pytest.skip("no hand-written task can be broken in this way")


def broken_one(way: str, kind: str, played: list[TrajectoryRow], folder: Path) -> str:
    task = desk.tasks()[kind]
    row = next(t for t in played if t.task_id == task.task_id)
    bad = broken(way, row, task, desk.catalog(), 1)
    assert bad is not None
    assert in_a_run(folder, task, bad).passed is False
    return shown(folder, bad.trajectory_id)


def test_a_wrong_value_names_the_path_and_both_values(played: list[TrajectoryRow], tmp_path: Path) -> None:
    text = broken_one("wrong_value", "single", played, tmp_path)
    assert "state " in text
    assert ": wanted " in text
    assert "conversation (" in text


def test_an_undeclared_tool_names_the_call_and_marks_its_message(played: list[TrajectoryRow], tmp_path: Path) -> None:
    text = broken_one("undeclared_tool", "chain", played, tmp_path)
    assert "at message" in text
    assert "gave error unknown_tool" in text
    assert any(line.startswith("▶[") and "unknown_tool" in line for line in text.splitlines())


def test_a_long_conversation_is_cut_in_the_middle_and_whole_in_full(
    played: list[TrajectoryRow], tmp_path: Path
) -> None:
    task = desk.tasks()["chain"]
    row = next(t for t in played if t.task_id == task.task_id)
    talk = [{"role": "user", "content": f"and {n}?"} if n % 2 else {"role": "assistant", "content": f"Is it {n}?"}
            for n in range(120)]  # fmt: skip
    long = row.model_copy(update={"messages": [*row.messages[:2], *talk, *row.messages[2:]]})
    assert in_a_run(tmp_path, task, long).passed is False
    text = shown(tmp_path, long.trajectory_id)
    assert len(text.splitlines()) <= LINES
    assert "left out" in text
    whole = shown(tmp_path, long.trajectory_id, full=True)
    assert all(f"and {n}?" in whole for n in range(1, 120, 2))
    assert "lineage" in whole


def test_what_passed_is_shown_whole(played: list[TrajectoryRow], tmp_path: Path) -> None:
    task = desk.tasks()["chain"]
    row = next(t for t in played if t.task_id == task.task_id)
    assert in_a_run(tmp_path, task, row).passed is True
    assert "standing.well_formed" in shown(tmp_path, row.trajectory_id)


def test_a_failed_slot_says_why_and_under_what(played: list[TrajectoryRow], tmp_path: Path) -> None:
    task = desk.tasks()["chain"]
    row = next(t for t in played if t.task_id == task.task_id)
    slot = FailedRow(stage="rollouts", row_id="traj_gone", parent_id=task.task_id, class_="infra",
                     boundary="models.openai",
                     detail="503 from the endpoint | " + "long " * 200, attempts=3)  # fmt: skip
    twin = DroppedRow(
        stage="rollouts", row_id="traj_twin", parent_id=task.task_id, reason="duplicate", detail="of traj_a"
    )
    in_a_run(tmp_path, task, row, [slot], [twin])
    text = shown(tmp_path, "traj_gone")
    for part in ("FAILED", "traj_gone", "stage rollouts", "infra", "--retry infra", "models.openai", "after 3 tries",
                 "503 from the endpoint", task.task_id, "search_contacts", "agent agent_desk"):  # fmt: skip
        assert part in text.replace("  ", " "), part
    assert len(text.splitlines()) <= LINES
    gone = shown(tmp_path, "traj_twin")
    assert "DROPPED" in gone
    assert "duplicate: of traj_a" in gone
    assert "attempts" in shown(tmp_path, "traj_gone", full=True)


def test_lines_are_cut_at_a_narrow_width(played: list[TrajectoryRow], tmp_path: Path) -> None:
    task = desk.tasks()["chain"]
    row = next(t for t in played if t.task_id == task.task_id)
    bad = broken("missing_call", row, task, desk.catalog(), 1)
    assert bad is not None
    in_a_run(tmp_path, task, bad)
    text = shown(tmp_path, bad.trajectory_id, width=80)
    assert len(text.splitlines()) <= LINES
    assert max(len(line) for line in text.splitlines()) <= 80
