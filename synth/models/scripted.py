"""The fake that ships with the package: replies from a script, the same for the same conversation.

A script is JSON: `{"replies": [...], "rules": [...]}`. A rule `{"when": REGEX, "reply": {...}}` answers where the
regular expression matches the last message; else the n-th assistant message of a conversation is `replies[n]`, the last
one from then on. A reply is `{"content": ..., "tool_calls": [{"name": ..., "arguments": {...} or text}]}`, or
`{"error": "unavailable" | "refused" | "malformed"}`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from synth.errors import ModelError, ModelMalformed, ModelRefused, ModelUnavailable, UsageError
from synth.models.protocol import Message, Reply, Sampling
from synth.records import Usage


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ScriptedCall(_Part):
    name: str
    arguments: dict[str, Any] | str = {}


class ScriptedReply(_Part):
    content: str = ""
    tool_calls: list[ScriptedCall] = []
    error: Literal["unavailable", "refused", "malformed"] | None = None


class Rule(_Part):
    when: str
    reply: ScriptedReply

    @model_validator(mode="after")
    def _compiles(self) -> Rule:
        try:
            re.compile(self.when)
        except re.error as error:
            raise ValueError(f"`when` is not a regular expression: {error}") from None
        return self


class Script(_Part):
    replies: list[ScriptedReply] = []
    rules: list[Rule] = []

    @model_validator(mode="after")
    def _something(self) -> Script:
        if not self.replies and not self.rules:
            raise ValueError("a script needs `replies` or `rules`")
        return self


class ScriptedClient:
    """Answers from a Script. Tokens are counted as characters over four, costs are none."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests = 0

    @classmethod
    def load(cls, path: str | Path) -> ScriptedClient:
        """Read a script file. Raises UsageError where it is missing or wrong."""
        try:
            return cls(Script.model_validate_json(Path(path).read_text(encoding="utf-8")))
        except OSError as error:
            raise UsageError(f"the script {path} cannot be read: {error.strerror}") from None
        except (ValidationError, UnicodeDecodeError) as error:
            first = error.errors(include_url=False)[0]["msg"] if isinstance(error, ValidationError) else str(error)
            raise UsageError(f"the script {path} is wrong: {first}") from None

    async def complete(
        self,
        messages: list[Message],
        tools: list[dict[str, Any]],
        sampling: Sampling,
        response_schema: dict[str, Any] | None = None,
    ) -> Reply:
        self.requests += 1
        reply = self._choose(messages)
        read = sum(len(str(m.get("content") or "")) for m in messages) // 4
        if reply.error is not None:
            error = _error(reply)
            error.usage = Usage(requests=1, prompt_tokens=read, completion_tokens=0, cost_usd=0.0)
            raise error
        message: Message = {"role": "assistant", "content": reply.content}
        if reply.tool_calls:
            message["tool_calls"] = [_as_call(i, c) for i, c in enumerate(reply.tool_calls)]
        usage = Usage(requests=1, prompt_tokens=read, completion_tokens=len(json.dumps(message)) // 4, cost_usd=0.0)
        return Reply(message, "tool_calls" if reply.tool_calls else "stop", usage)

    async def close(self) -> None:
        return None

    def _choose(self, messages: list[Message]) -> ScriptedReply:
        last = str(messages[-1].get("content") or "") if messages else ""
        for rule in self.script.rules:
            if re.search(rule.when, last):
                return rule.reply
        if not self.script.replies:
            raise ModelMalformed("no rule of the script matches", last)
        spoken = sum(m.get("role") == "assistant" for m in messages)
        return self.script.replies[min(spoken, len(self.script.replies) - 1)]


def _error(reply: ScriptedReply) -> ModelError:
    if reply.error == "malformed":
        return ModelMalformed("the script says so", reply.content)
    return ModelRefused("the script says so") if reply.error == "refused" else ModelUnavailable("the script says so")


def _as_call(index: int, call: ScriptedCall) -> dict[str, Any]:
    text = call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments, ensure_ascii=False)
    return {"id": f"call_{index}", "type": "function", "function": {"name": call.name, "arguments": text}}
