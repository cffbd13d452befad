"""What is taken and what is refused, read from bytes; no engine in it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from server import HELLO, ORDERS, body, tool

from model_core.serving.refusals import RequestRefused, error_body
from model_core.serving.schemas import schema_fault
from model_core.serving.wire import read_request


def read(**changes: Any) -> Any:
    return read_request(json.dumps(body(**changes)).encode())[0]


def test_every_field_of_a_full_request_is_read() -> None:
    request = read(
        messages=[
            {"role": "developer", "content": "Be short."},
            {"role": "user", "content": [{"type": "text", "text": "Where is order 7?"}], "name": "ann"},
            {"role": "assistant", "content": None, "refusal": None, "annotations": [], "audio": None,
             "tool_calls": [{"id": "call_1", "type": "function", "index": 0,
                             "function": {"name": "get_order", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "none"},
        ],
        tools=[ORDERS], tool_choice={"type": "function", "function": {"name": "get_order"}},
        parallel_tool_calls=False, stop="END", n=2, temperature=0, top_p=0.5, min_p=0.1, presence_penalty=-1,
        logprobs=True, top_logprobs=3, stream=True, stream_options={"include_usage": True}, user="me",
        metadata={"a": "b"}, store=False, service_tier="auto", modalities=["text"], logit_bias={}, seed=-5,
    )  # fmt: skip
    assert request.choice == "get_order" and request.stops == ("END",) and request.n == 2
    assert request.budget == 8 and request.seed == -5 and request.temperature == 0
    assert not request.parallel_tool_calls and request.stream_options.include_usage


def test_null_is_the_same_as_absent() -> None:
    data = body() | {"tools": None, "stop": None, "temperature": None, "response_format": None, "n": None}
    request, fields = read_request(json.dumps(data).encode())
    assert request.temperature == 1.0 and request.n == 1 and "tools" not in fields


@pytest.mark.parametrize(
    ("changes", "param", "told"),
    [
        ({"messages": []}, "messages", "at least 1 item"),
        ({"messages": None}, "messages", "messages is missing"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0]", "role is system, developer, user"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "a string or a list of text parts"),
        ({"messages": [*HELLO, {"role": "user"}]}, "messages[1].content", "messages[1].content is missing"),
        ({"messages": [{"role": "user", "content": "x", "nam": 1}]}, "messages[0].nam", "not a known field"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
         "messages[0].content[0].type", "'text'"),
        ({"messages": [{"role": "user", "content": "x", "name": "a b"}]}, "messages[0].name", "pattern"),
        ({"temperature": "1"}, "temperature", "number"),
        ({"temperature": True}, "temperature", "number"),
        ({"temperature": 3}, "temperature", "less than or equal to 2"),
        ({"n": 0}, "n", "greater than or equal to 1"),
        ({"n": 10**30}, "n", "less than or equal"),
        ({"max_tokens": 1.5}, "max_tokens", "integer"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "max_tokens", "differ"),
        ({"stop": [""]}, "stop[0]", "at least 1 character"),
        ({"stop": 5}, "stop", "a string or a list of strings"),
        ({"seed": 2**63}, "seed", "less than"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name", "pattern"),
        ({"tools": [ORDERS, ORDERS]}, "tools", "get_order is declared twice"),
        ({"tool_choice": "required"}, "tool_choice", "there are no tools"),
        ({"tool_choice": "maybe"}, "tool_choice", "none, auto, required"),
        ({"tools": [ORDERS], "tool_choice": {"type": "function", "function": {"name": "other"}}},
         "tool_choice", "which no tool declares"),
        ({"response_format": {"type": "xml"}}, "response_format", "text, json_object or json_schema"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
         "response_format.json_schema.schema", "missing"),
        ({"top_logprobs": 3}, "top_logprobs", "needs logprobs"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "needs stream"),
        ({"tools": [tool("f", a={"type": "strin"})]}, "tools[0].function.parameters", "at properties/a/type"),
        ({"tools": [tool("f", a={"required": True})]}, "tools[0].function.parameters", "at properties/a/required"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": 5}}}},
         "response_format.json_schema.schema", "is no JSON schema"),
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "array"}}}]},
         "tools[0].function.parameters", "should be of type object"),
        ({"functions": [{}]}, "functions", "give `tools`"),
        ({"logit_bias": {"5": 1}}, "logit_bias", "not served here"),
        ({"reasoning_effort": "high"}, "reasoning_effort", "not served here"),
        ({"wings": 2}, "wings", "not a known field"),
        ({"a\nb" * 99: 2}, None, "not a known field"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_refused_with_its_place(changes: dict[str, Any], param: str | None, told: str) -> None:
    with pytest.raises(RequestRefused) as caught:
        read(**changes)
    assert told in str(caught.value)
    assert caught.value.status == 400
    if param is not None:
        assert caught.value.param == param
    message = error_body(400, str(caught.value))["error"]["message"]
    assert "\n" not in message and len(message) <= 400


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"model": NaN}', b'{"model": "\\ud800"}', b"[" * 100_000,
     b'{"a": ' + b"9" * 5000 + b"}"],
)  # fmt: skip
def test_what_is_no_json_object_is_refused(raw: bytes) -> None:
    with pytest.raises(RequestRefused, match="the body"):
        read_request(raw)


def test_a_number_beyond_floats_in_a_schema_is_refused() -> None:
    raw = json.dumps(body(tools=[ORDERS])).replace('"maximum": 999', '"maximum": 1e999').encode()
    with pytest.raises(RequestRefused, match="parameters holds a number too large"):
        read_request(raw)


def test_older_drafts_are_read_by_their_own_rules_and_nothing_is_fetched() -> None:
    old = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "integer",
        "minimum": 1,
        "exclusiveMinimum": True,
    }
    assert schema_fault(old) is None
    assert "exclusiveMinimum" in str(schema_fault(old | {"$schema": "https://json-schema.org/draft/2020-12/schema"}))
    # A server that fetched this would fail here, or hang.
    assert schema_fault({"$schema": "http://192.0.2.1/schema", "type": "object"}) is None
