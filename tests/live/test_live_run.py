"""Every family on its real server: the expert's episode passes and is played again the same; doing nothing does not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from synth import live, open_run
from synth.errors import UsageError
from synth.pipeline import load_pipeline
from synth.replaying import replay_sample
from synth.run import Options, RunResult, run_pipeline
from synth.sandbox import open_engine


@pytest.fixture(scope="module", autouse=True)
def _sandbox() -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed; the live servers come from it")
    try:
        open_engine("local").close()
    except UsageError as error:
        pytest.skip(str(error))


def run_on(server: str, folder: Path, root: Path, *more: str) -> RunResult:
    targets = "{" + ", ".join(f"{kind}: 2" for kind in live.kinds(server)) + "}"
    settings = [f"executors.mcp.servers=[{server}]", f"stages.shards.target={targets}", "stages.tasks.part_size=8",
                "stages.agents.per_place=2", "stages.shards.max_rounds=2"]  # fmt: skip
    return run_pipeline(
        load_pipeline(root / "pipelines/mcp_live.yaml", [*settings, *more]), Options(out=folder, workers=0)
    )


@pytest.mark.slow
@pytest.mark.parametrize("server", list(live.known()))
def test_the_expert_passes_on_a_real_server_and_replays(server: str, tmp_path: Path, root: Path) -> None:
    result = run_on(server, tmp_path / "run", root)
    opened = open_run(tmp_path / "run")
    assert result.rows == dict.fromkeys(live.kinds(server), 2), [(f.boundary, f.detail) for f in opened.rows("failed")]
    assert all(v.passed for v in opened.rows("verdicts")), [v.reasons for v in opened.rows("verdicts") if not v.passed]
    assert all(c.executor == "mcp" and c.latency_ms == 0 for t in opened.rows("trajectories") for c in t.calls)
    reports = replay_sample(tmp_path / "run", 3)
    assert all(r.equal for r in reports.values()), [r.differences for r in reports.values()]


@pytest.mark.slow
def test_doing_nothing_fails(tmp_path: Path, root: Path) -> None:
    run_on("ref-memory", tmp_path / "run", root, "stages.rollouts.policy=idle", "stages.shards.max_rounds=1")
    found = list(open_run(tmp_path / "run").rows("verdicts"))
    assert found
    assert not any(v.passed for v in found)
