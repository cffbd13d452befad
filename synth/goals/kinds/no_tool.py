"""`no_tool`: what is asked for, nothing that is offered can do."""

from __future__ import annotations

import random

from synth.goals.desk import Act, Desk
from synth.goals.draw import draw_write
from synth.goals.kinds.draft import TRIES, Draft
from synth.goals.story import DeadEnd, Story
from synth.goals.words import noun, plural_of, split_words


def no_tool(desk: Desk, rng: random.Random) -> Draft:
    """What is asked for, the world could do; but nothing that is offered can."""
    story = Story(desk, rng, ids=rng.random() < 0.3)
    story.finder.words_only = not story.ids
    story.new_turn()
    acts = [a for a in desk.missing if a.writes and not producible(desk, a) and not sounds_offered(desk, a)]
    for _ in range(TRIES if acts else 0):
        aim = draw_write(desk, story.state, rng, acts, [], 0.0)
        if aim is not None:
            story.write(aim)
            return Draft(story, refuse=True)
    raise DeadEnd("everything the world can do is offered" if not acts else "no write that works")


def sounds_offered(desk: Desk, wanted: Act) -> bool:
    """Whether a tool of another world, or one without semantics, has the same noun: it might be meant for this."""
    last = noun(desk.world, wanted.of).lower().split(" ")[-1] if wanted.of else ""
    return any({last, plural_of(last)} & set(split_words(name)) for name in desk.foreign)


_MAKES: dict[str, frozenset[str]] = {
    "create": frozenset({"create", "upsert", "copy", "send", "relate"}),
    "send": frozenset({"create", "send", "upsert"}),
    "copy": frozenset({"copy", "create", "upsert"}),
    "relate": frozenset({"relate", "create", "upsert", "update"}),
    "unrelate": frozenset({"unrelate", "delete", "update"}),
    "delete": frozenset({"delete", "unrelate"}),
}

_CHANGES = frozenset({"update", "upsert", "move", "setting"})


def producible(desk: Desk, wanted: Act) -> bool:
    """Whether some offered act could bring about what `wanted` does."""
    makes = _MAKES.get(wanted.op, _CHANGES | {"create", "copy"} if wanted.op == "upsert" else _CHANGES)
    for act in desk.writes:
        if act.op == "move" and wanted.op == "move" and act.spec.to not in (None, wanted.spec.to):
            continue
        if act.op == "do" or (act.spec.then and act.of != wanted.of):
            return True
        if act.of != wanted.of:
            continue
        if act.op in makes:
            fields = set_by(desk, act) & set_by(desk, wanted)
            if wanted.op in _MAKES or fields:
                return True
    return wanted.op == "do"


def set_by(desk: Desk, act: Act) -> set[str]:
    """Fields an act may set."""
    out = {str(p.field) for p in act.params.values() if p.role == "field"} | set(act.spec.init)
    cycle = desk.entity(act.of).lifecycle if act.of else None
    return out | ({cycle.field} if act.op == "move" and cycle else set())
