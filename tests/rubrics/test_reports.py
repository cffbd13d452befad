"""Reports of one write: what they call the thing, and what they say beside it."""

from __future__ import annotations

import json
from typing import Any

import pytest

import rubrics


def _rejected(
    user: str, name: str, args: dict[str, Any], result: dict[str, Any], said: str, change: dict[str, Any]
) -> set[str]:
    """The standing criteria that reject a conversation of one request, one successful write and one answer."""
    function = {"name": name, "arguments": json.dumps(args)}
    call = {"id": "functions.x:0", "type": "function", "function": function}
    evidence = {
        "messages": [
            {"role": "user", "content": user},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "functions.x:0", "name": name, "content": json.dumps(result)},
            {"role": "assistant", "content": said},
        ],
        "calls": [{"turn": 0, "id": "functions.x:0", "name": name, "arguments": args, "ok": True, "error": None,
                   "result": result, "effect": "write", "fault": None}],
        "state_diff": [{"world_id": "w", "before": {}, "changed": [], "stamped": [], **change}],
        "goal": {"changes": [], "tell": []},
        "plan": {"steps": [{"id": 0}]},
        "user": {"turns": [user], "facts": []},
        "tools": {name: {"type": "object"}},
    }  # fmt: skip
    checks = ("claims_match", "stated_facts")
    found = rubrics.score({"criteria": [c for c in rubrics.standing() if c["check"] in checks]}, evidence)
    assert all(r.passed is not None for r in found), found
    return {r.id.removeprefix("standing.") for r in found if r.passed is False}


@pytest.mark.parametrize(
    ("said", "rejected"),
    [
        ("The mpeg2 album has been created.", set()),
        ("The mpeg2 album AL-77 has been created.", {"claims_match", "stated_facts"}),
        ("The mpeg4 album has been created.", {"claims_match", "stated_facts"}),
    ],
)
def test_digits_in_the_name_of_a_sort_name_no_row(said: str, rejected: set[str]) -> None:
    change = {"entity": "Mpeg2Album", "kind": "insert", "key": "AL-1", "after": {"name": "Ada"}}
    args = {"name": "Ada"}
    assert _rejected("Set up an album called Ada.", "add_mpeg2_album", args, {"id": "AL-1"}, said, change) == rejected


@pytest.mark.parametrize(
    ("said", "rejected"), [("I sent the message.", set()), ("I sent the invoice.", {"claims_match"})]
)
def test_a_thing_may_be_called_what_its_row_is(said: str, rejected: set[str]) -> None:
    change = {"entity": "Message", "kind": "insert", "key": "m1", "after": {"text": "lunch"}}
    args = {"channel": "C-7", "text": "lunch"}
    assert _rejected("Tell channel C-7: lunch.", "push_flex", args, {"id": "m1"}, said, change) == rejected


@pytest.mark.parametrize(
    ("said", "rejected"),
    [
        ("I've set it. Setting the status is something I can do.", set()),
        ("I've set it. The status is wonderful.", {"stated_facts"}),
    ],
)
def test_an_activity_has_no_value(said: str, rejected: set[str]) -> None:
    change = {"entity": "Job", "kind": "update", "key": "J-1", "after": {"status": "shut"}, "changed": ["status"]}
    args = {"id": "J-1", "status": "shut"}
    assert _rejected("Set the status of job J-1 to shut.", "set_status", args, args, said, change) == rejected


@pytest.mark.parametrize(
    ("said", "rejected"),
    [
        ("The job whose ID is J-1 has the status shut.", set()),
        ("The status of the job that is listed under J-1 is shut.", set()),
        ("The status of the job that is listed under J-1 is wonderful.", {"stated_facts"}),
        ("The job which is old has a status, and the status is wonderful.", {"stated_facts"}),
        ("I see that the status is wonderful.", {"stated_facts"}),
    ],
)
def test_what_only_says_which_one_is_meant_states_no_value(said: str, rejected: set[str]) -> None:
    change = {"entity": "Job", "kind": "update", "key": "J-1", "after": {"status": "shut"}, "changed": ["status"]}
    args = {"id": "J-1", "status": "shut"}
    user = "Set the status of the job listed under J-1 to shut. What is old has to go."
    assert _rejected(user, "set_status", args, args, said, change) == rejected


@pytest.mark.parametrize(
    ("said", "rejected"),
    [
        ("The ticket T-1 has been closed.", set()),
        ("The resolved ticket T-1 has been closed.", set()),
        ("The ticket T-1 has been resolved.", {"claims_match"}),
        ("I've resolved the ticket T-1.", {"claims_match"}),
        ("I've closed the ticket T-1; its state is resolved.", {"claims_match"}),
    ],
)
def test_the_state_before_is_not_what_was_done(said: str, rejected: set[str]) -> None:
    states = {"before": {"status": "resolved"}, "after": {"status": "closed"}, "changed": ["status"]}
    change = {"entity": "Ticket", "kind": "update", "key": "T-1", **states}
    result = {"id": "T-1", "status": "closed"}
    user = "Close the resolved ticket T-1."
    assert _rejected(user, "close_ticket", {"id": "T-1"}, result, said, change) == rejected
