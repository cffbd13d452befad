"""Goals: a write drawn and executed, a question whose answer cannot be guessed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from synth.goals.describe import LONGEST, sayable
from synth.goals.desk import Act, Desk, names_row_of
from synth.goals.verbs import awkward, undoes
from synth.worlds.spec import Param
from synth.worlds.state import Change, State, diff, thaw

MOST_CHANGES = 4  # rows one write may change
_LATER = 997  # ticks: far enough that a value stamped from the clock differs
_EXTRA = (1, 1, 2)  # optional payload parameters kept
_FEW_EXTRA = (0, 0, 1)  # the same where many are required
_MANY = 2
_PARTS = 3  # members of an object that a person dictates
_QUIET = frozenset(
    [
        "limit",
        "offset",
        "page",
        "cursor",
        "sort",
        "order",
        "projection",
        "dry_run",
        "ignored",
        "value",
        "query",
        "idempotency",
    ]
)
OPEN_TYPES = frozenset({"text", "int", "number", "money", "date", "time", "code"})  # answers nobody guesses
MOST_VALUES = 6  # values a user says in one request
_KEEPS_PARENT = 0.9  # updates that name the row's parents as they are and do not move the row


@dataclass(frozen=True)
class Aim:
    """One write that works: canonical values and the row changes it makes. `volatile`: (entity, field) pairs that the
    clock stamps."""

    act: Act
    values: dict[str, Any]
    changes: tuple[Change, ...]
    volatile: frozenset[tuple[str, str]]

    def cells(self) -> set[tuple[str, Any, str]]:
        """What it touches: (entity, key, field) of updates, (entity, key, "*") of deletes."""
        out: set[tuple[str, Any, str]] = set()
        for c in self.changes:
            if c.after is None:
                out.add((c.entity, c.key, "*"))
            elif c.before is not None:
                out |= {
                    (c.entity, c.key, f)
                    for f in c.after
                    if c.before.get(f) != c.after.get(f) and (c.entity, f) not in self.volatile
                }
        return out

    @property
    def rows(self) -> set[tuple[str, Any]]:
        return {(c.entity, c.key) for c in self.changes}


@dataclass(frozen=True)
class Question:
    """Which value is asked for: `field` of a row, or the result of an act that counts."""

    entity: str
    key: Any
    field: str


def draw_write(
    desk: Desk, state: State, rng: random.Random, acts: list[Act], hot: list[tuple[str, Any]], hotness: float = 0.6
) -> Aim | None:
    """One try. `hot` rows were touched before: drawing them again makes steps hang together."""
    if not acts:
        return None
    act = rng.choice(acts)
    given: dict[str, Any] = {}
    if hot and rng.random() < hotness:
        near = [(a, n, k) for a in acts for e, k in hot for n in naming(desk, a, e)]
        near = [x for x in near if desk.row(state, hot_entity(desk, x[0], x[1]), x[2]) is not None]
        if near:
            act, name, key = rng.choice(near)
            given = {name: key}
    values = desk.draw(act, state, rng, given)
    if values is None:
        return None
    values = simplified(desk, act, values, rng)
    if undoes(act.op, act.tool) or any(wordy(v) for v in values.values()):
        return None
    if act.op == "update" and rng.random() < _KEEPS_PARENT:
        values = at_home(desk, state, act, values)
    if sum(len(v) if isinstance(v, list | dict) else 1 for v in values.values()) > MOST_VALUES:
        return None  # nobody says all that at once
    return settle(desk, state, act, values)


def naming(desk: Desk, act: Act, entity: str) -> list[str]:
    """Parameters by which a write names a row of `entity`."""
    return [n for n, p in act.params.items() if (p.role in ("key", "field") or p.type is not None)
            and names_row_of(desk, act, p) == entity and p.compare == "eq"]  # fmt: skip


def at_home(desk: Desk, state: State, act: Act, values: dict[str, Any]) -> dict[str, Any]:
    """References an update has to name keep the value they have; those it may name are left out."""
    own = [n for n, p in act.params.items() if p.role == "key" and p.entity in (None, act.of) and n in values]
    row = desk.row(state, str(act.of), values[own[0]]) if len(own) == 1 and act.of else None
    if row is None:
        return values
    out = {}
    for name, value in values.items():
        p = act.params[name]
        if is_parent(desk, act, p):
            if not p.required:
                continue
            value = thaw(row.get(str(p.field))) or value
        out[name] = value
    return out


def is_parent(desk: Desk, act: Act, p: Param) -> bool:
    """Whether a payload parameter is a single reference to another row."""
    spec = desk.field(str(act.of), p.field) if act.of else None
    return p.role == "field" and p.entity in (None, act.of) and spec is not None and spec.type == "ref"


def stays(desk: Desk, act: Act, name: str, changes: tuple[Change, ...]) -> bool:
    """Whether an update names this parent only to say where the row is: it had that value before."""
    p = act.params[name]
    own = [c for c in changes if c.entity == act.of and c.before is not None]
    if act.op != "update" or not own or not p.required or not is_parent(desk, act, p):
        return False
    return (own[0].before or {}).get(str(p.field)) == (own[0].after or {}).get(str(p.field))


def hot_entity(desk: Desk, act: Act, name: str) -> str:
    return str(names_row_of(desk, act, act.params[name]))


def settle(desk: Desk, state: State, act: Act, values: dict[str, Any]) -> Aim | None:
    """Execute; an aim where it succeeds, changes something, and changes it the same way whenever it is done."""
    result, _ = desk.execute(state, act, values)
    if not result.ok or not result.changes or len(result.changes) > MOST_CHANGES:
        return None
    late = state.snapshot()
    late.clock += _LATER
    again, _ = desk.execute(late, act, values)
    if not again.ok or len(again.changes) != len(result.changes):
        return None
    volatile: set[tuple[str, str]] = set()
    for one, two in zip(result.changes, again.changes, strict=True):
        if (one.entity, one.key) != (two.entity, two.key) or (one.after is None) != (two.after is None):
            return None
        for f in one.after or {}:
            if (one.after or {}).get(f) != (two.after or {}).get(f):
                spec = desk.field(one.entity, f)
                if one.before is not None and (spec is None or spec.set_by == "tool"):
                    return None  # a judge could not tell a wrong value from a later one
                volatile.add((one.entity, f))
    if act.op in ("update", "setting", "upsert", "move") and not all_take_effect(desk, act, values, result.changes):
        return None
    return Aim(act, values, result.changes, frozenset(volatile))


def all_take_effect(desk: Desk, act: Act, values: dict[str, Any], changes: tuple[Change, ...]) -> bool:
    """Every payload value the user would ask for changes something: nothing is asked for that is already so."""
    own = [c for c in changes if c.entity == act.of]
    for name, p in act.params.items():
        if (
            p.role == "field"
            and name in values
            and own
            and not stays(desk, act, name, changes)
            and own[0].before is not None
            and own[0].before.get(str(p.field)) == (own[0].after or {}).get(str(p.field))
        ):
            return False
    return True


def simplified(desk: Desk, act: Act, values: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """Without optional arguments that nobody would say (structures, long texts, paging); at most two are payload."""
    out: dict[str, Any] = {}
    payload = [
        n for n, p in act.params.items() if p.role == "field" and n in values and not p.required and plain(values[n])
    ]
    rng.shuffle(payload)
    needed = sum(p.role == "field" and p.required for p in act.params.values())
    plainly = [n for n in payload if not awkward(act.params[n].field or n, field_type(desk, act, n))]
    payload = plainly or (payload[:1] if act.op in ("update", "setting", "upsert") or not needed else [])
    kept = set(payload[: rng.choice(_EXTRA if needed < _MANY else _FEW_EXTRA)])
    for name, value in values.items():
        p = act.params.get(name)
        if p is None:
            continue
        if (
            p.required
            or p.role in ("key", "confirm")
            or (p.role == "field" and name in kept)
            or (p.role not in _QUIET | {"field"} and plain(value))
        ):
            out[name] = value
    return out


def wordy(value: Any) -> bool:
    """A structure that makes no phrase: nested, of many parts, or with a yes or no in it."""
    return isinstance(value, dict) and (
        len(value) > _PARTS or any(isinstance(v, dict | list | bool) for v in value.values())
    )


def field_type(desk: Desk, act: Act, name: str) -> str:
    """The type of the field a parameter sets, "text" where there is none."""
    p = act.params[name]
    spec = desk.field(p.entity or act.of or "", p.field) if (p.entity or act.of) else None
    return spec.type if spec is not None else "text"


def plain(value: Any) -> bool:
    """A scalar or a short list of scalars."""
    if isinstance(value, list):
        return 0 < len(value) <= 3 and all(plain(v) and not isinstance(v, list) for v in value)
    return not isinstance(value, dict) and (
        not isinstance(value, str) or (0 < len(value) <= LONGEST + 60 and "\n" not in value)
    )


def goal_changes(
    desk: Desk, before: State, after: State, volatile: frozenset[tuple[str, str]]
) -> list[dict[str, Any]] | None:
    """The difference as goal data. New rows carry no key; what the system stamps is left out, unless it is all that the
    write did to the row (a run is cancelled, an amount moves). None where a new row's generated key stands in another
    row and could come out differently."""
    changes = diff(before, after)
    inserted: dict[str, set[Any]] = {}
    for c in changes:
        if c.before is None:
            inserted.setdefault(c.entity, set()).add(c.key)
    unstable = {k for keys in inserted.values() if len(keys) > 1 for k in keys}
    out = []
    for c in changes:
        entity = desk.entity(c.entity)
        kind = "insert" if c.before is None else "delete" if c.after is None else "update"
        fields: dict[str, Any] = {}
        stamps: dict[str, Any] = {}
        for f, v in (c.after or {}).items():
            spec = entity.fields.get(f)
            if spec is None or spec.set_by == "never" or (c.entity, f) in volatile:
                continue
            if kind == "update" and (c.before or {}).get(f) == v:
                continue
            if spec.set_by == "tool" and not isinstance(v, dict | tuple) and v in unstable:
                return None
            (fields if spec.set_by == "tool" else stamps)[f] = thaw(v)
        if kind == "update" and not fields:
            fields = stamps
        if kind == "update" and not fields:
            continue
        generated = kind == "insert" and entity.generated_key
        key = None if generated else list(c.key) if isinstance(c.key, tuple) else c.key
        out.append({"world_id": desk.world_id, "entity": c.entity, "kind": kind, "key": key, "fields": fields})
    return out


def draw_question(
    desk: Desk, state: State, rng: random.Random, hot: list[tuple[str, Any]], seen: set[tuple[str, str]]
) -> Question | None:
    """A field of a row that some offered read shows, with an answer nobody guesses."""
    options = [(e, f) for e, f in askable(desk) if (e, f) not in seen]
    if not options:
        return None
    near = [(e, f, k) for e, f in options for he, k in hot if he == e]
    if near and rng.random() < 0.5:
        entity, field, key = rng.choice(near)
        row = desk.row(state, entity, key)
    else:
        entity, field = rng.choice(options)
        rows = [r for r in state.rows(entity).values() if sayable(r.get(field))]
        row = rng.choice(rows) if rows else None
        key = tuple(row[k] for k in desk.entity(entity).keys) if row is not None else None
        key = key[0] if key is not None and len(key) == 1 else key
    if row is None or not sayable(row.get(field)) or not unguessable(row.get(field)):
        return None
    return Question(entity, key, field)


def unguessable(value: Any) -> bool:
    return not (isinstance(value, int | float) and abs(value) < 20) and not (isinstance(value, str) and len(value) < 3)


def askable(desk: Desk) -> list[tuple[str, str]]:
    """(entity, field) that a read by key or a list of the offered tools shows."""
    out: set[tuple[str, str]] = set()
    for act in desk.reads:
        if act.of is None or act.op not in ("get", "list", "search") or act.spec.gives is not None:
            continue
        e = desk.entity(act.of)
        shown = act.spec.shows or list(e.fields)
        out |= {(act.of, f) for f in shown if f in e.fields and e.fields[f].type in OPEN_TYPES and f not in e.keys
                and f != e.label and not awkward(f, e.fields[f].type, act.of)}  # fmt: skip
    return sorted(out)
