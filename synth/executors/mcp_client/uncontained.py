"""A place without walls: a folder and processes of this machine's own user. For servers that a pipeline names as
`uncontained`, and where nothing else can run them. Only what a live server needs of a sandbox."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from synth.errors import UsageError
from synth.sandbox.engine import Limits, Ran, SandboxError
from tools_catalog.harvest.processes import sweep


class HostProcess:
    """A process group of its own, ended as a whole."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], cwd: Path) -> None:
        self._popen = subprocess.Popen(
            list(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(env), cwd=cwd,
            start_new_session=True,
        )  # fmt: skip
        self.stdin: IO[bytes] = _there(self._popen.stdin)
        self.stdout: IO[bytes] = _there(self._popen.stdout)
        self.stderr: IO[bytes] = _there(self._popen.stderr)

    def poll(self) -> int | None:
        return self._popen.poll()

    def wait(self, timeout: float | None = None) -> int:
        return self._popen.wait(timeout)

    def kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait(10)


class HostPlace:
    """The folder stands for `/work`; `{work}` in arguments and values of the environment names it."""

    def __init__(self) -> None:
        self._root = Path(tempfile.mkdtemp(prefix="synth-live-")).resolve()
        self.id = self._root.name
        self.work = self._root / "work"
        self._home = self._root / "home"
        self.work.mkdir()
        self._home.mkdir()
        self._running: list[HostProcess] = []

    def popen(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> HostProcess:
        full = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self._home), "TMPDIR": str(self._home),
                "LANG": "C.UTF-8", "TZ": "UTC", **(env or {})}  # fmt: skip
        try:
            process = HostProcess(
                [self._named(a) for a in argv], {k: self._named(v) for k, v in full.items()}, self.work
            )
        except OSError as error:
            raise SandboxError(f"cannot execute {argv[0]}: {error.strerror}") from None
        self._running.append(process)
        return process

    def _named(self, text: str) -> str:
        return text.replace("{work}", str(self.work))

    def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", env: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> Ran:  # fmt: skip
        """A short job, with the time limit alone."""
        process = self.popen(argv, env=env)
        try:
            out, err = process._popen.communicate(stdin, timeout=(limits or Limits()).seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            return Ran("timeout", None, b"", b"", (limits or Limits()).seconds, None, "killed at its time limit")
        code = process.wait()
        return Ran("ok" if code == 0 else "failed", code, out, err, 0.0, None, "")

    def python(self, source: str, *, argv: Sequence[str] = (), stdin: bytes = b"", limits: Limits | None = None) -> Ran:
        return self.run(["python3", "-c", source, *argv], stdin=stdin, limits=limits)

    def put(self, files: Mapping[str, bytes | None]) -> None:
        for name, content in files.items():
            path = self._inside(name)
            if content is None:
                path.unlink(missing_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def get(self, under: str = "") -> dict[str, bytes]:
        top = self._inside(under) if under else self.work
        if top.is_file() and not top.is_symlink():
            return {under: top.read_bytes()}
        found = {}
        for folder, _, names in os.walk(top):  # links to folders are not followed
            for name in names:
                path = Path(folder) / name
                if path.is_file() and not path.is_symlink():
                    found[path.relative_to(self.work).as_posix()] = path.read_bytes()
        return dict(sorted(found.items()))

    def _inside(self, name: str) -> Path:
        path = (self.work / name).resolve()
        if not path.is_relative_to(self.work):
            raise UsageError(f"{name!r} leaves the work folder; name files below it.")
        return path

    def close(self) -> None:
        for process in self._running:
            process.kill()
        self._running.clear()
        sweep(self._home)
        shutil.rmtree(self._root, ignore_errors=True)


def _there(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise RuntimeError("a process was started without its pipes")
    return pipe
