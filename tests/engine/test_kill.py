"""kill -9 of the driver in the middle of every stage, then the same command again: the same bytes."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ALL, Runner, files

from synth.planning import status
from synth.records import STAGES

HERE = Path(__file__).parent

TOY = """
import sys, time
sys.path.insert(0, {here!r})
import toys
from conftest import pipeline
from pathlib import Path
from synth.reporting import JsonLines
from synth.run import Options, run_pipeline

def slow(stage):
    def run(ctx, part):
        time.sleep(0.02)
        return stage.run(ctx, part)
    return toys.altered(stage, run=run)

stages = toys.modules(**{{name: slow(stage) for name, stage in toys.modules().items() if name != "shards"}})
run_pipeline(pipeline(), Options(out=Path({out!r}), workers=0), stages, JsonLines())
"""

SMALL = {
    "stages.rollouts.beside": "{}",  # a K2 model repeats itself but for rounding
    "stages.worlds.synthetic": "120",
    "stages.agents.count": "40",
    "stages.tasks.part_size": "4",
    "stages.shards.target": "{single: 6, chain: 6, multi_turn: 6, no_tool: 4}",
}


def _kill_in_each_stage(command: list[str], patience: float) -> int:
    """Start the command, kill it soon after the first part of the stage is committed, for each stage in turn.
    Returns how often the run was still going. A stage that is done already ends the wait at the run's end."""
    killed = 0
    rng = random.Random(5)
    for stage in STAGES:
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=HERE.parents[1]
        )
        assert child.stdout is not None
        for line in child.stdout:
            event = json.loads(line)
            if event.get("stage") == stage and event["event"] == ("part" if stage != "shards" else "stage"):
                break
            if stage == "shards" and event["event"] == "round" and event["accepted"] == event["asked"]:
                break
        time.sleep(rng.random() * patience)
        if child.poll() is None:
            os.kill(child.pid, signal.SIGKILL)
            killed += 1
        child.stdout.close()
        child.wait(timeout=30)
    return killed


def test_toy_stages_survive_kills(run: Runner, tmp_path: Path) -> None:
    whole = run(out=tmp_path / "whole")
    killed = _kill_in_each_stage([sys.executable, "-c", TOY.format(here=str(HERE), out=str(tmp_path / "run"))], 0.05)
    assert killed >= 5
    assert status(tmp_path / "run")["status"] == "stopped"
    resumed = run()
    assert resumed.exit_code == 0
    assert files(resumed.run_dir, *ALL, "sft") == files(whole.run_dir, *ALL, "sft")


@pytest.mark.slow
def test_the_real_pipeline_survives_kills_and_any_number_of_workers(tmp_path: Path) -> None:
    def command(out: Path, workers: int) -> list[str]:
        servers = [server.id for server in load_catalog().servers][::5]  # enough for two parts and all splits
        chosen = SMALL | {"stages.worlds.servers": json.dumps(servers)}
        sets = [word for key, value in chosen.items() for word in ("--set", f"{key}={value}")]
        base = [sys.executable, "-m", "synth.cli", "run", "pipelines/tooluse.yaml", "--json"]
        return [*base, *sets, "--out", str(out), "--workers", str(workers)]

    from tools_catalog import load_catalog

    root = HERE.parents[1]
    one, two, killed = tmp_path / "one", tmp_path / "two", tmp_path / "killed"
    for out, workers in ((one, 1), (two, 2)):
        done = subprocess.run(command(out, workers), capture_output=True, text=True, cwd=root, check=False, timeout=600)
        assert done.returncode == 0, done.stderr
    assert files(one, *ALL, "sft") == files(two, *ALL, "sft")
    assert _kill_in_each_stage(command(killed, 2), 0.05) >= 5
    done = subprocess.run(command(killed, 2), capture_output=True, text=True, cwd=root, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    assert files(killed, *ALL, "sft") == files(one, *ALL, "sft")
