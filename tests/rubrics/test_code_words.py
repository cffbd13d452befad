"""What is said about changed files: short code in backticks, parts added to a file."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rubrics.deeds import claims_match
from rubrics.evidence import Evidence
from rubrics.statements import stated_facts

PATCH = {"patch": '--- a/core.py\n+++ b/core.py\n@@ -1 +1,2 @@\n-    return 1\n+    log("zero", 0)\n+    return 0\n'}


def evidence(said: str, changed: list[str] | None = None, tell: list[dict[str, Any]] | None = None) -> Evidence:
    call = {"id": "functions.apply_patch:0", "name": "apply_patch", "arguments": PATCH, "ok": True, "effect": "write",
            "result": {"changed": ["core.py"]}, "turn": 0, "error": None, "fault": None}  # fmt: skip
    entry: dict[str, Any] = {"world_id": "w", "entity": "file", "kind": "update", "key": "core.py",
                             "before": {"text": "return 1"}, "after": {"text": "return 0"},
                             "changed": changed or ["text"], "stamped": []}  # fmt: skip
    return Evidence({
        "messages": [
            {"role": "user", "content": "Please do what ISSUE.md asks, in core.py."},
            {"role": "assistant", "content": "", "tool_calls": [
                {"id": call["id"], "function": {"name": "apply_patch", "arguments": json.dumps(PATCH)}}]},
            {"role": "tool", "tool_call_id": call["id"], "content": '{"changed":["core.py"]}'},
            {"role": "assistant", "content": said},
        ],
        "calls": [call], "state_diff": [entry], "user": {"turns": [], "facts": []}, "plan": {"steps": []},
        "goal": {"changes": [], "tell": tell or []},
    })  # fmt: skip


def test_between_two_short_pieces_of_code_stands_no_quotation() -> None:
    assert stated_facts(evidence("In core.py it was `1` where it had to be `0`."))[0] is True
    assert stated_facts(evidence("In core.py it was `1` where it had to be `7`."))[0] is False


def test_code_in_a_patch_was_said_as_it_reads() -> None:
    assert stated_facts(evidence('I put `log("zero", 0)` in.'))[0] is True
    assert stated_facts(evidence('I put `log("one", 1)` in.'))[0] is False


@pytest.mark.parametrize(("changed", "passed"), [(["text"], True), (["owner"], False)])
def test_something_can_be_added_to_a_file(changed: list[str], passed: bool) -> None:
    assert claims_match(evidence("I've added it in core.py.", changed))[0] is passed


def test_what_the_goal_wants_told_is_no_invention() -> None:
    """A count of what a text lists stands nowhere as a number."""
    tell = [{"id": "t0", "turn": 0, "say": "there are 6 commits", "value": 6}]
    assert stated_facts(evidence("There are 6 commits.", tell=tell))[0] is True
    assert stated_facts(evidence("There are 7 commits.", tell=tell))[0] is False
    assert stated_facts(evidence("There are 6 commits."))[0] is False
