"""A conversation as K2 reads it: token ids and, for each, whether the assistant is to learn it. One walk makes both.

    <|im_system|>tool_declare<|im_middle|>[tools: declare.py]<|im_end|>
    <|im_system|>system<|im_middle|>...<|im_end|>
    <|im_user|>user<|im_middle|>...<|im_end|>
    <|im_assistant|>assistant<|im_middle|>text<|tool_calls_section_begin|><|tool_call_begin|>functions.NAME:IDX
        <|tool_call_argument_begin|>{JSON}<|tool_call_end|><|tool_calls_section_end|><|im_end|>
    <|im_system|>NAME<|im_middle|>## Return of functions.NAME:IDX
    ...<|im_end|>

IDX counts the calls of the conversation from 0. Ids that come in another form are rewritten: a model copies what it
sees. Shown over several lines here; there are no line ends between the parts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from model_core.declare import Declarations, declare, told
from model_core.errors import ModelError
from model_core.parser import ARGUMENT_BEGIN, CALL_BEGIN, CALL_END, SECTION_BEGIN, SECTION_END
from model_core.tokens import Tokenizer

DEFAULT_SYSTEM = "You are Kimi, an AI assistant created by Moonshot AI."
_TAG = {"user": "<|im_user|>", "assistant": "<|im_assistant|>"}  # every other role speaks as the system


def render(
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Mapping[str, Any]],
    tokenizer: Tokenizer,
    add_generation_prompt: bool = False,
    default_system: str | None = DEFAULT_SYSTEM,
    declarations: Declarations = "json",
) -> tuple[list[int], list[bool]]:
    """Token ids and loss mask of OpenAI-style messages; the mask is true on what the assistant says and its end
    (but for messages with `train` false).

    `default_system` speaks first where no system message does; `declarations` is the checkpoint's way of telling tools
    and results (`ModelConfig.tool_declarations`). Raises `ModelError` for a message that cannot be shown:
    an unknown form of content, a result that answers no call.
    """
    walk = _Walk(tokenizer, declarations)
    if tools:
        walk.message("system", "tool_declare", declare(tools, declarations))
    if default_system is not None and (not messages or messages[0].get("role") != "system"):
        walk.message("system", "system", default_system)
    for place, message in enumerate(messages):
        walk.place = place
        walk.any_message(message)
    if add_generation_prompt:
        walk.header("assistant", "assistant")
    return walk.ids, walk.mask


class _Walk:
    """The ids and mask so far, and the calls that have been made."""

    def __init__(self, tokenizer: Tokenizer, form: Declarations) -> None:
        self.tokenizer, self.form = tokenizer, form
        self.ids: list[int] = []
        self.mask: list[bool] = []
        self.place = 0
        self._calls = 0
        self._open: dict[str, str] = {}  # calls without a result: id as given -> id as shown

    def any_message(self, message: Mapping[str, Any]) -> None:
        role = message.get("role")
        if not isinstance(role, str):
            raise ModelError(f"message {self.place} has no role")
        if role == "assistant":
            self.assistant(message)
        elif role == "tool":
            self.result(message)
        else:
            self.message(role, str(message.get("name") or role), self.content(message))

    def message(self, role: str, name: str, body: str) -> None:
        self.header(role, name)
        self.text(body)
        self.token("<|im_end|>")

    def header(self, role: str, name: str) -> None:
        self.token(_TAG.get(role, "<|im_system|>"))
        self.text(name)
        self.token("<|im_middle|>")

    def assistant(self, message: Mapping[str, Any]) -> None:
        learn = message.get("train") is not False
        self.header("assistant", str(message.get("name") or "assistant"))
        self.text(self.content(message), learn)
        calls = message.get("tool_calls") or ()
        if calls:
            self.token(SECTION_BEGIN, learn)
            for call in calls:
                self.call(call, learn)
            self.token(SECTION_END, learn)
        self.token("<|im_end|>", learn)

    def call(self, call: Mapping[str, Any], learn: bool) -> None:
        function = call.get("function")
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            raise ModelError(f"message {self.place} holds a call without a function name")
        shown = f"functions.{function['name']}:{self._calls}"
        self._calls += 1
        self._open[str(call.get("id") or shown)] = shown
        arguments = function.get("arguments", {})
        self.token(CALL_BEGIN, learn)
        self.text(shown, learn)
        self.token(ARGUMENT_BEGIN, learn)
        self.text(arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False), learn)
        self.token(CALL_END, learn)

    def result(self, message: Mapping[str, Any]) -> None:
        given = message.get("tool_call_id")
        if given not in self._open:
            asked = ", ".join(self._open) or "none"
            raise ModelError(f"message {self.place} is the result of call {given!r}; open calls: {asked}")
        shown = self._open.pop(given)
        body = f"## Return of {shown}\n{told(self.content(message), self.form)}"
        self.message("tool", str(message.get("name") or "tool"), body)

    def content(self, message: Mapping[str, Any]) -> str:
        content = message.get("content")
        if content is None or isinstance(content, str):
            return content or ""
        if isinstance(content, Sequence) and all(isinstance(p, Mapping) and p.get("type") == "text" for p in content):
            return "".join(str(part.get("text", "")) for part in content)
        raise ModelError(f"message {self.place}: content must be a string or a list of text parts")

    def text(self, text: str, learn: bool = False) -> None:
        ids = self.tokenizer.encode(text)
        self.ids += ids
        self.mask += [learn] * len(ids)

    def token(self, name: str, learn: bool = False) -> None:
        self.ids.append(self.tokenizer.special[name])
        self.mask.append(learn)
