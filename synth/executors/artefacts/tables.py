"""SQLite files: each row of each table, keyed by its primary key. Read in memory; nothing of the file is run."""

from __future__ import annotations

import sqlite3
from typing import Any

from synth.executors.artefacts.rows import Rows, Unreadable, put
from synth.records import canonical

MAX_ROWS = 50_000


def read_tables(name: str, content: bytes, rows: Rows) -> None:
    """Entities `TABLE` (rows) and `Table` (the tables themselves: columns). Raises Unreadable."""
    if not content:  # made by opening it, and nothing written yet
        return
    connection = sqlite3.connect(":memory:")
    try:
        connection.deserialize(content)
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA query_only = ON")
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
            "AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name"
        ).fetchall()
        for (table,) in tables:
            _table(connection, str(table), rows)
    except (sqlite3.Error, UnicodeDecodeError, MemoryError) as error:
        raise Unreadable(f"{name}: {error}") from None
    finally:
        connection.close()


def _table(connection: sqlite3.Connection, table: str, rows: Rows) -> None:
    quoted = '"' + table.replace('"', '""') + '"'
    columns = connection.execute(f"PRAGMA table_info({quoted})").fetchall()
    names = [str(c[1]) for c in columns]
    put(rows, "Table", table, {"columns": names, "types": [str(c[2]).upper() for c in columns]})
    keys = [name for name, c in zip(names, columns, strict=True) if c[5]]
    found = connection.execute(f"SELECT * FROM {quoted} LIMIT {MAX_ROWS + 1}").fetchall()
    if len(found) > MAX_ROWS:
        raise Unreadable(f"{table} has more than {MAX_ROWS} rows")
    counted: dict[str, int] = {}
    for values in found:
        row = {name: _plain(value) for name, value in zip(names, values, strict=True)}
        key = canonical([row[k] for k in keys] or list(row.values()))
        if not keys:  # equal rows of a table without a key are told apart by their number
            counted[key] = counted.get(key, 0) + 1
            key += f"#{counted[key]}"
        put(rows, table, key, row)


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value
