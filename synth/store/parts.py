"""Part files: what a worker writes under a name of its own attempt, and how committed ones are read.

A worker never touches a committed name. It writes into `<table>/_tmp/`, fsyncs, hashes, and hands the list of files
to the driver, which alone publishes (store.run_store).
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from synth.errors import CorruptRun
from synth.records import TABLES, FailedRow, Row, StageName, Usage
from synth.stage import Output, Part
from synth.store.schema import decode_columns, from_arrow, to_arrow

STAGE_TABLE: dict[StageName, str] = {
    "worlds": "worlds", "tools": "tools", "agents": "agents", "tasks": "tasks",
    "rollouts": "trajectories", "judge": "verdicts", "shards": "sft",
}  # fmt: skip


ASIDE = ("dropped", "failed", "usage")  # tables that every stage adds to, beside its own


@dataclass(frozen=True)
class PartFile:
    """One Parquet file of one part. `first_id` and `last_id` are the least and greatest id in it."""

    table: str
    name: str  # the committed name, `part-00012.parquet`
    tmp: str  # the attempt's name in `_tmp/`
    sha256: str
    bytes: int
    rows: int
    first_id: str
    last_id: str


@dataclass(frozen=True)
class PartEntry:
    """What a manifest says of one committed part. `inputs` is the digest of everything the part was made from."""

    index: int
    start: int
    stop: int
    inputs: str
    attempt: int
    opened: int
    closed_with_rows: int
    rows: int
    extra_drops: int
    dropped: dict[str, int]  # reason -> rows
    failed: dict[str, int]  # class -> rows
    files: list[PartFile] = field(default_factory=list)
    usage: dict[str, dict[str, float]] = field(default_factory=dict)  # role -> requests, tokens, cost

    def digest(self) -> str:
        """The rows of the part, whatever became of its other slots: what later stages depend on."""
        rows = sorted((f.table, f.name, f.sha256) for f in self.files if f.table not in ASIDE)
        return hashlib.sha256(repr([self.index, rows]).encode()).hexdigest()

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> PartEntry:
        return cls(**{**value, "files": [PartFile(**file) for file in value["files"]]})

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def write_part(run_dir: Path, part: Part, output: Output, inputs: str, attempt: int) -> PartEntry:
    """Write the rows, drops and failures of one part under attempt names. Raises AssertionError when the ledger of
    the output does not add up: such a part must never be committed."""
    output.check(f"{part.stage} part {part.index}")
    failed = [_with_attempts(row, attempt) for row in output.failed]
    main = STAGE_TABLE[part.stage]
    tables: list[tuple[str, str, Sequence[Row]]] = [
        ("dropped", f"part-{part.stage}-{part.index:05d}.parquet", output.dropped),
        ("failed", f"part-{part.stage}-{part.index:05d}.parquet", failed),
        ("usage", f"part-{part.stage}-{part.index:05d}.parquet", output.usage),
    ]
    if main in TABLES:
        tables.insert(0, (main, f"part-{part.index:05d}.parquet", output.rows))
    return PartEntry(
        index=part.index,
        start=part.start,
        stop=part.stop,
        inputs=inputs,
        attempt=attempt,
        opened=output.opened,
        closed_with_rows=output.closed_with_rows,
        rows=len(output.rows),
        extra_drops=output.extra_drops,
        dropped=dict(sorted(Counter(row.reason for row in output.dropped).items())),
        failed=dict(sorted(Counter(row.class_ for row in failed).items())),
        files=[_write(run_dir, table, name, rows) for table, name, rows in tables if rows],
        usage=per_role(row.model_dump() for row in output.usage),
    )


def per_role(spent: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Sums of usage by role. Each entry has `role` and the fields of `records.Usage`."""
    sums: dict[str, dict[str, float]] = {}
    for one in spent:
        own = sums.setdefault(str(one["role"]), dict.fromkeys(Usage.model_fields, 0))
        for name in own:
            own[name] = round(own[name] + one[name], 9)
    return dict(sorted(sums.items()))


def sum_usage(*many: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Usage by role, added up."""
    return per_role({"role": role, **own} for one in many for role, own in one.items())


def _with_attempts(row: FailedRow, attempt: int) -> FailedRow:
    return row if row.attempts >= attempt else row.model_copy(update={"attempts": attempt})


def _write(run_dir: Path, table: str, name: str, rows: Sequence[Row]) -> PartFile:
    folder = run_dir / table / "_tmp"
    folder.mkdir(parents=True, exist_ok=True)
    tmp = f"{name.removesuffix('.parquet')}.{uuid.uuid4().hex[:12]}.parquet"
    write_parquet(to_arrow(TABLES[table], rows), folder / tmp)
    data = (folder / tmp).read_bytes()
    ids = [_row_id(table, row) for row in rows]
    return PartFile(table, name, tmp, hashlib.sha256(data).hexdigest(), len(data), len(rows), min(ids), max(ids))


def _row_id(table: str, row: Row) -> str:
    # every table names its rows in the first field, except those
    key = "row_id" if table in ASIDE else next(iter(type(row).model_fields))
    return str(getattr(row, key))


def write_parquet(table: pa.Table, path: Path, row_group_rows: int | None = None) -> None:
    """One Parquet file, fsynced. Same rows, same bytes: nothing in the file depends on time, host or attempt. The
    table's own metadata are kept."""
    with path.open("wb") as sink:
        # Arrow's form of the schema is left out, and with it pyarrow would leave out the metadata too.
        with pq.ParquetWriter(sink, table.schema, compression="zstd", compression_level=3, store_schema=False,
                              write_statistics=True) as writer:  # fmt: skip
            if table.schema.metadata:
                writer.add_key_value_metadata(table.schema.metadata)
            writer.write_table(table, row_group_size=row_group_rows)
        sink.flush()
        os.fsync(sink.fileno())


def read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """A committed Parquet file. Raises CorruptRun where it is missing or torn."""
    try:
        return pq.ParquetFile(path).read(columns=columns)
    except (OSError, pa.ArrowException) as error:
        cause = " ".join(str(error).split())[:200].rstrip(".")
        raise CorruptRun(f"{path} cannot be read ({cause}); `synth run` makes the part again") from error


def read_rows(run_dir: Path, file: PartFile) -> list[Any]:
    """The typed rows of one committed file."""
    return from_arrow(TABLES[file.table], read_table(run_dir / file.table / file.name))


def read_columns(run_dir: Path, file: PartFile, names: Sequence[str]) -> list[dict[str, Any]]:
    """Some columns of one committed file, keyed by field name."""
    wanted = [name.rstrip("_") for name in names]
    return decode_columns(TABLES[file.table], read_table(run_dir / file.table / file.name, wanted), names)
