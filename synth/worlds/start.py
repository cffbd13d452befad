"""Start states: rows of every entity, with references resolved; dates, names and lifecycles make sense together.

`start_rows(world, seed)` depends on nothing but its arguments: same world, seed, split and scale give the same rows in
the same order in every process.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Callable
from datetime import datetime
from itertools import accumulate
from typing import Any

from synth.records import rng_for
from synth.worlds.infer import infer_gen, words
from synth.worlds.keys import make_key
from synth.worlds.sanity import agree_texts, order_moments
from synth.worlds.spec import Entity, FieldSpec, World
from synth.worlds.values import Values, parse_clock, values_for

__all__ = ["make_key", "start_rows", "values_for"]

Row = dict[str, Any]
ZIPF = 0.8  # a few rows own much
_TRIES = 24


def start_rows(world: World, seed: int, split: str = "train", scale: float = 1.0) -> dict[str, list[Row]]:
    """Rows per entity in insertion order, key first, then fields in spec order. A reference holds its target's key (a
    list of parts where that is composite). `scale` multiplies table sizes; singletons stay one row."""
    build = _Build(world, seed, split, scale)
    for name in creation_order(world):
        build.fill(name)
    build.fill_deferred()
    return {name: build.rows[name] for name in world.entities}


def creation_order(world: World) -> list[str]:
    """Entities so that targets of references come first. In a cycle the entity whose open references may all be null
    goes first; where none may, the first by declaration."""
    waiting = {
        name: {t: hard for t, hard in _targets(entity).items() if t != name} for name, entity in world.entities.items()
    }
    order: list[str] = []
    while waiting:
        free = [n for n, targets in waiting.items() if not targets.keys() & waiting.keys()]
        if not free:
            soft = [n for n, ts in waiting.items() if not any(hard for t, hard in ts.items() if t in waiting)]
            free = (soft or list(waiting))[:1]
        order.extend(free)
        for n in free:
            del waiting[n]
    return order


def _targets(entity: Entity) -> dict[str, bool]:
    """Referenced entities; True where a row cannot do without."""
    out: dict[str, bool] = {}

    def walk(field: FieldSpec, hard: bool) -> None:
        hard = hard and not field.nullable
        if field.type == "ref" and field.to:
            out[field.to] = out.get(field.to, False) or hard
        if isinstance(field.of, str) and field.of.startswith("ref "):
            out.setdefault(field.of[4:], False)
        for inner in (field.fields or {}).values():
            walk(inner, hard)

    for field in entity.fields.values():
        walk(field, True)
    return out


class _Picker:
    """Keys of a finished table, drawn with a popularity of its own for each referring field."""

    def __init__(self, keys: list[Any], rng: random.Random, zipf: bool = True) -> None:
        self.keys = keys[:]
        rng.shuffle(self.keys)
        self.cum = list(accumulate((rank + 1) ** -ZIPF if zipf else 1.0 for rank in range(len(keys))))

    def __call__(self, rng: random.Random) -> Any:
        if not self.keys:
            return None
        return self.keys[bisect(self.cum, rng.random() * self.cum[-1], 0, len(self.keys) - 1)]


class _Build:
    def __init__(self, world: World, seed: int, split: str, scale: float) -> None:
        self.world = world
        self.seed = seed
        self.scale = scale
        self.values: Values = values_for(split)
        self.clock: datetime = parse_clock(world.clock)
        self.rows: dict[str, list[Row]] = {}
        self.keys: dict[str, list[Any]] = {}
        self.by_key: dict[str, dict[Any, Row]] = {}
        self.deferred: list[tuple[str, str, FieldSpec]] = []

    def fill(self, name: str) -> None:
        entity = self.world.entities[name]
        rng = rng_for("start", self.world.world, name, self.seed)
        rows = self._blank(name, entity, self._count(entity))
        self.rows[name] = rows
        for fname in _column_order(entity):
            self._column(name, entity, fname, rows, rng)
        agree_texts(name, entity, rows)
        order_moments(self.world, name, rows, self.by_key, self.clock, rng)
        for row, given in zip(rows, entity.fixed, strict=False):
            row.update(given)
        if len(entity.keys) > 1:
            rows = self.rows[name] = _distinct(rows, entity.keys)
        self.keys[name] = [_key_of(r, entity) for r in rows]
        self.by_key[name] = {_hashable(k): r for k, r in zip(self.keys[name], rows, strict=True)}

    def fill_deferred(self) -> None:
        for name, fname, field in self.deferred:
            rng = rng_for("start", self.world.world, name, fname, self.seed)
            draw = self._ref_draw(name, fname, field, rng)
            for row in self.rows[name]:
                row[fname] = draw(rng, self.clock)

    def _count(self, entity: Entity) -> int:
        if entity.virtual:
            return 0
        if entity.singleton:
            return 1
        if entity.fixed:
            return len(entity.fixed)
        count = max(1, round(entity.rows * self.scale)) if entity.rows else 0
        for key in entity.keys:  # a natural key that is an enum or a reference cannot repeat
            field = entity.fields.get(key)
            if isinstance(entity.key, str) and field is not None:
                if field.type == "enum" and isinstance(field.of, list):
                    count = min(count, len(field.of))
                elif field.type == "bool":
                    count = min(count, 2)
        for field in entity.fields.values():
            one_to_one = field.unique or (isinstance(entity.key, str) and entity.fields.get(entity.key) is field)
            if field.type == "ref" and one_to_one and not field.nullable and field.to in self.keys:
                count = min(count, len(self.keys[field.to]))
        return count

    def _blank(self, name: str, entity: Entity, count: int) -> list[Row]:
        order = [*entity.keys, *(f for f in entity.fields if f not in entity.keys)]
        if not entity.generated_key:
            return [dict.fromkeys(order) for _ in range(count)]
        rows = []
        for i in range(count):
            row: Row = dict.fromkeys(order)
            row[entity.keys[0]] = make_key(self.world.world, name, entity.id, self.seed, i)
            rows.append(row)
        return rows

    def _column(self, name: str, entity: Entity, fname: str, rows: list[Row], rng: random.Random) -> None:
        field = entity.fields[fname]
        natural = entity.key == fname
        if field.type == "ref" and field.to == name:
            self._tree(entity, fname, field, rows, rng)
        elif field.type == "ref" and field.to not in self.keys:
            self.deferred.append((name, fname, field))
        elif field.type == "ref" and (field.unique or natural):
            self._one_to_one(fname, field, rows, rng)
        elif entity.lifecycle is not None and entity.lifecycle.field == fname:
            for row, state in zip(rows, _states(field, len(rows), rng), strict=True):
                row[fname] = state
        else:
            spec = field.model_copy(update={"null": 0.0}) if natural else field
            draw = self._ref_draw(name, fname, spec, rng)
            distinct = field.unique or natural or fname == entity.label
            gen = field.gen or infer_gen(f"{name}.{fname}")
            if gen in ("email", "username") and field.type == "text":
                self._from_person(entity, name, fname, gen, draw, rows, rng)
                if distinct:
                    _nudge_repeats(fname, field, rows)
            elif distinct:
                _draw_distinct(draw, spec, fname, rows, rng, self.clock)
            else:
                clock = self.clock
                for row in rows:
                    row[fname] = draw(rng, clock)

    def _ref_draw(self, name: str, fname: str, field: FieldSpec, rng: random.Random) -> Callable[..., Any]:
        pickers: dict[str, _Picker] = {}

        def ref(target: str, inner: random.Random) -> Any:
            if target not in self.keys:
                return None
            if target not in pickers:
                pickers[target] = _Picker(self.keys[target], rng)
            return pickers[target](inner)

        return self.values.drawer(field, f"{name}.{fname}", ref)

    def _one_to_one(self, fname: str, field: FieldSpec, rows: list[Row], rng: random.Random) -> None:
        keys = self.keys[field.to or ""][:]
        rng.shuffle(keys)
        for i, row in enumerate(rows):
            row[fname] = keys[i] if i < len(keys) and (not field.null or rng.random() >= field.null) else None

    def _tree(self, entity: Entity, fname: str, field: FieldSpec, rows: list[Row], rng: random.Random) -> None:
        """A row refers to an earlier row only, so there is no cycle; roots are null (a root that may not be null
        refers to the first row, itself in that row's case)."""
        share = max(field.null, 0.15) if field.nullable else 0.0
        for i, row in enumerate(rows):
            if i == 0 or rng.random() < share:
                row[fname] = None if field.nullable else _key_of(rows[0], entity)
            else:
                row[fname] = _key_of(rows[int(rng.random() ** 1.5 * i)], entity)

    def _from_person(
        self,
        entity: Entity,
        name: str,
        fname: str,
        gen: str,
        draw: Callable[..., Any],
        rows: list[Row],
        rng: random.Random,
    ) -> None:
        """E-mail addresses and user names that go with the person's name in the same row."""
        source = next(
            (f for f, s in entity.fields.items() if s.type == "text" and _is_person(s, f"{name}.{f}")),
            None,
        )
        for row in rows:
            row[fname] = value = draw(rng, self.clock)
            person = row.get(source) if source else None
            if value is None or not person:
                continue
            handle = ".".join(person.lower().split())
            row[fname] = f"{handle}@{value.partition('@')[2]}" if gen == "email" else handle.replace(".", "_")


def _is_person(field: FieldSpec, name: str) -> bool:
    return field.gen == "person" or (field.gen in (None, "label") and infer_gen(name) == "person")


def _column_order(entity: Entity) -> list[str]:
    """E-mails after the names they are made of."""
    late = {f for f in entity.fields if set(words(f)) & {"email", "mail", "username", "login"}}
    return [f for f in entity.fields if f not in late] + [f for f in entity.fields if f in late]


def _states(field: FieldSpec, count: int, rng: random.Random) -> list[str]:
    """Lifecycle states: each present where the rows allow, the rest by weight."""
    members = list(field.of or [])
    weights = field.weights if field.weights and len(field.weights) == len(members) else None
    if weights is None:
        weights = [1.0 / (1 + 0.35 * i) for i in range(len(members))]
    out = members[:count]
    out += rng.choices(members, weights=weights, k=count - len(out))
    rng.shuffle(out)
    return out


def _draw_distinct(
    draw: Callable[..., Any], field: FieldSpec, fname: str, rows: list[Row], rng: random.Random, clock: datetime
) -> None:
    """Unique values; after some tries a text takes a number, a whole number counts on, anything else stays null
    (or, where it may not be null, repeats: its space is used up)."""
    seen: set[Any] = set()
    for row in rows:
        value = draw(rng, clock)
        for _ in range(_TRIES):
            if value is None or _hashable(value) not in seen:
                break
            value = draw(rng, clock)
        else:
            value = _nudged(value, field, seen)
        if value is not None:
            seen.add(_hashable(value))
        row[fname] = value


def _nudge_repeats(fname: str, field: FieldSpec, rows: list[Row]) -> None:
    seen: set[Any] = set()
    for row in rows:
        if row[fname] in seen:
            row[fname] = _nudged(row[fname], field, seen)
        if row[fname] is not None:
            seen.add(row[fname])


def _nudged(value: Any, field: FieldSpec, seen: set[Any]) -> Any:
    if isinstance(value, str) and field.type == "text":
        head, at, tail = value.partition("@")
        joint = "" if at else "-" if "-" in value and " " not in value else " "
        k = 2
        while f"{head}{joint}{k}{at}{tail}" in seen:
            k += 1
        return f"{head}{joint}{k}{at}{tail}"
    if isinstance(value, int) and not isinstance(value, bool) and field.type in ("int", "money"):
        while value in seen:
            value += 1
        return value
    return None if field.nullable else value


def _distinct(rows: list[Row], keys: list[str]) -> list[Row]:
    seen: set[Any] = set()
    out = []
    for row in rows:
        key = tuple(_hashable(row[k]) for k in keys)
        if key not in seen and None not in key:
            seen.add(key)
            out.append(row)
    return out


def _key_of(row: Row, entity: Entity) -> Any:
    return row[entity.key] if isinstance(entity.key, str) else [row[k] for k in entity.key]


def _hashable(value: Any) -> Any:
    return tuple(_hashable(v) for v in value) if isinstance(value, list) else value
