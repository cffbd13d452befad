"""Several policies in one run: a model and a lazy policy play shares of the expert's tasks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from small_recipe import RECIPE

from synth import open_run
from synth.cli_look import status as print_status
from synth.pipeline import Pipeline, load_pipeline
from synth.planning import plan, status
from synth.policies import summary
from synth.run import Options, RunResult, run_pipeline
from synth.side_by_side import SideBySide
from synth.stages import load
from synth.store.views import part_files
from synth.work import InProcess, Job

FEW = ["stages.worlds.servers=[trello, beads]", "stages.worlds.synthetic=0", "stages.agents.count=20",
       "stages.tasks.part_size=10", "stages.shards.target={single: 12, no_tool: 8}"]  # fmt: skip


def pipeline(script: Path, *more: str) -> Pipeline:
    """The shipped recipe, small: beside the expert a scripted model that refuses everything, and first_tool."""
    script.write_text(json.dumps({"replies": [
        {"content": "I can't do that: none of my tools can."}, {"content": "As I said, that is not possible."},
    ]}))  # fmt: skip
    models = f"models={{says_no: {{kind: scripted, script: {script}}}}}"
    beside = "stages.rollouts.beside={says_no: 1, first_tool: {share: 0.5, attempts: 2, kinds: [single]}}"
    return load_pipeline(RECIPE, [*FEW, models, beside, *more])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    folder = tmp_path_factory.mktemp("beside")
    return run_pipeline(pipeline(folder / "script.json"), Options(out=folder / "run", workers=0))


def files_of(run_dir: Path) -> dict[str, bytes]:
    parts = {f"{name}/{path.name}": path.read_bytes() for name in ("trajectories", "verdicts", "dropped")
             for path in part_files(run_dir, name)}  # fmt: skip
    return parts | {path.name: path.read_bytes() for path in (run_dir / "sft").glob("*.parquet")}


def test_a_policy_beside_the_first_may_have_fewer_turns(tmp_path: Path) -> None:
    """One that never stops calling ends after its own turns, the expert is not held to them."""
    beside = "stages.rollouts.beside={first_tool: {kinds: [single], max_turns: 1}}"
    run_pipeline(load_pipeline(RECIPE, [*FEW, "models={}", beside]), Options(out=tmp_path / "run", workers=0))
    turns: dict[str, set[tuple[int, str]]] = {}
    for row in open_run(tmp_path / "run").rows("trajectories"):
        turns.setdefault(row.policy, set()).add((row.turns, row.stop_reason))
    assert (1, "max_turns") in turns["first_tool"] and max(n for n, _ in turns["first_tool"]) == 1
    assert max(n for n, _ in turns["expert"]) > 1


def test_targets_are_reached_and_everybody_is_judged(made: RunResult) -> None:
    assert made.exit_code == 0 and made.rows == {"single": 12, "no_tool": 8}
    run = open_run(made.run_dir)
    tasks = {task.task_id: task for task in run.rows("tasks")}
    played = run.rows("trajectories")
    by: dict[str, list[Any]] = {}
    for row in played:
        by.setdefault(row.policy, []).append(row)
    assert {*by} == {"expert", "scripted:says_no", "first_tool"}
    assert {row.task_id for row in by["expert"]} == {*tasks} == {row.task_id for row in by["scripted:says_no"]}
    assert {tasks[row.task_id].kind for row in by["first_tool"]} == {"single"}
    assert sorted({row.attempt for row in by["first_tool"]}) == [0, 1]
    assert len({row.trajectory_id for row in played}) == len(played) == len(run.rows("verdicts"))
    kept = [row["policy"] for row in _sft(made.run_dir)]
    assert set(kept) == {"expert"}  # the first in the file is preferred, and passes everything
    said = [row["turns"] for row in _dicts(played) if row["policy"] != "scripted:says_no"]
    (asked,) = {usage.role for usage in run.rows("usage")}
    assert asked == "assistant"
    cells = {line["cell"]: line for line in status(made.run_dir)["cells"]}
    assert all(cell["passed"] == cell["tasks"] for cell in cells.values())  # tasks, whoever passed them
    requests = sum(usage.requests for usage in run.rows("usage"))
    assert sum(cell["calls"] for cell in cells.values()) == requests + sum(said)


def _dicts(rows: list[Any]) -> list[dict[str, Any]]:
    return [row.model_dump() for row in rows]


def _sft(run_dir: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    return [row for path in sorted((run_dir / "sft").glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def test_pass_rates_are_told_by_policy_and_kind(made: RunResult, capsys: pytest.CaptureFixture[str]) -> None:
    lines = {(line["policy"], line["kind"]): line for line in status(made.run_dir)["policies"]}
    verdicts = {v.trajectory_id: v.passed for v in open_run(made.run_dir).rows("verdicts")}
    assert lines["expert", "all"]["n"] == lines["scripted:says_no", "all"]["n"]
    assert lines["scripted:says_no", "single"]["right"] == 0 < lines["scripted:says_no", "no_tool"]["right"]
    assert sum(line["right"] for (_, kind), line in lines.items() if kind == "all") == sum(
        passed is True for passed in verdicts.values()
    )
    assert all(line["low"] <= line["rate"] <= line["high"] for line in lines.values())
    print_status(made.run_dir, as_json=False)
    told = capsys.readouterr().out
    assert "scripted:says_no" in told and "first_tool" in told
    assert any(line.startswith("expert: passed ") for line in summary(list(lines.values())))


def test_a_model_that_fails_is_no_failure_of_the_run_and_counts_as_not_passed(made: RunResult, tmp_path: Path) -> None:
    shutil.copytree(made.run_dir, tmp_path / "run")
    told = pipeline(tmp_path / "script.json")
    (tmp_path / "script.json").write_text(json.dumps({"replies": [{"error": "malformed"}]}))
    result = run_pipeline(told, Options(out=tmp_path / "run", workers=0))
    assert result.exit_code == 0 and result.rows == made.rows
    (broken,) = [line for line in status(tmp_path / "run")["policies"] if line["policy"] == "scripted:says_no"
                 and line["kind"] == "all"]  # fmt: skip
    assert broken["right"] == 0 < broken["n"]


def test_rows_of_a_preferred_policy_take_the_place_of_the_experts(made: RunResult, tmp_path: Path) -> None:
    shutil.copytree(made.run_dir, tmp_path / "run")
    script = made.run_dir.parent / "script.json"
    told = pipeline(script, "stages.shards.policies=[says_no, expert]")
    result = run_pipeline(told, Options(out=tmp_path / "run", workers=0))
    assert result.rows == made.rows and result.made == 1  # the shards alone are made again
    kept = {(row["kind"], row["policy"]) for row in _sft(tmp_path / "run")}
    assert {("no_tool", "scripted:says_no"), ("single", "expert")} <= kept
    assert ("single", "scripted:says_no") not in kept
    alone = pipeline(script, "stages.shards.policies=[says_no]", "stages.shards.max_rounds=1")
    short = run_pipeline(alone, Options(out=tmp_path / "run", workers=0))
    assert short.exit_code == 3 and "single" not in short.rows
    assert status(tmp_path / "run")["stages"]["shards"]["dropped"]["other_policy"] > 0


def test_plan_counts_the_episodes_of_everybody(made: RunResult, tmp_path: Path) -> None:
    told = pipeline(tmp_path / "script.json", "stages.shards.target={single: 100, no_tool: 100}")
    lines = {line["stage"]: line for line in plan(told, tmp_path / "none", load())["stages"]}
    tasks = lines["tasks"]["rows"]
    assert lines["rollouts"]["slots"] == pytest.approx(
        tasks * (1 + 1 + 0.5), rel=0.02
    )  # first_tool: half of half, twice
    assert lines["rollouts"]["model_calls"] > 0


def test_the_same_bytes_where_the_rest_of_a_part_is_played_elsewhere(made: RunResult, tmp_path: Path) -> None:
    told = pipeline(made.run_dir.parent / "script.json")
    inner = Counting()
    run_pipeline(told, Options(out=tmp_path / "run"), executor=SideBySide(inner, room=4, part_size=10))
    begun = [job for job in inner.jobs if job.begun is not None]
    assert {job.part.stage for job in begun} == {"rollouts"}
    assert {job.part.stage for job in inner.jobs} >= {"worlds", "tasks", "judge", "shards"}
    policies = {row.policy for job in begun for row in [*job.begun.rows]}  # type: ignore[union-attr]
    assert policies == {"scripted:says_no"}
    assert files_of(tmp_path / "run") == files_of(made.run_dir)


class Counting(InProcess):
    """Remembers what it was handed."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[Job] = []

    def submit(self, job: Job) -> None:
        self.jobs.append(job)
        super().submit(job)


def test_a_model_that_judges_as_well_is_asked_about_what_passed(made: RunResult, tmp_path: Path) -> None:
    shutil.copytree(made.run_dir, tmp_path / "run")
    judge = tmp_path / "judge.json"
    judge.write_text(json.dumps({"replies": [{"error": "refused"}]}))
    says = f"{{kind: scripted, script: {made.run_dir.parent / 'script.json'}}}"
    models = f"models={{says_no: {says}, asked: {{kind: scripted, script: {judge}}}}}"
    told = pipeline(
        made.run_dir.parent / "script.json", models, "stages.judge.model=asked", "stages.shards.max_rounds=1"
    )
    run_pipeline(told, Options(out=tmp_path / "run", workers=0))
    before = open_run(made.run_dir).rows("verdicts")
    failed = [row for row in open_run(tmp_path / "run").rows("failed") if row.stage == "judge"]
    assert {row.row_id for row in failed} == {row.trajectory_id for row in before if row.passed}
    assert {row.class_ for row in failed} == {"model"}


@pytest.mark.slow
def test_the_same_bytes_with_two_workers(made: RunResult, tmp_path: Path) -> None:
    run_pipeline(pipeline(made.run_dir.parent / "script.json"), Options(out=tmp_path / "run", workers=2))
    assert files_of(tmp_path / "run") == files_of(made.run_dir)
