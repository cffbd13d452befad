"""Answers through the app, without a socket: what is asked for is what comes."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from server import HELLO, NAME, ORDERS, Desk, body


@pytest.fixture(scope="module")
def desk() -> Any:
    one = Desk()
    yield one
    one.service.close()


def ask(desk: Desk, **changes: Any) -> Any:
    response = asyncio.run(desk.ask(**changes))
    assert response.status_code == 200, response.text
    return response.json()


def streamed(desk: Desk, **changes: Any) -> list[dict[str, Any]]:
    response = asyncio.run(desk.ask(stream=True, **changes))
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    lines = [line for line in response.text.split("\n\n") if line]
    assert all(line.startswith("data: ") for line in lines) and lines[-1] == "data: [DONE]"
    return [json.loads(line[6:]) for line in lines[:-1]]


def test_an_answer_has_openais_form_and_counts_its_tokens(desk: Desk) -> None:
    answer = ask(desk)
    assert answer["object"] == "chat.completion" and answer["model"] == NAME and answer["id"].startswith("chatcmpl-")
    (choice,) = answer["choices"]
    assert choice["message"]["role"] == "assistant" and isinstance(choice["message"]["content"], str)
    assert choice["finish_reason"] in ("stop", "length")
    usage = answer["usage"]
    assert 0 < usage["completion_tokens"] <= 8 and usage["prompt_tokens"] > 10
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_a_seed_repeats_an_answer_and_another_changes_it(desk: Desk) -> None:
    first, again, other = (ask(desk, seed=seed, max_tokens=24)["choices"][0] for seed in (3, 3, 4))
    assert first == again != other


def test_choices_have_seeds_of_their_own_and_share_the_prompt(desk: Desk) -> None:
    answer = ask(desk, n=3, seed=3, max_tokens=24)
    assert [one["index"] for one in answer["choices"]] == [0, 1, 2]
    assert len({one["message"]["content"] for one in answer["choices"]}) == 3
    alone = ask(desk, n=1, seed=3, max_tokens=24)
    assert alone["choices"][0] == answer["choices"][0]
    assert alone["usage"]["prompt_tokens"] == answer["usage"]["prompt_tokens"]


def test_a_stream_says_what_the_whole_answer_says(desk: Desk) -> None:
    asked = {"seed": 7, "max_tokens": 40, "n": 2, "logprobs": True, "top_logprobs": 2}
    answer = ask(desk, **asked)
    chunks = streamed(desk, stream_options={"include_usage": True}, **asked)
    assert (
        chunks[-1]["choices"] == [] and chunks[-1]["usage"]["completion_tokens"] == answer["usage"]["completion_tokens"]
    )
    assert len({chunk["id"] for chunk in chunks}) == 1
    for choice in answer["choices"]:
        mine = [one for chunk in chunks for one in chunk["choices"] if one["index"] == choice["index"]]
        assert mine[0]["delta"]["role"] == "assistant"
        assert "".join(one["delta"].get("content", "") for one in mine) == choice["message"]["content"]
        assert [one["finish_reason"] for one in mine if one["finish_reason"]] == [choice["finish_reason"]]
        logprobs = [told for one in mine if one["logprobs"] for told in one["logprobs"]["content"]]
        for told, whole in zip(logprobs, choice["logprobs"]["content"], strict=True):
            # the last bits hang on what else is in the batch
            assert told["token"] == whole["token"] and told["logprob"] == pytest.approx(whole["logprob"], abs=1e-4)
            one, other = ({top["token"]: top["logprob"] for top in x["top_logprobs"]} for x in (told, whole))
            assert one == pytest.approx(other, abs=1e-4)
        assert len(logprobs) > 0 and all(len(told["top_logprobs"]) == 2 and told["logprob"] <= 0 for told in logprobs)


def test_a_stop_string_ends_an_answer_before_it(desk: Desk) -> None:
    text = ask(desk, seed=9, max_tokens=60)["choices"][0]["message"]["content"]
    stop = text[10:12]
    choice = ask(desk, seed=9, max_tokens=60, stop=[stop])["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["content"] == text[: text.index(stop)]


def test_what_was_asked_before_is_found_in_the_cache(desk: Desk) -> None:
    long = [{"role": "system", "content": "Say little. " * 20}, *HELLO]
    ask(desk, messages=long)
    again = ask(desk, messages=long)["usage"]
    assert again["prompt_tokens_details"]["cached_tokens"] >= again["prompt_tokens"] - 32


def test_a_conversation_with_calls_and_results_goes_on(desk: Desk) -> None:
    call = {"id": "call_9", "type": "function", "function": {"name": "get_order", "arguments": '{"order_id": 7}'}}
    messages = [*HELLO, {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "call_9", "content": '{"status": "sent"}'}]  # fmt: skip
    assert ask(desk, messages=messages, tools=[ORDERS], tool_choice="none")["choices"][0]["message"]
    lost = asyncio.run(desk.ask(messages=[*messages, messages[-1]]))
    assert lost.status_code == 400 and "call_9" in lost.json()["error"]["message"]


def test_a_budget_that_does_not_fit_is_refused_and_none_takes_what_is_left(desk: Desk) -> None:
    long = [{"role": "user", "content": "word " * 9000}]
    refused = asyncio.run(desk.ask(messages=long))
    assert refused.status_code == 400 and "send a shorter one" in refused.json()["error"]["message"]
    refused = asyncio.run(desk.ask(max_tokens=100_000))
    assert refused.status_code == 400 and "are left for the answer" in refused.json()["error"]["message"]
    assert ask(desk, max_tokens=None, stop=[" "])["choices"]


def test_malformed_calls_are_told_with_their_kind_and_counted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is random; what a bad one would say is put in its mouth."""
    from model_core.engine import Completion, Event

    said = ("Well<|tool_calls_section_begin|><|tool_call_begin|>functions.f:7<|tool_call_argument_begin|>{\"a\": 1}"
            "<|tool_call_end|><|tool_call_begin|>functions.g:0<|tool_call_argument_begin|>{oops<|tool_call_end|>"
            "<|tool_calls_section_end|>")  # fmt: skip

    async def stream(request: Any) -> Any:
        for at in range(0, len(said), 7):
            yield Event(request.request_id, text=said[at : at + 7])
        yield Event(request.request_id, completion=Completion(request.request_id, [5, 6], said, "stop", 3, 0, 2))

    async def complete(request: Any) -> Any:
        return [event async for event in stream(request)][-1].completion

    monkeypatch.setattr(desk.loop, "stream", stream)
    monkeypatch.setattr(desk.loop, "complete", complete)
    choice = ask(desk)["choices"][0]
    assert choice["finish_reason"] == "tool_calls" and choice["message"]["content"] == "Well"
    (call,) = choice["message"]["tool_calls"]
    assert call == {"id": "functions.f:0", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    assert choice["message"]["faults"] == [{"kind": "not_json", "name": "g", "raw": "{oops"}]
    chunks = streamed(desk)
    deltas = [one["delta"] for chunk in chunks for one in chunk["choices"]]
    assert "".join(delta.get("content", "") for delta in deltas) == "Well"
    assert [told for delta in deltas for told in delta.get("tool_calls", [])] == [{"index": 0, **call}]
    assert deltas[-1]["faults"] == choice["message"]["faults"]
    assert 'synth_faults_total{kind="not_json"} 2.0' in desk.service.metrics.text().decode()
    # A client may send the message back as it is.
    message = {key: value for key, value in choice["message"].items() if key != "tool_calls"}
    assert asyncio.run(desk.ask(messages=[*HELLO, message, *HELLO])).status_code == 200


def test_the_body_helper_is_a_valid_request(desk: Desk) -> None:
    assert ask(desk, **body())["choices"]
