"""One server during one episode. The connection lives in a task of its own, so that calls may come from any task and
whatever the server does ends one call and no more; the next call connects anew."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import anyio
import jsonschema_rs
import mcp_types as types
from mcp import ClientSession
from mcp.shared.exceptions import MCPError
from pydantic import TypeAdapter, ValidationError

from synth.executors.mcp_client.outcomes import Answer, Reason, ServerFailure, Watch
from synth.records import content_hash
from tools_catalog.harvest.check import check_tool
from tools_catalog.harvest.listing import all_pages
from tools_catalog.harvest.outcome import HarvestFailure, Limits, plain

_CLIENT = types.Implementation(name="synth", version="1")
_GRACE = 10.0  # beyond a call's own time, until the connection is given up from outside
_STATUS_LOST = ("status 404", "status 410")
_RESULT: TypeAdapter[types.CallToolResult | types.InputRequiredResult] = TypeAdapter(
    types.CallToolResult | types.InputRequiredResult
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one episode with a server may take. Times are seconds."""

    call: float = 30.0
    start: float = 180.0  # servers of many libraries need a minute where the machine is busy
    session: float = 900.0  # all calls together
    calls: int = 400
    starts: int = 4  # the first one included
    answer_bytes: int = 262_144  # of one answer's text; beyond it the text is cut
    output_bytes: int = 8 * 2**20  # all that it writes during one call, in whatever form

    def limits(self) -> Limits:
        return Limits(
            initialize=self.start, listing=self.start, line=self.output_bytes, output=self.output_bytes, tools=1000
        )


class Link(NamedTuple):
    """An open connection."""

    read: Any
    write: Any
    statuses: list[str]  # HTTP: what went wrong below the protocol


class Connect(Protocol):
    """Opens a connection that reports to `watch`; raises ServerFailure where there is none to be had."""

    def __call__(self, watch: Watch) -> Any: ...  # an asynchronous context manager that gives a Link


class _Job(NamedTuple):
    tool: str
    arguments: dict[str, Any]
    done: asyncio.Future[tuple[Answer, bool]]


class Session:
    """Calls on one server, one at a time. Nothing that the server does raises; `start` and `tools` alone raise
    ServerFailure, where it cannot be started or listed."""

    def __init__(self, connect: Connect, bounds: Bounds, expected: Mapping[str, str] | None = None) -> None:
        """`expected`: digest of each tool's declaration when it was offered; a call of one that is declared otherwise
        by now is not sent."""
        self._connect, self.bounds, self._expected = connect, bounds, expected
        self._jobs: asyncio.Queue[_Job | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._up: asyncio.Future[None] | None = None
        self._tools: dict[str, dict[str, Any]] = {}
        self._watch: Watch | None = None
        self._starts = self._calls = 0
        self._spent = 0.0
        self.events: list[str] = []  # what went wrong, oldest first, one line each

    async def start(self) -> None:
        """Connect, if there is no connection. Raises ServerFailure."""
        if self._task is not None and not self._task.done():
            return
        if self._starts >= self.bounds.starts:
            raise ServerFailure("not_started", f"it did not stay up in {self._starts} starts")
        self._starts += 1
        self._jobs = asyncio.Queue()
        self._up = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._live(self._up, self._jobs))
        either: set[asyncio.Future[Any]] = {self._task, self._up}
        await asyncio.wait(either, timeout=2 * self.bounds.start + _GRACE,
                           return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
        if self._up.done():
            self._up.result()
            return
        raise ServerFailure("not_started", await self._end("did not finish starting"))

    async def tools(self) -> dict[str, dict[str, Any]]:
        """The tools as the server declares them, by name (`name, title, description, inputSchema, outputSchema,
        annotations`). Raises ServerFailure."""
        await self.start()
        return self._tools

    async def call(self, tool: str, arguments: dict[str, Any]) -> Answer:
        """Run one call within its bounds."""
        if self._calls >= self.bounds.calls or self._spent >= self.bounds.session:
            return self._noted(tool, Answer("budget", f"{self._calls} calls took {self._spent:.0f} s in all"))
        self._calls += 1
        try:
            await self.start()
        except ServerFailure as failure:
            return self._noted(tool, Answer("not_started", f"{failure.reason}: {failure.detail}"))
        began = time.monotonic()
        answer = self._gone(tool) or await self._sent(tool, arguments)
        self._spent += time.monotonic() - began
        return self._noted(tool, answer)

    async def close(self) -> None:
        """End the connection and what stands behind it; twice is fine."""
        if self._task is None:
            return
        self._jobs.put_nowait(None)
        await asyncio.wait({self._task}, timeout=_GRACE)
        await self._end("")

    # -- the caller's side --

    def _gone(self, tool: str) -> Answer | None:
        declared = self._tools.get(tool)
        if declared is None:
            return Answer("tool_gone", f"the server does not list {plain(tool, 100)} (any more)")
        if self._expected is not None and self._expected.get(tool) != declared["digest"]:
            return Answer("tool_gone", f"{plain(tool, 100)} is declared otherwise than when it was offered")
        return None

    async def _sent(self, tool: str, arguments: dict[str, Any]) -> Answer:
        if self._task is None:
            raise RuntimeError("a call without a connection")
        done: asyncio.Future[tuple[Answer, bool]] = asyncio.get_running_loop().create_future()
        self._jobs.put_nowait(_Job(tool, arguments, done))
        either: set[asyncio.Future[Any]] = {done, self._task}
        await asyncio.wait(either, timeout=self.bounds.call + _GRACE,
                           return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
        if done.done():
            answer, over = done.result()
            if over:  # the next call connects anew
                await asyncio.wait({self._task}, timeout=_GRACE)
                await self._end("")
            return answer
        if self._task.done():
            why = await self._end("the connection ended")
            failure = self._watch.failure if self._watch is not None else None
            return Answer("server_died", why) if failure is None else Answer("output_limit", failure.detail)
        return Answer("timeout", await self._end(f"no answer in {self.bounds.call:g} s, and no end of the connection"))

    async def _end(self, why: str) -> str:
        """Make sure that the connection's task is over; what it ended with, as one line."""
        task, self._task = self._task, None
        if task is None:
            return why
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=_GRACE)
        if not task.done() or task.cancelled():
            return why
        error = task.exception()
        return why if error is None else plain("; ".join(filter(None, (why, _innermost(error)))))

    def _noted(self, tool: str, answer: Answer) -> Answer:
        if answer.reason not in ("ok", "tool_error"):
            self.events.append(f"{tool}: {answer.reason}: {answer.detail}")
        return answer

    # -- the connection's own task --

    async def _live(self, up: asyncio.Future[None], jobs: asyncio.Queue[_Job | None]) -> None:
        watch = self._watch = Watch(self.bounds.limits())
        try:
            async with self._connect(watch) as link, ClientSession(link.read, link.write, client_info=_CLIENT) as talk:
                _quiet()
                self._tools = await self._begin(talk, watch, link)
                up.set_result(None)
                while (job := await jobs.get()) is not None:
                    watch.bytes_read = 0
                    answer, over = await self._one(talk, watch, link, job)
                    self.events += [f"{job.tool}: {what}" for what in watch.fresh()]
                    if not job.done.done():
                        job.done.set_result((answer, over))
                    if over:
                        return
        except ServerFailure as failure:
            if up.done():
                raise
            up.set_exception(failure)
        except BaseExceptionGroup as group:  # of the SDK's own tasks
            failures, rest = group.split(ServerFailure)
            if failures is None or rest is not None or up.done():
                raise
            up.set_exception(_first(failures))

    async def _begin(self, talk: ClientSession, watch: Watch, link: Link) -> dict[str, dict[str, Any]]:
        found: list[dict[str, Any]] = []
        try:
            with anyio.fail_after(self.bounds.start):
                await talk.initialize()
                await all_pages(talk, found, watch.limits)
        except HarvestFailure as failure:
            raise ServerFailure(failure.reason, failure.detail) from None
        except TimeoutError:
            raise ServerFailure("start_timeout", _detail(f"no tools in {self.bounds.start:g} s", watch, link)) from None
        except ValidationError as error:
            raise ServerFailure("bad_answer", _detail(_first_problem(error), watch, link)) from None
        except (MCPError, RuntimeError, anyio.ClosedResourceError, anyio.BrokenResourceError) as error:
            reason = watch.failure.reason if watch.failure else "died" if watch.closed else "refused"
            raise ServerFailure(reason, _detail(plain(str(error)), watch, link)) from None
        seen: set[str] = set()
        return {
            tool["name"]: {**tool, "digest": digest_of_tool(tool)}
            for tool in found
            if check_tool(tool, seen, watch.limits) is None
        }

    async def _one(self, talk: ClientSession, watch: Watch, link: Link, job: _Job) -> tuple[Answer, bool]:
        """The answer to one call, and whether the connection is not to be used again."""
        del link.statuses[:]
        params = types.CallToolRequestParams(name=job.tool, arguments=job.arguments)
        try:
            with anyio.fail_after(self.bounds.call):
                # not `call_tool`: it checks results with an engine that a server's schema can stall
                result = await talk.send_request(types.CallToolRequest(params=params), _RESULT)
        except TimeoutError:
            return Answer("timeout", _detail(f"no answer in {self.bounds.call:g} s", watch, link)), True
        except ValidationError as error:
            return Answer("bad_answer", _detail(_first_problem(error), watch, link)), False
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):
            return Answer(_why_closed(watch, link), _detail("the connection closed", watch, link)), True
        except MCPError as error:
            text = plain(error.error.message)
            if error.error.code == types.CONNECTION_CLOSED or watch.closed or watch.failure or link.statuses:
                return Answer(_why_closed(watch, link), _detail(text, watch, link)), True
            if error.error.code == types.PARSE_ERROR:
                return Answer("bad_answer", _detail(text, watch, link)), False
            return Answer("rejected", text, error.error.message[: self.bounds.answer_bytes]), False
        if isinstance(result, types.InputRequiredResult):
            return Answer("asks_for_input", "it asked for input instead of answering"), False
        return self._read(job.tool, result), False

    def _read(self, tool: str, result: types.CallToolResult) -> Answer:
        text, data = _text(result), result.structured_content
        size = max(len(text.encode("utf-8", "replace")), len(json.dumps(data)) if data is not None else 0)
        if size > self.bounds.answer_bytes:
            cut = text.encode("utf-8", "replace")[: self.bounds.answer_bytes].decode("utf-8", "ignore")
            return Answer("output_limit", f"an answer of {size} bytes; {self.bounds.answer_bytes} are kept", cut)
        if result.is_error:
            return Answer("tool_error", plain(text), text, data)
        schema = self._tools[tool].get("outputSchema")
        if schema is not None and (wrong := _mismatch(schema, data)):
            return Answer("wrong_shape", wrong, text)
        return Answer("ok", "", text, data)


def digest_of_tool(tool: Mapping[str, Any]) -> str:
    """What a call relies on: name and input schema."""
    return content_hash([tool["name"], tool["inputSchema"]])


def _why_closed(watch: Watch, link: Link) -> Reason:
    if watch.failure is not None:
        return "output_limit"
    if any(status.startswith(_STATUS_LOST) for status in link.statuses):
        return "session_lost"
    return "http_error" if link.statuses else "server_died"


def _detail(what: str, watch: Watch, link: Link) -> str:
    failure = watch.failure.detail if watch.failure else ""
    return plain("; ".join(filter(None, (what, failure, *link.statuses[-2:], watch.noted()))), 600)


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"not a valid answer: {first['msg']} at {'.'.join(map(str, first['loc']))}"


def _mismatch(schema: dict[str, Any], data: Any) -> str:
    """How a result misses its declared schema; empty where it fits. A schema that cannot be used is not held against
    the result: it was looked at when the tools were listed."""
    try:
        validator = jsonschema_rs.validator_for(schema)
    except (ValueError, jsonschema_rs.ValidationError):
        return ""
    if data is None:
        return "the tool declares an output schema, and the result has no structured part"
    wrong = next(iter(validator.iter_errors(data)), None)
    return "" if wrong is None else plain(f"{'.'.join(map(str, wrong.instance_path)) or 'result'}: {wrong.message}")


def _text(result: types.CallToolResult) -> str:
    parts = []
    for part in result.content:
        if isinstance(part, types.TextContent):
            parts.append(part.text)
        elif isinstance(part, types.ImageContent | types.AudioContent):
            parts.append(f"[{part.type} {part.mime_type}, {len(part.data) * 3 // 4} bytes]")
        elif isinstance(part, types.EmbeddedResource) and isinstance(part.resource, types.TextResourceContents):
            parts.append(part.resource.text)
        else:
            parts.append(f"[{part.type}]")
    return "\n".join(parts)


def _innermost(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


def _first(group: BaseExceptionGroup[ServerFailure]) -> ServerFailure:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if not isinstance(error, ServerFailure):
        raise TypeError("a group of server failures held something else")
    return error


def _quiet() -> None:
    """The SDK logs what hostile servers do; the record of it is ours."""
    for name in ("mcp", "client"):
        logger = logging.getLogger(name)
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
            logger.propagate = False
