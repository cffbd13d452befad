"""One example of `sft/`, parsed: arguments and tools are objects again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from synth.errors import CorruptRun, UsageError

BATCH = 200  # examples decoded together


class Unsayable(Exception):
    """A target cannot say this example; the text is the reason under which it is counted."""


@dataclass(frozen=True)
class Call:
    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Message:
    """`answers`: the id of the call that a tool message answers. `train`: whether loss falls on it."""

    role: str
    content: str = ""
    reasoning: str = ""
    calls: tuple[Call, ...] = ()
    answers: str = ""
    name: str = ""
    train: bool = False


@dataclass(frozen=True)
class Example:
    messages: list[Message]
    tools: list[dict[str, Any]]
    facts: dict[str, Any] = field(default_factory=dict)  # trajectory_id, task_id, kind, policy, score

    @property
    def id(self) -> str:
        return str(self.facts.get("trajectory_id", ""))


def told(messages: list[Message], tools: list[dict[str, Any]]) -> list[Any]:
    """What a conversation says, as plain data: the same for equal conversations, whatever their calls' ids are."""
    place = {call.id: number for number, call in enumerate(c for m in messages for c in m.calls)}
    said = [
        [m.role, m.content, m.reasoning, m.train, [[c.name, c.arguments] for c in m.calls], place.get(m.answers, -1)]
        for m in messages
    ]
    return [said, tools]


def called(messages: list[Message], tools: list[dict[str, Any]]) -> list[Any]:
    """The part that no export may lose: every call with its arguments, in order, and every tool."""
    return [[[c.name, c.arguments] for m in messages for c in m.calls], tools]


def splits_of(sft: Path) -> dict[str, list[Path]]:
    """The files of an `sft/` folder by split. Raises UsageError where there is none."""
    found: dict[str, list[Path]] = {}
    for path in sorted(sft.glob("*-*.parquet")):
        found.setdefault(path.name.rsplit("-", 1)[0], []).append(path)
    if not found:
        raise UsageError(f"{sft} has no examples; `synth run FILE` makes them from passed trajectories")
    return found


def examples(path: Path) -> Iterator[Example | Unsayable]:
    """The examples of one file in order, a few in memory at a time; one that no format could say as its reason."""
    try:
        for batch in pq.ParquetFile(path).iter_batches(BATCH):
            yield from (_example(row) for row in batch.to_pylist())
    except (OSError, pa.ArrowException) as error:
        raise CorruptRun(f"{path} cannot be read ({str(error)[:200]}); `synth run` makes sft/ again") from error


def _example(row: Mapping[str, Any]) -> Example | Unsayable:
    facts = {name: row[name] for name in ("trajectory_id", "task_id", "kind", "policy", "score") if name in row}
    try:
        return Example([_message(m) for m in row["messages"]], json.loads(row["tools"]), facts)
    except Unsayable as reason:
        return reason


def _message(said: Mapping[str, Any]) -> Message:
    calls = tuple(Call(c["id"], c["function"]["name"], arguments_of(c["function"]["arguments"]))
                  for c in said["tool_calls"] or [])  # fmt: skip
    return Message(said["role"], said["content"] or "", said["reasoning_content"] or "", calls,
                   said["tool_call_id"] or "", said["name"] or "", bool(said["train"]))  # fmt: skip


def arguments_of(text: str) -> dict[str, Any]:
    """The object that a call's text stands for. Raises Unsayable where it is none: a model wrote it."""
    try:
        value = json.loads(text)
    except ValueError:
        raise Unsayable("arguments_not_json") from None
    if not isinstance(value, dict):
        raise Unsayable("arguments_not_an_object")
    return value
