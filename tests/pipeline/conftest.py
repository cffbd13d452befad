"""One small run of the real pipeline, in this process, shared by the tests of this folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from small_recipe import small

from synth.run import Options, RunResult, run_pipeline


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
