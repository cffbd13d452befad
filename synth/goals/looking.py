"""The read by which an assistant sees whether a write whose answer was lost was carried out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rubrics.normal import leaves
from synth.goals.check import replay
from synth.goals.desk import Act, Desk
from synth.goals.ground import own_key
from synth.records import canonical
from synth.taskspec import Look, Step
from synth.worlds.state import State

_LATER = 997  # ticks: what the clock stamps differs by then
_MOST = 4  # values to look for


def look_for(desk: Desk, steps: Sequence[Step], step: Step) -> Look | None:
    """A read of the offered tools that tells the state after `step` from the one before, whenever it is called; None
    where there is none, or where another step of the plan would be in the way."""
    used = any(src.step == step.id for s in steps for src in s.sources.values())
    writes = [s for s in steps if s.effect == "write"]
    if step.effect != "write" or used or sum(s.tool == step.tool for s in steps) != 1:
        return None
    ran = replay(desk, [s for s in steps if s.id < step.id])
    if ran is None:
        return None
    before, late = ran[0], ran[0].snapshot()
    late.clock += _LATER
    result, after = desk.cw.execute(before, desk.offered[step.tool], step.arguments)
    again, later = desk.cw.execute(late, desk.offered[step.tool], step.arguments)
    if not result.ok or not again.ok:
        return None
    new = {canonical(c.key) for c in result.changes if c.before is None}
    sent = [v for _, v in leaves(step.arguments)]
    for entity in dict.fromkeys(c.entity for c in result.changes):
        for act, values in candidates(desk, entity, sent, alone=len(writes) == 1):
            found = told_apart(desk, act, values, (before, after, later), new)
            if found is not None:
                return Look(step=step.id, tool=act.offered, arguments=desk.arguments(act, values), **found)
    return None


def candidates(desk: Desk, entity: str, sent: list[Any], alone: bool) -> Iterator[tuple[Act, dict[str, Any]]]:
    """Reads of one row by a key that the write named; where it is the only write, also lists that need nothing."""
    for act in (a for a in desk.reads_of(entity, "get") if a.effect == "read"):
        name = own_key(act, desk)
        for value in sent if name is not None else ():
            if name is not None and isinstance(value, str | int) and desk.row(desk.start, entity, value) is not None:
                yield act, {name: value}
    for act in (a for a in desk.reads_of(entity, "list") if alone and a.effect == "read"):
        if not any(p.required for p in act.params.values()):
            yield act, {}


def told_apart(
    desk: Desk, act: Act, values: dict[str, Any], states: tuple[State, State, State], new: set[str]
) -> dict[str, Any] | None:
    """By what the read shows the difference: values that come, values that go, or that it fails."""
    was, now, later = (desk.execute(state, act, values)[0] for state in states)
    if not was.ok:
        return None
    if not now.ok:
        return None if later.ok else {"fails": True}
    old, fresh, other = ({canonical(v): v for _, v in leaves(r.value)} for r in (was, now, later))
    shown = [v for at, v in sorted(fresh.items()) if at not in old and at in other and at not in new][:_MOST]
    gone = [v for at, v in sorted(old.items()) if at not in fresh and at not in other][:_MOST]
    return {"shown": shown, "gone": gone} if shown or gone else None
