"""A chat completion request as it comes over the wire, checked to the last field.

What changes an answer and is not done here is refused by name; what has no effect on one (`user`, `metadata`, ...) is
taken and dropped. Nothing is coerced: "3" is no number.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError
from pydantic_core import from_json

from model_core.serving.refusals import RequestRefused
from model_core.serving.schemas import schema_fault

MAX_TOOLS, MAX_CHOICES, MAX_STOPS = 512, 16, 16
_NOT_SERVED = {
    "functions": "give `tools`",
    "function_call": "give `tool_choice`",
    "audio": "leave it out",
    "logit_bias": "leave it out",
    "prediction": "leave it out",
    "reasoning_effort": "leave it out",
    "verbosity": "leave it out",
    "web_search_options": "leave it out",
}
# Said by clients for bookkeeping at their provider: no effect on an answer.
_NO_EFFECT = frozenset(
    {"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"}
)


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class TextPart(_Strict):
    """One part of a content list; pictures, sound and files are not read."""

    type: Literal["text"]
    text: str


def _content_kind(value: Any) -> str | None:
    return "#text" if isinstance(value, str) else "#parts" if isinstance(value, list) else None


Content = Annotated[
    Annotated[str, Tag("#text")] | Annotated[list[TextPart], Tag("#parts")],
    Discriminator(
        _content_kind,
        custom_error_type="content",
        custom_error_message="the content should be a string or a list of text parts",
    ),
]
# It is shown in the header of a turn, where a space or a marker would change what the model reads.
SpeakerName = Annotated[str, Field(pattern=r"^[^\s<|\\/>]{1,64}$")]


class SystemMessage(_Strict):
    role: Literal["system", "developer"]
    content: Content
    name: SpeakerName | None = None


class UserMessage(_Strict):
    role: Literal["user"]
    content: Content
    name: SpeakerName | None = None


class CalledFunction(_Strict):
    name: Annotated[str, Field(min_length=1, max_length=256)]
    arguments: str
    parsed_arguments: Any = None  # what `openai`'s `parse` adds to a message that is sent back


class ToolCall(_Strict):
    id: Annotated[str, Field(min_length=1, max_length=512)]
    type: Literal["function"] = "function"
    function: CalledFunction
    index: int | None = None


class AssistantMessage(_Strict):
    """What was answered before. The fields after `tool_calls` come back in messages that a client returns unchanged;
    they are not shown to the model."""

    role: Literal["assistant"]
    content: Content | None = None
    name: SpeakerName | None = None
    tool_calls: list[ToolCall] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    faults: list[Any] | None = None
    annotations: list[Any] | None = None
    audio: None = None
    function_call: None = None
    parsed: Any = None


class ToolMessage(_Strict):
    role: Literal["tool"]
    content: Content
    tool_call_id: str
    name: SpeakerName | None = None


def _role(value: Any) -> str | None:
    role = value.get("role") if isinstance(value, dict) else None
    if role in ("system", "developer"):
        return "#system"
    return f"#{role}" if role in ("user", "assistant", "tool") else None


AnyMessage = Annotated[
    Annotated[SystemMessage, Tag("#system")]
    | Annotated[UserMessage, Tag("#user")]
    | Annotated[AssistantMessage, Tag("#assistant")]
    | Annotated[ToolMessage, Tag("#tool")],
    Discriminator(
        _role,
        custom_error_type="role",
        custom_error_message="a message should be an object whose role is system, developer, user, assistant or tool",
    ),
]


class Function(_Strict):
    name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,127}$")]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(_Strict):
    type: Literal["function"]
    function: Function


class NamedFunction(_Strict):
    name: str


class NamedChoice(_Strict):
    type: Literal["function"]
    function: NamedFunction


def _choice_kind(value: Any) -> str | None:
    if isinstance(value, dict):
        return "#named"
    return "#word" if value in ("none", "auto", "required") else None


ToolChoice = Annotated[
    Annotated[Literal["none", "auto", "required"], Tag("#word")] | Annotated[NamedChoice, Tag("#named")],
    Discriminator(
        _choice_kind,
        custom_error_type="tool_choice",
        custom_error_message="it should be none, auto, required or an object that names a function",
    ),
]


class NamedSchema(_Strict):
    name: Annotated[str, Field(min_length=1, max_length=128)]
    description: str | None = None
    schema_: Annotated[dict[str, Any], Field(alias="schema")]
    strict: bool | None = None


class PlainFormat(_Strict):
    type: Literal["text", "json_object"]


class SchemaFormat(_Strict):
    type: Literal["json_schema"]
    json_schema: NamedSchema


def _format_kind(value: Any) -> str | None:
    kind = value.get("type") if isinstance(value, dict) else None
    return "#schema" if kind == "json_schema" else "#plain" if kind in ("text", "json_object") else None


ResponseFormat = Annotated[
    Annotated[PlainFormat, Tag("#plain")] | Annotated[SchemaFormat, Tag("#schema")],
    Discriminator(
        _format_kind,
        custom_error_type="response_format",
        custom_error_message="it should be an object whose type is text, json_object or json_schema",
    ),
]


class StreamOptions(_Strict):
    include_usage: bool = False
    include_obfuscation: bool = False  # padding against guessing by length; there is none here


def _stop_kind(value: Any) -> str | None:
    return "#one" if isinstance(value, str) else "#many" if isinstance(value, list) else None


_Stop = Annotated[str, Field(min_length=1, max_length=512)]
Stop = Annotated[
    Annotated[_Stop, Tag("#one")] | Annotated[list[_Stop], Field(max_length=MAX_STOPS), Tag("#many")],
    Discriminator(
        _stop_kind, custom_error_type="stop", custom_error_message="it should be a string or a list of strings"
    ),
]
Penalty = Annotated[float, Field(ge=-2, le=2, allow_inf_nan=False)]
Budget = Annotated[int, Field(ge=1, le=10_000_000)]


class ChatRequest(_Strict):
    """OpenAI's body and four fields more: `min_p`, `repetition_penalty`, `enforcer` (whether calls are held to the
    declared tools and their schemas; the server's setting without it), and `grounded` (whether their string arguments
    are taken from what was said to the model)."""

    model: str
    messages: Annotated[list[AnyMessage], Field(min_length=1)]
    tools: Annotated[list[Tool], Field(max_length=MAX_TOOLS)] = []
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool = True
    response_format: ResponseFormat | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: Annotated[int, Field(ge=1, le=MAX_CHOICES)] = 1
    max_tokens: Budget | None = None
    max_completion_tokens: Budget | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 1.0
    min_p: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = 0.0
    presence_penalty: Penalty = 0.0
    frequency_penalty: Penalty = 0.0
    repetition_penalty: Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)] = 1.0
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    stop: Stop = []
    logprobs: bool = False
    top_logprobs: Annotated[int, Field(ge=0, le=20)] = 0
    modalities: list[Literal["text"]] = ["text"]
    enforcer: bool | None = None
    grounded: bool = False

    @property
    def budget(self) -> int | None:
        """How many tokens an answer may have, under either name."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def stops(self) -> tuple[str, ...]:
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)

    @property
    def choice(self) -> str:
        """`none`, `auto`, `required`, or the name of the function to call."""
        return self.tool_choice if isinstance(self.tool_choice, str) else self.tool_choice.function.name


def read_request(body: bytes) -> tuple[ChatRequest, dict[str, Any]]:
    """The request, and its JSON as given (null fields left out). Raises `RequestRefused`."""
    try:
        given = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise RequestRefused(f"the body is not JSON: {error}", code="invalid_json") from None
    if not isinstance(given, dict):
        raise RequestRefused("the body should be a JSON object")
    fields = {name: value for name, value in given.items() if value is not None and name not in _NO_EFFECT}
    for name, mend in _NOT_SERVED.items():
        if fields.pop(name, None):
            raise RequestRefused(f"{name} is not served here; {mend}", param=name, code="unsupported_parameter")
    try:
        request = ChatRequest.model_validate(fields)
    except ValidationError as error:
        raise _refused(error) from None
    _check_together(request)
    _check_schemas(request)
    return request, fields


def _check_schemas(request: ChatRequest) -> None:
    found = {
        f"tools[{at}].function.parameters": tool.function.parameters
        for at, tool in enumerate(request.tools)
        if tool.function.parameters is not None
    }
    if isinstance(request.response_format, SchemaFormat):
        found["response_format.json_schema.schema"] = request.response_format.json_schema.schema_
    for place, schema in found.items():
        if not _finite(schema):
            raise RequestRefused(f"{place} holds a number too large for a float; write a smaller one", param=place)
        fault = schema_fault(schema)
        if fault is not None:
            raise RequestRefused(f"{place} is no JSON schema: {fault}", param=place, code="invalid_schema")
        if place.startswith("tools") and schema.get("type", "object") != "object":
            raise RequestRefused(f"{place} should be of type object, as arguments are one", param=place)


def _check_together(request: ChatRequest) -> None:
    names = [tool.function.name for tool in request.tools]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise RequestRefused(f"tools: {twice} is declared twice; give each function a name of its own", param="tools")
    if request.choice == "required" and not names:
        raise RequestRefused("tool_choice is required and there are no tools; declare one", param="tool_choice")
    if not isinstance(request.tool_choice, str) and request.choice not in names:
        raise RequestRefused(
            f"tool_choice names {request.choice!r}, which no tool declares; declare it or choose another",
            param="tool_choice",
        )
    if request.top_logprobs and not request.logprobs:
        raise RequestRefused("top_logprobs needs logprobs: true", param="top_logprobs")
    if request.stream_options is not None and not request.stream:
        raise RequestRefused("stream_options needs stream: true", param="stream_options")
    both = (request.max_tokens, request.max_completion_tokens)
    if None not in both and both[0] != both[1]:
        raise RequestRefused("max_tokens and max_completion_tokens differ; give one of them", param="max_tokens")


def _refused(error: ValidationError) -> RequestRefused:
    """The first fault as one sentence."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = _place(first["loc"])
    if first["type"] == "missing":
        sentence = f"{place} is missing"
    elif first["type"] == "extra_forbidden":
        sentence = f"{place} is not a known field; leave it out"
    else:
        sentence = f"{place}: {first['msg'][:1].lower()}{first['msg'][1:]}"
    return RequestRefused(sentence, param=place)


def _place(loc: tuple[int | str, ...]) -> str:
    """`messages[2].content`; names of union branches (`#text`) left out."""
    place = ""
    for step in loc:
        if isinstance(step, int):
            place += f"[{step}]"
        elif not step.startswith("#"):
            place += ("." if place else "") + step[:80]
    return " ".join(place.split())


def _finite(value: Any) -> bool:
    """Whether no number in a JSON value is infinite: 1e999 reads as one and could not be written again."""
    open_ = [value]
    while open_:
        one = open_.pop()
        if isinstance(one, dict):
            open_.extend(one.values())
        elif isinstance(one, list):
            open_.extend(one)
        elif isinstance(one, float) and not math.isfinite(one):
            return False
    return True
