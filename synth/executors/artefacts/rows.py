"""Rows of artefacts, and how two states of them differ: the same form of entries that worlds give."""

from __future__ import annotations

from typing import Any

Rows = dict[str, dict[str, dict[str, Any]]]  # entity -> key -> fields; all JSON


class Unreadable(Exception):
    """An artefact that its reader cannot make sense of. The file then counts by its bytes."""


def put(rows: Rows, entity: str, key: str, fields: dict[str, Any]) -> None:
    rows.setdefault(entity, {})[key] = fields


def differences(world_id: str, old: Rows, new: Rows) -> list[dict[str, Any]]:
    """Changes from `old` to `new`: [{world_id, entity, kind, key, before, after, changed, stamped}], sorted."""
    return [
        _entry(world_id, entity, key, was.get(key), now.get(key))
        for entity in sorted({*old, *new})
        for was, now in [(old.get(entity, {}), new.get(entity, {}))]
        for key in sorted({*was, *now})
        if was.get(key) != now.get(key)
    ]


def _entry(
    world_id: str, entity: str, key: str, before: dict[str, Any] | None, after: dict[str, Any] | None
) -> dict[str, Any]:
    kind = "insert" if before is None else "delete" if after is None else "update"
    old, new = before or {}, after or {}
    changed = [f for f in {**old, **new} if old.get(f) != new.get(f)] if kind == "update" else []
    return {
        "world_id": world_id, "entity": entity, "kind": kind, "key": key, "before": before, "after": after,
        "changed": changed, "stamped": [],
    }  # fmt: skip
