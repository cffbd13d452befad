"""The owner's end of the stream to PID 1 of a sandbox (`synth.sandbox.inside.forkserver`), for every engine."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Final, Protocol

from synth.errors import UsageError
from synth.sandbox.engine import Limits, Outcome, Ran, SandboxError

# `python3 -s -B -c BOOT` in a root file system of `synth.sandbox.rootfs`
BOOT: Final = (
    "import sys; baseline = frozenset(sys.modules); sys.path.insert(0, '/opt');"
    " from inside.forkserver import main; main(baseline)"
)
HEAD: Final = struct.Struct(">II")
MOST_JSON: Final = 1 << 22
ENVIRONMENT: Final[Mapping[str, str]] = {
    "PATH": "/usr/bin",
    "HOME": "/work",
    "USER": "agent",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONNOUSERSITE": "1",
}
WHY: Final = {
    "timeout": "ran longer than {seconds:g} s and was killed with all it had started",
    "oom": "used more than {memory_mb} MiB of memory and was killed",
    "output_cut": "wrote more than {output_bytes} bytes and was killed",
}


class Gone(Exception):
    """PID 1 is not there any more, or does not speak the protocol."""


class Wire(Protocol):
    """Bytes to and from PID 1."""

    def send(self, data: bytes, descriptors: tuple[int, ...] = ()) -> None:
        """All of it; raises Gone. Descriptors only over a local socket."""
        ...

    def recv(self, most: int, deadline: float) -> bytes:
        """At least one byte; raises Gone at the end, TimeoutError after `deadline` (monotonic clock)."""
        ...


class Channel:
    """Requests and answers, one at a time; the caller holds a lock."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._rest = b""

    def ready(self, deadline: float) -> dict[str, Any]:
        """The first frame of a fresh PID 1."""
        return self._frame(deadline, 0)[0]

    def job(self, request: dict[str, Any], stdin: bytes, limits: Limits, grace: float) -> tuple[dict[str, Any], bytes]:
        """Ask for one job; TimeoutError where PID 1 itself does not answer within `grace` after the time-out."""
        self._send({**request, "seconds": limits.seconds, "output": limits.output_bytes}, stdin)
        return self._frame(time.monotonic() + limits.seconds + grace, 2 * limits.output_bytes)

    def put(self, files: Mapping[str, bytes | None], deadline: float) -> None:
        """Write and delete; raises UsageError and SandboxError as `Sandbox.put`."""
        listed = [[clean_path(path), -1 if data is None else len(data)] for path, data in files.items()]
        self._send({"op": "put", "files": listed}, b"".join(data for data in files.values() if data is not None))
        problem = self._frame(deadline, 0)[0].get("error")
        if problem:
            raise SandboxError(f"a file could not be written into the sandbox: {problem}")

    def get(self, under: str, most: int, deadline: float) -> dict[str, bytes]:
        """Files below a folder; raises SandboxError."""
        self._send({"op": "get", "under": clean_path(under) if under else "", "most": most}, b"")
        files: dict[str, bytes] = {}
        while True:
            answer, _ = self._frame(deadline, 0)
            if "error" in answer:
                raise SandboxError(f"files could not be read out of the sandbox: {answer['error']}")
            if "end" in answer:
                return dict(sorted(files.items()))
            most -= answer["size"]
            if most < 0:
                raise Gone("it sends more than was asked for")
            files[answer["path"]] = self._exactly(answer["size"], deadline)

    def popen(self, request: dict[str, Any], descriptors: tuple[int, ...], deadline: float) -> int:
        """Start a long-running program; its pid inside. SandboxError where it does not start."""
        self._send({"op": "popen", **request}, b"", descriptors)
        answer = self._frame(deadline, 0)[0]
        if "error" in answer:
            raise SandboxError(f"the program did not start in the sandbox: {answer['error']}")
        return int(answer["pid"])

    def spare(self, deadline: float) -> None:
        """Programs that enter the sandbox from outside are long-running from now on."""
        self._send({"op": "spare"}, b"")
        self._frame(deadline, 0)

    def kill(self, pid: int, deadline: float) -> None:
        """End a long-running program; 0: all that entered from outside."""
        self._send({"op": "kill", "pid": pid}, b"")
        self._frame(deadline, 0)

    def _send(self, request: dict[str, Any], blob: bytes, descriptors: tuple[int, ...] = ()) -> None:
        text = json.dumps(request).encode()
        self.wire.send(HEAD.pack(len(text), len(blob)) + text + blob, descriptors)

    def _frame(self, deadline: float, most_blob: int) -> tuple[dict[str, Any], bytes]:
        length, blob = HEAD.unpack(self._exactly(HEAD.size, deadline))
        if length > MOST_JSON or blob > most_blob:
            raise Gone("it sends more than was asked for")
        try:
            answer = json.loads(self._exactly(length, deadline))
        except ValueError as error:
            raise Gone("it does not speak the protocol") from error
        if not isinstance(answer, dict):
            raise Gone("it does not speak the protocol")
        return answer, self._exactly(blob, deadline)

    def _exactly(self, count: int, deadline: float) -> bytes:
        parts = [self._rest]
        have = len(self._rest)
        while have < count:
            part = self.wire.recv(1 << 20, deadline)
            parts.append(part)
            have += len(part)
        data = b"".join(parts)
        self._rest = data[count:]
        return data[:count]


def ran(answer: dict[str, Any], blob: bytes, limits: Limits, *, oom: bool) -> Ran:
    """A job's answer as its record. `oom`: the kernel killed something for memory meanwhile."""
    outcome: Outcome = answer["outcome"]
    code: int | None = answer.get("code")
    if oom and outcome in ("failed", "timeout"):
        outcome, code = "oom", None
    detail = WHY.get(outcome, "").format(**limits.model_dump())
    if outcome == "failed" and code is not None:
        detail = f"exit code {code}" if code >= 0 else f"killed by signal {-code}"
    elif outcome in ("refused", "crashed"):
        code = None
        detail = str(answer.get("error", ""))
    split = int(answer.get("out", 0))
    seconds, cpu = float(answer.get("seconds", 0.0)), answer.get("cpu")
    return Ran(outcome, code, blob[:split], blob[split:], seconds, cpu, detail)


def refused(detail: str) -> Ran:
    """A job that was not started."""
    return Ran("refused", None, b"", b"", 0.0, None, detail)


def clean_path(path: str) -> str:
    """A path below /work in its one normal form. Raises UsageError for one that leaves it."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path:
        raise UsageError(f"{path!r} is no path below the work folder; give a relative one without '..'")
    if len(parts) > 32 or any(len(part.encode("utf-8", "surrogateescape")) > 255 for part in parts):
        raise UsageError(f"{path[:60]!r}... is too long or too deep for a path below the work folder")
    return "/".join(parts)


def check_fits(files: Mapping[str, bytes | None], disk_mb: int) -> None:
    """Raises UsageError for a path that leaves /work, SandboxError for more than the disk holds."""
    for path in files:
        clean_path(path)
    size = sum(len(data) for data in files.values() if data)
    if size > disk_mb << 20:
        raise SandboxError(f"{size} bytes do not fit on a disk of {disk_mb} MiB")
