"""Code tasks in real sandboxes: the same rows and verdicts whatever the engine, and replays from one on the other."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "sandbox"))

from dockerd import missing, running

from synth import open_run
from synth.pipeline import load_pipeline
from synth.places.hands import hands_of
from synth.replaying import executors_of, replay_rows
from synth.run import Options, run_pipeline
from synth.sim.setup import Catalog


def run_with(engine: str, folder: Path, root: Path, tasks: int, *more: str) -> Path:
    sets = [f"executors.sandbox={engine}", f"stages.shards.target.code={tasks}", "stages.tasks.part_size=16",
            "executors.limits.seconds=60", *more]  # fmt: skip
    run_pipeline(load_pipeline(root / "pipelines/code.yaml", sets), Options(out=folder, workers=0))
    return folder


def read(folder: Path, table: str) -> list[dict[str, Any]]:
    return [row.model_dump() for row in open_run(folder).rows(table)]


@pytest.fixture
def bubblewrap() -> None:
    if shutil.which("bwrap") is None:
        missing("there is no bubblewrap here")


@pytest.mark.usefixtures("bubblewrap")
def test_a_few_tasks_in_a_local_sandbox(tmp_path: Path, root: Path) -> None:
    """The shipped families, really run."""
    folder = run_with("local", tmp_path / "run", root, 2, "stages.tasks.part_size=4", "stages.agents.per_place=2")
    rows = read(folder, "trajectories")
    assert len(rows) >= 4
    assert all(c["passed"] for row in rows for c in row["checks"])
    assert all(any(c["name"] == "run_tests" and c["result"]["ok"] for c in row["calls"]) for row in rows)
    assert all(v["passed"] for v in read(folder, "verdicts"))


@pytest.mark.slow
@pytest.mark.usefixtures("bubblewrap")
def test_both_engines_give_the_same_rows(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = int(os.environ.get("CODE_TASKS", "20"))
    with running(Path("/tmp/synth-places-dockerd")) as host:
        monkeypatch.setenv("DOCKER_HOST", host)
        local = run_with("local", tmp_path / "local", root, tasks)
        # the same tasks: another bound on messages makes rollouts and verdicts anew, and changes none of them
        docker = run_with("docker", shutil.copytree(local, tmp_path / "docker"), root, tasks,
                          "stages.rollouts.max_turns=119")  # fmt: skip
        assert list((docker / "trajectories" / "_old").glob("*part-*"))  # they were made anew
        for table in ("tasks", "trajectories", "verdicts"):
            assert read(local, table) == read(docker, table)
        one, other = ([p.read_bytes() for p in sorted((f / "sft").glob("*.parquet"))] for f in (local, docker))
        assert one
        assert one == other
        assert not read(docker, "failed")
        assert all(v["passed"] for v in read(local, "verdicts"))
        run = open_run(local)
        catalog = Catalog.of(run.rows("agents"), run.rows("tools"), run.rows("worlds"))
        tasks_by_id = {t.task_id: t for t in run.rows("tasks")}
        on_docker = hands_of(executors_of(docker))
        for row in run.rows("trajectories")[:8]:
            report = replay_rows(row, tasks_by_id[row.task_id], catalog, on_docker)
            assert report.equal, report.differences
        on_docker.close()
