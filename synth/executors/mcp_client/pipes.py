"""The blocking pipes of a process in a sandbox, as streams of an event loop: each read and write in a thread."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import IO

import anyio
import anyio.to_thread

from synth.sandbox.engine import Process

_CHUNK = 65536


class _Out:
    def __init__(self, process: Process, pipe: IO[bytes], threads: anyio.CapacityLimiter) -> None:
        self._process, self._pipe, self._threads = process, pipe, threads

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = getattr(self._pipe, "read1", self._pipe.read)  # what is there, without waiting for more
        while chunk := await anyio.to_thread.run_sync(read, _CHUNK, abandon_on_cancel=True, limiter=self._threads):
            yield chunk

    async def aclose(self) -> None:
        """End the process: a thread that waits on the pipe is freed by that alone."""
        await anyio.to_thread.run_sync(self._process.kill)


class _In:
    def __init__(self, pipe: IO[bytes], threads: anyio.CapacityLimiter) -> None:
        self._pipe, self._threads = pipe, threads

    async def send(self, item: bytes, /) -> None:
        await anyio.to_thread.run_sync(self._write, item, abandon_on_cancel=True, limiter=self._threads)

    def _write(self, item: bytes) -> None:
        try:
            self._pipe.write(item)
            self._pipe.flush()
        except ValueError as error:  # closed meanwhile
            raise BrokenPipeError(str(error)) from None

    async def aclose(self) -> None:
        """Nothing: the process is ended by its owner."""


class Pipes:
    """The three pipes of one process, for `bounded_streams`."""

    def __init__(self, process: Process) -> None:
        threads = anyio.CapacityLimiter(8)  # of its own: a server that blocks must not starve others
        self.stdin = _In(process.stdin, threads)
        self.stdout = _Out(process, process.stdout, threads)
        self.stderr = _Out(process, process.stderr, threads)
