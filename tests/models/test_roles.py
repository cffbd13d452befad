"""One question in one role: schema-bound, checked, mended once, counted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from synth.errors import ModelMalformed, ModelUnavailable, TaskFailure
from synth.models.roles import Answer, Judged, Role
from synth.models.scripted import Script, ScriptedClient

SCHEMA = {"type": "object", "properties": {"say": {"type": "string"}}, "required": ["say"],
          "additionalProperties": False}  # fmt: skip


def role(*replies: dict[str, Any]) -> Role:
    return Role("user", ScriptedClient(Script.model_validate({"replies": list(replies)})), "scripted:u")


def polite(raw: dict[str, Any]) -> Judged[str]:
    if "please" in raw["say"]:
        return Judged(raw["say"])
    return Judged(None, reason="rude", sentences=["say please"])


def ask(asked: Role) -> Answer[str]:
    return asyncio.run(asked.ask("Ask for salt.", SCHEMA, polite))


def test_a_good_reply_is_taken_and_a_wrong_one_is_mended_once() -> None:
    good, wrong = {"content": '{"say": "salt, please"}'}, {"content": '{"say": "salt"}'}
    assert ask(role(good)).value == "salt, please" and ask(role(good)).replies == 1
    mended = ask(role(wrong, good))
    assert (mended.value, mended.replies, mended.usage.requests) == ("salt, please", 2, 2)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("salt", "not_json"), ('{"say": 5}', "does_not_load"), ('{"say": "x", "id": 1}', "does_not_load"),
     ('{"say": "salt"}', "rude")],
)  # fmt: skip
def test_wrong_twice_is_a_failure_of_the_model_with_its_text(text: str, reason: str) -> None:
    answer = ask(role({"content": text}))
    assert (answer.value, answer.reason, answer.replies) == (None, reason, 2)
    with pytest.raises(TaskFailure) as failed:
        answer.must("models.user")
    assert failed.value.class_ == "model" and reason in failed.value.detail and text in failed.value.detail


@pytest.mark.parametrize(("error", "raised"), [("unavailable", ModelUnavailable), ("malformed", ModelMalformed)])
def test_errors_go_through_and_what_they_cost_is_counted(error: str, raised: type[Exception]) -> None:
    asked = role({"content": "no"}, {"error": error})
    with pytest.raises(raised):
        ask(asked)
    assert asked.usage.requests == 2 and asked.usage.prompt_tokens > 0
