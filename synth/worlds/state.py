"""State: flat typed tables, rows immutable, tables copied on first write, an incremental hash.

`State.snapshot()` copies only the dict of tables; the first write to a table copies that table. A row is a dict
subclass that nobody changes after it was put; it carries its insertion number (the order in which lists show rows) and
its digest. The state digest is the sum modulo 2^128 of row digests, so it costs one row hash per change and does not
depend on order.
"""

from __future__ import annotations

import hashlib
from bisect import bisect
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from synth.worlds.jsontext import json_writer

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


_SCALARS = frozenset((str, int, float, bool, type(None)))


def freeze(value: Any) -> Any:
    """Deep copy of a JSON value with lists as tuples, so that nothing a caller holds is inside a row."""
    if value.__class__ in _SCALARS:
        return value
    if isinstance(value, dict):
        return {str(k): (v if v.__class__ in _SCALARS else freeze(v)) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return tuple([v if v.__class__ in _SCALARS else freeze(v) for v in value])
    return value


def thaw(value: Any) -> Any:
    """The inverse of freeze: plain JSON, a fresh copy."""
    if value.__class__ in _SCALARS:
        return value
    if isinstance(value, dict):
        return {k: (v if v.__class__ in _SCALARS else thaw(v)) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [v if v.__class__ in _SCALARS else thaw(v) for v in value]
    return value


_sorted_json = json_writer(item=",", colon=":", sort_keys=True)


def row_digest(entity: str, key: Key, row: Mapping[str, Any]) -> int:
    text = _sorted_json((entity, key, row))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big")


class Table:
    """Rows of one entity by key, with lazily built equality indexes. An index maps a value to the keys that have it, in
    list order, so that only a change of that value touches it; copies of a table share it until then."""

    __slots__ = ("_own", "digest", "entity", "indexes", "inserted", "rows", "seq")

    def __init__(self, entity: str) -> None:
        self.entity = entity
        self.rows: dict[Key, RowData] = {}
        self.indexes: dict[str, dict[Any, tuple[Key, ...]]] = {}
        self._own: set[str] = set()  # fields whose index no other table shares
        self.digest = 0
        self.seq = 0
        self.inserted = 0  # rows inserted by tools, the counter behind generated keys

    def copy(self) -> Table:
        out = Table(self.entity)
        out.rows = self.rows.copy()
        out.indexes = self.indexes.copy()
        self._own = set()
        out.digest, out.seq, out.inserted = self.digest, self.seq, self.inserted
        return out

    def put(self, key: Key, data: Mapping[str, Any]) -> RowData:
        old = self.rows.get(key)
        row = RowData(data)
        if old is None:
            row.seq = self.seq
            self.seq += 1
        else:
            row.seq = old.seq
        row.digest = row_digest(self.entity, key, row)
        self.digest = (self.digest + row.digest - (old.digest if old is not None else 0)) % MODULUS
        self.rows[key] = row
        for field in self.indexes:
            new = _bucket(row.get(field))
            if old is not None:
                was = _bucket(old.get(field))
                if was == new:
                    continue
                self._drop(field, was, key)
            self._file(field, new, key, row.seq)
        return row

    def remove(self, key: Key) -> None:
        old = self.rows.pop(key)
        self.digest = (self.digest - old.digest) % MODULUS
        for field in self.indexes:
            self._drop(field, _bucket(old.get(field)), key)

    def by(self, field: str, value: Any) -> tuple[RowData, ...]:
        """Rows whose `field` equals `value`, in list order."""
        index = self.indexes.get(field)
        if index is None:
            lists: dict[Any, list[Key]] = {}
            for key, row in self.rows.items():
                bucket = _bucket(row.get(field))
                if bucket is not _NOWHERE:
                    lists.setdefault(bucket, []).append(key)
            index = self.indexes[field] = {b: tuple(keys) for b, keys in lists.items()}
            self._own.add(field)
        bucket = _bucket(value)
        return () if bucket is _NOWHERE else tuple(map(self.rows.__getitem__, index.get(bucket, ())))

    def _owned(self, field: str) -> dict[Any, tuple[Key, ...]]:
        if field not in self._own:
            self.indexes[field] = self.indexes[field].copy()
            self._own.add(field)
        return self.indexes[field]

    def _file(self, field: str, bucket: Any, key: Key, seq: int) -> None:
        if bucket is _NOWHERE:
            return
        index = self._owned(field)
        keys = index.get(bucket, ())
        if keys and self.rows[keys[-1]].seq > seq:  # list order is insertion order whatever the history of the index
            at = bisect(keys, seq, key=lambda k: self.rows[k].seq)
            index[bucket] = (*keys[:at], key, *keys[at:])
        else:
            index[bucket] = (*keys, key)

    def _drop(self, field: str, bucket: Any, key: Key) -> None:
        if bucket is _NOWHERE:
            return
        index = self._owned(field)
        keys = index[bucket]
        at = keys.index(key)
        left = keys[:at] + keys[at + 1 :]
        if left:
            index[bucket] = left
        else:
            del index[bucket]


_NOWHERE = object()  # lists and records are not indexed


def _bucket(value: Any) -> Any:
    # True == 1 in Python, but not in the language
    if isinstance(value, dict | tuple | list):
        return _NOWHERE
    return ("b", value) if isinstance(value, bool) else value


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
        after = table.put(key, row)
        if self.log is not None:
            self.log.append(Change(entity, key, before, after))

    def remove(self, entity: str, key: Key) -> None:
        table = self.writable(entity)
        before = table.rows[key]
        table.remove(key)
        if self.log is not None:
            self.log.append(Change(entity, key, before, None))

    def digest(self) -> int:
        """Order-independent hash of all rows, below 2^128."""
        return sum(t.digest for t in self.tables.values()) % MODULUS


def squash(log: list[Change]) -> tuple[Change, ...]:
    """One net change per row, in order of first touch; rows that came back to what they were drop out."""
    if not log:
        return ()
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


def planted(state: State, plants: Iterable[Any]) -> State:
    """A state of its own with rows set by hand. A plant has `entity`, `key` (a list for a composite key) and `row`,
    None to delete."""
    out = state.snapshot()
    for plant in plants:
        key = tuple(plant.key) if isinstance(plant.key, list) else plant.key
        if plant.row is None:
            out.remove(plant.entity, key)
        else:
            out.put(plant.entity, key, freeze(plant.row))
    return out
