"""A work folder as rows. Each file goes to the reader of its kind; what no reader knows counts as text or by its
bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from fnmatch import fnmatch

from synth.executors.artefacts.graph import read_graph, read_records
from synth.executors.artefacts.office import read_document, read_workbook
from synth.executors.artefacts.repository import read_repository
from synth.executors.artefacts.rows import Rows, Unreadable, put
from synth.executors.artefacts.tables import read_tables

Reader = Callable[[str, bytes, Rows], None]
READERS: dict[str, Reader] = {
    "tables": read_tables, "workbook": read_workbook, "document": read_document, "graph": read_graph,
    "records": read_records,
}  # fmt: skip
_BY_ENDING = {"db": "tables", "sqlite": "tables", "sqlite3": "tables", "xlsx": "workbook", "docx": "document"}
_GIT = ".git/"


def snapshot(
    files: Mapping[str, bytes], readers: Mapping[str, str] | None = None, ignored: tuple[str, ...] = ()
) -> Rows:
    """`readers`: path -> name of a reader, where the ending does not tell; `ignored`: patterns of paths left out."""
    rows: Rows = {}
    repositories: dict[str, dict[str, bytes]] = {}
    for path, content in sorted(files.items()):
        at = path.find(_GIT)
        if at >= 0 and (at == 0 or path[at - 1] == "/"):
            repositories.setdefault(path[:at].rstrip("/") or ".", {})[path[at + len(_GIT) :]] = content
        elif not any(fnmatch(path, pattern) for pattern in ignored):
            _file(path, content, (readers or {}).get(path), rows)
    for folder, inside in sorted(repositories.items()):
        aside: Rows = {}
        try:
            read_repository(folder, inside, aside)
        except Unreadable as error:
            put(rows, "Repository", folder, {"unreadable": str(error)[:200]})
            continue
        for entity, found in aside.items():
            rows.setdefault(entity, {}).update(found)
    return rows


def _file(path: str, content: bytes, reader: str | None, rows: Rows) -> None:
    name = reader or _BY_ENDING.get(path.rpartition(".")[2].lower())
    if name is not None:
        aside: Rows = {}
        try:
            READERS[name](path, content, aside)
        except Unreadable:
            _bytes(path, content, rows)
            return
        for entity, found in aside.items():
            rows.setdefault(entity, {}).update(found)
        return
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        _bytes(path, content, rows)
        return
    # blanks at the ends of lines and of the file are nobody's intention
    put(rows, "File", path, {"text": "\n".join(line.rstrip() for line in text.splitlines()).rstrip("\n")})


def _bytes(path: str, content: bytes, rows: Rows) -> None:
    put(rows, "File", path, {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()})
