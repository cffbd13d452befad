"""A run folder as a database: DuckDB views over the committed parts, and typed rows.

`synth.duckdb` in the run folder holds views only. Views name files by their full path, so a moved folder gets new
views when it is next opened through this module; nothing else in a run folder knows where it lies.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from synth.errors import CorruptRun, UsageError
from synth.records import TABLES
from synth.store.parts import read_table
from synth.store.run_store import StageState, read_stages
from synth.store.schema import arrow_schema, from_arrow
from synth.store.sft import SFT_SCHEMA

_EXPLAIN = re.compile(r"^\s*explain\s+(analyze\s+)?", re.IGNORECASE)


class Run:
    """An opened run folder; reading only."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir.resolve()
        self._connection: duckdb.DuckDBPyConnection | None = None

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """A DuckDB connection of this process with one view per table."""
        if self._connection is None:
            self._connection = duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false"})
            _create_views(self._connection, self.run_dir)
        return self._connection

    def table(self, name: str) -> duckdb.DuckDBPyRelation:
        """A table as a DuckDB relation. Raises UsageError for an unknown name."""
        _known(name, (*TABLES, "sft"))
        return self.connection.view(name)

    def rows(self, name: str) -> list[Any]:
        """A table as typed records, in part order. Raises UsageError (unknown name) or CorruptRun (damaged part)."""
        _known(name, tuple(TABLES))
        return list(self.iter_rows(name))

    def iter_rows(self, name: str) -> Iterator[Any]:
        """The same, one part in memory at a time."""
        for path in part_files(self.run_dir, name):
            yield from from_arrow(TABLES[name], read_table(path))

    def stages(self) -> dict[Any, StageState]:
        """What the manifests say of each stage."""
        return read_stages(self.run_dir)

    def sql(self, query: str) -> duckdb.DuckDBPyRelation | None:
        """Run one reading query. Raises UsageError for anything that is not one, or that DuckDB refuses."""
        try:
            statements = self.connection.extract_statements(_EXPLAIN.sub("", query))
            for statement in statements:
                if statement.type.name != "SELECT":
                    raise UsageError(f"only reading queries are run on a run folder, not {statement.type.name}")
            return self.connection.sql(query) if statements else None
        except duckdb.Error as error:
            raise UsageError(" ".join(str(error).split())) from None


def open_run(run_dir: str | Path) -> Run:
    """Open a run folder for reading. Raises UsageError where there is none."""
    path = Path(run_dir)
    if not (path / "run.json").is_file():
        raise UsageError(f"{path} is not a run folder (it has no run.json); `synth run FILE` makes one")
    return Run(path)


def part_files(run_dir: Path, name: str) -> list[Path]:
    """The committed files of a table in part order, as the manifests have them."""
    files = [file for state in read_stages(run_dir).values() for file in state.files(name)]
    missing = [file.name for file in files if not (run_dir / name / file.name).is_file()]
    if missing:
        raise CorruptRun(f"{run_dir / name / missing[0]} is missing; `synth run` makes it again")
    return [run_dir / name / file.name for file in files]


def view_statements(run_dir: Path) -> list[str]:
    """One `create view` per table; a table without parts is an empty view with the right columns."""
    made = []
    for name in (*TABLES, "sft"):
        pattern = run_dir / name / ("*.parquet" if name == "sft" else "part-*.parquet")
        schema = SFT_SCHEMA if name == "sft" else arrow_schema(TABLES[name])
        if any(pattern.parent.glob(pattern.name)):
            quoted = f"{_literal(pattern.parent)}/{pattern.name}".replace("'", "''")
            body = f"select * from read_parquet('{quoted}', union_by_name = true)"
        else:
            body = f"select {', '.join(_empty(field) for field in schema)} where false"
        made.append(f'create or replace view "{name}" as {body}')
    return made


def _literal(folder: Path) -> str:
    """A folder's name as a glob pattern that matches it alone."""
    return re.sub(r"([*?\[])", r"[\1]", str(folder))


def _create_views(connection: duckdb.DuckDBPyConnection, run_dir: Path) -> None:
    try:
        for statement in view_statements(run_dir):
            connection.execute(statement)
    except duckdb.Error as error:  # binding a view reads the footer of its files
        cause = " ".join(str(error).split("\n")[0].split())
        raise CorruptRun(f"{run_dir}: {cause}; `synth run` makes what is damaged again") from None


def write_database(run_dir: Path) -> None:
    """(Re)build `synth.duckdb`: views only, so it may be deleted at any time. Raises OSError where the folder cannot
    be written, CorruptRun where a part is damaged."""
    fresh = run_dir / f".synth-{os.getpid()}.duckdb.new"
    try:
        connection = duckdb.connect(str(fresh))
    except duckdb.Error as error:
        raise OSError(errno.EACCES, " ".join(str(error).split()), str(run_dir)) from None
    try:
        with connection:
            _create_views(connection, run_dir.resolve())
        fresh.replace(run_dir / "synth.duckdb")
    finally:
        fresh.unlink(missing_ok=True)


def _empty(field: pa.Field) -> str:
    return f'cast(null as {_sql_type(field.type)}) as "{field.name}"'


def _sql_type(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"{_sql_type(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        return f"struct({', '.join(f'{chr(34)}{field.name}{chr(34)} {_sql_type(field.type)}' for field in kind)})"
    return {pa.string(): "varchar", pa.int64(): "bigint", pa.float64(): "double", pa.bool_(): "boolean"}[kind]


def _known(name: str, names: tuple[str, ...]) -> None:
    if name not in names:
        raise UsageError(f"there is no table {name!r}; tables are {', '.join(names)}")
