"""Asking for what is kept: exact targets, caps, shares, and what is said of cells that stay short."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import toys
from conftest import Runner, files, pipeline
from typer.testing import CliRunner

from synth.cli import app
from synth.pipeline_stages import DEFAULT_TARGET
from synth.planning import plan, status
from synth.records import Call, TaskRow, TrajectoryRow, UsageRow
from synth.reporting import Silent
from synth.stage import Context, Output, Part
from synth.store.views import open_run


class Heard(Silent):
    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def show(self, event: dict[str, Any]) -> None:
        self.events.append(event)

    def rounds(self) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == "round"]


def _sft(run_dir: Path, query: str) -> list[Any]:
    relation = open_run(run_dir).sql(query)
    assert relation is not None
    return relation.fetchall()


def test_a_number_asks_for_so_many_of_each_kind(run: Runner) -> None:
    told = run(pipeline(shards={"target": 30}))
    assert told.exit_code == 0
    assert told.rows == dict.fromkeys(DEFAULT_TARGET, 30)
    kept = _sft(told.run_dir, "select kind, count(*), count(distinct trajectory_id) from sft group by kind")
    assert sorted(kept) == sorted((kind, 30, 30) for kind in DEFAULT_TARGET)


def _graded(ctx: Context, part: Part) -> Output:
    """Tasks whose difficulty follows the cell."""
    out = toys.Tasks.run(ctx, part)
    rows = [row for row in out.rows if isinstance(row, TaskRow)]
    out.rows = [row.model_copy(update={"difficulty": part.payload.get("difficulty", 1)}) for row in rows]
    return out


GRADED = toys.modules(tasks=toys.altered(toys.Tasks, run=_graded))


def test_a_target_per_difficulty_is_met_by_that_difficulty(run: Runner) -> None:
    target = {"chain": {"2": 12, "4": 7}, "single": 5}
    told = run(pipeline(shards={"target": target}), stages=GRADED)
    assert (told.exit_code, told.rows) == (0, {"chain": 19, "single": 5})
    query = "select t.kind, t.difficulty, count(*) from sft s join tasks t using (task_id) group by all order by all"
    assert _sft(told.run_dir, query) == [("chain", 2, 12), ("chain", 4, 7), ("single", 1, 5)]


def test_a_changed_shape_of_the_target_gives_the_shards_of_a_fresh_run(run: Runner, tmp_path: Path) -> None:
    run(stages=GRADED)
    changed = pipeline(shards={"target": {"chain": {"2": 12}, "single": 5}, "shares": {"faulted": 0.0}})
    grown = run(changed, stages=GRADED)
    fresh = run(changed, stages=GRADED, out=tmp_path / "fresh")
    assert files(grown.run_dir, "sft") == files(fresh.run_dir, "sft")


@pytest.mark.parametrize("cap", [40, 1, 0])
def test_a_cap_too_low_ends_short_and_names_the_cells(run: Runner, cap: int, tmp_path: Path) -> None:
    asked = pipeline(shards={"caps": {"calls": cap}})
    told = run(asked)
    if not cap:
        assert told.exit_code == 0
        return
    assert told.exit_code == 3
    assert f"the cap of {cap} calls" in told.text
    assert "chain" in told.text
    turns = _sft(told.run_dir, "select coalesce(sum(turns), 0) from trajectories")[0][0]
    assert turns <= cap + 4
    again = run(asked)
    assert (again.exit_code, again.made) == (3, 0)
    other = run(asked, out=tmp_path / "other")
    assert files(told.run_dir, "tasks", "sft") == files(other.run_dir, "tasks", "sft")
    assert run().exit_code == 0  # without the cap it goes on


def test_a_cap_on_minutes_stops_the_opening_and_the_same_command_goes_on(run: Runner) -> None:
    told = run(pipeline(shards={"caps": {"minutes": 1e-9}}))
    assert told.exit_code == 3
    assert "short: single 0 of 25, chain 0 of 18 (the cap of 1e-09 minutes is reached)" in told.text
    assert run().exit_code == 0


def _paid(ctx: Context, part: Part) -> Output:
    """Trajectories of a model: three requests, 100 tokens and a cent each."""
    out = toys.Rollouts.run(ctx, part)
    usage = {"requests": 3, "prompt_tokens": 60, "completion_tokens": 40, "cost_usd": 0.01}
    rows = [row.model_dump(mode="json") for row in out.rows]
    out.rows = [TrajectoryRow.model_validate(row | {"usage": usage}) for row in rows]
    out.usage = [UsageRow(row_id=row["trajectory_id"], stage="rollouts", role="assistant", model="m", **usage)
                 for row in rows]  # fmt: skip
    return out


@pytest.mark.parametrize(("cap", "spent"), [({"tokens": 3000}, 3000), ({"usd": 0.25}, 2500), ({"calls": 75}, 2500)])
def test_tokens_and_money_are_capped(run: Runner, cap: dict[str, float], spent: int) -> None:
    stages = toys.modules(rollouts=toys.altered(toys.Rollouts, run=_paid))
    told = run(pipeline(shards={"target": 500, "caps": cap}), stages=stages)
    assert told.exit_code == 3
    tokens = _sft(told.run_dir, "select sum(usage.prompt_tokens + usage.completion_tokens) from trajectories")[0][0]
    assert spent * 0.8 <= tokens <= spent * 1.2


def _faulty(ctx: Context, part: Part) -> Output:
    """Every fourth trajectory has a struck call."""
    out = toys.Rollouts.run(ctx, part)
    for n, row in enumerate(out.rows):
        assert isinstance(row, TrajectoryRow)
        if int(row.trajectory_id[-2:], 16) % 4 == 0:
            calls = [Call.model_validate(c.model_dump() | {"fault": "timeout"}) for c in row.calls]
            out.rows[n] = row.model_copy(update={"calls": calls})
    return out


def test_a_share_opens_more_until_it_is_reached(run: Runner) -> None:
    stages = toys.modules(rollouts=toys.altered(toys.Rollouts, run=_faulty))
    told = run(pipeline(shards={"shares": {"faulted": 0.6}}), stages=stages)
    assert (told.exit_code, told.rows) == (0, {"single": 25, "chain": 18})
    query = "select count(*) from sft s join trajectories t using (trajectory_id) where t.calls[1].fault is not null"
    assert _sft(told.run_dir, query)[0][0] >= 26
    assert run(pipeline(shards={"shares": {"faulted": 0.6}}), stages=stages).made == 0


def test_a_share_that_never_comes_is_said(run: Runner) -> None:
    told = run(pipeline(shards={"shares": {"parallel": 0.5}}))
    assert told.exit_code == 3
    assert "share of parallel 0 of 22" in told.text


def test_a_cell_that_gives_nothing_is_given_up(run: Runner) -> None:
    def no_chains(ctx: Context, part: Part) -> Output:
        out = toys.Judge.run(ctx, part)
        kinds = {task.task_id: task.kind for task in ctx.inputs.part("tasks", part.index)}
        out.rows = [
            row.model_copy(update={"passed": False}) if kinds[row.task_id] == "chain" else row  # type: ignore[attr-defined]
            for row in out.rows
        ]
        return out

    told = run(stages=toys.modules(judge=toys.altered(toys.Judge, run=no_chains)))
    assert told.exit_code == 3
    assert "short: chain 0 of 18 (given up after" in told.text


def test_rounds_tell_their_forecast(run: Runner) -> None:
    heard = Heard()
    told = run(pipeline(shards={"target": 60}), face=heard)
    rounds = heard.rounds()
    assert len(rounds) > 1
    first, last = rounds[0]["forecast"], rounds[-1]["forecast"]
    assert first["slots"] > 0
    assert first["seconds"] > 0
    assert first["calls"] == pytest.approx(rounds[0]["spent"]["calls"] / rounds[0]["slots"] * first["slots"], abs=1)
    assert first["rows"] == sum(told.rows.values()) == 60 * len(DEFAULT_TARGET)
    assert (last["rounds"], last["slots"]) == (0, 0)
    kept = json.loads((told.run_dir / "run.json").read_text())
    assert kept["cells"]["chain"] == {"target": 60, "slots": rounds[-1]["cells"]["chain"]["slots"], "accepted": 60}


def test_status_tells_every_cell_and_what_became_of_it(run: Runner) -> None:
    asked = pipeline(shards={"target": {"chain": {"2": 12, "4": 7}, "single": 5}})
    told = run(asked, stages=GRADED)
    lines = {line["cell"]: line for line in status(told.run_dir)["cells"]}
    assert {cell: line["accepted"] for cell, line in lines.items()} == {"single": 5, "chain/2": 12, "chain/4": 7}
    for cell, line in lines.items():
        assert line["slots"] == line["tasks"] + line["failed"].get("task", 0), cell
        assert line["trajectories"] == line["accepted"] + sum(line["dropped"].values()), cell
        assert line["calls"] == 2 * line["trajectories"], cell  # messages of the built-in policy
        assert line["yield"] == pytest.approx(line["accepted"] / line["slots"], abs=1e-4)
        assert line["seconds"] > 0
    assert lines["chain/2"]["difficulties"]["2"]["accepted"] == 12
    assert set(lines["chain/4"]["difficulties"]) == {"4"}
    shown = CliRunner().invoke(app, ["status", str(told.run_dir)]).stdout
    assert "chain/4" in shown
    assert "difficulty 5" in shown


def test_status_of_a_short_run_says_what_is_short(run: Runner) -> None:
    told = run(pipeline(shards={"caps": {"calls": 40}}))
    short = status(told.run_dir)["short"]
    assert set(short) <= {"single", "chain"}
    assert f"short: chain {short['chain'][0]} of 18" in CliRunner().invoke(app, ["status", str(told.run_dir)]).stdout


def test_status_of_a_run_at_work_counts_the_newest_round(run: Runner) -> None:
    class Looks(Heard):
        told: int | None = None

        def show(self, event: dict[str, Any]) -> None:
            super().show(event)
            if event["event"] == "opening" and event["round"] == 2:
                self.told = status(run_dir)["cells"][0]["accepted"]

    run_dir = run(pipeline(shards={"target": {"single": 3}})).run_dir
    looks = Looks()
    run(pipeline(shards={"target": {"single": 60}}), face=looks)
    assert looks.told == looks.rounds()[0]["accepted"] > 3


def test_a_plan_foretells_cells_and_says_where_a_cap_binds(run: Runner, tmp_path: Path) -> None:
    free = plan(pipeline(), tmp_path / "none", toys.modules())
    assert [(line["cell"], line["target"], line["capped"]) for line in free["cells"]] == [
        ("single", 25, False), ("chain", 18, False)
    ]  # fmt: skip
    assert free["rows"] == 43
    assert sum(line["slots"] for line in free["cells"]) == free["stages"][3]["slots"]
    bound = plan(pipeline(shards={"caps": {"calls": 40}}), tmp_path / "none", toys.modules())
    assert bound["capped"]
    assert sum(line["slots"] for line in bound["cells"]) == 10
    assert bound["rows"] < 10
    told = run(pipeline(shards={"target": {"single": 60}}))
    line = plan(pipeline(shards={"target": {"single": 600}}), told.run_dir, toys.modules())["cells"][0]
    known = status(told.run_dir)["cells"][0]["yield"]
    assert line["measured_here"]
    assert line["yield"] == known
    assert line["slots"] * known >= 600
