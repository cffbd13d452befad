"""Examples through chat templates: the text a model would read, and which of it the loss falls on.

A template marks what the assistant says with `{% generation %}`, as trainers expect it. `check` reads each marked span
back in the family's own grammar and compares it with the message: exactly its words and calls, nothing before or after.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment

from synth.exporting.example import Example, Message, Unsayable
from synth.exporting.sharegpt import between

_OPEN, _CLOSE = "\ufdd0", "\ufdd1"  # characters that no text may hold
Said = tuple[str, list[tuple[str, Any]]]  # words, and calls as (name, arguments)


class Generation(Extension):
    """`{% generation %}...{% endgeneration %}`: what the assistant says."""

    tags = {"generation"}  # noqa: RUF012 - jinja2's own way

    def parse(self, parser: Any) -> Any:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_mark"), [], [], body).set_lineno(line)

    def _mark(self, caller: Callable[[], str]) -> str:
        return f"{_OPEN}{caller()}{_CLOSE}"


def environment() -> ImmutableSandboxedEnvironment:
    """Jinja as trainers set it up for chat templates."""
    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation])
    made.filters["tojson"] = lambda value, **kw: json.dumps(value, ensure_ascii=False, **kw)
    return made


@cache
def template(family: str) -> Any:
    """The template of a family that ships with the package."""
    return environment().from_string((files("synth.exporting") / "templates" / f"{family}.jinja").read_text("utf-8"))


def render(made: Any, example: Example) -> tuple[str, list[tuple[int, int]]]:
    """The text, and the spans [start, end) the loss falls on. Raises Unsayable where marks stand in the text itself."""
    messages = [_as_templates_want(m) for m in example.messages]
    marked: str = made.render(messages=messages, tools=example.tools or None, add_generation_prompt=False)
    pieces = re.split(f"[{_OPEN}{_CLOSE}]", marked)
    marks = [c for c in marked if c in (_OPEN, _CLOSE)]
    if marks != [_OPEN, _CLOSE] * sum(m.role == "assistant" for m in example.messages):
        raise Unsayable("marks_in_the_text")
    spans, at = [], 0
    for number, piece in enumerate(pieces):
        if number % 2:
            spans.append((at, at + len(piece)))
        at += len(piece)
    return "".join(pieces), spans


def _as_templates_want(message: Message) -> dict[str, Any]:
    out: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.reasoning:
        out["reasoning_content"] = message.reasoning
    if message.calls:
        out["tool_calls"] = [{"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}}
                             for c in message.calls]  # fmt: skip
    if message.role == "tool":
        out |= {"tool_call_id": message.answers, "name": message.name}
    return out


def check(family: str, example: Example) -> None:
    """Render with a family's template and compare the spans with what the assistant said. Raises Unsayable where the
    text holds the family's control tokens, AssertionError where a span is not exactly the message."""
    _, controls, read = FAMILIES[family]
    texts = [m.content for m in example.messages] + [json.dumps([c.arguments for c in m.calls], ensure_ascii=False)
                                                     for m in example.messages]  # fmt: skip
    if any(token in text for text in texts for token in controls):
        raise Unsayable("control_tokens_in_the_text")
    text, spans = render(template(family), example)
    compare(text, spans, example, read)


def compare(text: str, spans: list[tuple[int, int]], example: Example, read: Callable[[str], Said]) -> None:
    """Raises AssertionError where a span is not exactly what its message says."""
    spoken = [m for m in example.messages if m.role == "assistant"]
    assert len(spans) == len(spoken), (len(spans), len(spoken))
    for (start, end), message in zip(spans, spoken, strict=True):
        wanted = (message.content, [(c.name, c.arguments) for c in message.calls])
        found = read(text[start:end])
        assert found == wanted, f"the loss falls on {found!r}, not on {wanted!r}"


def read_chatml(span: str) -> Said:
    """Words, then tagged calls, then the end token."""
    words, asked = between(_ended(span, "<|im_end|>"), "tool_call")
    return words, [(c["name"], c["arguments"]) for c in map(json.loads, asked)]


def read_kimi(span: str) -> Said:
    words, found, rest = _ended(span, "<|im_end|>").partition("<|tool_calls_section_begin|>")
    if not found:
        return words, []
    calls = []
    for part in _ended(rest, "<|tool_calls_section_end|>").split("<|tool_call_begin|>")[1:]:
        name, _, arguments = _ended(part, "<|tool_call_end|>").partition("<|tool_call_argument_begin|>")
        calls.append((name.removeprefix("functions.").rpartition(":")[0], json.loads(arguments)))
    return words, calls


def read_mistral(span: str) -> Said:
    words, found, rest = _ended(span, "</s>").partition("[TOOL_CALLS]")
    return words, [(c["name"], c["arguments"]) for c in json.loads(rest)] if found else []


def _ended(text: str, token: str) -> str:
    assert text.endswith(token), f"{text[-40:]!r} does not end with {token}"
    return text.removesuffix(token)


_KIMI = ("<|im_end|>", "<|im_middle|>", "<|im_user|>", "<|im_system|>", "<|im_assistant|>", "<|tool_call")
_MISTRAL = ("[INST]", "[/INST]", "[TOOL_CALLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[AVAILABLE_TOOLS]",
            "[/AVAILABLE_TOOLS]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "</s>")  # fmt: skip
# name: (who reads it, control tokens that no text may hold, how a span is read back)
FAMILIES: dict[str, tuple[str, tuple[str, ...], Callable[[str], Said]]] = {
    "chatml": ("Qwen, Hermes", ("<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>"), read_chatml),
    "kimi_k2": ("Kimi K2, model_core", _KIMI, read_kimi),
    "mistral": ("Mistral", _MISTRAL, read_mistral),
}
