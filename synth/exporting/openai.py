"""Formats with OpenAI's messages: TRL, Axolotl, verl, OpenAI fine-tuning. They differ in where text stands for an
object: Arrow gives every row the keys of all others, with null, so what varies per row is text or a Json column there.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pyarrow as pa

from synth.exporting.example import Call, Example, Message, Unsayable
from synth.records import json_text

_NAME = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")  # what OpenAI's endpoint accepts
MOST_TOOLS = 128  # of one OpenAI example
_FUNCTION_KEYS = {"name", "description", "parameters"}


class Trl:
    """`messages` and `tools` as objects: templates want arguments so."""

    def write(self, example: Example, lossy: set[str]) -> dict[str, Any]:
        all_train(example)
        plain = [_plain(m, {c.id: c.id for c in m.calls}, as_text=False) for m in example.messages]
        messages, tools = [json_text(m) for m in plain], json_text(example.tools)
        if [_as_datasets_reads(text) for text in [*messages, tools]] != [*plain, example.tools]:
            lossy.add("number_rounded")
        return {"messages": messages, "tools": tools}

    def read(self, row: Any) -> tuple[list[Message], list[dict[str, Any]]]:
        return [_read(json.loads(m)) for m in row["messages"]], json.loads(row["tools"])


def _as_datasets_reads(text: str) -> Any:
    """Raises Unsayable for an integer beyond 64 bits; now and then the last digit of a fraction differs."""
    from datasets.utils.json import ujson_loads

    try:
        return ujson_loads(text)
    except ValueError:
        raise Unsayable("number_too_large") from None


def _json_columns() -> pa.Schema:
    """Text columns that `datasets` hands out as objects, by the features it finds in the file."""
    features = {"messages": {"feature": {"_type": "Json"}, "_type": "List"}, "tools": {"_type": "Json"}}
    told = json.dumps({"info": {"features": features}})
    return pa.schema([("messages", pa.list_(pa.json_())), ("tools", pa.json_())], metadata={"huggingface": told})


TRL_SCHEMA = _json_columns()


class Axolotl:
    """Arguments and parameters as text, `train` on each message."""

    def write(self, example: Example, lossy: set[str]) -> dict[str, Any]:
        messages = [{**_plain(m, {c.id: c.id for c in m.calls}), "train": m.train} for m in example.messages]
        return {"messages": messages, "tools": _text_tools(example)}

    def read(self, row: Any) -> tuple[list[Message], list[dict[str, Any]]]:
        return [_read(m, bool(m["train"])) for m in row["messages"]], _object_tools(row["tools"])


AXOLOTL_YAML = """\
datasets:
  - path: .
    data_files: [train.jsonl]
    type: chat_template
    field_messages: messages
    field_tools: tools
    message_field_training: train
    roles_to_train: [assistant]
    train_on_eos: turn
"""


class Verl:
    """Parquet with one fixed shape: arguments and parameters as text, `trainable` on each message."""

    def write(self, example: Example, lossy: set[str]) -> dict[str, Any]:
        empty = dict.fromkeys(field.name for field in _VERL_MESSAGE)
        messages = [
            {**empty, **_plain(m, {c.id: c.id for c in m.calls}), "content": m.content, "trainable": m.train}
            for m in example.messages
        ]
        return {"messages": messages, "tools": _text_tools(example)}

    def read(self, row: Any) -> tuple[list[Message], list[dict[str, Any]]]:
        return [_read(m, bool(m["trainable"])) for m in row["messages"]], _object_tools(row["tools"])


_CALL = pa.struct([
    ("id", pa.string()), ("type", pa.string()),
    ("function", pa.struct([("name", pa.string()), ("arguments", pa.string())])),
])  # fmt: skip
_VERL_MESSAGE = pa.struct([
    ("role", pa.string()), ("content", pa.string()), ("reasoning_content", pa.string()),
    ("tool_calls", pa.list_(_CALL)), ("tool_call_id", pa.string()), ("name", pa.string()), ("trainable", pa.bool_()),
])  # fmt: skip
_TOOL = pa.struct([
    ("type", pa.string()),
    ("function", pa.struct([("name", pa.string()), ("description", pa.string()), ("parameters", pa.string())])),
])  # fmt: skip
VERL_SCHEMA = pa.schema([("messages", pa.list_(_VERL_MESSAGE)), ("tools", pa.list_(_TOOL))])


class OpenAI:
    """Chat fine-tuning JSONL: arguments as text, short ids, `weight` on the assistant's messages, no reasoning."""

    def write(self, example: Example, lossy: set[str]) -> dict[str, Any]:
        if len(example.tools) > MOST_TOOLS:
            raise Unsayable("too_many_tools")
        names = [tool["function"]["name"] for tool in example.tools]
        if not all(_NAME.match(name) for name in [*names, *(c.name for m in example.messages for c in m.calls)]):
            raise Unsayable("tool_name")
        ids = {c.id: f"call_{i}" for i, c in enumerate(c for m in example.messages for c in m.calls)}
        row: dict[str, Any] = {"messages": [self._message(m, ids, lossy) for m in example.messages]}
        if example.tools:
            row["tools"] = example.tools
            row["parallel_tool_calls"] = any(len(m.calls) > 1 for m in example.messages)
        return row

    @staticmethod
    def _message(message: Message, ids: dict[str, str], lossy: set[str]) -> dict[str, Any]:
        out = _plain(message, ids)
        out.pop("name", None)
        if out.pop("reasoning_content", None):
            lossy.add("reasoning")
        if message.role == "assistant":
            out["weight"] = int(message.train)
        return out

    def read(self, row: Any) -> tuple[list[Message], list[dict[str, Any]]]:
        return [_read(m, bool(m.get("weight", 0))) for m in row["messages"]], row.get("tools", [])


def all_train(example: Example) -> None:
    """Raises Unsayable where a message of the assistant is not to be learned and the format has no word for it."""
    if any(m.role == "assistant" and not m.train for m in example.messages):
        raise Unsayable("untrained_message")


def _plain(message: Message, ids: dict[str, str], as_text: bool = True) -> dict[str, Any]:
    """A message with only the keys that it has. `ids`: what its calls are called here."""
    out: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.reasoning:
        out["reasoning_content"] = message.reasoning
    if message.calls:
        out["tool_calls"] = [
            {"id": ids[c.id], "type": "function",
             "function": {"name": c.name, "arguments": json_text(c.arguments) if as_text else c.arguments}}
            for c in message.calls
        ]  # fmt: skip
    if message.role == "tool":
        out["tool_call_id"] = ids.get(message.answers, message.answers)
        out["name"] = message.name
    return out


def _read(said: dict[str, Any], train: bool | None = None) -> Message:
    calls = []
    for call in said.get("tool_calls") or []:
        arguments = call["function"]["arguments"]
        calls.append(Call(call["id"], call["function"]["name"],
                          json.loads(arguments) if isinstance(arguments, str) else arguments))  # fmt: skip
    learned = said["role"] == "assistant" if train is None else train
    return Message(said["role"], said.get("content") or "", said.get("reasoning_content") or "", tuple(calls),
                   said.get("tool_call_id") or "", said.get("name") or "", learned)  # fmt: skip


def _text_tools(example: Example) -> list[dict[str, Any]]:
    """Tools whose parameters are text. Raises Unsayable for a tool with more than the three usual keys."""
    if any(tool.keys() != {"type", "function"} or tool["function"].keys() - _FUNCTION_KEYS for tool in example.tools):
        raise Unsayable("tool_keys")
    return [{"type": "function", "function": {**t["function"], **_as_text(t["function"])}} for t in example.tools]


def _as_text(function: dict[str, Any]) -> dict[str, str]:
    return {"parameters": json_text(function["parameters"])} if "parameters" in function else {}


def _object_tools(tools: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    out = []
    for tool in tools or []:
        function = {key: value for key, value in tool["function"].items() if value is not None}
        if "parameters" in function:
            function["parameters"] = json.loads(function["parameters"])
        out.append({"type": "function", "function": function})
    return out
