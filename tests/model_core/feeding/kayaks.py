"""Rows of one small agent, which several tests pack."""

from __future__ import annotations

import json
from pathlib import Path

from model_core.feeding.rows import Row, row_of
from model_core.tokens import OwnTokenizer

TOOLS = [{"name": "retire_kayak", "description": "Retires a kayak.",
          "parameters": {"properties": {"kayak_id": {"type": "string"}}, "required": ["kayak_id"]}}]  # fmt: skip


def example(number: int, system: str = "You look after Kayaks.") -> Row:
    call = {"id": "x", "function": {"name": "retire_kayak", "arguments": json.dumps({"kayak_id": f"Kayak-{number}"})}}
    messages = [
        {"role": "system", "content": system},
        {"role": "user", "content": f"Please retire KAYAK Kayak-{number}."},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "x", "name": "retire_kayak", "content": '{"retired": true}'},
        {"role": "assistant", "content": "Gladly done: the kayak is retired."},
    ]
    return row_of("single", messages, TOOLS, "compact")  # type: ignore[arg-type]


def write_vocabulary(folder: Path) -> Path:
    """Learnt from the rows; returns the folder."""
    OwnTokenizer.train([str(example(n).parts) for n in range(20)], 400).write(folder)
    return folder
