"""The families of tasks, one file per sort of server."""

from collections.abc import Mapping

from synth.live.making import clock, documents, files, graphs, planner, repositories, sheets, tables
from synth.live.tasks import Family

FAMILIES: Mapping[str, Mapping[str, Family]] = {
    "filesystem": files.FAMILIES,
    "ref-memory": graphs.FAMILIES,
    "ref-sqlite": tables.QUERIES,
    "mcp-alchemy": tables.STATEMENTS,
    "ref-git": repositories.FAMILIES,
    "excel": sheets.FAMILIES,
    "word": documents.FAMILIES,
    "taskmanager-kazuph": planner.FAMILIES,
    "time": clock.FAMILIES,
}

__all__ = ["FAMILIES"]
