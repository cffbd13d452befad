"""Calls on a live server: outcomes, what stands there afterwards, secrets, and failures that are ours."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from synth.errors import TaskFailure
from synth.executors.mcp import McpExecutor, list_tools
from synth.pipeline_executors import McpServer
from synth.taskspec import PlaceCheck, PlaceStart
from tests.executors.test_hostile_servers import http_server

HERE = Path(__file__).parent
FILES = McpServer(id="files", command=[sys.executable, str(HERE / "files_server.py")], uncontained=True)
START = PlaceStart(files={"a.txt": "one\n"}, setup={"calls": [["save", {"path": "/work/b.txt", "text": "two"}]]})
T = TypeVar("T")


def played(do: Callable[[McpExecutor], Awaitable[T]], server: McpServer = FILES, start: PlaceStart = START) -> T:
    async def run() -> T:
        executor = McpExecutor("place", server, None, start)
        try:
            return await do(executor)
        finally:
            await executor.close()
            await executor.close()  # twice is fine

    return asyncio.run(run())


def test_calls_paths_and_the_difference() -> None:
    async def calls(executor: McpExecutor) -> None:
        assert (executor.diff(), executor.digest()) == ([], "")  # nothing was opened
        assert (await executor.call("show", {"path": "/work/b.txt"})).content == "two"
        assert (executor.diff(), executor.digest()) == ([], "")  # what the set-up did is the start
        saved = await executor.call("save", {"path": "/work/a.txt", "text": "three"})
        assert (saved.ok, saved.value) == (True, "saved /work/a.txt")  # the folder has one name, wherever it is
        missing = await executor.call("show", {"path": "/work/none"})
        assert (missing.ok, missing.error, missing.content) == (False, "tool_error", "there is no /work/none")
        unknown = await executor.call("nothing", {})
        assert (unknown.ok, unknown.error) == (False, "tool_gone")
        change = {"world_id": "place", "entity": "File", "kind": "update", "key": "a.txt", "before": {"text": "one"},
                  "after": {"text": "three"}, "changed": ["text"], "stamped": []}  # fmt: skip
        assert executor.diff() == [change]
        digest = executor.digest()
        assert digest
        await executor.close()
        assert (executor.diff(), executor.digest()) == ([change], digest)

    played(calls)


def test_postconditions() -> None:
    async def checks(executor: McpExecutor) -> list[bool]:
        holds = {"entity": "File", "key": "b.txt", "fields": {"text": "two"}}
        wanted = [("row_holds", holds), ("row_holds", {**holds, "fields": {"text": "other"}}), ("row_absent", holds),
                  ("row_absent", {"entity": "File", "key": "c.txt"})]  # fmt: skip
        return [(await executor.check(PlaceCheck(id="c", text="", check=c, params=p))).passed for c, p in wanted]

    assert played(checks) == [True, False, False, True]


def test_equal_episodes_give_equal_digests() -> None:
    async def once(executor: McpExecutor) -> str:
        await executor.call("save", {"path": "/work/c.txt", "text": "x"})
        return executor.digest()

    assert played(once) == played(once)


def test_tools_are_listed_with_their_effects() -> None:
    tools = asyncio.run(list_tools(FILES, None))
    assert [(t.name, t.effect) for t in tools] == [("save", "write"), ("show", "read")]


@pytest.mark.parametrize(
    ("server", "start", "said"),
    [
        (FILES.model_copy(update={"uncontained": False}), START, "no sandbox"),
        (McpServer(id="x", command=[sys.executable, "-c", "raise SystemExit('no licence')"], uncontained=True),
         PlaceStart(), "no licence"),
        (FILES, PlaceStart(setup={"calls": [["show", {"path": "/work/none"}]]}), "setting up: show: tool_error"),
    ],
)  # fmt: skip
def test_a_server_that_cannot_be_opened_is_a_failure_of_ours(server: McpServer, start: PlaceStart, said: str) -> None:
    async def call(executor: McpExecutor) -> TaskFailure:
        with pytest.raises(TaskFailure) as failure:
            await executor.call("show", {"path": "/work/a.txt"})
        return failure.value

    failure = played(call, server, start)
    assert failure.class_ == "infra"
    assert said in failure.detail


def test_a_secret_is_withheld_and_its_absence_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    async def call(executor: McpExecutor) -> str:
        return (await executor.call("echo", {})).content

    monkeypatch.setenv("LIVE_TEST_TOKEN", "Bearer right-and-long")
    with http_server("echoes_headers") as url:
        server = McpServer(id="far", url=url, headers_env={"Authorization": "LIVE_TEST_TOKEN"})
        assert played(call, server, PlaceStart()) == "[withheld]"
        monkeypatch.delenv("LIVE_TEST_TOKEN")
        with pytest.raises(TaskFailure, match="LIVE_TEST_TOKEN"):
            played(call, server, PlaceStart())
