"""JSON records in files: knowledge graphs as lines, and lists of records inside one document."""

from __future__ import annotations

import json
from typing import Any

from synth.executors.artefacts.rows import Rows, Unreadable, put
from synth.records import canonical


def read_graph(name: str, content: bytes, rows: Rows) -> None:
    """Lines of `{"type": "entity", name, entityType, observations}` and `{"type": "relation", from, to,
    relationType}`: entities `Node` by name and `Relation`. Raises Unreadable."""
    for line in content.decode("utf-8", "replace").splitlines():
        if not line.strip():
            continue
        record = _load(name, line)
        if not isinstance(record, dict):
            raise Unreadable(f"{name}: a line is no record")
        fields = {k: v for k, v in record.items() if k != "type"}
        if record.get("type") == "entity":
            put(
                rows,
                "Node",
                str(record.get("name")),
                {**fields, "observations": sorted(fields.get("observations", []))},
            )
        else:
            put(rows, "Relation", canonical([record.get(k) for k in ("from", "relationType", "to")]), fields)


def read_records(name: str, content: bytes, rows: Rows, entity: str = "Record") -> None:
    """One JSON document: every list of records in it, each record keyed by its id; records inside records are rows of
    their own. The entity is the list's name. Raises Unreadable."""
    _walk(_load(name, content.decode("utf-8", "replace") or "null"), entity, "", rows)


def _walk(value: Any, entity: str, under: str, rows: Rows) -> None:
    if isinstance(value, list):
        for n, item in enumerate(value):
            if not isinstance(item, dict):
                continue
            own = next((str(item[k]) for k in item if k == "id" or k.lower().endswith("id")), str(n))
            key = f"{under}/{own}" if under else own
            plain = {k: v for k, v in item.items() if not _holds_records(v)}
            put(rows, entity, key, plain)
            for inner, held in item.items():
                if _holds_records(held):
                    _walk(held, inner, key, rows)
    elif isinstance(value, dict):
        for inner, held in value.items():
            _walk(held, inner, under, rows)


def _holds_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)


def _load(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{name}: {error}") from None
