"""The `sft/` folder: Parquet shards, dataset card, features, checksums. Built aside under a name of its own attempt."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from synth.records import SCHEMA_VERSION
from synth.store.files import sync_dir
from synth.store.parts import write_parquet

FILE_BYTES = 1 << 30  # Arrow bytes per shard file, before compression

_FUNCTION = pa.struct([("name", pa.string()), ("arguments", pa.string())])
_CALL = pa.struct([("id", pa.string()), ("type", pa.string()), ("function", _FUNCTION)])
_MESSAGE = pa.struct(
    [
        ("role", pa.string()), ("content", pa.string()), ("reasoning_content", pa.string()), ("name", pa.string()),
        ("tool_call_id", pa.string()), ("train", pa.bool_()), ("tool_calls", pa.list_(_CALL)),
    ]
)  # fmt: skip
SFT_SCHEMA = pa.schema(
    [
        ("messages", pa.list_(_MESSAGE)), ("tools", pa.string()), ("trajectory_id", pa.string()),
        ("task_id", pa.string()),
        ("kind", pa.string()), ("policy", pa.string()), ("score", pa.float64()),
    ],
    metadata={"schema_version": str(SCHEMA_VERSION)},  # trainers refuse what they do not know
)  # fmt: skip


@dataclass(frozen=True)
class SftFolder:
    """What goes into `sft/`: the splits, their examples in order, and the facts of the card."""

    splits: list[str]
    examples: Callable[[str], Iterator[dict[str, Any]]]
    facts: dict[str, Any]
    row_group_bytes: int


def write_sft(run_dir: Path, folder: SftFolder) -> dict[str, Any]:
    """Build the folder aside. Returns `{"built": its name, "files": {file: sha256}}`; same rows, same bytes."""
    built = run_dir / f"_sft-{uuid.uuid4().hex[:12]}"
    built.mkdir(parents=True)
    for split in folder.splits:
        for number, table in enumerate(_tables(folder.examples(split))):
            rows = max(1, int(len(table) * folder.row_group_bytes / max(1, table.nbytes)))
            write_parquet(table, built / f"{split}-{number:05d}.parquet", row_group_rows=rows)
    (built / "README.md").write_text(card(folder), encoding="utf-8")
    features = {field.name: feature(field.type) for field in SFT_SCHEMA}
    (built / "features.json").write_text(json.dumps(features, indent=1) + "\n", encoding="utf-8")
    sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(built.iterdir())}
    (built / "SHA256SUMS").write_text("".join(f"{sha}  {name}\n" for name, sha in sums.items()), encoding="utf-8")
    sync_dir(built)
    return {"built": built.name, "files": sums}


def _tables(rows: Iterator[dict[str, Any]]) -> Iterator[pa.Table]:
    """Examples as tables of bounded size, one per file."""
    batches: list[pa.Table] = []
    waiting: list[dict[str, Any]] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == 500:
            batches.append(pa.Table.from_pylist(waiting, schema=SFT_SCHEMA))
            waiting = []
            if sum(batch.nbytes for batch in batches) >= FILE_BYTES:
                yield pa.concat_tables(batches).combine_chunks()
                batches = []
    if waiting:
        batches.append(pa.Table.from_pylist(waiting, schema=SFT_SCHEMA))
    if batches:
        yield pa.concat_tables(batches).combine_chunks()


def feature(kind: pa.DataType) -> Any:
    """An Arrow type in the JSON form of `datasets.Features`."""
    if pa.types.is_struct(kind):
        return {field.name: feature(field.type) for field in kind}
    if pa.types.is_list(kind):
        return {"feature": feature(kind.value_type), "_type": "List"}
    names = {pa.string(): "string", pa.bool_(): "bool", pa.float64(): "float64", pa.int64(): "int64"}
    return {"dtype": names[kind], "_type": "Value"}


def card(folder: SftFolder) -> str:
    """The dataset card, made from the facts of the run."""
    facts = folder.facts
    files = "\n".join(f"  - split: {split}\n    path: {split}-*.parquet" for split in folder.splits)
    data_files = f"  data_files:\n{files}\n" if folder.splits else ""
    total = sum(facts["rows"].values())
    return f"""---
license: apache-2.0
task_categories: [text-generation]
tags: [tool-use, function-calling, agent, synthetic, mcp]
configs:
- config_name: default
{data_files}---

# Tool-use trajectories

{total:,} multi-turn conversations in which an assistant uses tools. Every call was executed on a simulated application,
every row passed programmatic checks of the end state and of what the user was told. Schema version
{facts["schema_version"]}.

| split | rows |
|---|---|
{_rows(facts["rows"])}

| kind | rows |
|---|---|
{_rows(facts["kinds"])}

| who played the assistant | rows |
|---|---|
{_rows(facts["policies"])}

## Where they come from

{facts["agents"]:,} assistants over {_listed(facts["worlds"])} worlds and
{_listed(facts["tools"])} tools, grown from the facts of
{facts["servers"]:,} real MCP servers (tool and parameter names, types, annotations). `lifted` means a real tool
with executable semantics written for it; `synthetic` means evolved from lifted ones. Worlds held out for
evaluation are not in these files. Trajectories of the run that are not here: {_listed(facts["dropped"]) or "none"}.

## Columns

`messages` (role, content, reasoning_content, name, tool_call_id, train, tool_calls with `arguments` as JSON text),
`tools` (JSON text: one list of OpenAI-style function tools), `trajectory_id`, `task_id`, `kind`, `policy`, `score`.
`train` is true on assistant messages. Tools and arguments are text because their shape varies per row.

```python
from datasets import load_dataset
rows = load_dataset("parquet", data_dir="sft")
```

## Licence

Apache-2.0. Conversations, descriptions and values are generated; names of servers and tools are facts about the
software they come from, which keeps its own licence (column `provenance` of the table `tools`).
"""


def _rows(counts: dict[str, int]) -> str:
    return "\n".join(f"| {name} | {count:,} |" for name, count in counts.items()) or "| none | 0 |"


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())
