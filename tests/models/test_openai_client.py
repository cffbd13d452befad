"""The model seam against a server on loopback: what is retried, what is not, and that every request is counted."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from synth.errors import ModelMalformed, ModelRefused, ModelUnavailable, classify
from synth.models.limit import Adaptive
from synth.models.openai import ATTEMPTS, OpenAIClient, retry_after
from synth.models.protocol import Reply, Sampling

Answer = Callable[[int, dict[str, Any]], Response]
GOOD = {
    "choices": [{"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 3},
}


class Server:
    """Answers chat completions as told; keeps what it was asked."""

    def __init__(self) -> None:
        self.answer: Answer = lambda n, body: JSONResponse(GOOD)
        self.seen: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.delay = 0.0
        self.now = self.peak = 0
        app = Starlette(routes=[Route("/v1/chat/completions", self._chat, methods=["POST"])])
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()

    async def _chat(self, request: Request) -> Response:
        body = await request.json()
        self.seen.append(body)
        self.headers.append(dict(request.headers))
        self.now += 1
        self.peak = max(self.peak, self.now)
        try:
            await asyncio.sleep(self.delay)
            return self.answer(len(self.seen) - 1, body)
        finally:
            self.now -= 1

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=10)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.stop()


def ask(server: Server, times: int = 1, **options: Any) -> tuple[list[Reply], OpenAIClient]:
    async def go() -> tuple[list[Reply], OpenAIClient]:
        client = OpenAIClient(server.url, "m", **({"backoff_s": 0.01, "timeout_s": 10.0} | options))
        messages = [{"role": "user", "content": "hello"}]
        try:
            calls = (client.complete(messages, [], Sampling(temperature=0.5, seed=1)) for _ in range(times))
            return list(await asyncio.gather(*calls)), client
        finally:
            await client.close()

    return asyncio.run(go())


def status(*codes: int, headers: dict[str, str] | None = None) -> Answer:
    """These codes in order, then a good answer."""
    return lambda n, body: JSONResponse({"error": "no"}, codes[n], headers) if n < len(codes) else JSONResponse(GOOD)


def test_a_reply_with_usage_cost_and_request(server: Server) -> None:
    (reply,), _ = ask(server, api_key="secret", usd_per_mtoken_in=2.0, usd_per_mtoken_out=4.0)
    assert reply.message == {"role": "assistant", "content": "hi"}
    assert (reply.usage.requests, reply.usage.prompt_tokens, reply.usage.completion_tokens) == (1, 10, 3)
    assert reply.usage.cost_usd == pytest.approx((10 * 2 + 3 * 4) / 1e6)
    assert server.seen == [
        {"model": "m", "messages": [{"role": "user", "content": "hello"}], "temperature": 0.5, "seed": 1}
    ]
    assert server.headers[0]["authorization"] == "Bearer secret"


def test_tools_and_schema_are_sent_and_calls_come_back(server: Server) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    server.answer = lambda n, body: JSONResponse(
        {"choices": [{"message": {"content": None, "tool_calls": [call]}, "finish_reason": "tool_calls"}]}
    )

    async def go() -> Reply:
        client = OpenAIClient(server.url, "m")
        tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
        reply = await client.complete([{"role": "user", "content": "x"}], tools, Sampling(), {"type": "object"})
        await client.close()
        return reply

    reply = asyncio.run(go())
    assert reply.message == {"role": "assistant", "content": "", "tool_calls": [call]}
    assert server.seen[0]["tools"][0]["function"]["name"] == "f"
    assert server.seen[0]["response_format"]["json_schema"]["schema"] == {"type": "object"}


@pytest.mark.parametrize("codes", [(500,), (503, 502), (429,), (429, 500, 429)])
def test_passing_errors_are_retried_and_counted(server: Server, codes: tuple[int, ...]) -> None:
    server.answer = status(*codes)
    (reply,), client = ask(server)
    assert reply.usage.requests == client.requests == len(server.seen) == len(codes) + 1


def test_retries_of_5xx_end(server: Server) -> None:
    server.answer = status(*[500] * 50)
    with pytest.raises(ModelUnavailable, match="HTTP 500"):
        ask(server)
    assert len(server.seen) == ATTEMPTS


@pytest.mark.parametrize("code", [401, 403, 404])
def test_a_wrong_key_or_address_is_no_fault_of_the_model(
    server: Server, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    server.answer = lambda n, body: Response(status_code=code if n else 500)
    with pytest.raises(ModelUnavailable, match=f"HTTP {code}") as caught:
        ask(server)
    assert classify(caught.value)[0] == "infra"
    assert len(server.seen) == 2  # the 500 was tried again, the other was not
    assert "retry_scheduled" not in "".join(capfd.readouterr())


def test_a_malformed_reply_is_kept_in_the_ledger(server: Server) -> None:
    server.answer = lambda n, body: Response("<html>busy</html>")
    with pytest.raises(ModelMalformed) as caught:
        ask(server)
    assert classify(caught.value) == ("model", "the reply is not JSON: <html>busy</html>")


@pytest.mark.parametrize("code", [400, 413, 422])
def test_a_4xx_is_a_refusal_asked_once(server: Server, code: int) -> None:
    server.answer = status(*[code] * 5)
    with pytest.raises(ModelRefused, match=str(code)):
        ask(server)
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "body",
    [
        "",
        "not json",
        "[]",
        "{}",
        '{"choices": []}',
        '{"choices": [{"message": null}]}',
        '{"choices": [{"message": {"content": 5}}]}',
        '{"choices": [{"message": {"tool_calls": "f"}}]}',
        '{"choices": [{"message": {"tool_calls": [{}]}}]}',
        '{"choices": [{"message": {"tool_calls": [{"function": {"name": "f", "arguments": {}}}]}}]}',
    ],
)
def test_what_cannot_be_read_is_malformed_kept_and_not_retried(server: Server, body: str) -> None:
    server.answer = lambda n, _: Response(body, media_type="application/json")
    with pytest.raises(ModelMalformed) as error:
        ask(server)
    assert error.value.text == body
    assert len(server.seen) == 1


def test_the_content_filter_is_a_refusal(server: Server) -> None:
    server.answer = lambda n, _: JSONResponse(
        {"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]}
    )
    with pytest.raises(ModelRefused):
        ask(server)


def test_the_deadline_holds_over_a_slow_server_and_endless_429(server: Server) -> None:
    began = time.monotonic()
    server.delay = 1.5
    with pytest.raises(ModelUnavailable, match="no reply within"):
        ask(server, timeout_s=0.4)
    server.delay = 0.0
    server.answer = lambda n, _: JSONResponse({}, 429)
    with pytest.raises(ModelUnavailable, match="no reply within"):
        ask(server, timeout_s=0.4)
    assert time.monotonic() - began < 4


def test_no_server_is_unavailable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    async def go() -> None:
        client = OpenAIClient(f"http://127.0.0.1:{port}/v1", "m", backoff_s=0.01)
        try:
            await client.complete([], [], Sampling())
        finally:
            assert client.requests == ATTEMPTS
            await client.close()

    with pytest.raises(ModelUnavailable, match="Cannot connect"):
        asyncio.run(go())


def test_retry_after_is_obeyed(server: Server) -> None:
    server.answer = status(429, headers={"Retry-After": "0.5"})
    began = time.monotonic()
    ask(server)
    assert time.monotonic() - began >= 0.5


def test_concurrency_is_bounded_grows_and_falls(server: Server) -> None:
    server.delay = 0.01
    _, client = ask(server, times=200, max_concurrency=16)
    assert 8 < client.room.peak <= 16
    assert server.peak <= 16
    assert client.room.in_flight == 0
    server.seen.clear()
    server.answer = status(*[429] * 8)
    _, client = ask(server, times=8, max_concurrency=16)
    assert client.room.limit < 10


def test_one_window_of_refusals_halves_once() -> None:
    async def go() -> list[float]:
        room = Adaptive(16)
        async with room.slot() as a, room.slot() as b, room.slot() as c:
            limits = []
            for epoch in (a, b, c):
                room.slower(epoch)
                limits.append(room.limit)
            return limits

    assert asyncio.run(go()) == [8.0, 8.0, 8.0]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0.3),
        ("2", 2.0),
        ("-5", 0.0),
        ("1e9", 60.0),
        ("nan", 0.3),
        ("soon", 0.3),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
    ],
)
def test_retry_after_headers(header: str | None, seconds: float) -> None:
    assert retry_after(header, 0.3) == seconds


def test_arguments_stay_the_text_the_model_wrote(server: Server) -> None:
    call = {"function": {"name": "f", "arguments": '{"a": broken'}}
    server.answer = lambda n, _: Response(json.dumps({"choices": [{"message": {"tool_calls": [call]}}]}))
    (reply,), _ = ask(server)
    assert reply.message["tool_calls"][0]["function"]["arguments"] == '{"a": broken'
