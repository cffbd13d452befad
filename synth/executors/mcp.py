"""Calls on live MCP servers: a fresh instance per episode, in a sandbox where it is a command of ours to start, over
HTTP where it runs elsewhere. What it leaves in its work folder is read as rows."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
from collections.abc import Mapping
from typing import Any

from synth.errors import TaskFailure, UsageError
from synth.executors.artefacts import Rows, differences, snapshot
from synth.executors.artefacts.building import build_tables
from synth.executors.masking import as_shown
from synth.executors.mcp_client import Answer, Bounds, ServerFailure, Session
from synth.executors.mcp_client.connecting import by_pipes, by_url
from synth.executors.mcp_client.uncontained import HostPlace
from synth.executors.protocol import Outcome, PlaceTool
from synth.live.known import WORK, Launch, is_known, launch, list_known
from synth.pipeline_executors import McpServer
from synth.records import Checked, content_hash
from synth.sandbox.engine import Engine, Limits, Sandbox, SandboxError
from synth.taskspec import PlaceCheck, PlaceStart
from synth.worlds.simulate import render
from tools_catalog import load_catalog
from tools_catalog.effects import effect_of

NAME = "mcp"  # in `calls.executor`
_WORK = re.compile(r"(?<![\w./-])/work(?![\w.-])")
LIMITS = Limits(seconds=3600, memory_mb=1536, processes=256, disk_mb=128, inodes=16384, output_bytes=1 << 20)
SETUP_SECONDS = 60.0
_PLACE = "executors.mcp"


class McpExecutor:
    """One server during one episode. It opens at the first call. `start.setup` may hold, done in this order after the
    files are there: `tables` {file: SQL script}, `run` [shell line], `calls` [[tool, arguments]]; `readers` and
    `ignored` as in `synth.live`. TaskFailure("infra") where it cannot be opened."""

    name = NAME
    latency_is_real = False

    def __init__(
        self, world_id: str, server: McpServer, engine: Engine | None, start: PlaceStart,
        expected: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """`engine` None: a URL, or a server that may run without walls. `expected`: see `Session`."""
        self.world_id, self._server, self._engine, self._start = world_id, server, engine, start
        self._expected = expected
        self._place: Sandbox | None = None
        self._session: Session | None = None
        self._old: Rows = {}
        self._new: Rows | None = None  # None: not read since the last call
        one = list_known().get(server.id) if is_known(server) else None
        self._readers = {**(one.readers if one else {}), **start.setup.get("readers", {})}
        self._ignored = (*(one.ignored if one else ()), *start.setup.get("ignored", ()))
        self._failed = [re.compile(pattern) for pattern in (one.failed if one else ())]
        self._secrets: list[str] = []

    @property
    def events(self) -> list[str]:
        """What went wrong with the server, oldest first, one line each."""
        return list(self._session.events) if self._session is not None else []

    async def call(self, tool: str, arguments: dict[str, Any]) -> Outcome:
        session = await self._opened()
        self._new = None
        answer = await session.call(tool, self._outwards(arguments))
        text, data = self._inwards(answer.text), self._inwards(answer.data)
        reason = answer.reason
        if reason == "ok" and any(pattern.search(text) for pattern in self._failed):
            reason = "tool_error"
        if reason == "ok":
            return (
                Outcome(True, _read(text), None, text)
                if text or data is None
                else Outcome(True, data, None, render(data))
            )
        if reason in ("tool_error", "rejected"):
            shown = text or answer.detail or reason
            return Outcome(False, _read(shown), reason, shown)
        value = {"error": _sentence(answer, self._server), **({"text": text} if text else {})}
        return Outcome(False, value, answer.reason, render(value))

    def error(self, code: str, status: int, message: str) -> Outcome:
        value = {"error": message}
        return Outcome(False, value, code, render(value))

    def diff(self) -> list[dict[str, Any]]:
        return differences(self.world_id, self._old, self._present())

    def digest(self) -> str:
        """Hash of all rows; empty where none changed."""
        now = self._present()
        return "" if now == self._old else content_hash(now)

    async def check(self, check: PlaceCheck) -> Checked:
        """`row_holds` {entity, key, fields}, `row_absent` {entity, key}, and `call_gives` {tool, arguments, value,
        masks}: a call shows `value` (`masking.as_shown`)."""
        if check.check == "call_gives":
            outcome = await self.call(check.params["tool"], check.params["arguments"])
            same = as_shown(outcome, check.params["masks"]) == check.params["value"]
            return _checked(
                check, same, "it shows what was asked for" if same else "it does not show what was asked for"
            )
        await self._opened()
        row = self._present().get(check.params["entity"], {}).get(check.params["key"])
        if check.check == "row_absent":
            return _checked(check, row is None, "it is not there" if row is None else "it is still there")
        if check.check != "row_holds":
            raise TaskFailure("task", _PLACE, f"there is no check {check.check!r} of live servers")
        wrong = [k for k, v in check.params["fields"].items() if row is None or row.get(k) != v]
        return _checked(check, not wrong, "all fields hold" if not wrong else f"not as asked: {', '.join(wrong)}")

    async def close(self) -> None:
        session, place = self._session, self._place
        self._session = self._place = None
        if session is not None:
            await session.close()
        if place is not None:
            self._new = self._new if self._new is not None else await asyncio.to_thread(self._shot, place)
            await asyncio.to_thread(place.close)

    # -- opening --

    async def _opened(self) -> Session:
        if self._session is not None:
            return self._session
        try:
            session = await self._open()
            await session.start()
            for tool, arguments in self._start.setup.get("calls", ()):
                answer = await session.call(tool, self._outwards(arguments))
                if answer.reason != "ok":
                    raise TaskFailure("infra", _PLACE, f"{self._server.id}: setting up: {tool}: {answer.reason}: "
                                                       f"{answer.detail}")  # fmt: skip
        except ServerFailure as failure:
            await self.close()
            raise TaskFailure("infra", _PLACE, f"{self._server.id} does not start: {failure}") from None
        except SandboxError as error:
            await self.close()
            raise TaskFailure("infra", _PLACE, f"{self._server.id}: {error}") from None
        if self._place is not None:
            self._old = self._new = await asyncio.to_thread(self._shot, self._place)
        return session

    async def _open(self) -> Session:
        bounds = Bounds(call=self._server.seconds, answer_bytes=self._server.output_bytes)
        if self._server.url is not None:
            headers = _headers(self._server)
            self._secrets = sorted({v for v in headers.values() if len(v) >= 4}, key=len, reverse=True)
            self._secrets += [v.split(" ", 1)[1] for v in self._secrets if " " in v]
            self._session = Session(by_url(self._server.url, headers, bounds.call), bounds, self._expected)
            self._new = {}
            return self._session
        found = await asyncio.to_thread(launch, self._server)
        self._place = await asyncio.to_thread(_place, found, self._server, self._engine)
        await asyncio.to_thread(self._fill, self._place, found)
        argv = [word.replace("{work}", self._work) for word in found.argv]
        self._session = Session(by_pipes(self._place, argv, self._env(found)), bounds, self._expected)
        return self._session

    def _fill(self, place: Sandbox, found: Launch) -> None:
        files: dict[str, bytes | None] = {p: self._named(t).encode() for p, t in self._start.files.items()}
        files |= {path: base64.b64decode(text) for path, text in self._start.base64.items()}
        files |= {path: build_tables(script) for path, script in self._start.setup.get("tables", {}).items()}
        place.put(files)
        for line in self._start.setup.get("run", ()):
            done = place.run(["sh", "-c", self._named(line)], env=self._env(found),
                             limits=LIMITS.model_copy(update={"seconds": SETUP_SECONDS}))  # fmt: skip
            if done.outcome != "ok":
                raise SandboxError(
                    f"setting up: {line!r}: {done.outcome}: {done.stderr[-300:].decode(errors='replace')}"
                )

    # -- what stands there --

    def _present(self) -> Rows:
        if self._new is None:
            self._new = self._shot(self._place) if self._place is not None else self._old
        return self._new

    def _shot(self, place: Sandbox) -> Rows:
        try:
            files = place.get()
        except SandboxError as error:
            raise TaskFailure("infra", _PLACE, f"{self._server.id}: its files cannot be read: {error}") from None
        return snapshot(files, self._readers, self._ignored)

    # -- paths and secrets --

    @property
    def _work(self) -> str:
        return str(self._place.work) if isinstance(self._place, HostPlace) else WORK

    def _env(self, found: Launch) -> dict[str, str]:
        return {key: value.replace("{work}", self._work) for key, value in found.env.items()}

    def _named(self, text: str) -> str:
        """`/work` as the server has to call it."""
        return _WORK.sub(lambda _: self._work, text) if isinstance(self._place, HostPlace) else text

    def _outwards(self, value: Any) -> Any:
        return _mapped(value, self._named) if isinstance(self._place, HostPlace) else value

    def _inwards(self, value: Any) -> Any:
        """A result as it is kept: the work folder under its one name, without secrets."""
        if isinstance(self._place, HostPlace):
            work = str(self._place.work)
            value = _mapped(value, lambda text: text.replace(work, WORK))
        for secret in self._secrets:
            value = _mapped(value, lambda text, s=secret: text.replace(s, "[withheld]"))
        return value


async def list_tools(server: McpServer, engine: Engine | None) -> list[PlaceTool]:
    """The tools of a server, asked of a fresh instance. Of a known one the descriptions and schemas are those of the
    catalog: facts in our own words. Raises TaskFailure("infra") where it cannot be asked."""
    executor = McpExecutor("", server, engine, PlaceStart())
    try:
        session = await executor._opened()
        declared = await session.tools()
    finally:
        await executor.close()
    one = list_known().get(server.id) if is_known(server) else None
    catalog = load_catalog()
    out = []
    for name, tool in declared.items():
        hints = {k: v for k, v in (tool.get("annotations") or {}).items() if isinstance(v, bool)}
        effect = one.effects.get(name) if one else None
        facts = catalog.find(server.id, name) if one else None
        out.append(PlaceTool(
            name=name, effect=effect or effect_of(name, hints), annotations=hints,
            description=facts.description if facts else tool.get("description") or "",
            input_schema=facts.input_schema if facts else tool["inputSchema"],
            output_schema=facts.output_schema if facts else tool.get("outputSchema"),
        ))  # fmt: skip
    return out


def _place(found: Launch, server: McpServer, engine: Engine | None) -> Sandbox:
    if engine is None:
        if not server.uncontained:
            raise SandboxError("there is no sandbox to run it in; name it `uncontained: true` to run it without one")
        return HostPlace()
    hidden = next((folder for folder in found.folders if folder.is_relative_to(WORK)), None)
    if hidden is not None:
        raise UsageError(
            f"The server {server.id!r} cannot be started: {hidden} lies in {WORK}, which is its work folder in the "
            "sandbox; put it elsewhere, or name it `uncontained: true`."
        )
    return engine.open(LIMITS, mounts={str(folder): folder for folder in found.folders}, system=True)


def _headers(server: McpServer) -> dict[str, str]:
    out = {}
    for header, variable in server.headers_env.items():
        value = os.environ.get(variable)
        if value is None:
            raise ServerFailure("no_secret", f"the environment variable {variable} for its header {header} is not set")
        out[header] = value
    return out


def _mapped(value: Any, change: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {_mapped(k, change): _mapped(v, change) for k, v in value.items()}
    if isinstance(value, list):
        return [_mapped(v, change) for v in value]
    return value


def _read(text: str) -> Any:
    """What an assistant reads in a text: the JSON object or list that it is, else the text itself."""
    if text.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(text, parse_constant=_refuse)
        except (ValueError, RecursionError):
            return text
    return text


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _sentence(answer: Answer, server: McpServer) -> str:
    """What the assistant is told; the detail, which may hold times and paths, is kept in `events` alone."""
    return {
        "timeout": f"The server did not answer within {server.seconds:g} seconds.",
        "server_died": "The server stopped before it answered.",
        "output_limit": "The server wrote more than is allowed.",
        "bad_answer": "The server gave an answer that cannot be read.",
        "wrong_shape": "The result does not have the form that the tool declares.",
        "asks_for_input": "The server asked for input instead of answering.",
        "http_error": "The server could not be reached properly.",
        "session_lost": "The server does not know this session any more.",
        "tool_gone": "The tool is not available any more as it was described.",
        "not_started": "The server could not be started again.",
        "budget": "No further calls are possible in this conversation.",
    }[answer.reason]


def _checked(check: PlaceCheck, passed: bool, evidence: str) -> Checked:
    return Checked(id=check.id, passed=passed, score=1.0 if passed else 0.0, evidence=evidence)
