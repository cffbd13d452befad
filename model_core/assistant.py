"""From OpenAI-style messages and tools to an engine request, and from its completion to an assistant message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal

from model_core.chat import render
from model_core.enforcer import schema_constraint, tool_constraint
from model_core.engine import Completion, Constraint, Engine, EngineLoop, Request, SamplingParams
from model_core.errors import ModelError
from model_core.parser import Call, Fault, ParsedReply, parse_tool_calls
from model_core.tokens import Tokenizer

AnswerEnd = Literal["stop", "length", "tool_calls", "cancelled", "error"]
Message = dict[str, Any]
DEFAULT_TOKENS = 1024  # of an answer whose request does not say


class Assistant:
    """A model that answers conversations under a name. It holds no state of any of them."""

    def __init__(self, engine: Engine | EngineLoop, tokenizer: Tokenizer, name: str) -> None:
        inner = engine.engine if isinstance(engine, EngineLoop) else engine
        self.tokenizer, self.name, self.limit = tokenizer, name, inner.limit
        self._declarations = inner.model.config.tool_declarations

    def prepare(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]],
        params: SamplingParams | None = None,
        *,
        request_id: str,
        tool_choice: str = "auto",
        response_format: Mapping[str, Any] | None = None,
        enforce: bool = True,
        parallel: bool = True,
        grounded: str | None = None,
        fit: bool = False,
    ) -> Request:
        """The engine's request. `tool_choice`: auto, none, required, or the name of a function; `response_format` as
        OpenAI has it; `enforce`: calls are held to the declared tools and their schemas, at most one of them unless
        `parallel`; with `grounded`, a text, their string arguments are spans of it. With `fit`, or
        without `params`, `max_tokens` is lowered to the room that the prompt leaves, instead of being refused.

        Raises `ModelError`, `SchemaRefused` among them, for what cannot be shown, enforced, or fitted in.
        """
        with told_of_values():
            prompt, _ = render(
                messages, tools, self.tokenizer, add_generation_prompt=True, declarations=self._declarations
            )
            params = self._fitted(len(prompt), params, fit)
            schema = wanted_schema(response_format)
            if schema is not None:
                if tools and tool_choice != "none":
                    raise ModelError(
                        "a response_format and tools that may be called exclude each other here; "
                        "give one of them, or tool_choice none"
                    )
                constraint: Constraint | None = schema_constraint(self.tokenizer, schema, max_tokens=params.max_tokens)
            elif tools and enforce:
                constraint = tool_constraint(
                    self.tokenizer, tools, tool_choice, parallel=parallel, max_tokens=params.max_tokens,
                    first_index=calls_made(messages), grounded=grounded,
                )  # fmt: skip
            elif tool_choice in ("auto", "none"):
                constraint = None
            else:
                raise ModelError(f"tool_choice {tool_choice!r} needs tools and the enforcer; give them or choose auto")
        return Request(request_id, prompt, params, constraint)

    def _fitted(self, prompt_tokens: int, params: SamplingParams | None, fit: bool) -> SamplingParams:
        """The parameters for a prompt of this length. Raises `ModelError` where both do not fit."""
        room = self.limit - prompt_tokens
        if room < 1:
            raise ModelError(
                f"the prompt has {prompt_tokens} tokens; a prompt and its answer have {self.limit}: send a shorter one"
            )
        if params is None:
            params, fit = SamplingParams(max_tokens=DEFAULT_TOKENS), True
        if fit:
            params = replace(params, max_tokens=min(room, params.max_tokens))
        if params.max_tokens > room:
            raise ModelError(
                f"the prompt has {prompt_tokens} tokens and max_tokens is {params.max_tokens}, together more than "
                f"{self.limit}; at most {room} are left for the answer"
            )
        return params

    def read(self, completion: Completion, first_index: int | None = None) -> tuple[Message, AnswerEnd]:
        """The message and why it ended. What is malformed is in `message["faults"]`; a call that is well-formed is in
        `tool_calls`, whatever else went wrong. With `first_index` (`calls_made` of the conversation) call ids are
        numbered on from there; without, they are as generated, and then two may be equal."""
        reply = parse_tool_calls(completion.text)
        return message_of(reply, first_index), answer_end(completion, reply)


def wanted_schema(response_format: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The JSON schema that an answer is to meet; None where any text will do. Raises `ModelError`."""
    kind = "text" if response_format is None else response_format.get("type")
    if response_format is None or kind == "text":
        return None
    if kind == "json_object":
        return {"type": "object", "additionalProperties": True}
    named = response_format.get("json_schema")
    if kind != "json_schema" or not isinstance(named, Mapping) or not isinstance(named.get("schema"), Mapping):
        raise ModelError("response_format should be of type text, json_object, or json_schema with a schema")
    return dict(named["schema"])


def calls_made(messages: Sequence[Mapping[str, Any]]) -> int:
    """How many calls a conversation holds: the number of its next one."""
    return sum(len(message.get("tool_calls") or ()) for message in messages)


def heard(messages: Sequence[Mapping[str, Any]]) -> str:
    """All that was said to the model: what grounded arguments may be taken from."""
    return "\n".join(content_text(message) for message in messages if message.get("role") != "assistant")


def content_text(message: Mapping[str, Any]) -> str:
    """The text of a message whose content is text, parts of text, or nothing."""
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(str(part.get("text", "")) for part in content)


def call_message(call: Call, number: int | None = None) -> dict[str, Any]:
    """A call as OpenAI has it, under its own id or as the `number`th of the conversation."""
    call_id = call.id if number is None else f"functions.{call.name}:{number}"
    return {"id": call_id, "type": "function", "function": {"name": call.name, "arguments": call.raw}}


def fault_message(fault: Fault) -> dict[str, Any]:
    """What was malformed, for a message's `faults`."""
    return {"kind": fault.kind, "name": fault.name, "raw": fault.raw}


def message_of(reply: ParsedReply, first_index: int | None = None) -> Message:
    """An assistant message: content, and where there are any `reasoning_content`, `tool_calls`, `faults`."""
    message: Message = {"role": "assistant", "content": reply.text}
    if reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    if reply.calls:
        message["tool_calls"] = [
            call_message(call, None if first_index is None else first_index + at) for at, call in enumerate(reply.calls)
        ]
    if reply.faults:
        message["faults"] = [fault_message(fault) for fault in reply.faults]
    return message


def answer_end(completion: Completion, reply: ParsedReply) -> AnswerEnd:
    """`tool_calls` where an answer ended by itself and made one, else as the engine says."""
    return "tool_calls" if completion.finish_reason == "stop" and reply.calls else completion.finish_reason


@contextmanager
def told_of_values() -> Iterator[None]:
    """Half a surrogate pair or a number beyond all bounds in a message or tool, as one sentence."""
    try:
        yield
    except UnicodeEncodeError:
        raise ModelError("a text holds half a surrogate pair, which is no character; send whole characters") from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"a tool or message cannot be written as JSON: {error}") from error
