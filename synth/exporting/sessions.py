"""Session traces (STS) for the trace viewer of the Hugging Face Hub: a file per conversation, a header line, then a
line per message. Tools and lineage stand in the header, where other keys are allowed."""

from __future__ import annotations

import json
from typing import Any

from synth.exporting.example import Call, Example, Message
from synth.records import json_text

HARNESS = "synth"


class Sessions:
    def write(self, example: Example, lossy: set[str]) -> list[dict[str, Any]]:
        if any(m.role == "assistant" and not m.train for m in example.messages):
            lossy.add("untrained_message")
        header = {"type": "session", "harness": HARNESS, "id": example.id, "name": _title(example)}
        lines = [{"type": "message", "message": _message(m)} for m in example.messages]
        return [{**header, "tools": example.tools, **example.facts}, *lines]

    def read(self, row: Any) -> tuple[list[Message], list[dict[str, Any]]]:
        header, *lines = row
        return [_read(line["message"]) for line in lines], header["tools"]


def _title(example: Example) -> str:
    said = next((m.content for m in example.messages if m.role == "user"), "")
    return f"{example.facts.get('kind', 'session')}: {' '.join(said.split())[:80]}"


def _message(message: Message) -> dict[str, Any]:
    out: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.reasoning:
        out["reasoningContent"] = message.reasoning
    if message.calls:
        out["toolCalls"] = [{"id": c.id, "function": {"name": c.name, "arguments": json_text(c.arguments)}}
                            for c in message.calls]  # fmt: skip
    if message.role == "tool":
        out["toolCallId"] = message.answers
    return out


def _read(said: dict[str, Any]) -> Message:
    calls = tuple(Call(c["id"], c["function"]["name"], json.loads(c["function"]["arguments"]))
                  for c in said.get("toolCalls", []))  # fmt: skip
    return Message(said["role"], said["content"], said.get("reasoningContent", ""), calls, said.get("toolCallId", ""),
                   train=said["role"] == "assistant")  # fmt: skip
