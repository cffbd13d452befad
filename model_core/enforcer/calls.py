"""What an assistant may say: text, then calls of the declared tools with arguments by their schemas, then the end.

    text <|tool_calls_section_begin|> { <|tool_call_begin|> functions.NAME:IDX <|tool_call_argument_begin|> {JSON}
        <|tool_call_end|> } <|tool_calls_section_end|> <|im_end|>

The markers are told by their ids, and no text may spell one. Names come in their canonical tokens alone: of all ways to
cut `functions.NAME:IDX` into tokens a model has learned that one, and it is forced as far as the names agree.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from model_core.enforcer.grounding import Ground
from model_core.enforcer.schema import SchemaRefused
from model_core.enforcer.value import Compiled, Value, compiled, compiled_on_ground
from model_core.enforcer.vocabulary import Vocabulary, allow, allows, forbid, vocabulary_of
from model_core.errors import ModelError
from model_core.parser import ARGUMENT_BEGIN, CALL_BEGIN, CALL_END, SECTION_BEGIN, SECTION_END
from model_core.tokens import Tokenizer

END = "<|im_end|>"
_AFTER_ARGUMENTS = 3  # call end, section end, end
_NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)


def tool_constraint(
    tokenizer: Tokenizer,
    tools: Sequence[Mapping[str, Any]],
    tool_choice: str = "auto",
    *,
    parallel: bool = True,
    max_tokens: int,
    first_index: int = 0,
    grounded: str | None = None,
) -> ToolConstraint:
    """Hold a reply to `tools` (OpenAI's form, wrapped or bare), within `max_tokens`, its closing token counted.

    `tool_choice`: "auto" (text, and calls or none), "none" (text alone), "required" (calls alone, one at least), or a
    tool's name (calls of it alone). Calls are numbered from `first_index`; `parallel` allows more than one. `grounded`
    is the text of the conversation: string arguments must be runs of its words and numbers must stand in it, except
    where the schema lists the values or names a format, a pattern or a length.

    Raises `SchemaRefused` for a tool that cannot be enforced or whose shortest call does not fit, `ModelError` for a
    choice that is not declared. Grammars are compiled once for each schema.
    """
    vocabulary = vocabulary_of(tokenizer)
    ground = None if grounded is None else Ground.of(grounded)
    ready: dict[str, Compiled] = {}
    for tool in () if tool_choice == "none" else tools:
        function = tool.get("function", tool)
        name = str(function.get("name"))
        if tool_choice not in ("auto", "required", name):
            continue
        if not _NAME.fullmatch(name):
            raise SchemaRefused(name, "its name could not be read back; it needs letters, digits, `_`, `-` and `.`")
        schema = json.dumps(function.get("parameters") or {"type": "object", "properties": {}}, ensure_ascii=False)
        ready[name] = (
            compiled(vocabulary, schema, name)
            if ground is None
            else compiled_on_ground(vocabulary, schema, name, ground)
        )
    if not ready and tool_choice not in ("auto", "none"):
        declared = ", ".join(str(tool.get("function", tool).get("name")) for tool in tools) or "none"
        raise ModelError(f"tool_choice {tool_choice!r} is no declared tool; declared: {declared}")
    return ToolConstraint(vocabulary, ready, tool_choice in ("auto", "none"), parallel, max_tokens, first_index)


def schema_constraint(tokenizer: Tokenizer, schema: Mapping[str, Any], *, max_tokens: int) -> SchemaConstraint:
    """Hold a reply to one JSON value of a schema (`{"type": "object", "additionalProperties": true}`: any object).

    Raises `SchemaRefused`, its tool "response_format".
    """
    vocabulary = vocabulary_of(tokenizer)
    ready = compiled(vocabulary, json.dumps(schema, ensure_ascii=False), "response_format", False)
    if ready.cost + 2 > max_tokens:
        raise _too_long("response_format", ready.cost + 2, max_tokens)
    return SchemaConstraint(vocabulary, ready, max_tokens)


class SchemaConstraint:
    """One JSON value and the end."""

    def __init__(self, vocabulary: Vocabulary, schema: Compiled, max_tokens: int) -> None:
        self._value = Value(schema, vocabulary.special[END], 1)
        self._left = max_tokens
        self._pending: list[int] = []
        self.done = False

    def mask(self, out: np.ndarray) -> None:
        """Fill the packed mask of the tokens that may come next."""
        if self._pending or self.forced():
            out[:] = 0
            allow(out, self._pending[0])
        else:
            self._value.mask(out, self._left)

    def forced(self) -> list[int]:
        """Tokens that must come next."""
        if not self._pending and not self.done:
            self._pending, _ = self._value.forced(self._left)
        return list(self._pending)

    def accept(self, ids: Sequence[int]) -> None:
        """These tokens came. Raises `ModelError` for one that was not allowed."""
        for token in ids:
            self._left -= 1
            self._pending = _taken(self._pending, token)
            self._value.accept(token)
            self.done = token == self._value.close


@dataclass
class _Step:
    """A place in the names: the tokens that may follow, and the tool whose name ends here."""

    next: dict[int, _Step] = field(default_factory=dict)
    tool: str | None = None


class ToolConstraint:
    """Text and calls. `left` tokens may still come."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        tools: Mapping[str, Compiled],
        text: bool,
        parallel: bool,
        max_tokens: int,
        first_index: int,
    ) -> None:
        self._vocabulary, self._tools, self._parallel = vocabulary, tools, parallel
        self._ids = {name: vocabulary.special[name] for name in (*_MARKERS, END)}
        self.left, self._index = max_tokens, first_index
        self._state: Literal["text", "section", "name", "arguments", "called", "end"] = "text"
        self._text = vocabulary.text_matcher() if text else None
        self._step = _Step()
        self._value: Value | None = None
        self._pending: list[int] = []
        self.done = False
        if not text:
            if self._shortest_call() > self.left - 1:
                name = min(tools, key=lambda tool: tools[tool].cost)
                raise _too_long(name, self._shortest_call() + 1, max_tokens)
            self._pending = [self._ids[SECTION_BEGIN]]

    def mask(self, out: np.ndarray) -> None:
        """Fill the packed mask of the tokens that may come next."""
        if self._pending or self.forced():
            out[:] = 0
            allow(out, self._pending[0])
            return
        if self._state == "arguments" and self._value is not None:
            self._value.mask(out, self.left)
        elif self._state == "text" and self._text is not None:
            self._mask_text(out)
        else:
            out[:] = 0
            for token in self._choices():
                allow(out, token)

    def forced(self) -> list[int]:
        """Tokens that must come next."""
        if not self._pending and not self.done:
            self._pending = self._find_forced()
        return list(self._pending)

    def accept(self, ids: Sequence[int]) -> None:
        """These tokens came. Raises `ModelError` for one that was not allowed."""
        for token in ids:
            self._pending = _taken(self._pending, token)
            if self._state in ("text", "arguments"):
                self.left -= 1
                self._write(token)
            elif token in self._choices():
                self.left -= 1
                self._mark(token)
            else:
                raise _not_allowed(token)

    def _mask_text(self, out: np.ndarray) -> None:
        self._text.unsafe_compute_mask_ptr(out.ctypes.data, out.nbytes)  # type: ignore[union-attr]
        if allows(out, self._vocabulary.end_id):
            forbid(out, self._vocabulary.end_id)
            allow(out, self._ids[END])
            if self._tools and self._shortest_call() <= self.left - 1:
                allow(out, self._ids[SECTION_BEGIN])

    def _find_forced(self) -> list[int]:
        if self._state == "text":
            return []
        if self._state == "arguments" and self._value is not None:
            return self._value.forced(self.left)[0]
        found: list[int] = []
        state, step = self._state, self._step
        while state in ("section", "called", "end") or state == "name":
            choices = self._choices(state, step)
            if len(choices) != 1 or (found and state != "name"):
                break
            found += choices
            if state != "name" or step.tool is not None:
                break
            step = step.next[choices[0]]
        return found

    def _choices(self, state: str | None = None, step: _Step | None = None) -> list[int]:
        """The tokens that may come in a state whose tokens can be listed."""
        state, step = state or self._state, step or self._step
        if state == "section":
            return [self._ids[CALL_BEGIN]]
        if state == "called":
            again = self._parallel and self._shortest_call() <= self.left
            return [self._ids[SECTION_END], *([self._ids[CALL_BEGIN]] if again else [])]
        if state == "end":
            return [self._ids[END]]
        return [*step.next, *([self._ids[ARGUMENT_BEGIN]] if step.tool is not None else [])]

    def _write(self, token: int) -> None:
        """A token of text or of arguments, or the marker that ends them."""
        ids = self._ids
        if self._state == "text":
            if token == ids[END]:
                self.done = True
            elif token == ids[SECTION_BEGIN] and self._tools:
                self._state = "section"
            elif self._text is None or not self._text.consume_token(token):
                raise _not_allowed(token)
        elif self._value is not None:
            self._value.accept(token)
            if token == ids[CALL_END]:
                self._state, self._value = "called", None

    def _mark(self, token: int) -> None:
        """A marker or a piece of a name."""
        ids = self._ids
        if token == ids[CALL_BEGIN]:
            self._state, self._step = "name", self._names()
        elif token == ids[SECTION_END]:
            self._state = "end"
        elif token == ids[END]:
            self.done = True
        elif token == ids[ARGUMENT_BEGIN]:
            tool = self._tools[str(self._step.tool)]
            self._state, self._value = "arguments", Value(tool, ids[CALL_END], _AFTER_ARGUMENTS)
            self._index += 1
        else:
            self._step = self._step.next[token]

    def _names(self) -> _Step:
        """The names of the tools whose shortest call still fits."""
        start = _Step()
        for name, tool in self._tools.items():
            shown = self._shown(name)
            if len(shown) + 1 + tool.cost + _AFTER_ARGUMENTS > self.left:
                continue
            step = start
            for token in shown:
                step = step.next.setdefault(token, _Step())
            step.tool = name
        return start

    def _shortest_call(self) -> int:
        """Tokens of the shortest call with its markers, and of what must follow it."""
        return min(2 + len(self._shown(n)) + tool.cost + _AFTER_ARGUMENTS for n, tool in self._tools.items())

    def _shown(self, name: str) -> tuple[int, ...]:
        return self._vocabulary.encode(f"functions.{name}:{self._index}")


_MARKERS = (SECTION_BEGIN, CALL_BEGIN, ARGUMENT_BEGIN, CALL_END, SECTION_END)


def _taken(pending: list[int], token: int) -> list[int]:
    if pending and pending[0] != token:
        raise _not_allowed(token)
    return pending[1:]


def _not_allowed(token: int) -> ModelError:
    return ModelError(f"token {token} was not allowed here")


def _too_long(name: str, needed: int, max_tokens: int) -> SchemaRefused:
    return SchemaRefused(name, f"its shortest form takes {needed} tokens, and max_tokens is {max_tokens}")
