"""`kill -9` of a run with 20 busy sandboxes, then a new run: nothing of the old one is left."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from synth.sandbox import Limits
from synth.sandbox.docker import DockerEngine
from synth.sandbox.docker_api import Api
from synth.sandbox.docker_container import LABEL
from synth.sandbox.local import LocalEngine

MARK = "busy-until-killed"
OWNER = f"""
import sys, threading
from synth.sandbox import Limits
from synth.sandbox.docker import DockerEngine
from synth.sandbox.local import LocalEngine
limits = Limits(seconds=600, memory_mb=64, processes=16, disk_mb=8, inodes=512)
engines = [LocalEngine(), DockerEngine(host=sys.argv[1], warm=2)]
boxes = [engine.open(limits) for engine in engines for _ in range(10)]
job = ["sh", "-c", "(while true; do sleep 0.05; done) & while true; do sleep 0.05; done # {MARK}"]
for box in boxes:
    threading.Thread(target=box.run, args=(job,), daemon=True).start()
print(*[box.container for box in boxes[10:]], flush=True)
sys.stdin.read()
"""


def busy() -> set[str]:
    """Processes of the jobs, in whatever namespace."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0] == b"sh" and any(word.endswith(MARK.encode()) for word in words):
            found.add(path.parent.name)
    return found


def soon(true: Callable[[], bool], seconds: float = 120) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until and not true():
        time.sleep(0.1)
    return true()


def traces(containers: list[str]) -> list[str]:
    """What is left of containers on this machine, whatever the engine says: cgroups, mounts, their starters."""
    found = [str(path) for name in containers for path in Path("/sys/fs/cgroup").glob(f"**/{name}")]
    for path in [*Path("/proc").glob("[0-9]*/mountinfo"), *Path("/proc").glob("[0-9]*/cmdline")]:
        try:
            text = path.read_bytes()
        except OSError:
            continue
        found += [f"{path}: {name}" for name in containers if name.encode() in text]
    return found


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
def test_nothing_is_left_of_a_killed_run(docker_host: str) -> None:
    assert not busy(), "another run of this test is under way"
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, docker_host], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None and owner.stderr is None
    try:
        containers = owner.stdout.readline().split()
        assert len(set(containers)) == 10
        assert soon(lambda: len(busy()) >= 40)  # two of each job
        assert traces(containers)
    finally:
        owner.kill()
        owner.wait()

    limits = Limits(seconds=20, memory_mb=64, processes=16, disk_mb=8, inodes=512)
    api = Api(docker_host)
    engines = [LocalEngine(), DockerEngine(host=docker_host, warm=0)]
    try:
        for engine in engines:
            with engine.open(limits) as box:
                assert box.python("print(1)").outcome == "ok"
        assert not busy()
        assert not [name for name, labels in api.labelled(LABEL) if f"/{owner.pid}/" in labels[LABEL]]
        assert soon(lambda: not traces(containers), 60), traces(containers)
    finally:
        for engine in engines:
            engine.close()
        api.close()
