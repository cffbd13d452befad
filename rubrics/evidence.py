"""What a judge looks at: one plain JSON object per trajectory, with the few look-ups that the checks share.

    messages    OpenAI-style, system prompt first
    calls       the execution records, in order (turn, id, name, arguments, ok, error, result, effect, fault)
    user_calls  the same of what the user did with tools of their own; `turn`: the assistant message that asked
    state_diff  [{world_id, entity, kind, key, before, after, changed, stamped}]; `stamped`: fields only the system sets
    checks      [{id, passed, score, evidence}] of places, evaluated after the episode
    goal, plan, user    the task's columns (see the task room); `user.turns` places the user's turns in the conversation
    params      optional {tool: {"/pointer": {"role": ..., "enum": [...], "default": ...}}}
    stop_reason

Anything a check needs and does not find raises `Missing`: the check then cannot tell, which is never a pass.
"""

from __future__ import annotations

import json
from functools import cached_property
from importlib import resources
from typing import Any

from rubrics.normal import Text, flat_text

# word lists that several checks look things up in
WORDS: dict[str, list[str]] = json.loads(
    resources.files("rubrics").joinpath("data/words.json").read_text(encoding="utf-8")
)


class Missing(Exception):
    """The evidence lacks something that the check needs."""


class Evidence:
    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data

    def need(self, *path: str) -> Any:
        """The value at a path; Missing where a step is absent or null."""
        value: Any = self._data
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
            if value is None:
                raise Missing(f"the evidence has no {'.'.join(path)}")
        return value

    def get(self, name: str, default: Any) -> Any:
        value = self._data.get(name)
        return default if value is None else value

    @cached_property
    def messages(self) -> list[dict[str, Any]]:
        found = self.need("messages")
        if not isinstance(found, list):
            raise Missing("messages is not a list")
        return found

    @cached_property
    def texts(self) -> list[Text]:
        """The content of each message, in step with `messages`."""
        return [Text(m.get("content") or "") for m in self.messages]

    @cached_property
    def results(self) -> dict[int, Text]:
        """Index of a tool message -> what it shows: a JSON result as its values, so that escapes do not hide them."""
        return {i: _shown(self.messages[i].get("content") or "") for i in self.indexes("tool")}

    @cached_property
    def calls(self) -> list[dict[str, Any]]:
        found = self.need("calls")
        if not isinstance(found, list):
            raise Missing("calls is not a list")
        return found

    @cached_property
    def diff(self) -> list[dict[str, Any]]:
        found = self.need("state_diff")
        if not isinstance(found, list):
            raise Missing("state_diff is not a list")
        return found

    @cached_property
    def asked_at(self) -> dict[str, int]:
        """Call id -> index of the assistant message that made it."""
        return {c["id"]: i for i, m in enumerate(self.messages) for c in m.get("tool_calls") or ()}

    @cached_property
    def shown_at(self) -> dict[str, int]:
        """Call id -> index of the message with its result."""
        return {m["tool_call_id"]: i for i, m in enumerate(self.messages) if m.get("role") == "tool"}

    def turn_at(self, turn: int) -> int:
        """Index of the message in which the user said turn number `turn`; Missing where it never came."""
        turns = self.need("user", "turns")
        if not 0 <= turn < len(turns):
            raise Missing(f"the user has no turn {turn}")
        start = -1
        for wanted in turns[: turn + 1]:
            found = next(
                (i for i in self.indexes("user") if i > start and wanted in (self.messages[i]["content"] or "")), None
            )
            if found is None:
                raise Missing(f"the user never came to turn {turn}")
            start = found
        return start

    def indexes(self, role: str) -> list[int]:
        return [i for i, m in enumerate(self.messages) if m.get("role") == role]

    def said(self) -> list[int]:
        """Indexes of assistant messages with text."""
        return [i for i in self.indexes("assistant") if (self.messages[i].get("content") or "").strip()]


def _shown(content: str) -> Text:
    try:
        return Text(flat_text(json.loads(content)))
    except ValueError:
        return Text(content)


def quote(text: str, limit: int = 160) -> str:
    line = " ".join(text.split())
    return f'"{line[: limit - 1]}…"' if len(line) > limit else f'"{line}"'
