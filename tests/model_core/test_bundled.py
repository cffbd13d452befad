"""The model that is shipped: small enough, whole, and able to call a tool that it never saw."""

from __future__ import annotations

import json
from typing import Any

import pytest

from model_core.assistant import Assistant
from model_core.engine import Engine, SamplingParams
from model_core.opening import BUNDLED_FOLDER, Opened, open_checkpoint

TOOLS = [
    {"name": "retire_kayak", "description": "Retires a kayak.",
     "parameters": {"type": "object", "properties": {"kayak_id": {"type": "string"}}, "required": ["kayak_id"]}},
    {"name": "list_kayaks", "description": "Lists kayaks.",
     "parameters": {"type": "object", "properties": {"limit": {"type": "integer"}}}},
    {"name": "create_paddler", "description": "Creates a paddler.",
     "parameters": {"type": "object", "required": ["email", "full_name"],
                    "properties": {"email": {"type": "string"}, "full_name": {"type": "string"}}}},
]  # fmt: skip
SYSTEM = "You are the assistant of Fern Boating. Change only what was asked for."


@pytest.fixture(scope="module")
def opened() -> Opened:
    return open_checkpoint("bundled")


def test_it_fits_where_it_is_shipped() -> None:
    sizes = [path.stat().st_size for path in BUNDLED_FOLDER.iterdir()]
    assert sum(sizes) <= 32 * 2**20 and max(sizes) <= 15 * 2**20
    assert (BUNDLED_FOLDER / "README.md").is_file()


def answer(opened: Opened, said: str) -> dict[str, Any]:
    engine = Engine(opened.model, opened.tokenizer)
    assistant = Assistant(engine, opened.tokenizer, "bundled")
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": said}]
    request = assistant.prepare(messages, TOOLS, SamplingParams(temperature=0.0, max_tokens=200), request_id="r")
    (completion,) = engine.run([request])
    return assistant.read(completion)[0]


@pytest.mark.parametrize(
    ("said", "name", "arguments"),
    [
        ("Please retire kayak KYK-77Q2M9.", "retire_kayak", {"kayak_id": "KYK-77Q2M9"}),
        ("Could you create a paddler with full name Orla Venn and email orla.venn@tidal.example.org? Thanks.",
         "create_paddler", {"full_name": "Orla Venn", "email": "orla.venn@tidal.example.org"}),
    ],
)  # fmt: skip
def test_it_calls_the_tool_that_was_asked_for(opened: Opened, said: str, name: str, arguments: dict[str, Any]) -> None:
    (call,) = answer(opened, said)["tool_calls"]
    assert call["function"]["name"] == name
    assert json.loads(call["function"]["arguments"]) == arguments


def test_it_calls_nothing_where_a_value_is_missing(opened: Opened) -> None:
    reply = answer(opened, "Please create a paddler with full name Orla Venn.")
    assert not reply.get("tool_calls") and "email" in reply["content"].lower()
