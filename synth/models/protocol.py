"""The model seam: one async method, typed errors, usage counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from synth.errors import ModelMalformed
from synth.records import Usage

Message = dict[str, Any]


@dataclass(frozen=True)
class Sampling:
    """How to sample. None leaves the backend's default; `max_tokens` bounds one reply."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reply:
    """`message`: role, content (text, never None), tool_calls as OpenAI has them. `raw`: the model's text before it was
    read, where there is one. `usage.requests` counts every request, retries included."""

    message: Message
    finish_reason: str
    usage: Usage
    raw: str | None = None


class ModelClient(Protocol):
    """Raises ModelUnavailable (worth another try elsewhere), ModelRefused, ModelMalformed (kept with its text)."""

    async def complete(
        self,
        messages: list[Message],
        tools: list[dict[str, Any]],
        sampling: Sampling,
        response_schema: dict[str, Any] | None = None,
    ) -> Reply: ...

    async def close(self) -> None: ...


def read_message(value: Any, text: str) -> Message:
    """An assistant message checked for shape: raises ModelMalformed with `text` where it cannot be used. Arguments stay
    JSON text as the model wrote it; whether they parse is the environment's business."""
    if not isinstance(value, dict):
        raise ModelMalformed("the reply has no message", text)
    content = value.get("content")
    if content is not None and not isinstance(content, str):
        raise ModelMalformed("the content is not text", text)
    out: Message = {"role": "assistant", "content": content or ""}
    reasoning = value.get("reasoning_content")
    if isinstance(reasoning, str) and reasoning:
        out["reasoning_content"] = reasoning
    calls = value.get("tool_calls")
    if calls:
        if not isinstance(calls, list):
            raise ModelMalformed("tool_calls is not a list", text)
        out["tool_calls"] = [_read_call(call, text) for call in calls]
    return out


def _read_call(call: Any, text: str) -> dict[str, Any]:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str) or not function["name"]:
        raise ModelMalformed("a tool call has no function name", text)
    arguments = function.get("arguments", "{}")
    if not isinstance(arguments, str):
        raise ModelMalformed("the arguments of a tool call are not JSON text", text)
    call_id = call.get("id")
    return {"id": call_id if isinstance(call_id, str) else "", "type": "function",
            "function": {"name": function["name"], "arguments": arguments or "{}"}}  # fmt: skip
