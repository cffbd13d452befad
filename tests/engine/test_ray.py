"""Ray runs the same parts to the same bytes, and a dying worker loses no slot."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
import toys
from conftest import ALL, Runner, files, pipeline

from synth.ray_exec import Cluster, RayExecutor
from synth.run import Options, run_pipeline
from synth.stage import Context, Output, Part
from synth.store.views import open_run

HERE = str(Path(__file__).parent)


@pytest.fixture(autouse=True)
def _workers_find_the_toys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([HERE, str(Path(HERE).parents[1]), *sys.path]))


class DiesAt17:
    """Rollouts whose worker process dies on one part, every time."""

    TABLE, VERSION = "trajectories", "1"

    @staticmethod
    def run(ctx: Context, part: Part) -> Output:
        if part.index == 17:
            os._exit(1)
        return toys.Rollouts.run(ctx, part)


def test_ray_gives_the_bytes_of_one_process(run: Runner, tmp_path: Path) -> None:
    here = run()
    there = run(out=tmp_path / "ray", workers=2)
    assert there.rows == here.rows
    assert files(there.run_dir, *ALL, "sft") == files(here.run_dir, *ALL, "sft")


@pytest.mark.slow
def test_a_dying_worker_costs_infra_failures_and_no_slot(tmp_path: Path) -> None:
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    stages: dict[Any, Any] = toys.modules(rollouts=DiesAt17)
    options = Options(out=tmp_path / "run")
    told = run_pipeline(pipeline(shards={"allow_infra": True}), options, stages, executor=RayExecutor(Cluster(1)))
    assert told.exit_code == 0
    opened = open_run(tmp_path / "run")
    lost = [row for row in opened.rows("failed") if row.class_ == "infra"]
    tasks = {row.task_id for row in opened.rows("tasks") if row.ordinal // 10 == 17}
    assert {row.parent_id for row in lost} == tasks
    assert all("died 3 times" in row.detail for row in lost)


def test_an_unreachable_cluster_is_one_sentence(run: Runner) -> None:
    from synth.errors import UsageError

    with pytest.raises(UsageError, match="could not be reached"):
        run(workers=None, ray_address="127.0.0.1:1")
