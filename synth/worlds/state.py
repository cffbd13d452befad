"""State: flat typed tables, rows immutable, tables copied on first write, an incremental hash.

`State.snapshot()` copies only the dict of tables; the first write to a table copies that table. A row is a dict
subclass that nobody changes after it was put; it carries its insertion number (the order in which lists show rows) and
its digest. The state digest is the sum modulo 2^128 of row digests, so it costs one row hash per change and does not
depend on order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

MODULUS = 1 << 128
Key = Any  # str | int, or a tuple of them for a composite key


class RowData(dict[str, Any]):
    """A stored row. Never changed after `Table.put`."""

    __slots__ = ("digest", "seq")
    seq: int
    digest: int


class Change(NamedTuple):
    """One row's change; `before` None is an insert, `after` None a delete."""

    entity: str
    key: Key
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


def freeze(value: Any) -> Any:
    """Deep copy of a JSON value with lists as tuples, so that nothing a caller holds is inside a row."""
    if isinstance(value, dict):
        return {str(k): freeze(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return tuple(freeze(v) for v in value)
    return value


def thaw(value: Any) -> Any:
    """The inverse of freeze: plain JSON, a fresh copy."""
    if isinstance(value, dict):
        return {k: thaw(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [thaw(v) for v in value]
    return value


def row_digest(entity: str, key: Key, row: Mapping[str, Any]) -> int:
    text = json.dumps([entity, key, row], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big")


class Table:
    """Rows of one entity by key, with lazily built equality indexes that are kept up to date bucket by bucket."""

    __slots__ = ("digest", "entity", "indexes", "inserted", "rows", "seq")

    def __init__(self, entity: str) -> None:
        self.entity = entity
        self.rows: dict[Key, RowData] = {}
        self.indexes: dict[str, dict[Any, tuple[RowData, ...]]] = {}
        self.digest = 0
        self.seq = 0
        self.inserted = 0  # rows inserted by tools, the counter behind generated keys

    def copy(self) -> Table:
        out = Table(self.entity)
        out.rows = dict(self.rows)
        out.indexes = {f: dict(ix) for f, ix in self.indexes.items()}
        out.digest, out.seq, out.inserted = self.digest, self.seq, self.inserted
        return out

    def put(self, key: Key, data: Mapping[str, Any]) -> None:
        old = self.rows.get(key)
        row = RowData(data)
        row.seq = old.seq if old is not None else self.seq
        if old is None:
            self.seq += 1
        row.digest = row_digest(self.entity, key, row)
        self.digest = (self.digest + row.digest - (old.digest if old is not None else 0)) % MODULUS
        self.rows[key] = row
        for field, index in self.indexes.items():
            if old is not None:
                _unindex(index, old, field)
            _index(index, row, field)

    def remove(self, key: Key) -> None:
        old = self.rows.pop(key)
        self.digest = (self.digest - old.digest) % MODULUS
        for field, index in self.indexes.items():
            _unindex(index, old, field)

    def by(self, field: str, value: Any) -> tuple[RowData, ...]:
        """Rows whose `field` equals `value`, in list order."""
        index = self.indexes.get(field)
        if index is None:
            index = self.indexes[field] = {}
            for row in self.rows.values():
                _index(index, row, field)
        try:
            found = index.get(_hashable(value), ())
        except TypeError:
            return ()
        return found


def _hashable(value: Any) -> Any:
    # True == 1 in Python, but not in the language
    return ("b", value) if isinstance(value, bool) else value


def _index(index: dict[Any, tuple[RowData, ...]], row: RowData, field: str) -> None:
    value = row.get(field)
    if isinstance(value, dict | tuple):
        return
    key = _hashable(value)
    bucket = index.get(key, ())
    if bucket and bucket[-1].seq > row.seq:  # list order is insertion order whatever the history of the index
        index[key] = tuple(sorted((*bucket, row), key=lambda r: r.seq))
    else:
        index[key] = (*bucket, row)


def _unindex(index: dict[Any, tuple[RowData, ...]], row: RowData, field: str) -> None:
    value = row.get(field)
    if isinstance(value, dict | tuple):
        return
    key = _hashable(value)
    index[key] = tuple(r for r in index.get(key, ()) if r is not row)


class State:
    """All tables of one world. `clock` counts calls (a tick each); `due` holds what will happen by itself, (event, key)
    -> tick, and is replaced, never changed. Neither is part of the digest."""

    __slots__ = ("_owned", "clock", "due", "log", "seed", "tables")

    def __init__(self, tables: dict[str, Table], seed: int = 0, clock: int = 0) -> None:
        self.tables = tables
        self.seed = seed  # of the start state; new keys are drawn from it
        self._owned: set[str] = set()
        self.clock = clock
        self.due: dict[tuple[int, Key], int] = {}
        self.log: list[Change] | None = None  # the write log of the call under way

    def snapshot(self) -> State:
        """A state that shares every table with this one until either side writes."""
        self._owned.clear()
        out = State(dict(self.tables), self.seed, self.clock)
        out.due = self.due
        return out

    def rows(self, entity: str) -> Mapping[Key, RowData]:
        return self.tables[entity].rows

    def writable(self, entity: str) -> Table:
        table = self.tables[entity]
        if entity not in self._owned:
            table = self.tables[entity] = table.copy()
            self._owned.add(entity)
        return table

    def put(self, entity: str, key: Key, row: Mapping[str, Any]) -> None:
        table = self.writable(entity)
        before = table.rows.get(key)
        table.put(key, row)
        if self.log is not None:
            self.log.append(Change(entity, key, before, table.rows[key]))

    def remove(self, entity: str, key: Key) -> None:
        table = self.writable(entity)
        before = table.rows[key]
        table.remove(key)
        if self.log is not None:
            self.log.append(Change(entity, key, before, None))

    def digest(self) -> int:
        """Order-independent hash of all rows, below 2^128."""
        return sum(t.digest for t in self.tables.values()) % MODULUS


def squash(log: Iterable[Change]) -> tuple[Change, ...]:
    """One net change per row, in order of first touch; rows that came back to what they were drop out."""
    first: dict[tuple[str, Key], Change] = {}
    for change in log:
        at = (change.entity, change.key)
        if at in first:
            change = Change(change.entity, change.key, first[at].before, change.after)
        first[at] = change
    return tuple(c for c in first.values() if c.before != c.after)


def diff(before: State, after: State) -> list[Change]:
    """Row changes from `before` to `after`, tables in name order, keys in list order. Shared tables cost nothing."""
    out: list[Change] = []
    for entity in sorted({*before.tables, *after.tables}):
        a, b = before.tables.get(entity), after.tables.get(entity)
        if a is b or (a is not None and b is not None and a.digest == b.digest):
            continue
        old = a.rows if a is not None else {}
        new = b.rows if b is not None else {}
        for key, row in old.items():
            if key not in new:
                out.append(Change(entity, key, row, None))
            elif new[key] is not row and new[key] != row:
                out.append(Change(entity, key, row, new[key]))
        out.extend(Change(entity, key, None, row) for key, row in new.items() if key not in old)
    return out
