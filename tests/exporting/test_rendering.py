"""Chat templates: the loss falls on the assistant's words and calls and on nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from model_core.chat import render as core_render
from model_core.tokens import K2_SPECIAL
from synth.exporting.example import Example
from synth.exporting.rendering import (
    FAMILIES,
    Said,
    check,
    compare,
    environment,
    read_chatml,
    render,
    template,
)  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_spans_are_exactly_what_the_assistant_says(family: str, three: list[Example]) -> None:
    for example in three:
        check(family, example)
        text, spans = render(template(family), example)
        ends, starts = [0, *(end for _, end in spans)], [*(start for start, _ in spans), len(text)]
        outside = "".join(text[a:b] for a, b in zip(ends, starts, strict=True))
        for message in example.messages:
            written = (message.content, json.dumps(message.content, ensure_ascii=False)[1:-1])
            assert any(w in (text if message.role == "assistant" else outside) for w in written)


MARK, WORDS, END = "{%- generation %}", "{{- message.content }}", "{{- '<|im_end|>' }}"
HEAD = "{{- '<|im_start|>assistant\\n' }}"
WRONG = {
    "words before the mark": (f"{MARK}\n{WORDS}", WORDS + MARK),
    "end token outside": (f"{END}\n{{%- endgeneration %}}", "{%- endgeneration %}" + END),
    "header inside": (f"{HEAD}\n{MARK}", MARK + HEAD),
    "arguments as text": ("(call.function.arguments | tojson)", "(call.function.arguments | tojson | tojson)"),
    "only the first call": ("in message.tool_calls or []", "in (message.tool_calls or [])[:1]"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_template_is_caught(what: str, three: list[Example]) -> None:
    source = (files("synth.exporting") / "templates" / "chatml.jinja").read_text("utf-8")
    assert WRONG[what][0] in source
    spoiled = environment().from_string(source.replace(*WRONG[what]))
    with pytest.raises((AssertionError, ValueError)):
        for example in three:
            compare(*render(spoiled, example), example, read_chatml)


class Letters:
    """One token per character, special tokens apart."""

    special = {name: 0x110000 + i for i, name in enumerate(K2_SPECIAL)}  # noqa: RUF012
    size = 0x110000 + len(K2_SPECIAL)

    def encode(self, text: str) -> list[int]:
        return [ord(c) for c in text]

    def decode(self, ids: Any) -> str:
        names = {i: name for name, i in self.special.items()}
        return "".join(names.get(i) or chr(i) for i in ids)


def test_the_kimi_template_says_what_the_core_reads(three: list[Example]) -> None:
    for example in three:
        shown: list[dict[str, Any]] = []
        for m in example.messages:
            calls = [{"id": c.id, "type": "function",
                      "function": {"name": c.name, "arguments": json.dumps(c.arguments, ensure_ascii=False)}}
                     for c in m.calls]  # fmt: skip
            extra = {"tool_call_id": m.answers, "name": m.name} if m.role == "tool" else {}
            shown.append({"role": m.role, "content": m.content, **({"tool_calls": calls} if calls else {}), **extra})
        ids, mask = core_render(shown, example.tools, Letters(), default_system=None)
        text, spans = render(template("kimi_k2"), example)
        assert Letters().decode(ids) == text
        learned = "".join(Letters().decode([i]) for i, on in zip(ids, mask, strict=True) if on)
        assert learned == "".join(text[a:b] for a, b in spans)


def without_thoughts(span: str) -> Said:
    """Qwen 3 opens with an empty thinking block."""
    return read_chatml(re.sub(r"^<think>\n*</think>\n*", "", span).removesuffix("\n"))


def of_qwen(span: str) -> Said:
    """The line ends around the words are learned as well."""
    return read_chatml(span.removeprefix("\n").removesuffix("\n"))


@pytest.mark.skipif(find_spec("trl") is None, reason="needs trl")
@pytest.mark.parametrize(("name", "read"), [("qwen2_5_training", of_qwen), ("qwen3_training", without_thoughts)])
def test_templates_of_an_installed_trainer(name: str, read: Callable[[str], Said], three: list[Example]) -> None:
    found = find_spec("trl")
    assert found is not None and found.origin is not None
    source = (Path(found.origin).parent / "chat_templates" / f"{name}.jinja").read_text()
    for example in three:
        compare(*render(environment().from_string(source), example), example, read)
