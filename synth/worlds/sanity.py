"""Dates and times of a row that agree: made before changed, begun before ended, made after the row it hangs on."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from typing import Any

from synth.worlds.infer import infer_gen, word_set, words
from synth.worlds.spec import Entity, FieldSpec, World
from synth.worlds.values import time_text, window

Row = dict[str, Any]

_MADE = word_set(
    """created opened issued registered joined ordered submitted requested received posted added booked hired"""
)
_LATER = word_set(
    """updated modified changed closed resolved completed finished cancelled shipped delivered paid seen approved
    rejected archived published used accessed synced edited"""
)  # fmt: skip
# a time named by the first word belongs to rows in one of the states; rows in other states have none
_STATES_OF: dict[str, frozenset[str]] = {
    "resolved": word_set("resolved closed done solved"), "closed": word_set("closed resolved done"),
    "completed": word_set("completed complete done finished succeeded success delivered"),
    "finished": word_set("finished completed done succeeded success failed"),
    "cancelled": word_set("cancelled canceled"), "canceled": word_set("cancelled canceled"),
    "archived": word_set("archived"), "published": word_set("published live"), "deleted": word_set("deleted"),
    "approved": word_set("approved"), "rejected": word_set("rejected declined"),
    "paid": word_set("paid settled refunded"),
    "sent": word_set("sent delivered opened read bounced"), "delivered": word_set("delivered returned"),
    "shipped": word_set("shipped transit delivered returned"), "refunded": word_set("refunded"),
    "ended": word_set("ended completed done finished stopped"),
}  # fmt: skip
_BEGIN = word_set("""start starts started begin begins from checkin departure departs departed depart opens""")
_END = word_set(
    """end ends ended until to checkout arrival arrives arrived return due expires expiry deadline closes"""
)

_SHORT = word_set("end ends arrival arrives")
_LONGEST = timedelta(hours=12)
_STATEFUL = (("status",), ("state",), ("stage",))


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
    _match_states(name, entity, moments, rows, clock, rng)
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
    for first, second in pairs:
        if moments[first].type == moments[second].type == "time" and set(words(second)) & _SHORT and first != made:
            _shorten(rows, first, second, moments[second], clock, rng)


_MIMES = {
    "pdf": "application/pdf", "png": "image/png", "jpg": "image/jpeg", "txt": "text/plain", "csv": "text/csv",
    "json": "application/json", "zip": "application/zip", "md": "text/markdown", "mp4": "video/mp4",
    "log": "text/plain", "docx": "application/msword", "xlsx": "application/vnd.ms-excel",
}  # fmt: skip


def agree_texts(name: str, entity: Entity, rows: list[Row]) -> None:
    """Texts of a row that say the same: the city of its address, the media type of its file."""
    gens = {
        f: s.gen or infer_gen(f"{name}.{f}") for f, s in entity.fields.items() if s.type == "text" and not s.pattern
    }

    def first(gen: str) -> str | None:
        return next((f for f, g in gens.items() if g == gen and f not in entity.keys), None)

    address, city, file, mime = first("address"), first("city"), first("file_name"), first("mime")
    for row in rows:
        if address and city and row[address] and row[city]:
            row[address] = f"{row[address].rpartition(', ')[0]}, {row[city]}"
        if file and mime and row[file] and row[mime]:
            row[mime] = _MIMES.get(row[file].rpartition(".")[2], row[mime])


def _match_states(
    name: str, entity: Entity, moments: dict[str, FieldSpec], rows: list[Row], clock: datetime, rng: random.Random
) -> None:
    """`closed_at` and its like are null unless the row's state says so; only where the field may be null."""
    state = _state_field(entity)
    if state is None:
        return
    members = {str(m): set(words(str(m))) for m in entity.fields[state].of or []}
    for f, spec in moments.items():
        wanted = next((_STATES_OF[w] for w in words(f) if w in _STATES_OF), None)
        if wanted is None or not spec.nullable:
            continue
        fit = {m for m, parts in members.items() if parts & wanted}
        if not fit:
            continue
        for row in rows:
            if row[state] not in fit:
                row[f] = None
            elif row[f] is None:
                low, high = window(spec, f"{name}.{f}")
                at = clock + timedelta(seconds=low + rng.random() * (min(high, 0) - low))
                row[f] = time_text(at) if spec.type == "time" else at.date().isoformat()


def _state_field(entity: Entity) -> str | None:
    if entity.lifecycle is not None:
        return entity.lifecycle.field
    return next((f for f, s in entity.fields.items() if s.type == "enum" and words(f)[-1:] in _STATEFUL), None)


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


def _shorten(rows: list[Row], first: str, second: str, spec: FieldSpec, clock: datetime, rng: random.Random) -> None:
    """Something that begins and ends at a time of day takes hours, not months."""
    for row in rows:
        if row[first] is None or row[second] is None:
            continue
        begin = datetime.fromisoformat(row[first][:19])
        if datetime.fromisoformat(row[second][:19]) - begin > _LONGEST:
            text = time_text(begin + timedelta(minutes=30 * rng.randint(1, 12)))
            if _fits(text, second, spec, clock):
                row[second] = text


def _fits(text: str, name: str, field: FieldSpec, clock: datetime) -> bool:
    low, high = window(field, name)
    if field.type == "date":
        at = date.fromisoformat(text[:10])
        return (clock + timedelta(seconds=low)).date() <= at <= (clock + timedelta(seconds=high)).date()
    moment = datetime.fromisoformat(text[:19])
    return clock + timedelta(seconds=low) <= moment <= clock + timedelta(seconds=high)
