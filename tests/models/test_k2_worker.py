"""A k2 worker with a real engine and random weights, in this process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the model core needs torch: pip install '.[model]'")

from model_core import ModelConfig, save
from model_core.opening import random_model
from synth.errors import ModelMalformed, ModelRefused, ModelUnavailable
from synth.models import clients
from synth.models.k2.asks import Ask
from synth.models.k2.client import K2Client
from synth.models.k2.worker import K2Worker
from synth.models.protocol import Reply, Sampling
from synth.models.settings import K2Model

SMALL = ModelConfig.preset("tiny").scaled(
    hidden_size=64, intermediate_size=96, moe_intermediate_size=32, num_hidden_layers=2, n_routed_experts=4,
    max_position_embeddings=2048,
)  # fmt: skip
TOOL = {
    "type": "function",
    "function": {
        "name": "create_issue", "description": "Creates an issue.",
        "parameters": {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("small") / "small"
    opened = random_model(SMALL)
    save(opened.model, folder)
    opened.tokenizer.write(folder)  # type: ignore[attr-defined]
    return str(folder)


def run(checkpoint: str, work: Callable[[K2Client], Coroutine[Any, Any, Any]], **settings: Any) -> Any:
    async def go() -> Any:
        given = {"max_tokens": 24, "cache_tokens": 8192} | settings
        client: Any = clients.client_of(K2Model(kind="k2", checkpoint=checkpoint, **given))
        try:
            return await work(client)
        finally:
            await client.close()

    return asyncio.run(go())


def ask(client: K2Client, text: str, seed: int = 0, tools: Sequence[dict[str, Any]] = (TOOL,), **more: Any) -> Any:
    messages = [{"role": "system", "content": "You help."}, {"role": "user", "content": text}]
    return client.complete(messages, list(tools), Sampling(seed=seed), **more)


def all_of(texts: Sequence[str]) -> Callable[[K2Client], Coroutine[Any, Any, list[Reply]]]:
    async def work(client: K2Client) -> list[Reply]:
        return list(await asyncio.gather(*(ask(client, text) for text in texts)))

    return work


def test_many_conversations_are_answered_and_their_tokens_counted(checkpoint: str) -> None:
    async def work(client: K2Client) -> Any:
        first = await ask(client, "one")
        others = await all_of([f"text {n}" for n in range(10)])(client)
        assert client.batches == 2
        assert client.cached_tokens >= 10 * (first.usage.prompt_tokens - 24)  # tools and system prompt
        return [first, *others]

    for reply in run(checkpoint, work):
        assert reply.usage.requests == 1 and reply.usage.prompt_tokens > 50
        assert 1 <= reply.usage.completion_tokens <= 24
        assert reply.finish_reason in ("length", "stop", "tool_calls")


def test_the_same_asks_get_the_same_replies_from_another_worker(checkpoint: str) -> None:
    texts = ["one", "two", "three"]
    first = [reply.message for reply in run(checkpoint, all_of(texts))]
    assert [reply.message for reply in run(checkpoint, all_of(texts))] == first
    assert first[0] != first[1]


def test_an_answer_under_a_schema_is_an_object_of_it(checkpoint: str) -> None:
    schema = {"type": "object", "properties": {"right": {"type": "boolean"}}, "required": ["right"],
              "additionalProperties": False}  # fmt: skip
    reply = run(checkpoint, lambda client: ask(client, "is it?", tools=(), response_schema=schema))
    assert reply.message["content"] in ('{"right": true}', '{"right": false}')


def test_calls_are_held_to_their_schema_and_without_the_enforcer_what_is_malformed_is_told_with_its_text(
    checkpoint: str,
) -> None:
    async def work(client: K2Client) -> list[Any]:
        asks = (ask(client, "go", seed) for seed in range(120))
        return list(await asyncio.gather(*asks, return_exceptions=True))

    replies = run(checkpoint, work, enforcer=False, max_batch=64, temperature=2.0, cache_tokens=65_536)
    malformed = [reply for reply in replies if not isinstance(reply, Reply)]
    assert malformed and all(isinstance(reply, ModelMalformed) for reply in malformed)
    assert all(
        "a tool call is malformed (" in str(one) and one.text and one.usage.completion_tokens for one in malformed
    )
    held = run(checkpoint, work, temperature=2.0, max_tokens=64)
    assert not any(isinstance(reply, Exception) for reply in held)
    calls = [call["function"] for reply in held for call in reply.message.get("tool_calls", ())]
    assert calls and {call["name"] for call in calls} == {"create_issue"}
    assert all(list(json.loads(call["arguments"])) == ["title"] for call in calls)


def test_what_does_not_fit_is_refused_and_a_short_room_is_used(checkpoint: str) -> None:
    with pytest.raises(ModelRefused, match="tokens"):
        run(checkpoint, lambda client: ask(client, "word " * 3000))
    reply = run(checkpoint, lambda client: ask(client, "word " * 950), max_tokens=1000)
    assert 1 <= reply.usage.completion_tokens < 200


def test_a_tool_that_cannot_be_held_to_leaves_the_request_free_and_is_named_once(
    checkpoint: str, caplog: pytest.LogCaptureFixture
) -> None:
    odd = {"type": "function", "function": {"name": "odd", "parameters": {"not": {"type": "object"}}}}
    with caplog.at_level("WARNING"):
        reply = run(checkpoint, all_of(["a", "b"]))
        assert not caplog.records

        async def work(client: K2Client) -> Any:
            asks = (ask(client, text, tools=(TOOL, odd)) for text in "ab")
            return await asyncio.gather(*asks, return_exceptions=True)

        free = run(checkpoint, work)
        assert not any(isinstance(reply, ModelRefused) for reply in free) and len(free) == len(reply)
    (told,) = [record.getMessage() for record in caplog.records]
    assert "odd" in told


def test_a_bug_under_one_request_is_its_own(checkpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = K2Worker._request

    def request(self: K2Worker, one: Ask) -> Any:
        if one.messages[-1]["content"] == "b":
            raise ZeroDivisionError("a bug")
        return honest(self, one)

    monkeypatch.setattr(K2Worker, "_request", request)

    async def work(client: K2Client) -> Any:
        return await asyncio.gather(*(ask(client, text) for text in "abc"), return_exceptions=True)

    first, broken, last = run(checkpoint, work)
    assert isinstance(first, Reply) and isinstance(last, Reply)
    assert isinstance(broken, ModelUnavailable) and str(broken) == "ZeroDivisionError: a bug"


def test_a_torn_checkpoint_is_told(tmp_path: Path, checkpoint: str) -> None:
    torn = tmp_path / "torn"
    torn.mkdir()
    for file in Path(checkpoint).iterdir():
        (torn / file.name).write_bytes(file.read_bytes())
    (torn / "tokenizer.json").unlink()
    with pytest.raises(ModelUnavailable, match="no vocabulary"):
        run(str(torn), lambda client: ask(client, "one"))
