"""Streamable HTTP with bounds: the SDK's transport over a client that counts what it reads and follows no redirect to
another origin, so that a bearer header stays where it belongs."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage

from synth.executors.mcp_client.outcomes import Watch
from tools_catalog.harvest.outcome import HarvestFailure
from tools_catalog.harvest.transport import gated

Read = MemoryObjectReceiveStream[SessionMessage | Exception]
Write = MemoryObjectSendStream[SessionMessage]


class _Counted(httpx2.AsyncByteStream):
    """A body whose bytes count against the wire's bound."""

    def __init__(self, body: httpx2.AsyncByteStream, watch: Watch) -> None:
        self._body, self._watch = body, watch

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._body:
            try:
                self._watch.count(len(chunk))
            except HarvestFailure as failure:
                self._watch.failure = failure
                raise httpx2.ReadError(failure.detail) from None
            yield chunk

    async def aclose(self) -> None:
        await self._body.aclose()


class _Transport(httpx2.AsyncHTTPTransport):
    """Records each status that is no success; hands on counted bodies."""

    def __init__(self, watch: Watch, statuses: list[str]) -> None:
        super().__init__()
        self._watch, self._statuses = watch, statuses

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            response = await super().handle_async_request(request)
        except httpx2.TransportError as error:
            self._statuses.append(f"{type(error).__name__}: {error}")
            raise
        if request.method == "POST":
            kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            if response.is_redirect:
                self._statuses.append(f"status {response.status_code}, elsewhere")
            elif not response.is_success:
                self._statuses.append(f"status {response.status_code}")
            elif response.status_code != 202 and kind not in ("application/json", "text/event-stream"):
                self._statuses.append(f"content type {kind or 'none'}")
        body = response.stream
        if not isinstance(body, httpx2.AsyncByteStream):
            raise TypeError("an asynchronous transport gave a body that is none")
        response.stream = _Counted(body, self._watch)
        return response


@asynccontextmanager
async def http_streams(
    url: str, headers: Mapping[str, str], watch: Watch, statuses: list[str], seconds: float
) -> AsyncGenerator[tuple[Read, Write]]:
    """Streams for `ClientSession`. `statuses` collects what went wrong below the protocol, oldest first."""
    client = httpx2.AsyncClient(
        headers=dict(headers), timeout=httpx2.Timeout(seconds), transport=_Transport(watch, statuses), trust_env=False
    )
    to_session, for_session = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    from_session, to_server = anyio.create_memory_object_stream[SessionMessage](0)
    async with (
        client,
        streamable_http_client(url, http_client=client, max_sse_event_size=watch.limits.line) as (read, write),
        anyio.create_task_group() as group,
    ):
        group.start_soon(_inwards, read, to_session, watch)
        group.start_soon(_outwards, to_server, write, watch)
        try:
            yield for_session, from_session
        finally:
            group.cancel_scope.cancel()
            for stream in (to_session, for_session, from_session, to_server):
                stream.close()


async def _inwards(read: Any, out: MemoryObjectSendStream[SessionMessage | Exception], watch: Watch) -> None:
    async with out:
        with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            async for message in read:
                if isinstance(message, SessionMessage):
                    message = SessionMessage(gated(message.message, watch), message.metadata)
                    watch.saw(message.message)
                await out.send(message)
    watch.closed = True


async def _outwards(messages: MemoryObjectReceiveStream[SessionMessage], write: Any, watch: Watch) -> None:
    with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        async for message in messages:
            watch.sends(message.message)
            await write.send(message)
