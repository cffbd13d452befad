"""Conversations and shards for the training tests, small and made up here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from model_core import OwnTokenizer
from model_core.training import TokenFile, TokenWriter
from synth.store.sft import SFT_SCHEMA

TOOL = {
    "type": "function",
    "function": {
        "name": "add_note",
        "description": "Keeps a note.",
        "parameters": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    },
}


def row(number: int, words: int = 3) -> dict[str, Any]:
    """One example of the shards: a call, its result, an answer."""
    text = " ".join(f"word{(number + k) % 7}" for k in range(words))
    call = {
        "id": "functions.add_note:0", "type": "function",
        "function": {"name": "add_note", "arguments": json.dumps({"text": text})},
    }  # fmt: skip
    empty = {"reasoning_content": None, "name": None, "tool_call_id": None, "train": False, "tool_calls": None}
    said = [
        {"role": "system", "content": "You keep notes."},
        {"role": "user", "content": f"Please note {text}."},
        {"role": "assistant", "content": None, "train": True, "tool_calls": [call]},
        {"role": "tool", "content": '{"ok": true}', "name": "add_note", "tool_call_id": "functions.add_note:0"},
        {"role": "assistant", "content": "Noted.", "train": True},
    ]
    return {
        "messages": [empty | message for message in said], "tools": json.dumps([TOOL]),
        "trajectory_id": f"trajectory_{number:05d}", "task_id": f"task_{number:05d}", "kind": "single",
        "policy": "expert", "score": 1.0,
    }  # fmt: skip


def write_shards(folder: Path, rows: list[dict[str, Any]], split: str = "train", schema: Any = SFT_SCHEMA) -> Path:
    """A shard file with row groups of three."""
    folder.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist(rows, schema=schema)
    parquet.write_table(table, folder / f"{split}-00000.parquet", row_group_size=3)
    return folder


def small_vocabulary() -> OwnTokenizer:
    """A BPE of a few hundred tokens."""
    texts = [row(number)["tools"] for number in range(3)] + [m["content"] or "" for m in row(1)["messages"]]
    return OwnTokenizer.train(texts, 320)


def counting_tokens(folder: Path, documents: int = 200, vocabulary: int = 97, longest: int = 60) -> TokenFile:
    """Documents that count in steps of three from a random number: learnt within a few dozen steps."""
    writer = TokenWriter(folder, vocabulary, longest)
    random = np.random.default_rng(0)
    for number in range(documents):
        start, length = int(random.integers(vocabulary)), int(random.integers(6, longest + 1))
        writer.add([(start + 3 * k) % vocabulary for k in range(length)], [k > 2 for k in range(length)], str(number))
    writer.close()
    return TokenFile(folder)
