"""A stdio transport for the SDK's ClientSession that a hostile server cannot exhaust.

The SDK's own `stdio_client` buffers a line of any length, inherits part of the environment and hands a listing on
whole, so that one malformed tool fails all of them. This one bounds every line and the output as a whole, keeps only
the tail of stderr, passes an exact environment, and takes malformed tools out of a listing before the SDK sees it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import anyio
import anyio.abc
import mcp_types as types
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types.methods import validate_server_result
from pydantic import ValidationError

from tools_catalog.harvest.outcome import DroppedTool, HarvestFailure, Limits, plain

_TAIL_CHUNKS = 4
_CHUNK = 65536
_GATE_VERSION = "2025-11-25"  # the shape a tool must have; older ones are subsets of it


class Closing(Protocol):
    async def aclose(self) -> None: ...


class Source(Closing, Protocol):
    """Chunks of bytes until the end."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...


class Sink(Closing, Protocol):
    """Takes bytes."""

    async def send(self, item: bytes, /) -> None: ...


class Piped(Protocol):
    """What has pipes: an anyio process, or a process in a sandbox behind the same names."""

    @property
    def stdin(self) -> Sink | None: ...

    @property
    def stdout(self) -> Source | None: ...

    @property
    def stderr(self) -> Source | None: ...


@dataclass
class Wire:
    """What was seen on the pipes of one server."""

    limits: Limits
    bytes_read: int = 0
    noise: int = 0  # lines of stdout that were no JSON-RPC message
    closed: bool = False  # stdout ended
    failure: HarvestFailure | None = None
    dropped: list[DroppedTool] = field(default_factory=list)
    stderr: deque[bytes] = field(default_factory=lambda: deque(maxlen=_TAIL_CHUNKS))

    def count(self, size: int) -> None:
        """Add to the output seen. Raises HarvestFailure over the bound."""
        self.bytes_read += size
        if self.bytes_read > self.limits.output:
            raise HarvestFailure("output_limit", f"wrote more than {self.limits.output} bytes")

    def saw(self, message: types.JSONRPCMessage) -> None:
        """Told of every message of the server before it is handed on. For those who keep a record."""

    def sends(self, message: types.JSONRPCMessage) -> None:
        """Told of every message to the server."""

    def stderr_tail(self) -> str:
        """The end of what the server wrote to stderr, one line, at most 300 characters."""
        text = b"".join(self.stderr).decode("utf-8", "replace").strip()
        return plain(text[-300:], 300)


@asynccontextmanager
async def bounded_streams(
    process: Piped, wire: Wire
) -> AsyncGenerator[
    tuple[MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]]
]:
    """Streams for `ClientSession` over the pipes of `process`. On leaving, stdin is closed; stopping the process is
    the caller's. When a bound is hit, `wire.failure` says which and the session sees the connection end."""
    to_session, for_session = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    from_session, to_server = anyio.create_memory_object_stream[SessionMessage](0)
    # names from the session's side: it reads `for_session` and writes `from_session`
    async with anyio.create_task_group() as group:
        group.start_soon(_read_stdout, process, wire, to_session)
        group.start_soon(_drain_stderr, process, wire)
        group.start_soon(_write_stdin, process, wire, to_server)
        try:
            yield for_session, from_session
        finally:
            group.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                if process.stdin is not None:
                    await _close(process.stdin)
                for stream in (to_session, for_session, from_session, to_server):
                    await stream.aclose()


async def _close(stream: Closing) -> None:
    try:
        with anyio.move_on_after(0.5):
            await stream.aclose()
    except (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
        return


async def _read_stdout(process: Piped, wire: Wire, out: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
    if process.stdout is None:
        raise RuntimeError("the process was started without a pipe on stdout")
    buffer = bytearray()
    async with out:
        try:
            async for chunk in process.stdout:
                wire.count(len(chunk))
                searched = len(buffer)
                buffer += chunk
                start = 0
                while (end := buffer.find(b"\n", max(start, searched))) >= 0:
                    await _deliver(bytes(buffer[start:end]), wire, out)
                    start = end + 1
                del buffer[:start]
                if len(buffer) > wire.limits.line:
                    raise HarvestFailure("line_too_long", f"a line of more than {wire.limits.line} bytes")
        except HarvestFailure as failure:
            wire.failure = failure
        except (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass  # the pipe broke: for the session the same as an end
        wire.closed = True  # a partial last line is dropped, never delivered broken


async def _deliver(line: bytes, wire: Wire, out: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
    line = line.strip()
    if not line:
        return
    try:
        message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValueError:
        wire.noise += 1  # servers print banners; the messages after them still count
        return
    message = gated(message, wire)
    wire.saw(message)
    await out.send(SessionMessage(message))


def gated(message: types.JSONRPCMessage, wire: Wire) -> types.JSONRPCMessage:
    """The message, malformed tools of a listing left out and recorded."""
    if isinstance(message, types.JSONRPCResponse) and isinstance(message.result.get("tools"), list):
        return message.model_copy(update={"result": {**message.result, "tools": _gate(message.result, wire)}})
    return message


def _gate(result: dict[str, Any], wire: Wire) -> list[Any]:
    """The tools of one page that have the shape of a tool; the others are recorded as dropped."""
    tools = result["tools"]
    if len(tools) <= wire.limits.tools and _is_listing(tools):
        return list(tools)
    kept = []
    for tool in tools[: wire.limits.tools + 1]:
        if _is_listing([tool]):
            kept.append(tool)
        else:
            name = tool.get("name") if isinstance(tool, dict) else None
            shown = plain(name, 128) if isinstance(name, str) else ""
            wire.dropped.append(DroppedTool(shown, "not_a_tool", "no MCP tool: needs a name and an object schema"))
    return kept


def _is_listing(tools: list[Any]) -> bool:
    try:
        validate_server_result("tools/list", _GATE_VERSION, {"tools": tools})
    except (ValidationError, ValueError, RecursionError):
        return False
    return True


async def _drain_stderr(process: Piped, wire: Wire) -> None:
    if process.stderr is None:
        raise RuntimeError("the process was started without a pipe on stderr")
    try:
        async for chunk in process.stderr:
            wire.stderr.append(chunk[-_CHUNK:])
            wire.count(len(chunk))
    except HarvestFailure as failure:
        wire.failure = wire.failure or failure
        # the session waits on stdout: closing it there ends the wait
        if process.stdout is not None:
            await _close(process.stdout)
    except (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
        return


async def _write_stdin(process: Piped, wire: Wire, messages: MemoryObjectReceiveStream[SessionMessage]) -> None:
    if process.stdin is None:
        raise RuntimeError("the process was started without a pipe on stdin")
    async with messages:
        async for message in messages:
            out = message.message
            wire.sends(out)
            if isinstance(out, types.JSONRPCRequest) and not out.params:
                out = out.model_copy(update={"params": {}})  # the SDK leaves them out; strict servers refuse that
            text = out.model_dump_json(by_alias=True, exclude_unset=True)
            try:
                await process.stdin.send(text.encode() + b"\n")
            except (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
                return  # the server stopped reading; its stdout says whether it still lives
