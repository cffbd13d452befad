"""The shipped recipe as it stands, on two workers: what `make run` promises. Some minutes; `make test-slow`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import get_args

import pytest

from synth import open_run
from synth.pipeline import load_pipeline
from synth.records import Kind
from synth.replaying import replay_sample
from synth.reports.diversity import categories, domains, duplicates, marks_of_run
from synth.reports.tools import read_tools
from synth.run import Options, RunResult, run_pipeline

RECIPE = Path(__file__).parents[2] / "pipelines" / "tooluse.yaml"
LIFTED = 0.7  # share of the real tools that run, lifted and admitted
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return run_pipeline(load_pipeline(RECIPE), Options(out=tmp_path_factory.mktemp("full") / "tooluse", workers=2))


def test_the_recipe_reaches_its_size(full: RunResult) -> None:
    assert full.exit_code == 0
    run = open_run(full.run_dir)

    def count(sql: str) -> int:
        rows = run.sql(sql).fetchall()
        return int(rows[0][0])

    target = load_pipeline(RECIPE).stages.shards.target
    assert isinstance(target, dict) and set(target) == set(get_args(Kind)) - {"code"}
    by_kind = "select count(distinct task_id) from verdicts join tasks using (task_id) where passed and kind = "
    assert {kind: n for kind in target if (n := count(f"{by_kind}'{kind}'")) < 100} == {}
    mine = "from verdicts join trajectories using (trajectory_id) where policy ="
    assert count(f"select count(*) {mine} 'expert' and passed is distinct from true") <= 22  # of 4,400
    assert 70 <= count(f"select count(*) {mine} 'k2:bundled'") <= 180  # some fifteen tasks of each of eight kinds
    assert count(f"select count(*) {mine} 'k2:bundled' and passed") >= 25
    assert count("select count(*) from sft") == 3_350
    assert count("select count(distinct (server, parents[1])) from tools where origin = 'lifted'") >= LIFTED * 11_419
    assert count("select count(*) from tools where origin = 'synthetic'") >= 20_000
    assert count("select count(*) from failed where class = 'infra'") == 0


def test_synthetic_tools_differ_and_are_spread(full: RunResult) -> None:
    tools = read_tools(full.run_dir)
    found = duplicates(tools, marks_of_run(full.run_dir))
    assert found["near_duplicate_share"] <= 0.01
    assert found["shapes"] >= 2_500 and found["largest_shape_share"] <= 0.005
    assert domains(tools)["domains"] >= 400
    named = [c for c in categories(tools) if c["k2"]]
    assert len(named) == 16 and min(c["synthetic"] for c in named) >= 300


def test_a_thousand_random_trajectories_replay(full: RunResult) -> None:
    reports = replay_sample(full.run_dir, 1_000, seed=5)
    assert len(reports) == 1_000
    assert {i: r.differences for i, r in reports.items() if not r.equal} == {}


@pytest.mark.parametrize(("policy", "limit"), [("idle", 0.0), ("random", 0.02)])
def test_doing_nothing_or_anything_does_not_pass(full: RunResult, tmp_path: Path, policy: str, limit: float) -> None:
    shutil.copytree(full.run_dir, tmp_path / "copy")
    pipeline = load_pipeline(
        RECIPE, [f"stages.rollouts.policy={policy}", "stages.rollouts.beside={}", "stages.shards.max_rounds=1"]
    )
    run = open_run(run_pipeline(pipeline, Options(out=tmp_path / "copy", workers=2)).run_dir)
    kinds = {t.task_id: t.kind for t in run.rows("tasks")}
    passed = [v.passed is True for v in run.rows("verdicts") if kinds[v.task_id] != "no_tool"]
    assert len(passed) > 2_500
    assert sum(passed) / len(passed) <= limit
