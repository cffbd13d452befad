"""Dates and times of a row that agree: made before changed, begun before ended, made after the row it hangs on."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from typing import Any

from synth.worlds.infer import word_set, words
from synth.worlds.spec import Entity, FieldSpec, World
from synth.worlds.values import time_text, window

Row = dict[str, Any]

_MADE = word_set(
    """created opened issued registered joined ordered submitted requested received posted added booked hired"""
)
_LATER = word_set(
    """updated modified changed closed resolved completed finished cancelled shipped delivered paid seen approved
    rejected archived published"""
)  # fmt: skip
_BEGIN = word_set("""start starts started begin begins from checkin departure departs departed depart opens""")
_END = word_set(
    """end ends ended until to checkout arrival arrives arrived return due expires expiry deadline closes"""
)


def _rank(name: str) -> tuple[str, int] | None:
    parts = set(words(name))
    if parts & _MADE:
        return "life", 0
    if parts & _LATER:
        return "life", 1
    if parts & _BEGIN or {"check", "in"} <= parts:
        return "span", 0
    if parts & _END or {"check", "out"} <= parts:
        return "span", 1
    return None


def order_moments(
    world: World, name: str, rows: list[Row], by_key: dict[str, dict[Any, Row]], clock: datetime, rng: random.Random
) -> None:
    """Repair `rows` in place. Values stay inside their declared windows."""
    entity = world.entities[name]
    moments = {f: s for f, s in entity.fields.items() if s.type in ("date", "time")}
    if not moments:
        return
    made = _made_field(entity)
    if made is not None:
        _after_targets(world, entity, made, rows, by_key, clock, rng)
    ranked = [(f, r) for f in moments if (r := _rank(f)) is not None]
    pairs = [(a, b) for a, ra in ranked for b, rb in ranked if ra[0] == rb[0] and ra[1] < rb[1]]
    if made is not None:  # a plan is made before the time it is for
        pairs += [(made, f) for f, r in ranked if r[0] == "span" and r[1] == 1 and f != made]
    for first, second in pairs:
        for row in rows:
            if row[first] is not None and row[second] is not None and row[first][:19] > row[second][:19]:
                _mend(row, first, second, moments, clock, rng)


def _made_field(entity: Entity) -> str | None:
    for f, s in entity.fields.items():
        if s.type == "time" and _rank(f) == ("life", 0):
            return f
    return None


def _after_targets(
    world: World,
    entity: Entity,
    made: str,
    rows: list[Row],
    by_key: dict[str, dict[Any, Row]],
    clock: datetime,
    rng: random.Random,
) -> None:
    now = time_text(clock)
    links = [
        (f, by_key[s.to], t)
        for f, s in entity.fields.items()
        if s.type == "ref" and s.to in by_key and (t := _made_field(world.entities[s.to])) is not None
    ]
    for row in rows:
        for f, targets, t in links:
            key = row[f]
            target = targets.get(tuple(key) if isinstance(key, list) else key)
            if target is None or not target[t] or not row[made] or target[t] <= row[made] or target[t] >= now:
                continue
            low = datetime.fromisoformat(target[t][:19])
            row[made] = time_text(low + timedelta(seconds=rng.random() * (clock - low).total_seconds()))


def _mend(
    row: Row, first: str, second: str, moments: dict[str, FieldSpec], clock: datetime, rng: random.Random
) -> None:
    a, b = moments[first], moments[second]
    if a.type == b.type and _fits(row[second], first, a, clock) and _fits(row[first], second, b, clock):
        row[first], row[second] = row[second], row[first]
        return
    low = datetime.fromisoformat(row[first][:19])
    high = clock + timedelta(seconds=window(b, second)[1])
    if high <= low:
        return
    at = low + timedelta(seconds=rng.random() * min((high - low).total_seconds(), 14 * 86_400))
    row[second] = time_text(at) if b.type == "time" else max(at.date(), low.date()).isoformat()


def _fits(text: str, name: str, field: FieldSpec, clock: datetime) -> bool:
    low, high = window(field, name)
    if field.type == "date":
        at = date.fromisoformat(text[:10])
        return (clock + timedelta(seconds=low)).date() <= at <= (clock + timedelta(seconds=high)).date()
    moment = datetime.fromisoformat(text[:19])
    return clock + timedelta(seconds=low) <= moment <= clock + timedelta(seconds=high)
