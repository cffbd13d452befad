"""`synth show`: every table by id, lineage to the real tool, and nothing that data could do to a terminal."""

from __future__ import annotations

import io
import json
from pathlib import Path

import desk
import pytest
from rich.console import Console

from synth.errors import UsageError
from synth.pipeline_stages import JudgeSettings, RolloutsSettings
from synth.records import Row, StageName, TrajectoryRow
from synth.replaying import replay_trajectory
from synth.stage import Context, Output, Part
from synth.stages import judge, rollouts
from synth.store.parts import write_part
from synth.store.run_store import RunStore
from synth.view.escape import clean
from synth.view.show import show

TASKS = [t for n, t in desk.tasks().items() if n in ("chain", "recover", "no_tool")]


@pytest.fixture(scope="module")
def trajectories() -> list[TrajectoryRow]:
    settings = RolloutsSettings(policy="expert", fault_rate=0.0)
    return rollouts.run(Context(3, settings, desk.Inputs(tasks=TASKS)), Part("rollouts", 0, 0, len(TASKS))).rows  # type: ignore[return-value]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory, trajectories: list[TrajectoryRow]) -> Path:
    """A run folder with the desk, three trajectories and their verdicts."""
    folder = tmp_path_factory.mktemp("run")
    verdicts = judge.run(
        Context(3, JudgeSettings(economy=False), desk.Inputs(tasks=TASKS, trajectories=trajectories)),
        Part("judge", 0, 0, 3),
    )
    store = RunStore(folder)
    catalog = desk.catalog()
    tables: dict[StageName, list[Row]] = {
        "worlds": list(catalog.worlds.values()),
        "tools": list(catalog.tools.values()),
        "agents": list(catalog.agents.values()),
        "tasks": list(TASKS),
        "rollouts": list(trajectories),
        "judge": verdicts.rows,
    }
    for stage, rows in tables.items():
        output = Output(opened=len(rows), rows=rows, closed_with_rows=len(rows))
        store.publish(stage, write_part(folder, Part(stage, 0, 0, len(rows)), output, "x", 1))
    return folder


def shown(run_dir: Path, row_id: str, width: int = 160) -> str:
    out = io.StringIO()
    show(run_dir, row_id, Console(file=out, width=width, force_terminal=False))
    return out.getvalue()


def test_a_trajectory_is_a_conversation_with_verdict_and_lineage(
    run_dir: Path, trajectories: list[TrajectoryRow]
) -> None:
    text = shown(run_dir, trajectories[0].trajectory_id)
    for part in (
        "has one ticket with us",
        "→ functions.search_contacts:0",
        "← functions.update_ticket:2",
        "state changes",
        'priority: "',
        '→ "urgent"',
        "pass",
        "standing.well_formed",
        "lineage",
        "agent agent_desk",
        "lifted tool update_ticket",
        "real tool update_ticket",
        "package example-helpdesk-mcp, version 1.2.3",
        "lifted world world_desk",
        "more tools offered, not called",
    ):
        assert part in text, part


def test_faults_and_errors_are_marked(run_dir: Path, trajectories: list[TrajectoryRow]) -> None:
    row = next(t for t in trajectories if t.task_id == desk.tasks()["recover"].task_id)
    assert "error timeout  injected fault: timeout" in shown(run_dir, row.trajectory_id)


@pytest.mark.parametrize("row_id", ["world_desk", "tool_get_ticket", "real_get_ticket", "agent_desk", TASKS[0].task_id])
def test_rows_of_every_table(run_dir: Path, row_id: str) -> None:
    assert row_id in shown(run_dir, row_id)


def test_an_unknown_id_is_one_sentence(run_dir: Path) -> None:
    with pytest.raises(UsageError, match="no row with the id nothing_here"):
        shown(run_dir, "nothing_here")


def test_committed_trajectories_replay(run_dir: Path, trajectories: list[TrajectoryRow]) -> None:
    for row in trajectories:
        report = replay_trajectory(run_dir, row.trajectory_id)
        assert report.equal, report.differences
        assert report.calls == len(row.calls)
    with pytest.raises(UsageError, match="no row"):
        replay_trajectory(run_dir, "traj_0000")


HOSTILE = "[red]x[/red] \x1b[2J\x1b]0;own\x07 \u202eevil\u202c \x9b31m [/] [link=http://x]y"


def test_data_on_a_terminal_is_shown_and_not_obeyed(tmp_path: Path, trajectories: list[TrajectoryRow]) -> None:
    store = RunStore(tmp_path)
    catalog = desk.catalog()
    task = TASKS[0].model_copy(update={"goal": TASKS[0].goal | {"text": HOSTILE}})
    first = trajectories[0]
    messages = [m | {"content": HOSTILE} if m["role"] != "tool" else m for m in first.messages]
    row = first.model_copy(update={"messages": messages, "stop_reason": HOSTILE})
    tool = next(iter(catalog.tools.values())).model_copy(update={"description": HOSTILE, "tool_id": "tool_hostile"})
    tables: dict[StageName, list[Row]] = {
        "tools": [tool],
        "agents": list(catalog.agents.values()),
        "tasks": [task],
        "rollouts": [row],
    }
    for stage, rows in tables.items():
        output = Output(opened=1, rows=rows, closed_with_rows=1)
        store.publish(stage, write_part(tmp_path, Part(stage, 0, 0, 1), output, "x", 1))
    for row_id in (row.trajectory_id, task.task_id, "tool_hostile"):
        text = shown(tmp_path, row_id, width=400)
        assert "[red]x[/red]" in text
        assert "\\x1b[2J" in text or "\\u001b[2J" in text
        assert not set(text) & {"\x1b", "\x07", "\x9b", "\u202e", "\u202c"}


def test_escapes() -> None:
    assert clean("a\tb\nc é 漢 🎫") == "a\tb\nc é 漢 🎫"
    assert clean("\x1b\u200b\U000e0041\r") == "\\x1b\\u200b\\U000e0041\\x0d"
    assert json.dumps(clean("\ud800")) == '"\\\\ud800"'
