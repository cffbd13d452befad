"""What a format is, and which there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import pyarrow as pa

from synth.exporting import openai, sessions, sharegpt
from synth.exporting.example import Example, Message

Read = tuple[list[Message], list[dict[str, Any]]]  # messages and tools


class Target(Protocol):
    """One format. `lossy` collects the names of what a row could not carry."""

    def write(self, example: Example, lossy: set[str]) -> Any:
        """The row as plain data. Raises Unsayable where the format cannot say the example."""
        ...

    def read(self, row: Any) -> Read:
        """The conversation behind a row: what a trainer gets out of it."""
        ...


@dataclass(frozen=True)
class Format:
    """`schema`: of a Parquet file, with its metadata; None for the other layouts. `beside`: files that a trainer needs
    next to the data, name -> text."""

    target: Target
    layout: Literal["jsonl", "parquet", "sessions"]
    schema: pa.Schema | None = None
    beside: Mapping[str, str] = field(default_factory=dict)


FORMATS: dict[str, Format] = {
    "trl": Format(openai.Trl(), "parquet", openai.TRL_SCHEMA),
    "llamafactory": Format(sharegpt.LlamaFactory(), "jsonl", beside={"dataset_info.json": sharegpt.DATASET_INFO}),
    "axolotl": Format(openai.Axolotl(), "jsonl", beside={"axolotl.yaml": openai.AXOLOTL_YAML}),
    "verl": Format(openai.Verl(), "parquet", openai.VERL_SCHEMA),
    "openai": Format(openai.OpenAI(), "jsonl"),
    "hermes": Format(sharegpt.Hermes(), "jsonl"),
    "sts": Format(sessions.Sessions(), "sessions"),
}
