"""kill -9 of a run while its episodes hold sandboxes, then the same command: nothing of the old one is left, and the
rows are those of a run in one go."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "sandbox"))

from dockerd import missing

from synth.sandbox import open_engine
from synth.store.parts import STAGE_TABLE

BUSY = 20  # processes under a run, so that many sandboxes are at work

RUN = """
import sys
sys.path.insert(0, {here!r})
import code_toys, synth.code
synth.code.FAMILIES.clear()
synth.code.FAMILIES.update(code_toys.FAMILIES)
from pathlib import Path
from synth.pipeline import load_pipeline
from synth.reporting import JsonLines
from synth.run import Options, run_pipeline
sets = ["executors.sandbox=local", "executors.concurrency=20", "stages.tasks.part_size=20",
        "stages.shards.target.code=60", "executors.limits.seconds=60"]
run_pipeline(load_pipeline("pipelines/code.yaml", sets), Options(out=Path({out!r}), workers=0), face=JsonLines())
"""


def start(out: Path, root: Path) -> subprocess.Popen[str]:
    here = str(Path(__file__).parent)
    return subprocess.Popen([sys.executable, "-c", RUN.format(here=here, out=str(out))], cwd=root, text=True,
                            stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(root)})  # fmt: skip


def descendants(pid: int) -> set[tuple[int, str]]:
    """(pid, start time) of all that descends from a process."""
    parents: dict[int, list[tuple[int, str]]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # gone meanwhile
                continue
            parents.setdefault(int(fields[1]), []).append((int(folder.name), fields[19]))
    found: set[tuple[int, str]] = set()
    open_ = [pid]
    while open_:
        for child in parents.get(open_.pop(), []):
            found.add(child)
            open_.append(child[0])
    return found


def alive(process: tuple[int, str]) -> bool:
    try:
        fields = (Path("/proc") / str(process[0]) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[19] == process[1] and fields[0] != "Z"


def content(folder: Path) -> dict[str, bytes]:
    tables = [*STAGE_TABLE.values(), "sft"]
    return {str(p.relative_to(folder)): p.read_bytes() for t in tables for p in sorted((folder / t).glob("*.parquet"))}


@pytest.mark.slow
def test_killed_runs_leave_nothing_and_are_finished(tmp_path: Path, root: Path) -> None:
    if shutil.which("bwrap") is None:
        missing("there is no bubblewrap here")
    whole = start(tmp_path / "whole", root)
    whole.communicate(timeout=600)
    killed = 0
    for patience in (0.2, 2.0):
        child = start(tmp_path / "run", root)
        assert child.stdout is not None
        threading.Thread(target=child.stdout.read, daemon=True).start()
        while child.poll() is None and len(descendants(child.pid)) < BUSY:
            time.sleep(0.1)
        time.sleep(patience)
        left = descendants(child.pid)
        if child.poll() is None:
            os.kill(child.pid, signal.SIGKILL)
            killed += 1
        child.wait()
        until = time.monotonic() + 20
        while any(map(alive, left)) and time.monotonic() < until:
            time.sleep(0.1)
        assert not [p for p in left if alive(p)]
    assert killed
    child = start(tmp_path / "run", root)
    child.communicate(timeout=600)
    assert child.returncode == 0
    assert content(tmp_path / "run") == content(tmp_path / "whole")
    engine = open_engine("local")
    assert engine.clean() == 0
    engine.close()
