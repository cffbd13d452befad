"""Examples that hold what is hard to carry over, and a run folder of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from synth.records import json_text
from synth.store.sft import SFT_SCHEMA

Turn = dict[str, Any]


def tool(name: str, parameters: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    shown = {} if parameters is None else {"parameters": {"type": "object", "properties": parameters}}
    return {"type": "function", "function": {"name": name, **more, **shown}}


TOOLS = [
    tool("find_rooms", {"city": {"type": "string", "description": "Où ?"}, "beds": {"type": ["integer", "null"]}},
         description="Find rooms."),
    tool("book_room", {"room": {"type": "string"}, "guests": {"type": "array", "items": {"type": "object"}}},
         description=""),
    tool("ping"),
]  # fmt: skip


def says(content: str = "", *calls: tuple[str, Any], first: int = 0, train: bool = True) -> Turn:
    made = [
        {"id": f"functions.{name}:{first + i}", "type": "function",
         "function": {"name": name, "arguments": a if isinstance(a, str) else json_text(a)}}
        for i, (name, a) in enumerate(calls)
    ]  # fmt: skip
    return {"role": "assistant", "content": content, "train": train, "tool_calls": made or None}


def result(name: str, number: int, content: str) -> Turn:
    return {"role": "tool", "name": name, "tool_call_id": f"functions.{name}:{number}", "content": content}


def user(content: str) -> Turn:
    return {"role": "user", "content": content}


SYSTEM = {"role": "system", "content": "You book rooms.\n\nBe brief."}
SINGLE = [
    SYSTEM, user("A room in Łódź \"now\", please"), says("", ("find_rooms", {"city": "Łódź", "beds": None})),
    result("find_rooms", 0, '{"rooms": [{"id": "r1", "price": 1.50}]}'), says("Room r1 is free.\n"),
]  # fmt: skip
PARALLEL = [
    SYSTEM, user("Book r1 and ping"),
    says("I do both.", ("book_room", {"room": "r1", "guests": [{"name": "Ana", "age": 3}, {"vip": True}]}),
         ("ping", {})),
    result("book_room", 0, '{"ok": true}'), result("ping", 1, "pong"), says("Done: {}"), user("And r2"),
    says("", ("book_room", {"room": "r2", "guests": []}), first=2), result("book_room", 2, '["a",  "b"]'), says("Yes"),
]  # fmt: skip
TALK = [user("hello"), says("Which city?"), user("Rome"), says("No rooms there.")]


def row(name: str, messages: list[Turn], tools: list[dict[str, Any]]) -> dict[str, Any]:
    blank = dict.fromkeys(("reasoning_content", "name", "tool_call_id", "tool_calls"))
    return {
        "messages": [{**blank, "train": False, **m} for m in messages], "tools": json_text(tools),
        "trajectory_id": f"traj_{name}", "task_id": f"task_{name}", "kind": name, "policy": "expert", "score": 1.0,
    }  # fmt: skip


ROWS = [row("single", SINGLE, TOOLS), row("parallel", PARALLEL, TOOLS), row("talk", TALK, [])]


def run_with(folder: Path, rows: list[dict[str, Any]]) -> Path:
    (folder / "sft").mkdir(parents=True)
    (folder / "run.json").write_text("{}")
    pq.write_table(pa.Table.from_pylist(rows, schema=SFT_SCHEMA), folder / "sft" / "train-00000.parquet")
    return folder
