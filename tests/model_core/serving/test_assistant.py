"""Between messages and tokens, without a server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from server import HELLO, ORDERS, small, tool

from model_core import ModelError
from model_core.assistant import Assistant, calls_made, heard
from model_core.enforcer import SchemaRefused
from model_core.engine import Engine, Request, SamplingParams

PARAMS = SamplingParams(max_tokens=80, seed=4)
CALL = {"type": "function", "function": {"name": "get_order", "arguments": "{}"}}
BEFORE = [*HELLO, {"role": "assistant", "content": "", "tool_calls": [CALL | {"id": "a"}, CALL | {"id": "b"}]},
          {"role": "tool", "tool_call_id": "a", "content": "sent"},
          {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "lost"}]}]  # fmt: skip


@pytest.fixture(scope="module")
def engine() -> Engine:
    opened = small()
    return Engine(opened.model, opened.tokenizer, cache_tokens=2048)


@pytest.fixture(scope="module")
def assistant(engine: Engine) -> Assistant:
    return Assistant(engine, engine.tokenizer, "small")


def test_calls_are_numbered_on_from_the_conversation(engine: Engine, assistant: Assistant) -> None:
    assert calls_made(BEFORE) == 2
    request = assistant.prepare(BEFORE, [ORDERS], PARAMS, request_id="r", tool_choice="required", parallel=False)
    (completion,) = engine.run([request])
    message, end = assistant.read(completion)  # as generated
    assert end == "tool_calls" and message["tool_calls"][0]["id"] == "functions.get_order:2"
    message, _ = assistant.read(completion, first_index=7)
    assert message["tool_calls"][0]["id"] == "functions.get_order:7" and "faults" not in message


def test_grounded_arguments_are_words_of_what_was_said(engine: Engine, assistant: Assistant) -> None:
    assert heard(BEFORE) == "Hello\nsent\nlost"
    find = tool("find", word={"type": "string"})
    for seed in range(5):
        request = assistant.prepare(
            BEFORE, [find], SamplingParams(max_tokens=80, seed=seed), request_id=f"g{seed}", tool_choice="find",
            parallel=False, grounded=heard(BEFORE),
        )  # fmt: skip
        (completion,) = engine.run([request])
        (call,) = assistant.read(completion)[0]["tool_calls"]
        assert json.loads(call["function"]["arguments"])["word"] in heard(BEFORE)


def room_left(assistant: Assistant, **options: Any) -> int:
    request: Request = assistant.prepare(HELLO, [], request_id="f", **options)
    return assistant.limit - len(request.prompt)


def test_an_answer_is_cut_to_the_room_only_where_that_is_wanted(assistant: Assistant) -> None:
    large = SamplingParams(max_tokens=5000)
    with pytest.raises(ModelError, match="max_tokens is 5000"):
        assistant.prepare(HELLO, [], large, request_id="f")
    assert assistant.prepare(HELLO, [], large, request_id="f", fit=True).params.max_tokens == room_left(assistant)
    assert assistant.prepare(HELLO, [], request_id="f").params.max_tokens == 1024
    long = [{"role": "user", "content": "word " * 3000}]
    with pytest.raises(ModelError, match="send a shorter one"):
        assistant.prepare(long, [], request_id="f", fit=True)


@pytest.mark.parametrize(
    ("tools", "options", "told"),
    [
        ([], {"tool_choice": "required"}, "needs tools and the enforcer"),
        ([ORDERS], {"tool_choice": "required", "enforce": False}, "needs tools and the enforcer"),
        ([ORDERS], {"tool_choice": "other"}, "no declared tool"),
        ([ORDERS], {"response_format": {"type": "json_object"}}, "exclude each other"),
        ([], {"response_format": {"type": "json_schema"}}, "json_schema with a schema"),
        ([tool("f", a={"enum": ["\ud800"]})], {}, "half a surrogate pair"),
    ],
)
def test_what_cannot_be_asked_is_told(
    assistant: Assistant, tools: list[Any], options: dict[str, Any], told: str
) -> None:
    with pytest.raises(ModelError, match=told):
        assistant.prepare(HELLO, tools, PARAMS, request_id="x", **options)


def test_a_tool_that_cannot_be_held_is_named(assistant: Assistant) -> None:
    with pytest.raises(SchemaRefused, match="f"):
        assistant.prepare(HELLO, [tool("f", a={"type": "string", "pattern": "["})], PARAMS, request_id="x")
