"""Rows that hang below rows of the same entity: walks down, paths up, no circles."""

from __future__ import annotations

from synth.worlds.state import Key, RowData, State


def below(state: State, entity: str, parent: str, key_field: str, key: Key) -> tuple[RowData, ...]:
    """The row and everything below it, depth first, children in list order; empty where there is no such row."""
    table = state.tables[entity]
    first = table.rows.get(key)
    out: list[RowData] = []
    waiting = [first] if first is not None else []
    seen: set[Key] = set()
    while waiting:
        row = waiting.pop()
        if row[key_field] in seen:
            continue
        seen.add(row[key_field])
        out.append(row)
        waiting.extend(reversed(table.by(parent, row[key_field])))
    return tuple(out)


def above(state: State, entity: str, parent: str, key: Key) -> tuple[RowData, ...]:
    """The rows from the top down to this one; empty where there is no such row."""
    rows = state.tables[entity].rows
    out: list[RowData] = []
    seen: set[Key] = set()
    while key is not None and key in rows and key not in seen:
        seen.add(key)
        out.append(rows[key])
        key = rows[key].get(parent)
    return tuple(reversed(out))


def circular(state: State, entity: str, parent: str, key: Key) -> bool:
    """Whether going up from a row leads back to it. A root may name itself."""
    rows = state.tables[entity].rows
    at = rows[key].get(parent)
    if at == key:
        return False
    seen: set[Key] = set()
    while at is not None and at in rows and at not in seen:
        if at == key:
            return True
        seen.add(at)
        at = rows[at].get(parent)
    return False
