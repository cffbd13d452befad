"""SFT shards (`sft/` of a run) into token files, a row group at a time: shards may be larger than memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from model_core.chat import render
from model_core.declare import Declarations
from model_core.errors import ModelError
from model_core.tokens import Tokenizer
from model_core.training.tokens import TokenFile, TokenWriter

SCHEMA_VERSION = "1"  # of the shards that are understood here
_WANTED = ("messages", "tools", "trajectory_id", "kind")
_REMEMBERED = 20_000  # texts whose tokens are remembered: the same tools and system prompts come again and again


def rows_of(folder: Path | str, split: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(where it stands, row) of every row of a split, in the order of the files.

    Raises `ModelError` with file and row for shards that are missing, of another schema version, or damaged.
    """
    import pyarrow as pa
    from pyarrow import parquet

    files = sorted(Path(folder).glob(f"{split}-*.parquet"))
    if not files:
        raise ModelError(f"{folder} holds no {split}-*.parquet; give the sft folder of a run, such as runs/tooluse/sft")
    for path in files:
        try:
            file = parquet.ParquetFile(path)
        except (pa.ArrowInvalid, OSError) as error:
            raise ModelError(f"{path} is no Parquet file that can be read: {_short(error)}; make it anew") from None
        with file:
            _check_schema(path, file.schema_arrow)
            number = 0
            for group in range(file.num_row_groups):
                try:
                    rows = file.read_row_group(group, columns=list(_WANTED)).to_pylist()
                except (pa.ArrowException, OSError) as error:
                    raise ModelError(f"{path}, row group {group} is damaged: {_short(error)}; make it anew") from None
                for row in rows:
                    number += 1
                    yield f"{path}, row {number}", row


def _check_schema(path: Path, schema: Any) -> None:
    version = (schema.metadata or {}).get(b"schema_version", b"").decode(errors="replace")
    if version != SCHEMA_VERSION:
        said = f"has schema version {version!r}" if version else "names no schema version"
        raise ModelError(f"{path} {said}; only {SCHEMA_VERSION!r} is read here, make the shards anew with this version")
    missing = [name for name in _WANTED if name not in schema.names]
    if missing:
        raise ModelError(f"{path} has no column {missing[0]!r}; make the shards anew")


def rendered(
    rows: Iterator[tuple[str, dict[str, Any]]], tokenizer: Tokenizer, declarations: Declarations = "json"
) -> Iterator[tuple[str, list[int], list[bool]]]:
    """(trajectory id, ids, loss mask) of each row. Raises `ModelError` with file and row for a bad one."""
    remembering = _Remembering(tokenizer)
    for where, row in rows:
        try:
            tools = json.loads(row["tools"] or "[]")
        except json.JSONDecodeError as error:
            raise ModelError(f"{where}: its tools are not valid JSON ({error.msg}); make the shards anew") from None
        if not isinstance(tools, list) or not all(isinstance(tool, Mapping) for tool in tools):
            raise ModelError(f"{where}: its tools are not a list of tools; make the shards anew")
        if not row["messages"]:
            raise ModelError(f"{where} has no messages; make the shards anew")
        try:
            ids, mask = render(row["messages"], tools, remembering, declarations=declarations)
        except ModelError as error:
            raise ModelError(f"{where}: {error}; make the shards anew") from None
        yield str(row["trajectory_id"]), ids, mask


class _Remembering:
    """A tokenizer that remembers the tokens of long texts it saw lately."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.size, self.special, self.decode = tokenizer.size, tokenizer.special, tokenizer.decode
        self.encode = lru_cache(_REMEMBERED)(tokenizer.encode)


def tokenise(
    shards: Path | str,
    split: str,
    tokenizer: Tokenizer,
    folder: Path | str,
    max_length: int,
    declarations: Declarations = "json",
) -> TokenFile:
    """Write a split of the shards as a token file and open it; tools are told as the model will be told them
    (`ModelConfig.tool_declarations`).

    Raises `ModelError` for bad shards, and where not one row fits; nothing is left behind then.
    """
    writer = TokenWriter(folder, tokenizer.size, max_length, declarations, split)
    try:
        for name, ids, mask in rendered(rows_of(shards, split), tokenizer, declarations):
            writer.add(ids, mask, name)
        if not writer.documents:
            raise ModelError(
                f"{shards}: no row of {split} can be trained on; dropped {writer.dropped or 'none'} "
                f"(max_length is {max_length})"
            )
    except BaseException:
        writer.abandon()
        raise
    writer.close()
    return TokenFile(folder)


def texts_of(shards: Path | str, split: str) -> Iterator[str]:
    """Every text of a split that becomes tokens, for training a vocabulary."""
    for _, row in rows_of(shards, split):
        yield row["tools"] or ""
        for message in row["messages"]:
            yield message["content"] or ""
            for call in message["tool_calls"] or ():
                yield call["function"]["arguments"] or ""


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:160]
