"""Checks of form: what a serving stack and a trainer would stumble over, whatever the task was.

K2's vendor verifier asks that each call names a declared tool and that its arguments parse and validate; we ask more:
ids in the native form, counted over the conversation; roles in order; one result per call; no control tokens in text.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from typing import Any

import jsonschema_rs

from rubrics.evidence import Evidence, Missing, quote
from rubrics.outcome import Finding

CACHED = 8192
# special tokens of chat templates, and call syntax that leaked into prose
_CONTROL = re.compile(
    r"<\|[^|<>\n]{1,48}\|>|</?(?:think|tool_calls?|function_calls?|tool_response)>|\[(?:BOS|EOS|EOT|PAD|UNK)\]"
)
_CALL_SYNTAX = re.compile(r"\bfunctions\.[\w-]+:\d+\b")

_validators: OrderedDict[int, tuple[Any, Any]] = OrderedDict()


def well_formed(ev: Evidence) -> Finding:
    """Roles in order, ids `functions.NAME:IDX` counted over the conversation from 0, every call with its record and
    its result, no control tokens, every call to a declared tool with arguments that its schema allows."""
    for find in (_roles, _ids, _records, _control, _arguments):
        fault = find(ev)
        if fault is not None:
            return False, 0.0, fault
    return True, 1.0, f"{len(ev.calls)} calls, each with its result and record"


def _roles(ev: Evidence) -> str | None:
    """System first, users and assistants in turn, results right after the calls they answer."""
    open_, last = 0, ""  # results still due; the role before
    if not ev.messages:
        raise Missing("there are no messages")
    for i, message in enumerate(ev.messages):
        role = message.get("role")
        if role == "tool":
            open_ -= 1
            if open_ < 0:
                return f"message {i} is a result that answers no call"
            continue
        if open_:
            return f"message {i} comes before {open_} results that are due"
        if role == "system":
            fits = i == 0
        elif role == "user":
            fits = last in ("", "system", "assistant")
        else:
            fits = role == "assistant" and last in ("user", "calls")
        if not fits:
            return f"message {i} of role {role!r} follows {last or 'nothing'}"
        calls = message.get("tool_calls") or ()
        if role == "assistant" and not calls and not str(message.get("content") or "").strip():
            return f"message {i} says nothing and calls nothing"
        open_, last = len(calls), "calls" if calls else str(role)
    return f"{open_} calls have no result" if open_ else None


def _ids(ev: Evidence) -> str | None:
    at = 0
    due: list[str] = []
    for i, message in enumerate(ev.messages):
        if message.get("role") == "tool":
            if not due or message.get("tool_call_id") != due.pop(0):
                return f"message {i} answers {message.get('tool_call_id')!r}, which is not the call that is due"
            continue
        for call in message.get("tool_calls") or ():
            if call["id"] != f"functions.{call['function']['name']}:{at}":
                return f"call {at} has the id {call['id']!r}"
            due.append(call["id"])
            at += 1
    return None


def _records(ev: Evidence) -> str | None:
    spoken = [c for m in ev.messages for c in m.get("tool_calls") or ()]
    if len(spoken) != len(ev.calls):
        return f"{len(spoken)} calls in messages, {len(ev.calls)} records"
    for i, (said, record) in enumerate(zip(spoken, ev.calls, strict=True)):
        if record["id"] != said["id"] or record["name"] != said["function"]["name"]:
            return f"call {i} is recorded as {record['id']!r}"
        if isinstance(record["arguments"], dict) and _loads(said["function"]["arguments"]) != record["arguments"]:
            return f"{said['id']}: the recorded arguments differ from the message"
    records = {c["id"]: c for c in ev.calls}
    for i in ev.indexes("tool"):
        content, shown = ev.messages[i].get("content") or "", records.get(ev.messages[i].get("tool_call_id"))
        if shown is not None and content != shown["result"] and _loads(content) != shown["result"]:
            return f"message {i}: the result shown is not the one recorded for {shown['id']}"
    return None


def _control(ev: Evidence) -> str | None:
    for i, message in enumerate(ev.messages):
        if message.get("role") == "tool":
            continue
        text = str(message.get("content") or "")
        found = _CONTROL.search(text) or (message.get("role") == "assistant" and _CALL_SYNTAX.search(text)) or None
        for call in message.get("tool_calls") or ():
            found = found or _CONTROL.search(call["function"]["arguments"])
        if found is not None:
            return f"message {i} holds the control token {quote(found.group(0))}"
    return None


def _arguments(ev: Evidence) -> str | None:
    """Calls of tools that were not offered, or with arguments that are no object or against the schema shown."""
    if not ev.calls:
        return None
    tools = ev.need("tools")
    for call in ev.calls:
        if call["name"] not in tools:
            return f"{call['id']}: no tool {call['name']!r} was offered"
        if not isinstance(call["arguments"], dict):
            return f"{call['id']}: the arguments are not a JSON object"
        validator = validator_for(tools[call["name"]])
        if not validator.is_valid(call["arguments"]):
            error = next(validator.iter_errors(call["arguments"]))
            where = "".join(f"/{p}" for p in error.instance_path)
            return f"{call['id']}{' ' + where if where else ''}: {error.message[:160]}"
    return None


def validator_for(schema: Any) -> Any:
    """The compiled validator of a schema; compiled once while the schema object lives in the cache."""
    found = _validators.get(id(schema))
    if found is None or found[0] is not schema:
        found = _validators[id(schema)] = (schema, jsonschema_rs.validator_for(schema))
        while len(_validators) > CACHED:
            _validators.popitem(last=False)
    return found[1]


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
