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

# What is right takes milliseconds. CPU decides, as wall time would make tasks depend on how busy the machine is.
PROBE_SECONDS = 0.25  # of CPU, of one probe
TESTS_SECONDS = 1.0  # of CPU, of all visible tests
JOB_SECONDS = 2  # of CPU, of a whole job: what stays in one long call is not ended by the others
JOB_MB = 512  # of address space: what grows without end
WALL_SECONDS = 60  # only for what waits without working
_PROBE = "\x1d"

_HELPER = r"""
import contextlib, copy, csv, dataclasses, datetime, decimal, enum, fractions, io, json, os, re
import resource, signal, sqlite3, sys, traceback, unittest
for line in sys.stdin:
    job = json.loads(line)
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        os.dup2(write, 1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        signal.alarm(job["wall"])
        signal.setitimer(signal.ITIMER_PROF, job["cpu"])
        resource.setrlimit(resource.RLIMIT_CPU, (job["whole"], job["whole"]))
        resource.setrlimit(resource.RLIMIT_AS, (job["bytes"], job["bytes"]))
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
    _, _, used = os.wait4(child, 0)
    cpu = used.ru_utime + used.ru_stime
    sys.stdout.write(json.dumps({"out": data.decode(errors="replace"), "cpu": cpu}) + "\n")
    sys.stdout.flush()
"""


class Tests(NamedTuple):
    """How the visible tests went; `failing` are their ids, None where they could not be run at all."""

    ran: int
    failing: tuple[str, ...] | None


class Bench:
    """The helper process; it ends when its input does, so with this one. Sets have one order in all of them."""

    def __init__(self) -> None:
        self.cpu_seconds = 0.0  # of all jobs so far
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-s", "-P", "-c", _HELPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        )  # fmt: skip

    def probe(self, tree: Mapping[str, bytes], probes: Sequence[str]) -> list[Any]:
        """What each probe gives in the tree, as `synth.code.harness` says it; those behind an endless one give
        `["!nothing"]`."""
        given = asked(probes, _PROBE, PROBE_SECONDS, patient=False).decode()
        out = self._run(tree, harness_source(), given, PROBE_SECONDS)  # the harness sets its time anew for each
        return answers(out.encode(), _PROBE, len(probes))

    def tests(self, tree: Mapping[str, bytes]) -> Tests:
        """How the tree's own tests go."""
        _, mark, text = self._run(tree, RUN_TESTS, "", TESTS_SECONDS).rpartition(MARK)
        if not mark:
            return Tests(0, None)
        told = json.loads(text)
        return Tests(told["ran"], tuple(one["test"] for one in told["failures"]))

    def _run(self, tree: Mapping[str, bytes], source: str, stdin: str, cpu: float) -> str:
        assert self._process.stdin is not None and self._process.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            for path, data in tree.items():
                at = Path(folder) / path
                at.parent.mkdir(parents=True, exist_ok=True)
                at.write_bytes(data)
            job = {"folder": folder, "source": source, "stdin": stdin, "cpu": cpu, "whole": JOB_SECONDS,
                   "bytes": JOB_MB << 20, "wall": WALL_SECONDS}  # fmt: skip
            with self._lock:
                self._process.stdin.write(json.dumps(job) + "\n")
                self._process.stdin.flush()
                line = self._process.stdout.readline()
        if not line:
            raise TaskFailure("infra", "code.truth", "the helper process ended")
        told = json.loads(line)
        self.cpu_seconds += told["cpu"]
        out: str = told["out"]
        return out


@functools.cache
def bench() -> Bench:
    """This process's bench."""
    return Bench()
