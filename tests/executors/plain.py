"""A sandbox that contains nothing: a temporary folder and plain processes. For tests of trusted code only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from synth.sandbox import Limits, Process, Ran, tightened
from synth.sandbox.engine import Outcome, Probe

ENV = {"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


class PlainSandbox:
    def __init__(self, limits: Limits) -> None:
        self.limits, self.folder = limits, Path(tempfile.mkdtemp())
        self.id, self.runs = self.folder.name, 0

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> Ran:
        self.runs += 1
        held = tightened(self.limits, limits)
        began = time.perf_counter()
        try:
            done = subprocess.run(
                list(argv), input=stdin, env={**ENV, **(env or {})}, cwd=self.folder, capture_output=True,
                timeout=held.seconds,
            )  # fmt: skip
        except subprocess.TimeoutExpired as late:
            return Ran("timeout", None, late.stdout or b"", late.stderr or b"", held.seconds, None, "too long")
        how: Outcome = "ok" if done.returncode == 0 else "failed"
        if max(len(done.stdout), len(done.stderr)) > held.output_bytes:
            how = "output_cut"
        cut = held.output_bytes
        return Ran(how, done.returncode, done.stdout[:cut], done.stderr[:cut], time.perf_counter() - began, None, "")

    def python(self, source: str, *, argv: Sequence[str] = (), stdin: bytes = b"", limits: Limits | None = None) -> Ran:
        return self.run([sys.executable, "-c", source, *argv], stdin=stdin, limits=limits)

    def put(self, files: Mapping[str, bytes | None]) -> None:
        for path, data in files.items():
            at = self.folder / path
            if data is None:
                at.unlink(missing_ok=True)
            else:
                at.parent.mkdir(parents=True, exist_ok=True)
                at.write_bytes(data)

    def get(self, under: str = "") -> dict[str, bytes]:
        found = {
            str((Path(top) / name).relative_to(self.folder)): (Path(top) / name).read_bytes()
            for top, _, names in os.walk(self.folder / under)
            for name in names
            if not (Path(top) / name).is_symlink()
        }
        return dict(sorted(found.items()))

    def popen(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> Process:
        raise NotImplementedError

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class PlainEngine:
    name = "plain"

    def __init__(self) -> None:
        self.opened: list[PlainSandbox] = []

    def probe(self) -> Probe:
        return Probe("plain", True, (), "contains nothing")

    def open(self, limits: Limits) -> PlainSandbox:
        self.opened.append(PlainSandbox(limits))
        return self.opened[-1]

    def clean(self) -> int:
        return 0

    def close(self) -> None:
        for sandbox in self.opened:
            sandbox.close()
