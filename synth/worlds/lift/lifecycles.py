"""Transition verbs become states and moves; verbs that flip a flag become a bool field."""

from __future__ import annotations

from collections.abc import Sequence

from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.fields import base_words
from synth.worlds.lift.read import Reading
from synth.worlds.lift.table import Table

FLAGS = {
    "star": "starred", "follow": "followed", "like": "liked", "subscribe": "subscribed", "join": "joined",
    "favorite": "favorite", "watch": "watched", "leave": "joined", "enable": "enabled", "disable": "enabled",
    "mute": "muted", "lock": "locked", "pin": "pinned", "hide": "hidden", "protect": "protected",
}  # fmt: skip


RESTARTS = frozenset({"restart", "reboot"})  # back to where it was: a time stamp, not a move


def add_lifecycle(t: Table, style: str) -> None:
    """The states of a table and the moves between them, from its transition verbs; none where no tool moves a row."""
    moves = [r for r in t.readings if r.kind == "move" and not is_flag(r, t) and r.verb not in RESTARTS]
    if not moves:
        return
    state = next(
        (
            n
            for key in ("status", "state", "lifecycle_state", "lifecycle_status")
            if (n := t.column((*key.split("_"),))) is not None
        ),
        None,
    )
    members: list[str] = []
    if state is not None:
        spec = t.spec(state)
        assert spec is not None
        if spec["type"] == "enum":
            members = list(spec["of"])
        elif spec["type"] not in ("text",):
            state = None
    table: dict[str, list[str]] = {}
    states: list[str] = members[:]
    for r in moves:
        target, sources, _ = transition(r)
        goal = member(target, states)
        found = [m for s in sources if (m := match(s, states)) is not None]
        if not found:
            found = [s for s in states if s != goal][:3] if members else [sources[0]]
        for s in [*found, goal]:
            if s not in states:
                states.append(s)
        for s in found:
            if goal not in table.setdefault(s, []) and (s != goal or sources == (target,)):
                table[s].append(goal)
    if len(states) < 2:
        states.append("active" if states != ["active"] else "inactive")
        table.setdefault(states[-1], []).append(states[0])
    if state is None:
        state = t.add(
            ("status",) if "status" not in t.fields else ("lifecycle", "state"), {"type": "enum", "of": states}, style
        )
    writable = any(
        b.role == "field" and t.column(base_words(b.field, r.entity, r.facet)) == state
        for r in t.readings
        if r.kind in ("update", "upsert")
        for b in r.roles
    )
    for s in states:
        table.setdefault(s, [])
    if writable:
        if len(states) < 3:
            t.free_state = state
        else:
            last = states[-1]
            for s in states:
                table[s] += [x for x in states if x != s and x not in table[s] and (s, x) != (last, states[-2])]
            if states[-2] in table[last] and len({r.verb for r in moves}) < len(states):
                table[last].remove(states[-2])
    order = [s for s in table if table[s]] + [s for s in table if not table[s]]
    at = norm_of(t, state)
    t.fields[at] = (state, {"type": "enum", "of": states})
    if t.free_state:
        t.moves = table
        return
    t.lifecycle = {"field": state, "moves": {s: table[s] for s in order}, "start": _start(order)}


_STARTS = (
    "draft",
    "new",
    "pending",
    "open",
    "todo",
    "to_do",
    "planned",
    "unstarted",
    "queued",
    "scheduled",
    "created",
    "triggered",
    "unread",
    "active",
    "running",
    "enabled",
)


def _start(states: list[str]) -> str:
    """The state of a new row."""
    low = {s.lower().replace(" ", "_"): s for s in reversed(states)}
    return next((low[s] for s in _STARTS if s in low), states[0])


def norm_of(t: Table, name: str) -> str:
    return next(k for k, (n, _) in t.fields.items() if n == name)


def transition(r: Reading) -> tuple[str, tuple[str, ...], str]:
    """Target, sources and group of a move."""
    if r.verb in lx.TRANSITIONS:
        return lx.TRANSITIONS[r.verb]
    if r.verb in lx.SEND:
        return "sent", ("draft",), "draft"
    if r.verb in ("submit",):
        return "submitted", ("draft",), "draft"
    return (
        {"schedule": "scheduled", "release": "released", "issue": "issued"}.get(r.verb, "completed"),
        ("draft",),
        "draft",
    )


def is_flag(r: Reading, t: Table) -> bool:
    """Whether a transition flips a flag rather than the state: enable, lock, pin."""
    return r.kind == "flag" or (
        r.kind == "move" and transition(r)[2] in ("enabled", "muted", "locked", "pinned", "visible", "protected")
    )


def flag_of(r: Reading) -> tuple[str, str]:
    """(field, expression) that a flag verb sets."""
    verb = r.verb
    part = "_".join((*r.facet, "")) if r.facet and r.facet != ("status",) else ""
    for prefix in ("un",):
        if verb.startswith(prefix) and verb[len(prefix) :] in FLAGS:
            return part + FLAGS[verb[len(prefix) :]], "false"
    if verb == "toggle":
        return f"{part}enabled", f"!it['{part}enabled']"
    return part + FLAGS.get(verb, verb + "ed"), "false" if verb in ("leave", "disable") else "true"


def match(state: str, states: Sequence[str]) -> str | None:
    """The member of `states` that means `state`: same beginning, whatever the case."""
    low = state.lower()
    for s in states:
        if s.lower() == low:
            return s
    stem = low[: max(4, len(low) - 3)]
    return next((s for s in states if s.lower().startswith(stem)), None)


def member(state: str, states: Sequence[str]) -> str:
    """`match`, or the state in the case of the others."""
    found = match(state, states)
    if found is not None:
        return found
    return (
        state.upper()
        if states and all(s.isupper() for s in states)
        else state.capitalize()
        if states and all(s[:1].isupper() for s in states)
        else state
    )
