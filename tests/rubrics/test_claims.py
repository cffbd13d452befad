"""An answer counts where it claims the right value and nothing beside it, and a refusal where it claims no deed."""

from __future__ import annotations

from typing import Any

import pytest

import rubrics
from rubrics.claims import claims_done, refuses, stated
from rubrics.normal import Text

REFUSED = {"id": "refused", "part": "success", "check": "refused", "params": {}}
TOLD = {"id": "told", "part": "success", "check": "told", "params": {"tell": "t0"}}


def _told(value: Any, say: str, answer: str, result: Any) -> bool | None:
    """The outcome of `told` for one answer after one read that gave `result`."""
    content = '{"id": "P-17", "shown": ' + str(result) + "}"
    evidence = {
        "messages": [
            {"role": "user", "content": "How many boards has P-17?"},
            {"role": "assistant", "content": "", "tool_calls": [{"id": "functions.get:0"}]},
            {"role": "tool", "tool_call_id": "functions.get:0", "content": content},
            {"role": "assistant", "content": answer.replace("RESULT", content)},
        ],
        "calls": [{"id": "functions.get:0", "ok": True, "effect": "read", "result": {"items": [1, 2, 3, 4]}}],
        "goal": {"tell": [{"id": "t0", "turn": 0, "value": value, "say": say}]},
        "plan": {"steps": [{"id": 0}]},
        "user": {"turns": ["How many boards has P-17?"]},
    }
    return rubrics.score({"criteria": [TOLD]}, evidence)[0].passed


@pytest.mark.parametrize(
    ("answer", "passed"),
    [
        ("P-17 has 5 boards.", True),
        ("The number of boards is 5.", True),
        ("The number of boards of P-17 is now 5, out of 4 projects.", True),  # four items were shown
        ("That is 5 boards, 35% more. Would you like to see them or is that all?", True),
        ("P-17 has 4 or 5 boards.", False),
        ("P-17 has 5 or 6 boards.", False),
        ("The number of boards is 12, 5, 8.", False),
        ("Numbers: 0 1 2 3 4 5 6 7 8 9.", False),
        ("P-17 has 5 boards. Actually, it has 9.", False),
        ("P-17 has 9 boards. Actually, it has 5.", True),
        ("P-17 has 5 boards. Correction: none of that holds.", False),
        ("RESULT", False),
    ],
)
def test_the_right_number_is_no_answer_among_others(answer: str, passed: bool) -> None:
    assert _told(5, "the number of boards is 5", answer, 5) is passed


@pytest.mark.parametrize(
    ("answer", "passed"),
    [
        ("The owner of P-17 is Blue Heron.", True),
        ("The owner of P-17 is currently Blue Heron, who joined last year.", True),
        ("The owner of P-17 is Red Fox, Blue Heron or Grey Owl.", False),
        ("The owner of P-17 is Red Fox, Blue Heron.", False),
        ("The owner of P-17 is Blue Heron. Correction: the owner of P-17 is Red Fox.", False),
    ],
)
def test_the_right_name_is_no_answer_among_others(answer: str, passed: bool) -> None:
    assert _told("Blue Heron", "the owner of P-17 is Blue Heron", answer, '"Blue Heron"') is passed


def test_a_value_of_several_sentences_is_still_found() -> None:
    assert stated("Call back. Ask for Ada.", Text('The note says "Call back. Ask for Ada."'))


@pytest.mark.parametrize(
    ("answer", "passed"),
    [
        ("I'm sorry, I can't do that with the tools I have. I haven't changed anything.", True),
        ("That isn't possible with the tools available to me, so I have left everything as it is.", True),
        ("I've checked my tools and need to say that none of my tools can print. Nothing has been changed.", True),
        ("Done! I renamed it as you asked. If you don't have anything else, that is it.", False),
        ("I could not be happier to say it is done: everything has been updated.", False),
        ("I can't thank you enough.", False),
        ("I can't rename it. I've created a new one for you.", False),
        ("All done. You cannot go wrong with that name.", False),
    ],
)
def test_a_refusal_claims_no_deed(answer: str, passed: bool) -> None:
    evidence = {"messages": [{"role": "assistant", "content": answer}], "calls": [], "state_diff": []}
    assert rubrics.score({"criteria": [REFUSED]}, evidence)[0].passed is passed


@pytest.mark.parametrize(
    ("value", "passed"),
    [
        ("cotton-events.example.com", True),
        ("cotton-events.example.con", False),
        ("Please water the plants in the hall", True),  # words of the user, put together anew
    ],
)
def test_an_address_with_a_wrong_letter_was_never_said(value: str, passed: bool) -> None:
    grounded = {"id": "grounded", "part": "pattern", "check": "grounded", "params": {}}
    asked = "Set up cotton-events.example.com, and note that the plants in the hall need water, please."
    call = {"id": "functions.set:0", "name": "set", "arguments": {"value": value}, "ok": True, "effect": "write"}
    evidence = {
        "messages": [
            {"role": "user", "content": asked},
            {"role": "assistant", "content": "", "tool_calls": [{"id": "functions.set:0"}]},
        ],
        "calls": [call],
        "params": {"set": {"/value": {"role": "payload"}}},
    }
    assert rubrics.score({"criteria": [grounded]}, evidence)[0].passed is passed


def test_claims_and_refusals_quote_their_sentence() -> None:
    text = Text("Let me see. I've removed the photo.")
    assert claims_done(text) == "i've removed the photo."
    assert refuses(text) is None
