"""The fake that ships with the package."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from synth.errors import ModelMalformed, UsageError
from synth.models.protocol import Sampling
from synth.models.scripted import Script, ScriptedClient


def said(script: dict[str, Any], *messages: dict[str, Any]) -> dict[str, Any]:
    client = ScriptedClient(Script.model_validate(script))
    return asyncio.run(client.complete(list(messages), [], Sampling())).message


USER = {"role": "user", "content": "please cancel it"}


def test_replies_follow_the_number_of_assistant_messages() -> None:
    script = {"replies": [{"content": "one"}, {"content": "two"}]}
    assert said(script, USER)["content"] == "one"
    assert said(script, USER, {"role": "assistant"}, USER)["content"] == "two"
    assert said(script, *[USER, {"role": "assistant"}] * 5, USER)["content"] == "two"


def test_a_rule_goes_first_and_calls_are_openai_style() -> None:
    script = {
        "replies": [{"content": "no"}],
        "rules": [{"when": "cancel", "reply": {"tool_calls": [{"name": "cancel", "arguments": {"id": "é"}}]}}],
    }
    (call,) = said(script, USER)["tool_calls"]
    assert call["function"] == {"name": "cancel", "arguments": '{"id": "é"}'}
    assert said(script, {"role": "user", "content": "x"})["content"] == "no"


def test_no_rule_matches() -> None:
    with pytest.raises(ModelMalformed, match="no rule"):
        said({"rules": [{"when": "zzz", "reply": {}}]}, USER)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"replies": []}', '{"replies": [{"contnt": "x"}]}', '{"rules": [{"when": "(", "reply": {}}]}'],
)
def test_a_wrong_script_is_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "script.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="is wrong") as error:
        ScriptedClient.load(path)
    assert "\n" not in str(error.value)


def test_a_script_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    path.write_text(json.dumps({"replies": [{"content": "hello"}]}))
    client = ScriptedClient.load(path)
    reply = asyncio.run(client.complete([USER], [], Sampling()))
    assert (reply.message["content"], reply.usage.requests, client.requests) == ("hello", 1, 1)
