"""A long-running program beside PID 1 of a container, with real pipes on this side."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Final

from synth.sandbox.docker_api import STDOUT, Wire
from synth.sandbox.engine import SandboxError

CHUNK: Final = 65536
BY_SIGNAL: Final = 128  # the engine tells a signal as 128 + its number
ASK_S: Final = 0.05  # between two questions for the exit code


class DockerProcess:
    """Two threads carry bytes between the pipes and the connection. Its stderr comes through the same connection, so
    what nobody reads of it is dropped past a pipe's size rather than stop stdout. `exit_code` asks the engine; `kill`
    ends the program inside."""

    def __init__(self, wire: Wire, exit_code: Callable[[], int | None], kill: Callable[[], None]) -> None:
        self._wire, self._exit_code, self._kill = wire, exit_code, kill
        self._code: int | None = None
        self._ended = threading.Event()
        from_owner, to_program = os.pipe()
        from_program, out = os.pipe()
        from_program_too, err = os.pipe()
        os.set_blocking(err, False)
        self.stdin: IO[bytes] = open(to_program, "wb")  # noqa: SIM115
        self.stdout: IO[bytes] = open(from_program, "rb")  # noqa: SIM115
        self.stderr: IO[bytes] = open(from_program_too, "rb")  # noqa: SIM115
        for carry in (lambda: self._in(from_owner), lambda: self._out(out, err)):
            threading.Thread(target=carry, daemon=True).start()

    def poll(self) -> int | None:
        if self._code is None and self._ended.is_set():
            self._code = self._asked()
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            self._ended.wait(left)
            code = self.poll()
            if code is not None:
                return code
            if left == 0:
                raise subprocess.TimeoutExpired("a program in a container", timeout or 0.0)
            time.sleep(ASK_S)

    def kill(self) -> None:
        self._kill()
        self._ended.wait(10)
        self.end()

    def end(self) -> None:
        """Nothing comes or goes any more; what came is still read."""
        self._wire.close()

    def _asked(self) -> int | None:
        try:
            code = self._exit_code()
        except SandboxError:
            return -9  # it went with its container
        return code if code is None or code <= BY_SIGNAL else BY_SIGNAL - code

    def _in(self, source: int) -> None:
        try:
            while data := os.read(source, CHUNK):
                self._wire.send(data)
            self._wire.end_input()
        except SandboxError:
            pass  # the program has ended; the owner sees it at the other pipes
        finally:
            os.close(source)

    def _out(self, out: int, err: int) -> None:
        try:
            while (got := self._wire.frame()) is not None:
                stream, data = got
                if stream == STDOUT:
                    _all(out, data)
                else:
                    with suppress(BlockingIOError):
                        os.write(err, data)
        except (SandboxError, BrokenPipeError, OSError):
            pass  # the connection or the owner's end is closed: both mean the end
        finally:
            os.close(out)
            os.close(err)
            self._ended.set()


def _all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]
