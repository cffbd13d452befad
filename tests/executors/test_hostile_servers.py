"""Every way a live server can misbehave costs one call: it ends within its limit, as one recorded reason, and the next
call finds a server again."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from synth.executors.mcp_client import Answer, Bounds, ServerFailure, Session
from synth.executors.mcp_client.connecting import by_pipes, by_url
from synth.executors.mcp_client.session import digest_of_tool
from synth.executors.mcp_client.uncontained import HostPlace
from tests.served import served

HOSTILE = Path(__file__).parent / "hostile"
QUICK = Bounds(call=1.5, start=20.0, answer_bytes=100_000, output_bytes=1_000_000)  # for those that never answer
PATIENT = replace(QUICK, call=15.0)  # for those that do: a busy machine must not turn their reason into a time-out
ECHO = {"name": "echo", "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}}}
T = TypeVar("T")


def on_pipes(way: str, do: Callable[[Session], Awaitable[T]], bounds: Bounds = PATIENT, expected: bool = False) -> T:
    async def run() -> T:
        place = HostPlace()
        command = [sys.executable, str(HOSTILE / "on_pipes.py"), way, "{work}/starts"]
        declared = {"echo": digest_of_tool(ECHO)} if expected else None
        session = Session(by_pipes(place, command, {}), bounds, declared)
        try:
            return await do(session)
        finally:
            await session.close()
            place.close()

    return asyncio.run(run())


def http_server(way: str, *more: str) -> AbstractContextManager[str]:
    return served(HOSTILE / "on_http.py", way, *more)


def on_http(
    way: str, do: Callable[[Session], Awaitable[T]], bounds: Bounds = PATIENT, *more: str, token: str = "right"
) -> T:
    async def run(url: str) -> T:
        session = Session(by_url(url, {"authorization": f"Bearer {token}"}, bounds.call), bounds)
        try:
            return await do(session)
        finally:
            await session.close()

    with http_server(way, *more) as url:
        return asyncio.run(run(url))


async def two_calls(session: Session) -> tuple[Answer, Answer, list[str]]:
    began = time.monotonic()
    first = await session.call("echo", {"text": "x"})
    bounds = session.bounds
    assert time.monotonic() - began < bounds.start + bounds.call + 10, "one call went beyond its limit"
    return first, await session.call("echo", {"text": "y"}), session.events


PIPES = {
    "hangs": ("timeout", "no answer in 1.5 s"),
    "dies": ("server_died", ""),
    "dies_half_way": ("server_died", ""),
    "floods_stdout": ("output_limit", "wrote more than 1000000 bytes"),
    "floods_stderr": ("output_limit", "wrote more than 1000000 bytes"),
    "one_endless_line": ("output_limit", "wrote more than 1000000 bytes"),
    "invalid_json": ("timeout", "1 lines of output were no message"),
    "another_id": ("timeout", "answered what was not asked"),
    "wrong_shape": ("wrong_shape", "is not of type"),
    "no_structure": ("wrong_shape", "no structured part"),
    "bad_answer": ("bad_answer", "content"),
    "rejects": ("rejected", "no such thing"),
    "huge_result": ("output_limit", "an answer of 500000 bytes"),
    "endless_notifications": ("output_limit", "told notifications/message"),
    "asks_for_sampling": ("tool_error", "not supported"),
    "asks_for_elicitation": ("tool_error", "not supported"),
    "asks_for_roots": ("tool_error", "not supported"),
    "slow_drip": ("timeout", "no answer in 1.5 s"),
    "asks_for_input": ("bad_answer", "content"),
    "deep_nesting": ("timeout", "1 lines of output were no message"),
    "stalling_schema": ("wrong_shape", "does not match"),
}
HTTP = {
    "status_500": ("http_error", "status 500"),
    "web_page": ("http_error", "text/html"),
    "redirects_in_a_circle": ("http_error", "status 307"),
    "forgets_the_session": ("session_lost", "status 404"),
    "hangs": ("timeout", "no answer in 1.5 s"),
    "slow_drip": ("timeout", "no answer in 1.5 s"),
    "endless_events": ("output_limit", "wrote more than 150000 bytes"),
    "endless_body": ("output_limit", "wrote more than 1000000 bytes"),
    "half_a_body": ("server_died", "without sending complete message body"),
    "broken_event": ("bad_answer", "Failed to parse"),
    "closed_stream": ("server_died", "ended without a response"),
}


QUICKLY = ("dies", "floods_stdout", "wrong_shape", "bad_answer", "another_id", "redirects_in_a_circle", "closed_stream")
SMALLER = Bounds(call=20, start=20.0, output_bytes=150_000)  # where every message costs the client some work
FLOODS = ("endless_notifications", "endless_events")


def bounds_for(way: str, reason: str) -> Bounds:
    return SMALLER if way in FLOODS else QUICK if reason == "timeout" else PATIENT


def ways(table: dict[str, tuple[str, str]]) -> list[object]:
    return [way if way in QUICKLY else pytest.param(way, marks=pytest.mark.slow) for way in table]


@pytest.mark.parametrize("way", ways(PIPES))
def test_on_pipes_each_way_costs_one_call_and_leaves_a_reason(way: str) -> None:
    reason, said = PIPES[way]
    first, second, events = on_pipes(way, two_calls, bounds_for(way, reason))
    assert (first.reason, second.reason) == (reason, reason)  # the second call reached a server as well
    assert said in first.detail
    if reason != "tool_error":
        assert events[0].startswith("echo: ")
    else:
        assert any("asked for" in event for event in events)


@pytest.mark.parametrize("way", ways(HTTP))
def test_over_http_each_way_costs_one_call_and_leaves_a_reason(way: str) -> None:
    reason, said = HTTP[way]
    first, second, events = on_http(way, two_calls, bounds_for(way, reason))
    assert first.reason == reason
    assert said in first.detail
    assert second.reason == ("ok" if way == "forgets_the_session" else reason)
    assert events


@pytest.mark.parametrize(
    ("way", "said"),
    [("never_starts", "start_timeout"), ("ends_at_once", "no licence"), ("another_version", "1999-01-01")],
)
def test_a_server_that_does_not_start_says_why(way: str, said: str) -> None:
    async def start(session: Session) -> str:
        with pytest.raises(ServerFailure) as failure:
            await session.start()
        return str(failure.value)

    assert said in on_pipes(way, start, Bounds(call=1, start=1.5))


def test_a_server_that_never_stays_up_is_started_a_few_times_only() -> None:
    async def many(session: Session) -> list[str]:
        return [(await session.call("echo", {})).reason for _ in range(4)]

    assert on_pipes("dies", many, Bounds(call=15, start=20, starts=3)) == ["server_died"] * 3 + ["not_started"]


def test_an_episode_has_a_number_of_calls() -> None:
    async def many(session: Session) -> list[str]:
        return [(await session.call("echo", {})).reason for _ in range(3)]

    assert on_pipes("fine", many, Bounds(calls=2)) == ["ok", "ok", "budget"]


@pytest.mark.slow
def test_stops_reading_while_it_is_told_a_long_argument() -> None:
    async def long_call(session: Session) -> Answer:
        return await session.call("echo", {"text": "x" * 400_000})

    began = time.monotonic()
    assert on_pipes("stops_reading", long_call, Bounds(call=1.0, start=20)).reason == "timeout"
    assert time.monotonic() - began < 40


@pytest.mark.parametrize("way", ["changes_a_schema", "drops_a_tool"])
def test_a_tool_that_is_not_as_it_was_offered_is_not_called(way: str) -> None:
    async def around_a_restart(session: Session) -> tuple[str, str, list[str]]:
        before = (await session.call("echo", {"text": "x"})).reason
        await session._end("")
        return before, (await session.call("echo", {"text": "x"})).reason, session.events

    before, after, events = on_pipes(way, around_a_restart, expected=True)
    assert (before, after) == ("ok", "tool_gone")
    assert "echo" in events[0]


@pytest.mark.parametrize(("way", "text"), [("binary_noise", "after the noise"), ("answers_twice", "first")])
def test_noise_around_an_answer_does_not_cost_it(way: str, text: str) -> None:
    first, second, _ = on_pipes(way, two_calls)
    assert (first.text, second.text) == (text, text)


def test_what_a_server_leaves_behind_is_ended() -> None:
    async def daemon(session: Session) -> int:
        return int((await session.call("echo", {})).text)

    pid = on_pipes("leaves_a_daemon", daemon)
    time.sleep(0.2)
    state = Path(f"/proc/{pid}/stat")
    assert not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z"


def test_a_bearer_header_opens_and_does_not_follow_a_redirect_elsewhere() -> None:
    async def once(session: Session) -> Answer:
        return await session.call("echo", {})

    assert on_http("wants_a_token", once).reason == "ok"
    assert on_http("wants_a_token", once, token="wrong").reason == "not_started"
    with http_server("echoes_headers") as other:
        answer = on_http("redirects", once, PATIENT, other)
    assert (answer.reason, "right" in answer.text) == ("http_error", False)
    assert "not followed" in answer.detail
