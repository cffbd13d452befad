"""Routes, keys, limits, and clients that leave."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from typing import Any

import httpx
import pytest
from server import NAME, Desk, body

from model_core.errors import ModelError
from model_core.serving.app import Limits
from model_core.serving.run import listen


@pytest.fixture(scope="module")
def desk() -> Any:
    one = Desk(limits=Limits(body_bytes=20_000, body_seconds=1.0, hosts=frozenset({"127.0.0.1"})))
    yield one
    one.service.close()


def send(desk: Desk, method: str, path: str, **more: Any) -> httpx.Response:
    async def go() -> httpx.Response:
        async with desk.client() as client:
            return await client.request(method, path, **more)

    return asyncio.run(go())


def refusal(response: httpx.Response, status: int) -> str:
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"] and "\n" not in error["message"]
    return str(error["message"])


def test_models_health_and_metrics(desk: Desk) -> None:
    (about,) = send(desk, "GET", "/v1/models").json()["data"]
    assert about["id"] == NAME and about["random_weights"] is True and about["context_tokens"] == desk.assistant.limit
    assert send(desk, "GET", f"/v1/models/{NAME}").json() == about
    assert "no model 'x/y'" in refusal(send(desk, "GET", "/v1/models/x/y"), 404)
    assert send(desk, "GET", "/health").json() == {"status": "ok", "in_flight": 0}
    before = asyncio.run(desk.ask()).json()["usage"]["completion_tokens"]
    metrics = send(desk, "GET", "/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    told = dict(line.rsplit(" ", 1) for line in metrics.text.splitlines() if not line.startswith("#"))
    assert float(told["synth_generated_tokens_total"]) == before and told["synth_choices_in_flight"] == "0.0"
    assert told['synth_http_responses_total{path="/v1/chat/completions",status="200"}'] == "1.0"


def test_wrong_paths_methods_models_and_types_are_refused(desk: Desk) -> None:
    assert "nothing at /v1/embeddings" in refusal(send(desk, "POST", "/v1/embeddings", json={}), 404)
    assert "GET is not served" in refusal(send(desk, "GET", "/v1/chat/completions"), 405)
    assert "no model 'gpt' here" in refusal(asyncio.run(desk.ask(model="gpt")), 404)
    plain = send(desk, "POST", "/v1/chat/completions", content=b"{}", headers={"Content-Type": "text/plain"})
    assert "application/json" in refusal(plain, 415)


def test_a_body_too_large_is_refused_told_or_not(desk: Desk) -> None:
    large = json.dumps(body(messages=[{"role": "user", "content": "x" * 30_000}])).encode()

    async def pieces() -> Any:
        for at in range(0, len(large), 1000):
            yield large[at : at + 1000]

    kind = {"Content-Type": "application/json"}
    assert "larger than 20000" in refusal(send(desk, "POST", "/v1/chat/completions", content=large, headers=kind), 413)
    assert "larger" in refusal(send(desk, "POST", "/v1/chat/completions", content=pieces(), headers=kind), 413)


def test_another_host_name_is_refused(desk: Desk) -> None:
    """A page that has its own name resolve to this machine sends its own name."""
    assert "127.0.0.1" in refusal(send(desk, "GET", "/v1/models", headers={"Host": "evil.example:8000"}), 421)
    assert send(desk, "GET", "/v1/models", headers={"Host": "127.0.0.1:8000"}).status_code == 200


def test_a_key_is_asked_for_where_there_is_one() -> None:
    desk = Desk(api_key="s3cret")
    try:
        assert send(desk, "GET", "/health").status_code == 200
        for wrong in (
            {},
            {"Authorization": "Bearer s3cre"},
            {"Authorization": "s3cret"},
            {"Authorization": "Bearer é"},
        ):
            raw = [(key.encode(), value.encode()) for key, value in wrong.items()]
            response = send(desk, "GET", "/v1/models", headers=raw)
            assert "API key" in refusal(response, 401) and response.headers["www-authenticate"] == "Bearer"
        assert send(desk, "GET", "/v1/models", headers={"Authorization": "Bearer s3cret"}).status_code == 200
        assert send(desk, "GET", "/metrics").status_code == 401
    finally:
        desk.service.close()


def test_a_full_queue_sends_clients_away_for_a_moment() -> None:
    desk = Desk(max_queue=2, endless=True)

    async def go() -> list[httpx.Response]:
        return list(await asyncio.gather(*(desk.ask(max_tokens=200, stop=None, seed=seed) for seed in range(5))))

    try:
        responses = asyncio.run(go())
        refused = [one for one in responses if one.status_code != 200]
        assert len(refused) == 3
        assert "2 answers are in the queue" in refusal(refused[0], 429) and refused[0].headers["retry-after"] == "1"
        assert desk.service.in_flight == 0
        assert asyncio.run(desk.ask(n=3)).status_code == 429
        assert asyncio.run(desk.ask(n=2)).status_code == 200
    finally:
        desk.service.close()


def wait_for(holds: Any, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_takes_its_request_along(stream: bool) -> None:
    desk = Desk(endless=True)
    with desk.listening() as url:
        raw = json.dumps(body(stream=stream, max_tokens=7000, n=2)).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" \
               f"Content-Length: {len(raw)}\r\n\r\n"  # fmt: skip
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as client:
            client.sendall(head.encode() + raw)
            wait_for(lambda: desk.loop.engine.running == 2)
        wait_for(lambda: not desk.loop.engine.busy)
        assert desk.service.in_flight == 0
        assert desk.loop.engine.counts.generated_tokens < 14_000


def test_a_body_that_never_comes_is_given_up() -> None:
    desk = Desk(limits=Limits(body_seconds=0.3))
    with desk.listening() as url, socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as client:
        client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                       b"Content-Length: 100\r\n\r\n{")  # fmt: skip
        client.settimeout(20)
        assert client.recv(100).startswith(b"HTTP/1.1 408")


def test_stopping_finishes_what_fits_in_the_grace_and_ends_the_rest() -> None:
    desk = Desk(endless=True)
    ended: dict[str, str] = {}

    def take(name: str, url: str, **changes: Any) -> None:
        with httpx.stream("POST", f"{url}/v1/chat/completions", json=body(**changes), timeout=60) as response:
            ended[name] = "".join(response.iter_text())

    with desk.listening(grace_s=5) as url:
        asks = {"short": {"stream": True, "max_tokens": 3}, "long": {"stream": True, "max_tokens": 8000},
                "whole": {"max_tokens": 8000}}  # fmt: skip
        threads = [threading.Thread(target=take, args=(name, url), kwargs=how) for name, how in asks.items()]
        for thread in threads:
            thread.start()
        wait_for(lambda: desk.service.in_flight == 3 - ("short" in ended))
    for thread in threads:
        thread.join(30)
    assert '"finish_reason":"length"' in ended["short"] and "error" not in ended["short"]
    assert ended["long"].endswith("data: [DONE]\n\n") and "the server stopped before" in ended["long"]
    assert "the server stopped before" in json.loads(ended["whole"])["error"]["message"]


def test_an_address_in_use_is_told() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(ModelError, match="choose another with --host and --port"):
        listen("127.0.0.1", taken.getsockname()[1])
