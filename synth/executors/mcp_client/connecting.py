"""The two ways to a server: its pipes in a sandbox, or a URL."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio
import anyio.to_thread

from synth.executors.mcp_client.http import http_streams
from synth.executors.mcp_client.outcomes import ServerFailure, Watch
from synth.executors.mcp_client.pipes import Pipes
from synth.executors.mcp_client.session import Connect, Link
from synth.sandbox.engine import Sandbox, SandboxError
from tools_catalog.harvest.transport import bounded_streams


def by_pipes(place: Sandbox, argv: Sequence[str], env: Mapping[str, str]) -> Connect:
    """Connections to a command that is started in the sandbox, anew for each; the files of the sandbox stay."""

    @asynccontextmanager
    async def connect(watch: Watch) -> AsyncGenerator[Link]:
        try:
            process = await anyio.to_thread.run_sync(lambda: place.popen(argv, env=env))
        except (OSError, SandboxError) as error:
            raise ServerFailure("start_failed", str(error)) from None
        try:
            async with bounded_streams(Pipes(process), watch) as (read, write):
                yield Link(read, write, [])
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(process.kill)

    return connect


def by_url(url: str, headers: Mapping[str, str], seconds: float) -> Connect:
    """Connections to a server of streamable HTTP."""

    def connect(watch: Watch) -> AbstractAsyncContextManager[Link]:
        return _http(url, headers, seconds, watch)

    return connect


@asynccontextmanager
async def _http(url: str, headers: Mapping[str, str], seconds: float, watch: Watch) -> AsyncGenerator[Link]:
    statuses: list[str] = []
    async with http_streams(url, headers, watch, statuses, seconds) as (read, write):
        yield Link(read, write, statuses)
