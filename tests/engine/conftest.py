"""A small pipeline over the toy stages, run in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import toys

from synth.pipeline import Pipeline
from synth.run import Options, RunResult, run_pipeline

FILE: dict[str, Any] = {
    "name": "toy",
    "seed": 1,
    "stages": {
        "tasks": {"part_size": 10},
        "agents": {"count": 30},
        "shards": {"target": {"single": 25, "chain": 18}},
    },
}


def pipeline(**stages: dict[str, Any]) -> Pipeline:
    """The toy pipeline with some stage settings changed."""
    known = {name: dict(FILE["stages"].get(name, {})) for name in ("tasks", "agents", "shards", "judge", "rollouts")}
    for name, values in stages.items():
        known[name] = known[name] | values
    return Pipeline.model_validate(FILE | {"stages": known})


Runner = Callable[..., RunResult]


@pytest.fixture
def run(tmp_path: Path) -> Runner:
    """`run(settings..., options=..., stages=...)` in `tmp_path/run`."""

    def go(
        changed: Pipeline | None = None,
        *,
        stages: Any = None,
        out: Path | None = None,
        face: Any = None,
        **options: Any,
    ) -> RunResult:
        chosen = Options(out=out or tmp_path / "run", **{"workers": 0, **options})
        return run_pipeline(changed or pipeline(), chosen, stages or toys.modules(), face)

    return go


def files(run_dir: Path, *tables: str) -> dict[str, bytes]:
    """The committed files of some tables, by relative name."""
    return {
        str(p.relative_to(run_dir)): p.read_bytes() for t in tables for p in sorted((run_dir / t).glob("*.parquet"))
    }


ALL = ("worlds", "tools", "agents", "tasks", "trajectories", "verdicts", "dropped", "failed")
