"""One small run of the real pipeline, in this process, shared by the tests of this folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from synth.pipeline import Pipeline, load_pipeline
from synth.run import Options, RunResult, run_pipeline

RECIPE = Path(__file__).parents[2] / "pipelines" / "tooluse.yaml"
SERVERS = "[gitlab-zereight, paddle, trello, beads, redis, documenso, iterable, postman, hostinger, zabbix]"
SMALL = [
    f"stages.worlds.servers={SERVERS}",
    "stages.worlds.evolved=60",
    "stages.agents.count=90",
    "stages.tasks.part_size=20",
    "stages.shards.target={single: 24, parallel: 24, chain: 24, multi_turn: 24, clarify: 24, no_tool: 16, recover: 24}",
]


def small(*more: str) -> Pipeline:
    return load_pipeline(RECIPE, [*SMALL, *more])


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return run_pipeline(small(), Options(out=tmp_path_factory.mktemp("runs") / "small", workers=0))


@pytest.fixture
def again(first: RunResult, tmp_path: Path) -> Callable[..., RunResult]:
    """Run once more over a copy of the folder, with other settings."""

    def run(*more: str) -> RunResult:
        out = tmp_path / "copy"
        if not out.exists():
            shutil.copytree(first.run_dir, out)
        return run_pipeline(small(*more), Options(out=out, workers=0))

    return run
