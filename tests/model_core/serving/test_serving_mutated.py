"""Mutated requests: each gets a 4xx with one sentence or a right answer, never a 5xx, never silence."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import httpx
import jsonschema
import pytest
from mutations import mutated
from server import Desk

AT_ONCE, SECONDS = 48, 120.0
KIND = {"Content-Type": "application/json"}


def problem(raw: bytes, response: httpx.Response) -> str | None:
    """What is wrong with a response to this body; None where nothing is."""
    if 400 <= response.status_code < 500:
        message = response.json()["error"]["message"]
        return None if message and "\n" not in message and len(message) <= 400 else f"told {message!r}"
    if response.status_code != 200:
        return f"status {response.status_code}: {response.text[:300]}"
    asked = json.loads(raw)
    if asked.get("stream"):
        events = [line[6:] for line in response.text.split("\n\n") if line]
        chunks = [json.loads(event) for event in events[:-1]]
        ended = sum(bool(one["finish_reason"]) for chunk in chunks for one in chunk.get("choices", ()))
        failed = [chunk["error"] for chunk in chunks if "error" in chunk]
        return None if events[-1] == "[DONE]" and ended == (asked.get("n") or 1) and not failed else f"{chunks[-1]}"
    answer = response.json()
    if len(answer["choices"]) != (asked.get("n") or 1):
        return "wrong number of choices"
    return next((wrong for choice in answer["choices"] if (wrong := wrong_choice(asked, choice))), None)


def wrong_choice(asked: dict[str, Any], choice: dict[str, Any]) -> str | None:
    message, reason = choice["message"], choice["finish_reason"]
    if reason not in ("stop", "length", "tool_calls") or (reason == "tool_calls") != bool(message.get("tool_calls")):
        return f"finish_reason {reason}"
    declared = {tool["function"]["name"]: tool["function"] for tool in asked.get("tools") or ()}
    enforced = asked.get("enforcer") is not False and declared
    for call in message.get("tool_calls", ()):
        function = declared.get(call["function"]["name"])
        if enforced and function is None:
            return f"an undeclared tool: {call}"
        if enforced and function.get("parameters"):
            meets(json.loads(call["function"]["arguments"]), function["parameters"])
    if enforced and message.get("faults") and not asked.get("stop"):
        return f"faults in spite of the enforcer: {message['faults']}"
    wanted = (asked.get("response_format") or {}).get("type", "text")
    if wanted != "text" and reason == "stop" and not asked.get("stop"):
        value = json.loads(message["content"])
        if not isinstance(value, dict) and wanted == "json_object":
            return "no JSON object"
        if wanted == "json_schema":
            meets(value, asked["response_format"]["json_schema"]["schema"])
    return None


def meets(value: Any, schema: Any) -> None:
    """Raises where it does not. The schema is not looked at: a bad pattern for keys that no answer has is fine."""
    jsonschema.Draft202012Validator(schema).validate(value)


async def send_all(client: httpx.AsyncClient, seeds: range) -> tuple[Counter[int], list[str]]:
    room = asyncio.Semaphore(AT_ONCE)
    statuses: Counter[int] = Counter()
    wrong: list[str] = []

    async def one(seed: int) -> None:
        raw = mutated(seed)
        async with room:
            try:
                async with asyncio.timeout(SECONDS):
                    response = await client.post("/v1/chat/completions", content=raw, headers=KIND)
            except TimeoutError:
                wrong.append(f"seed {seed}: no answer within {SECONDS} s")
                return
        statuses[response.status_code] += 1
        try:
            told = problem(raw, response)
        except (ValueError, jsonschema.ValidationError) as error:
            told = f"{type(error).__name__}: {str(error)[:300]}"
        if told is not None:
            wrong.append(f"seed {seed}: {told}")

    await asyncio.gather(*map(one, seeds))
    return statuses, wrong


def in_process(seeds: range) -> tuple[Counter[int], list[str]]:
    desk = Desk(cache_tokens=4096, max_batch=48, answer_tokens=64)

    async def go() -> tuple[Counter[int], list[str]]:
        async with desk.client() as client:
            return await send_all(client, seeds)

    try:
        found = asyncio.run(go())
        assert desk.service.in_flight == 0 and not desk.loop.engine.busy
        return found
    finally:
        desk.service.close()


def test_mutated_requests_get_a_sentence_or_a_right_answer() -> None:
    statuses, wrong = in_process(range(200))
    assert not wrong, wrong[:20]
    assert statuses[200] > 30 and statuses[400] > 60, statuses


@pytest.mark.slow
def test_ten_thousand_mutated_requests_get_a_sentence_or_a_right_answer() -> None:
    statuses, wrong = in_process(range(10_000))
    assert not wrong, (len(wrong), wrong[:20])
    assert statuses[200] > 1500 and statuses[400] > 3000, statuses


@pytest.mark.slow
def test_mutated_requests_over_a_socket() -> None:
    desk = Desk(cache_tokens=4096, max_batch=48, answer_tokens=64)
    with desk.listening() as url:

        async def go() -> tuple[Counter[int], list[str]]:
            async with httpx.AsyncClient(base_url=url, timeout=SECONDS) as client:
                return await send_all(client, range(20_000, 20_600))

        statuses, wrong = asyncio.run(go())
    assert not wrong, wrong[:20]
    assert statuses[200] > 60 and statuses[400] > 150, statuses


@pytest.mark.slow
def test_five_hundred_clients_at_once_lose_no_answer() -> None:
    desk = Desk(max_batch=64)
    with desk.listening() as url:

        async def one(client: int) -> tuple[int, int, str]:
            """Each its own connection. Status, tokens, and how it ended."""
            asked = {"model": "small", "messages": [{"role": "user", "content": f"I am {client}"}], "max_tokens": 12,
                     "seed": client, "stream": client % 2 == 0}  # fmt: skip
            if asked["stream"]:
                asked["stream_options"] = {"include_usage": True}
            async with httpx.AsyncClient(base_url=url, timeout=300, verify=False) as http:
                response = await http.post("/v1/chat/completions", json=asked)
            if not asked["stream"]:
                answer = response.json()
                return response.status_code, answer["usage"]["completion_tokens"], answer["choices"][0]["finish_reason"]
            chunks = [json.loads(line[6:]) for line in response.text.split("\n\n")[:-2]]
            (reason,) = [one["finish_reason"] for chunk in chunks for one in chunk["choices"] if one["finish_reason"]]
            return response.status_code, chunks[-1]["usage"]["completion_tokens"], reason

        async def crowd() -> list[tuple[int, int, str]]:
            return list(await asyncio.gather(*map(one, range(500))))

        answers = asyncio.run(crowd())
        told = httpx.get(f"{url}/metrics").text
    assert len(answers) == 500 and {status for status, _, _ in answers} == {200}
    assert all(1 <= tokens <= 12 and reason in ("stop", "length") for _, tokens, reason in answers)
    assert f"synth_generated_tokens_total {float(sum(tokens for _, tokens, _ in answers))}" in told
    assert desk.service.in_flight == 0
