"""Finding rows of a run folder by id, without decoding whole tables."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from synth.errors import UsageError
from synth.records import TABLES
from synth.store.parts import read_table
from synth.store.schema import from_arrow
from synth.store.views import part_files

ID_COLUMN = {
    "worlds": "world_id", "tools": "tool_id", "agents": "agent_id", "tasks": "task_id", "trajectories": "trajectory_id",
    "verdicts": "trajectory_id", "dropped": "row_id", "failed": "row_id",
}  # fmt: skip


def find(run_dir: Path, table: str, ids: Iterable[str], column: str | None = None) -> list[Any]:
    """The rows of `table` whose id (or another `column`) is among `ids`, in part order."""
    wanted = sorted(set(ids))
    out: list[Any] = []
    if not wanted:
        return out
    for path in part_files(run_dir, table):
        found = read_table(path).filter(pc.field(column or ID_COLUMN[table]).isin(wanted))
        if found.num_rows:
            out += from_arrow(TABLES[table], found)
    return out


def one(run_dir: Path, table: str, row_id: str) -> Any:
    """The row with this id. Raises UsageError where there is none."""
    found = find(run_dir, table, [row_id])
    if not found:
        raise UsageError(f"{run_dir.name} has no row {row_id} in {table}; `synth sql` shows which ids there are")
    return found[0]
