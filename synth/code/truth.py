"""Runs generated code on this side, while tasks are made: what the package as written gives, and what a mutation of it
gives. All of it is text of our own templates, so it needs no sandbox; what models write never comes here.

One helper process forks a child per job, as code under mutation may loop for ever or exit.
"""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from synth.code.check import answers, asked, harness_source
from synth.errors import TaskFailure
from synth.executors.workspace_jobs import MARK, RUN_TESTS

SECONDS = 10  # of wall time, of one job
PROBE_SECONDS = 0.25  # of CPU: what is right takes milliseconds
_PROBE = "\x1d"

_HELPER = r"""
import contextlib, copy, csv, dataclasses, datetime, decimal, enum, fractions, io, json, os, re
import signal, sqlite3, sys, traceback, unittest
for line in sys.stdin:
    job = json.loads(line)
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        os.dup2(write, 1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        signal.alarm(job["seconds"])
        os.chdir(job["folder"])
        sys.argv = ["-c"]
        sys.stdin = io.StringIO(job["stdin"])
        try:
            exec(compile(job["source"], "<job>", "exec"), {"__name__": "__main__"})
            sys.stdout.flush()
        finally:
            os._exit(0)
    os.close(write)
    with open(read, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    sys.stdout.write(json.dumps(data.decode(errors="replace")) + "\n")
    sys.stdout.flush()
"""


class Tests(NamedTuple):
    """How the visible tests went; `failing` are their ids, None where they could not be run at all."""

    ran: int
    failing: tuple[str, ...] | None


class Bench:
    """The helper process; it ends when its input does, so with this one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _HELPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        )  # fmt: skip

    def probe(self, tree: Mapping[str, bytes], probes: Sequence[str]) -> list[Any]:
        """What each probe gives in the tree, as `synth.code.harness` says it."""
        out = self._run(tree, harness_source(), asked(probes, _PROBE, PROBE_SECONDS).decode())
        return answers(out.encode(), _PROBE, len(probes))

    def tests(self, tree: Mapping[str, bytes]) -> Tests:
        """How the tree's own tests go."""
        _, mark, text = self._run(tree, RUN_TESTS, "").rpartition(MARK)
        if not mark:
            return Tests(0, None)
        told = json.loads(text)
        return Tests(told["ran"], tuple(one["test"] for one in told["failures"]))

    def _run(self, tree: Mapping[str, bytes], source: str, stdin: str) -> str:
        assert self._process.stdin is not None and self._process.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            for path, data in tree.items():
                at = Path(folder) / path
                at.parent.mkdir(parents=True, exist_ok=True)
                at.write_bytes(data)
            job = {"folder": folder, "source": source, "stdin": stdin, "seconds": SECONDS}
            with self._lock:
                self._process.stdin.write(json.dumps(job) + "\n")
                self._process.stdin.flush()
                line = self._process.stdout.readline()
        if not line:
            raise TaskFailure("infra", "code.truth", "the helper process ended")
        found: str = json.loads(line)
        return found


@functools.cache
def bench() -> Bench:
    """This process's bench."""
    return Bench()
