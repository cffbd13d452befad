"""Rows to files and back: JSON lines, Parquet in bounded row groups, a folder of sessions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from synth.exporting.targets import Format
from synth.records import json_text

GROUP_BYTES = 64 << 20  # Arrow bytes of a Parquet row group: trainers read one at a time, viewers stop at 256 MiB
FILE_BYTES = 1 << 30
PER_FOLDER = 1000  # session files: the hub lists no more than 10,000 to a folder


class Sink(Protocol):
    def add(self, row: Any) -> None: ...

    def close(self) -> list[Path]:
        """The files, in the order of their rows."""
        ...


def sink_for(form: Format, folder: Path, split: str) -> Sink:
    if form.layout == "jsonl":
        return _Lines(folder, split)
    return _Sessions(folder, split) if form.layout == "sessions" else _Parquet(folder, split, form.schema)


def rows_in(path: Path, form: Format) -> Iterator[Any]:
    """The rows of a file, read anew."""
    if form.layout == "parquet":
        for batch in pq.ParquetFile(path).iter_batches(200):
            yield from batch.to_pylist()
        return
    with path.open(encoding="utf-8", newline="\n") as lines:
        if form.layout == "sessions":
            yield [json.loads(line) for line in lines]
        else:
            yield from map(json.loads, lines)


class _Lines:
    def __init__(self, folder: Path, split: str) -> None:
        self._path = folder / f"{split}.jsonl"
        self._file = self._path.open("w", encoding="utf-8", newline="\n")

    def add(self, row: Any) -> None:
        self._file.write(json_text(row) + "\n")

    def close(self) -> list[Path]:
        self._file.close()
        return [self._path]


class _Parquet:
    def __init__(self, folder: Path, split: str, schema: pa.Schema | None) -> None:
        assert schema is not None
        self._folder, self._split, self._schema = folder, split, schema
        self._stored = pa.schema([(field.name, stored(field.type)) for field in schema])
        self._files: list[Path] = []
        self._writer: pq.ParquetWriter | None = None
        self._rows: list[Any] = []
        self._held: list[pa.Table] = []
        self._in_file = 0

    def add(self, row: Any) -> None:
        self._rows.append(row)
        if len(self._rows) == 100:
            self._pack()

    def _pack(self) -> None:
        if self._rows:
            self._held.append(pa.Table.from_pylist(self._rows, schema=self._stored).cast(self._schema))
            self._rows = []
        if sum(table.nbytes for table in self._held) >= GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if not self._held:
            return
        table = pa.concat_tables(self._held).combine_chunks()
        self._held = []
        if self._writer is None or self._in_file + table.nbytes > FILE_BYTES:
            if self._writer is not None:
                self._writer.close()
            self._files.append(self._folder / f"{self._split}-{len(self._files):05d}.parquet")
            self._writer = pq.ParquetWriter(self._files[-1], self._schema, compression="zstd")
            self._in_file = 0
        rows = max(1, int(len(table) * GROUP_BYTES / max(GROUP_BYTES, table.nbytes)))
        self._writer.write_table(table, row_group_size=rows)
        self._in_file += table.nbytes

    def close(self) -> list[Path]:
        self._pack()
        self._flush()
        if self._writer is not None:
            self._writer.close()
        return self._files


def stored(kind: pa.DataType) -> pa.DataType:
    """What Arrow builds from Python values: text where the file says JSON."""
    if isinstance(kind, pa.JsonType):
        return pa.string()
    return pa.list_(stored(kind.value_type)) if pa.types.is_list(kind) else kind


class _Sessions:
    def __init__(self, folder: Path, split: str) -> None:
        self._folder, self._files = folder / split, []

    _files: list[Path]

    def add(self, row: Any) -> None:
        at = self._folder / f"{len(self._files) // PER_FOLDER:05d}" / f"{row[0]['id']}.jsonl"
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_text("".join(json_text(line) + "\n" for line in row), encoding="utf-8", newline="\n")
        self._files.append(at)

    def close(self) -> list[Path]:
        return self._files
