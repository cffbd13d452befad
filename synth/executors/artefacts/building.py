"""Start states that are no plain files."""

from __future__ import annotations

import sqlite3


def build_tables(script: str) -> bytes:
    """A SQLite file made by a script of our own."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(script)
        return connection.serialize()
    finally:
        connection.close()
