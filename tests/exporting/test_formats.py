"""Each format as its trainer gets it: read by `datasets`, pandas or plain JSON as the trainers' own documents say, not
by the package's readers. Every tool and argument must be there again, with its type."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pytest
from datasets import load_dataset
from hard_rows import ROWS, TOOLS

from synth.exporting import FORMATS, export

Calls = list[tuple[str, Any]]
WANTED: list[Calls] = [
    [
        (c["function"]["name"], json.loads(c["function"]["arguments"]))
        for m in r["messages"]
        for c in m["tool_calls"] or []
    ]
    for r in ROWS
]
OFFERED = [TOOLS, TOOLS, []]


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def of_openai(messages: list[Any]) -> Calls:
    found = [c["function"] for m in messages for c in m.get("tool_calls") or []]
    return [
        (f["name"], json.loads(f["arguments"]) if isinstance(f["arguments"], str) else f["arguments"]) for f in found
    ]


WANTED: list[Calls] = [of_openai(r["messages"]) for r in ROWS]


def plain_tools(tools: list[Any]) -> list[Any]:
    """Tools whose parameters travel as text, without what Arrow adds."""
    out = []
    for tool in tools:
        function = {k: v for k, v in tool["function"].items() if v is not None}
        if "parameters" in function:
            function["parameters"] = json.loads(function["parameters"])
        out.append({"type": tool["type"], "function": function})
    return out


@pytest.fixture
def made(run_dir: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    out = tmp_path / "out"
    report = export(run_dir, request.param, out)
    assert sum(report.rows.values()) == 3 and not report.refused
    return out


@pytest.mark.parametrize("made", ["trl"], indirect=True)
def test_trl_gets_objects_without_padding(made: Path, tmp_path: Path) -> None:
    rows = load_dataset("parquet", data_files=str(made / "train-00000.parquet"), cache_dir=str(tmp_path / "c"))["train"]
    assert [of_openai(r["messages"]) for r in rows] == WANTED
    assert [r["tools"] for r in rows] == OFFERED
    assert rows[0]["messages"][2]["tool_calls"][0]["function"]["arguments"] == {"city": "Łódź", "beds": None}
    assert rows[2]["messages"][0] == {"role": "user", "content": "hello"}


@pytest.mark.parametrize("made", ["axolotl"], indirect=True)
def test_axolotl_gets_text_and_flags(made: Path, tmp_path: Path) -> None:
    rows = load_dataset("json", data_files=str(made / "train.jsonl"), cache_dir=str(tmp_path / "c"))["train"]
    assert [of_openai(r["messages"]) for r in rows] == WANTED
    assert [plain_tools(r["tools"] or []) for r in rows] == OFFERED
    assert all(m["train"] == (m["role"] == "assistant") for r in rows for m in r["messages"])
    assert "train.jsonl" in (made / "axolotl.yaml").read_text()


@pytest.mark.parametrize("made", ["verl"], indirect=True)
def test_verl_gets_lists_and_dicts(made: Path) -> None:
    frame = pd.read_parquet(made / "train-00000.parquet", dtype_backend="pyarrow")
    assert [of_openai(list(m)) for m in frame["messages"]] == WANTED
    assert [plain_tools(list(t)) for t in frame["tools"]] == OFFERED
    assert all(isinstance(m["content"], str) for row in frame["messages"] for m in row)
    assert all(m["trainable"] == (m["role"] == "assistant") for row in frame["messages"] for m in row)


OPENAI_MESSAGE = {
    "type": "object", "required": ["role"], "additionalProperties": False,
    "properties": {
        "role": {"enum": ["system", "user", "assistant", "tool"]}, "content": {"type": "string"},
        "weight": {"enum": [0, 1]}, "tool_call_id": {"type": "string", "maxLength": 40},
        "tool_calls": {"type": "array", "minItems": 1, "items": {
            "type": "object", "required": ["id", "type", "function"], "additionalProperties": False,
            "properties": {"id": {"type": "string", "maxLength": 40}, "type": {"const": "function"}, "function": {
                "type": "object", "required": ["name", "arguments"], "additionalProperties": False,
                "properties": {"name": {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"},
                               "arguments": {"type": "string"}}}}}},
    },
    "allOf": [{"if": {"properties": {"role": {"const": "tool"}}}, "then": {"required": ["tool_call_id", "content"]}},
              {"if": {"required": ["weight"]}, "then": {"properties": {"role": {"const": "assistant"}}}}],
}  # fmt: skip


@pytest.mark.parametrize("made", ["openai"], indirect=True)
def test_openai_rows_keep_to_the_published_shape(made: Path) -> None:
    rows = lines(made / "train.jsonl")
    for r in rows:
        for message in r["messages"]:
            jsonschema.validate(message, OPENAI_MESSAGE)
        asked = [c["id"] for m in r["messages"] for c in m.get("tool_calls", [])]
        assert asked == [m["tool_call_id"] for m in r["messages"] if m["role"] == "tool"]
    assert [of_openai(r["messages"]) for r in rows] == WANTED
    assert [r.get("tools", []) for r in rows] == OFFERED
    assert [r.get("parallel_tool_calls") for r in rows] == [False, True, None]


@pytest.mark.parametrize("made", ["llamafactory"], indirect=True)
def test_llamafactory_turns_alternate(made: Path, tmp_path: Path) -> None:
    info = json.loads((made / "dataset_info.json").read_text())["synth_train"]
    rows = load_dataset("json", data_files=str(made / info["file_name"]), cache_dir=str(tmp_path / "c"))["train"]
    tag = info["tags"]
    for r in rows:
        roles = [turn[tag["role_tag"]] for turn in r[info["columns"]["messages"]]]
        assert len(roles) % 2 == 0
        assert set(roles[::2]) <= {tag["user_tag"], tag["observation_tag"]}
        assert set(roles[1::2]) <= {tag["assistant_tag"], tag["function_tag"]}
    asked: list[Calls] = []
    for r in rows:
        values = [json.loads(t["value"]) for t in r["conversations"] if t["from"] == "function_call"]
        asked.append([(c["name"], c["arguments"]) for v in values for c in (v if isinstance(v, list) else [v])])
    assert asked == WANTED
    assert [[{"type": "function", "function": f} for f in json.loads(r["tools"])] for r in rows] == OFFERED
    assert [r["system"] for r in rows] == ["You book rooms.\n\nBe brief."] * 2 + [""]


@pytest.mark.parametrize("made", ["hermes"], indirect=True)
def test_hermes_calls_stand_one_to_a_pair_of_tags(made: Path) -> None:
    rows = lines(made / "train.jsonl")
    asked: list[Calls] = []
    for r in rows:
        said = [t["value"] for t in r["conversations"] if t["from"] == "gpt"]
        texts = [part.split("</tool_call>")[0] for value in said for part in value.split("<tool_call>")[1:]]
        assert all(list(json.loads(text)) == ["arguments", "name"] for text in texts)
        asked.append([(c["name"], c["arguments"]) for c in map(json.loads, texts)])
    assert asked == WANTED
    first = [r["conversations"][0]["value"] for r in rows]
    assert [json.loads(f.split("<tools>")[1].split("</tools>")[0]) for f in first] == OFFERED
    told = [t["value"] for t in rows[1]["conversations"] if t["from"] == "tool"]
    assert [v.count("<tool_response>") for v in told] == [2, 1]
    assert "<|" not in json.dumps(rows)


@pytest.mark.parametrize("made", ["sts"], indirect=True)
def test_sessions_are_a_header_and_messages(made: Path) -> None:
    files = sorted((made / "train").rglob("*.jsonl"))
    assert [f.stem for f in files] == ["traj_parallel", "traj_single", "traj_talk"]
    header, *rest = lines(files[1])
    assert (header["type"], header["harness"], header["id"]) == ("session", "synth", "traj_single")
    assert header["tools"] == TOOLS
    assert {line["type"] for line in rest} == {"message"}
    said = [line["message"] for line in rest]
    assert [m["role"] for m in said] == ["system", "user", "assistant", "tool", "assistant"]
    call = said[2]["toolCalls"][0]
    assert (call["function"]["name"], json.loads(call["function"]["arguments"])) == WANTED[0][0]
    assert said[3]["toolCallId"] == call["id"]


def test_parquet_row_groups_stay_small(run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet as pq

    from synth.exporting import files

    assert files.GROUP_BYTES < 256 << 20
    monkeypatch.setattr(files, "GROUP_BYTES", 1000)
    export(run_dir, "verl", tmp_path / "out")
    file = pq.ParquetFile(tmp_path / "out" / "train-00000.parquet")
    assert file.num_row_groups >= 2
    assert all(file.read_row_group(i).nbytes < 2500 for i in range(file.num_row_groups))


def test_the_same_rows_give_the_same_bytes(run_dir: Path, tmp_path: Path) -> None:
    for name in FORMATS:
        first, second = (export(run_dir, name, tmp_path / f"{name}{i}") for i in range(2))
        assert first.files == second.files, name
