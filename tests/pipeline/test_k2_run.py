"""Whole runs whose assistant is a K2 model with random weights: everybody is judged, nearly everybody fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the model core needs torch: pip install '.[model]'")

from synth import open_run
from synth.cli_run import validate
from synth.pipeline import load_pipeline
from synth.run import Options, run_pipeline

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "pipelines" / "k2_random.yaml"
FEW = ["stages.worlds.servers=[trello]", "stages.shards.target={single: 2, no_tool: 1}", "models.k2.max_tokens=24"]


def test_a_run_of_random_weights_goes_through_verdicts(tmp_path: Path) -> None:
    assert validate(str(RECIPE), []) == 0
    told = run_pipeline(load_pipeline(RECIPE, FEW), Options(out=tmp_path / "run", workers=0))
    assert told.exit_code in (0, 3)
    run = open_run(tmp_path / "run")
    tasks, played, verdicts = (list(run.rows(table)) for table in ("tasks", "trajectories", "verdicts"))
    failed = [row for row in run.rows("failed") if row.stage == "rollouts"]
    assert len(tasks) >= 4 and len(played) + len(failed) == len(tasks) and played
    assert len(verdicts) == len(played)
    assert {row.class_ for row in failed} <= {"model"}
    assert {row.policy for row in played} == {"k2:random"}
    assert sum(bool(verdict.passed) for verdict in verdicts) <= len(verdicts) // 2
    usage = [row for row in run.rows("usage") if row.role == "assistant"]
    assert {row.model for row in usage} == {"k2:random"}
    assert sum(row.completion_tokens for row in usage) > len(played)


def test_nothing_is_random_where_the_file_does_not_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("model_core.opening.BUNDLED_FOLDER", tmp_path / "none")
    file = tmp_path / "p.yaml"
    file.write_text("name: p\nmodels:\n  m: {kind: k2}\nstages:\n  rollouts: {policy: m}\n")
    assert validate(str(file), []) == 2
    assert "no model is bundled with this build; give a checkpoint folder" in capsys.readouterr().err


def _actors(driver: int) -> list[int]:
    """Processes of k2 workers below a driver."""
    parents: dict[int, int] = {}
    named: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            named[int(folder.name)] = (folder / "cmdline").read_text()
        except OSError:  # it ended meanwhile
            continue

    def below(pid: int) -> bool:
        while pid in parents:
            pid = parents[pid]
            if pid == driver:
                return True
        return False

    return [pid for pid, name in named.items() if name.startswith("ray::K2Worker.answer") and below(pid)]


@pytest.mark.slow
def test_a_killed_actor_costs_no_row(tmp_path: Path) -> None:
    out = tmp_path / "run"
    sets = [word for one in FEW[:2] for word in ("--set", one)]
    command = [sys.executable, "-m", "synth.cli", "run", str(RECIPE), *sets, "--workers", "1", "--out", str(out)]
    child = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    killed = 0
    while child.poll() is None and not killed:
        for pid in _actors(child.pid):  # at work on a batch
            os.kill(pid, signal.SIGKILL)
            killed = pid
        time.sleep(0.05)
    _, told = child.communicate(timeout=500)
    assert killed and child.returncode in (0, 3), told
    run = open_run(out)
    failed = [row for row in run.rows("failed") if row.stage == "rollouts"]
    assert not [row for row in failed if row.class_ == "infra"]
    assert len(list(run.rows("trajectories"))) + len(failed) == len(list(run.rows("tasks")))
    usage = [row for row in run.rows("usage") if row.role == "assistant"]
    turns = sum(message["role"] == "assistant" for row in run.rows("trajectories") for message in row.messages)
    assert sum(row.requests for row in usage) > turns  # some were asked twice
