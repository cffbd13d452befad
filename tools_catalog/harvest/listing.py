"""One launched server asked for its tools: `initialize`, then `tools/list` to the last page, within limits."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import anyio
import mcp_types as types
from mcp import ClientSession
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from tools_catalog.harvest import processes
from tools_catalog.harvest.check import check_tool
from tools_catalog.harvest.outcome import DroppedTool, HarvestFailure, HarvestOutcome, Limits, Reason, plain
from tools_catalog.harvest.transport import Wire, bounded_streams

_CLIENT = types.Implementation(name="tools-catalog-harvest", version="1")
Phase = Literal["initialize", "list"]


async def list_tools(
    server: str, command: Sequence[str], *, env: Mapping[str, str], cwd: Path, home: Path, limits: Limits | None = None
) -> HarvestOutcome:
    """Launch `command` with exactly `env`, list its tools, end its process group. Never raises on what a server does.

    `home` is the throw-away home that `env` names; it marks processes of this server.
    """
    bounds = limits or Limits()
    wire = Wire(bounds)
    try:
        process = await processes.start(
            command, env=env, cwd=cwd, cpu_seconds=int(bounds.initialize + bounds.listing) + 1, pipe_stdin=True
        )
    except OSError as error:
        return HarvestOutcome(server, "failed", "start_failed", plain(str(error)))
    tools: list[dict[str, Any]] = []
    failure: HarvestFailure | None = None
    stopped: processes.Stopped = "exited"
    try:
        async with bounded_streams(process, wire) as (read, write):
            failure = await _converse(read, write, tools, wire)
        if failure is not None and wire.closed and process.returncode is None:
            await processes.exited_within(process, 0.2)  # so that the status can be told
    finally:
        died = process.returncode
        with anyio.CancelScope(shield=True):
            stopped = await processes.stop(process, home, bounds.grace)
    failure = wire.failure or failure
    if failure is not None:
        detail = _with_evidence(failure.detail, died, wire)
        reason: Reason = (
            "start_failed" if died == 127 and failure.reason == "died_before_initialize" else failure.reason
        )
        return HarvestOutcome(server, "failed", reason, detail, stopped=stopped)
    return _checked(server, tools, wire, stopped)


def _with_evidence(detail: str, died: int | None, wire: Wire) -> str:
    parts = [detail]
    if died is not None:
        parts.append(f"exit status {died}")
    if wire.noise:
        parts.append(f"{wire.noise} lines of output were no JSON-RPC message")
    if tail := wire.stderr_tail():
        parts.append(f"stderr ends: {tail}")
    return plain("; ".join(parts), 600)


def _checked(server: str, tools: list[dict[str, Any]], wire: Wire, stopped: processes.Stopped) -> HarvestOutcome:
    kept: list[dict[str, Any]] = []
    dropped: list[DroppedTool] = list(wire.dropped)
    seen: set[str] = set()
    for tool in tools:
        refused = check_tool(tool, seen, wire.limits)
        if refused is None:
            kept.append(tool)
        else:
            dropped.append(refused)
    if dropped and not kept:
        detail = f"all {len(dropped)} tools were dropped, the first as {dropped[0].reason}: {dropped[0].detail}"
        return HarvestOutcome(server, "failed", "no_usable_tools", detail, (), tuple(dropped), stopped)
    return HarvestOutcome(server, "ok", "ok", f"{len(kept)} tools", tuple(kept), tuple(dropped), stopped)


async def _converse(read: Any, write: Any, tools: list[dict[str, Any]], wire: Wire) -> HarvestFailure | None:
    """Fill `tools`; returns why the talk ended early, or None."""
    async with ClientSession(read, write, client_info=_CLIENT) as session:
        # each phase turns its errors into a value: one that left this block would come out wrapped in a group
        failure = await _within("initialize", wire.limits.initialize, session.initialize(), wire)
        if failure is None:
            failure = await _within("list", wire.limits.listing, all_pages(session, tools, wire.limits), wire)
    return failure


async def _within(phase: Phase, seconds: float, work: Awaitable[object], wire: Wire) -> HarvestFailure | None:
    """One phase of the talk within its time; the failure it ended in, or None."""
    try:
        with anyio.fail_after(seconds):
            await work
    except HarvestFailure as failure:
        return failure
    except TimeoutError:
        if phase == "initialize":
            return HarvestFailure("initialize_timeout", f"initialize was not answered in {seconds:g} s")
        return HarvestFailure("list_timeout", f"tools/list did not finish in {seconds:g} s")
    except MCPError as error:
        if error.error.code == types.CONNECTION_CLOSED or wire.closed:
            return _died(phase)
        return _refused(phase, f"error {error.error.code}: {error.error.message}")
    except (anyio.ClosedResourceError, anyio.BrokenResourceError, anyio.EndOfStream):
        return _died(phase)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return _refused(phase, f"not a valid answer: {first['msg']} at {'.'.join(map(str, first['loc']))}")
    except RuntimeError as error:  # the SDK's word for a protocol version it does not speak
        return _refused(phase, str(error))
    return None


def _died(phase: Phase) -> HarvestFailure:
    if phase == "initialize":
        return HarvestFailure("died_before_initialize", "the connection closed before initialize was answered")
    return HarvestFailure("died_during_list", "the connection closed during tools/list")


def _refused(phase: Phase, detail: str) -> HarvestFailure:
    reason: Reason = "initialize_refused" if phase == "initialize" else "list_refused"
    return HarvestFailure(reason, plain(detail))


async def all_pages(session: ClientSession, tools: list[dict[str, Any]], limits: Limits) -> None:
    """Fill `tools`, pages in order; raises HarvestFailure over a limit. A cursor is echoed verbatim, the empty string
    too; only its absence ends the list."""
    cursor: str | None = None
    seen: set[str] = set()
    for _ in range(limits.pages):
        page = await session.list_tools(params=types.PaginatedRequestParams(cursor=cursor))
        tools.extend(_original(tool) for tool in page.tools)
        if len(tools) > limits.tools:
            raise HarvestFailure("tool_cap", f"tools/list gave more than {limits.tools} tools")
        cursor = page.next_cursor
        if cursor is None:
            return
        if cursor in seen:
            raise HarvestFailure("cursor_cycle", f"tools/list gave the cursor {plain(cursor, 80)!r} a second time")
        seen.add(cursor)
    raise HarvestFailure("page_cap", f"tools/list did not end after {limits.pages} pages")


def _original(tool: types.Tool) -> dict[str, Any]:
    hints = tool.annotations.model_dump(by_alias=True, exclude_none=True) if tool.annotations is not None else None
    return {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": tool.input_schema,
        "outputSchema": tool.output_schema,
        "annotations": hints,
    }
