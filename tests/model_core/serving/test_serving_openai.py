"""The official `openai` client, unchanged, against a server on a socket; and the client that this project has."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Literal

import openai
import pytest
from pydantic import BaseModel, Field
from server import HELLO, LIGHT, NAME, ORDERS, Desk

from synth.errors import ModelRefused, ModelUnavailable
from synth.models.openai import OpenAIClient
from synth.models.protocol import Sampling

KEY = "s3cret"


@pytest.fixture(scope="module")
def desk() -> Any:
    return Desk(api_key=KEY)


@pytest.fixture(scope="module")
def url(desk: Desk) -> Any:
    with desk.listening() as address:
        yield f"{address}/v1"


@pytest.fixture
def client(url: str) -> Any:
    with openai.OpenAI(base_url=url, api_key=KEY, max_retries=0, timeout=120) as one:
        yield one


def checked(call: Any) -> dict[str, Any]:
    """The arguments of a call, against the schemas of ORDERS and LIGHT."""
    arguments = json.loads(call.function.arguments)
    if call.function.name == "get_order":
        assert set(arguments) == {"order_id", "full"} and 0 <= arguments["order_id"] <= 999
    else:
        assert call.function.name == "set_light" and arguments["room"] in ("kitchen", "hall")
        assert isinstance(arguments["on"], bool)
    return arguments


def test_models_and_a_chat(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == [NAME]
    assert client.models.retrieve(NAME).owned_by == "synth"
    answer = client.chat.completions.create(model=NAME, messages=HELLO, max_completion_tokens=8, n=2, user="me",
                                            logprobs=True, top_logprobs=1, stop=["zzzz"], seed=1)  # fmt: skip
    assert len(answer.choices) == 2 and answer.usage.prompt_tokens_details.cached_tokens >= 0
    assert answer.choices[0].logprobs.content[0].top_logprobs[0].logprob <= 0


def test_a_stream_accumulates_into_the_same_answer(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": NAME, "messages": HELLO, "max_tokens": 20, "seed": 5}
    whole = client.chat.completions.create(**asked)
    text, usage = "", None
    for chunk in client.chat.completions.create(stream=True, stream_options={"include_usage": True}, **asked):
        usage = chunk.usage or usage
        text += "".join(one.delta.content or "" for one in chunk.choices)
    assert text == whole.choices[0].message.content
    assert usage.completion_tokens == whole.usage.completion_tokens
    stop = text[8:10]  # the client's helper raises for an answer that its budget cut off
    with client.chat.completions.stream(stop=stop, **asked) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.content == text[: text.index(stop)]


def test_parallel_tools_whole_and_streamed_and_a_result_that_goes_back(client: openai.OpenAI) -> None:
    most = 0
    for seed in range(12):
        asked: dict[str, Any] = {"model": NAME, "messages": HELLO, "tools": [ORDERS, LIGHT], "seed": seed,
                                 "tool_choice": "required", "max_tokens": 200}  # fmt: skip
        (choice,) = client.chat.completions.create(**asked).choices
        calls = choice.message.tool_calls
        assert choice.finish_reason == "tool_calls" and calls
        for at, call in enumerate(calls):
            checked(call)
            assert call.id == f"functions.{call.function.name}:{at}"
        with client.chat.completions.stream(**asked) as stream:
            streamed = stream.get_final_completion().choices[0].message
        assert [one.function.arguments for one in streamed.tool_calls] == [one.function.arguments for one in calls]
        most = max(most, len(calls))
    assert most > 1
    results = [{"role": "tool", "tool_call_id": call.id, "content": "done"} for call in calls]
    after = client.chat.completions.create(**asked | {"messages": [*HELLO, choice.message, *results]})
    assert after.choices[0].message.tool_calls[0].id.endswith(f":{len(calls)}")


@pytest.mark.parametrize("seed", range(4))
def test_one_call_at_most_and_a_named_one(client: openai.OpenAI, seed: int) -> None:
    asked: dict[str, Any] = {"model": NAME, "messages": HELLO, "tools": [ORDERS, LIGHT], "seed": seed, "max_tokens": 99}
    choice = client.chat.completions.create(tool_choice="required", parallel_tool_calls=False, **asked).choices[0]
    assert len(choice.message.tool_calls) == 1
    named = {"type": "function", "function": {"name": "set_light"}}
    choice = client.chat.completions.create(tool_choice=named, **asked).choices[0]
    assert {call.function.name for call in choice.message.tool_calls} == {"set_light"}
    assert client.chat.completions.create(tool_choice="none", **asked).choices[0].message.tool_calls is None


class Verdict(BaseModel):
    mood: Literal["good", "bad"]
    count: int = Field(ge=0, le=9)
    reasons: list[Literal["a", "b"]] = Field(max_length=2)


def test_response_format_is_parsed_into_a_pydantic_model(client: openai.OpenAI) -> None:
    for seed in range(4):
        answer = client.chat.completions.parse(
            model=NAME, messages=HELLO, response_format=Verdict, seed=seed, max_tokens=99
        )
        assert isinstance(answer.choices[0].message.parsed, Verdict)
    plain = client.chat.completions.create(
        model=NAME, messages=HELLO, response_format={"type": "json_object"}, max_tokens=99, seed=1
    )
    assert isinstance(json.loads(plain.choices[0].message.content), dict)


def test_parse_reads_strict_tools_too(client: openai.OpenAI) -> None:
    strict = openai.pydantic_function_tool(Verdict, name="judge", description="a tool")
    answer = client.chat.completions.parse(
        model=NAME, messages=HELLO, tools=[strict], tool_choice="required", max_tokens=400, seed=2
    )
    assert isinstance(answer.choices[0].message.tool_calls[0].function.parsed_arguments, Verdict)


def test_errors_arrive_as_the_clients_own(client: openai.OpenAI, url: str) -> None:
    with pytest.raises(openai.BadRequestError, match="temperature") as caught:
        client.chat.completions.create(model=NAME, messages=HELLO, temperature=9)
    assert caught.value.param == "temperature"
    with pytest.raises(openai.NotFoundError, match="no model 'other'"):
        client.chat.completions.create(model="other", messages=HELLO)
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=url, api_key="wrong", max_retries=0).models.list()


def test_an_async_client_asks_many_at_once(url: str) -> None:
    async def go() -> list[Any]:
        async with openai.AsyncOpenAI(base_url=url, api_key=KEY, max_retries=0, timeout=120) as client:
            asks = (client.chat.completions.create(model=NAME, messages=HELLO, max_tokens=6, seed=s) for s in range(20))
            return list(await asyncio.gather(*asks))

    assert all(answer.choices[0].finish_reason in ("stop", "length") for answer in asyncio.run(go()))


def test_the_projects_own_client_works_against_it(url: str) -> None:
    async def go() -> None:
        client = OpenAIClient(url, NAME, api_key=KEY, max_concurrency=4)
        try:
            reply = await client.complete(HELLO, [ORDERS, LIGHT], Sampling(max_tokens=120, seed=3, temperature=1.0))
            assert reply.finish_reason in ("stop", "length", "tool_calls") and reply.usage.prompt_tokens > 50
            schema = Verdict.model_json_schema()
            judged = await client.complete(HELLO, [], Sampling(max_tokens=99, seed=3), schema)
            assert Verdict.model_validate_json(judged.message["content"])
            with pytest.raises(ModelRefused, match="max_tokens"):
                await client.complete(HELLO, [], Sampling(max_tokens=10**6))
        finally:
            await client.close()
        stranger = OpenAIClient(url, NAME, api_key="wrong")
        try:
            with pytest.raises(ModelUnavailable, match="API key"):
                await stranger.complete(HELLO, [], Sampling())
        finally:
            await stranger.close()

    asyncio.run(go())
