"""Runs whose assistant is an endpoint over real HTTP, in a process of its own: replayed to the same verdicts, and no
slot lost whatever the endpoint does."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from orchestration import endpoint, key_of, script_of, small, stats

from synth import open_run
from synth.pipeline import Pipeline
from synth.records import TrajectoryRow
from synth.replaying import replay_sample
from synth.run import Options, run_pipeline
from synth.store.views import Run

CAP = 12


@pytest.fixture(scope="module")
def expert(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of the expert: its tasks are played again by the endpoint, which says what the expert said."""
    out = tmp_path_factory.mktemp("expert") / "run"
    run_pipeline(small(60), Options(out=out, workers=0))
    return open_run(out)


def played_by(expert: Run, url: str, out: Path, workers: int = 0, timeout_s: float = 20.0) -> Run:
    """The same tasks with the endpoint as the assistant."""
    shutil.copytree(expert.run_dir, out)
    model = {"kind": "openai", "base_url": url, "model": "echo", "max_concurrency": CAP, "timeout_s": timeout_s}
    made = small(60).model_dump(mode="json", exclude_unset=True)
    made["models"] = {"m": model}
    made["stages"]["rollouts"]["policy"] = "m"
    made["stages"]["shards"] |= {"max_rounds": 1, "allow_infra": True}
    run_pipeline(Pipeline.model_validate(made), Options(out=out, workers=workers))
    return open_run(out)


def messages(run: Run) -> dict[str, Any]:
    return {t.trajectory_id: t.messages for t in run.rows("trajectories")}


def spoiled(script: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Every third conversation ends with a claim and nothing done."""
    claim = {"role": "assistant", "content": "All of that is taken care of."}
    return {key: [claim] if i % 3 == 0 else said for i, (key, said) in enumerate(sorted(script.items()))}


def test_an_endpoint_run_and_its_replay_give_the_same_verdicts(expert: Run, tmp_path: Path) -> None:
    with endpoint(spoiled(script_of(expert.rows("trajectories"))), 0.02, {}) as url:
        run = played_by(expert, url, tmp_path / "run")
        seen = stats(url)
    verdicts = {v.trajectory_id: v.passed for v in run.rows("verdicts")}
    assert {True, False} <= set(verdicts.values())
    replayed = replay_sample(run.run_dir, 1000)
    assert set(replayed) == set(verdicts) and all(r.equal for r in replayed.values()), replayed
    usage = run.rows("usage")
    assert {(u.role, u.model, u.stage) for u in usage} == {("assistant", "endpoint:echo", "rollouts")}
    assert sum(u.requests for u in usage) == seen["requests"]
    assert json.loads((run.run_dir / "run.json").read_text())["usage"]["assistant"]["requests"] == seen["requests"]
    assert seen["peak"] <= CAP


def test_a_changed_verdict_is_a_difference_of_the_replay(expert: Run) -> None:
    from synth import replaying

    row: TrajectoryRow = expert.rows("trajectories")[0]
    task = next(t for t in expert.rows("tasks") if t.task_id == row.task_id)
    catalog = replaying.Catalog.of(expert.rows("agents"), expert.rows("tools"), expert.rows("worlds"))
    verdict = next(v for v in expert.rows("verdicts") if v.trajectory_id == row.trajectory_id)
    turned = [c.model_copy(update={"passed": not c.passed}) for c in verdict.criteria[:1]]
    wrong = verdict.model_copy(update={"criteria": [*turned, *verdict.criteria[1:]]})
    report = replaying.replay_rows(row, task, catalog)
    settings = replaying.judge_settings(expert.run_dir)
    assert replaying.judged_again(report, task, catalog, [verdict], settings).equal
    (line,) = replaying.judged_again(report, task, catalog, [wrong], settings).differences
    assert line.startswith(f"verdict: {turned[0].id}")


@pytest.mark.parametrize(
    "trouble", [{"storm": [0.1, 1.5]}, {"every": 9, "status": 503}, {"hang": 60}], ids=["429", "503", "hangs"]
)
def test_storms_broken_answers_and_hangs_lose_no_row(expert: Run, tmp_path: Path, trouble: dict[str, Any]) -> None:
    with endpoint(script_of(expert.rows("trajectories")), 0.02, trouble) as url:
        run = played_by(expert, url, tmp_path / "run", timeout_s=4.0)
        seen = stats(url)
    assert seen["requests"] > seen["by_status"]["200"], "nothing went wrong: no test"
    assert [f.detail for f in run.rows("failed") if f.stage == "rollouts"] == []
    assert messages(run) == messages(expert)


def test_prompts_that_fail_for_ever_cost_exactly_their_rows(expert: Run, tmp_path: Path) -> None:
    rows = expert.rows("trajectories")
    cursed = rows[len(rows) // 2]
    with endpoint(script_of(rows), 0.02, {"cursed": json.dumps(cursed.messages[1]["content"])[1:-1]}) as url:
        run = played_by(expert, url, tmp_path / "run")
    hit = {t.trajectory_id for t in rows if t.messages[1]["content"] == cursed.messages[1]["content"]}
    failed = [f for f in run.rows("failed") if f.stage == "rollouts"]
    assert {f.row_id for f in failed} == hit and {f.class_ for f in failed} == {"infra"}
    assert {i: m for i, m in messages(expert).items() if i not in hit} == messages(run)
    assert {u.row_id for u in run.rows("usage")} == {t.trajectory_id for t in rows}  # failed ones were paid for too
    assert key_of(cursed.messages) in script_of(rows)


def test_the_cap_is_the_runs_and_not_each_workers(expert: Run, tmp_path: Path) -> None:
    with endpoint(script_of(expert.rows("trajectories")), 0.1, {}) as url:
        run = played_by(expert, url, tmp_path / "run", workers=2)
        seen = stats(url)
    assert messages(run) == messages(expert)
    assert CAP - 2 <= seen["peak"] <= CAP
