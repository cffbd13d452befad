"""`clarify`: one needed fact is told only when asked."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from synth.goals.clauses import spoken_field
from synth.goals.describe import sayable
from synth.goals.desk import Desk, names_row_of
from synth.goals.draw import Aim, draw_write, field_type
from synth.goals.ground import Told
from synth.goals.kinds.draft import TRIES, Draft, add_write
from synth.goals.story import DeadEnd, Story
from synth.goals.templates import phrase
from synth.goals.verbs import awkward
from synth.goals.words import noun


def clarify(desk: Desk, rng: random.Random) -> Draft:
    """One needed fact is told only when asked: a payload, or which row is meant."""
    story = Story(desk, rng, ids=rng.random() < 0.3)
    story.new_turn()
    if rng.random() < 0.7:
        for aim, names in with_payload(story, TRIES):
            name = rng.choice(names)
            story.write(aim, hide=name)
            told = story.kept_back()
            label = spoken_field(desk, aim.act, name)
            what = noun(desk.world, str(aim.act.of))
            return Draft(story, hidden=[([told.id], phrase(rng, desk.split, "asks", "value", field=label, noun=what))])
        raise DeadEnd("no payload to hide")
    aim = add_write(story)
    return hide_row(story, aim, rng)


def with_payload(story: Story, tries: int) -> Iterator[tuple[Aim, list[str]]]:
    """Drawn writes, each with its payload parameters that a user can be asked for."""
    desk = story.desk
    for _ in range(tries):
        aim = draw_write(desk, story.state, story.rng, desk.writes, [], 0.0)
        names = [] if aim is None else hideable(desk, aim)
        if aim is not None and names:
            yield aim, names


def hideable(desk: Desk, aim: Aim) -> list[str]:
    """Payload parameters the call cannot do without: required ones, or the only change of an update."""
    act = aim.act
    if act.of is None:
        return []
    payload = [n for n, p in act.params.items() if p.role == "field" and n in aim.values]
    out = []
    for n in payload:
        p, value = act.params[n], aim.values[n]
        needed = p.required or (act.op in ("update", "setting") and len(payload) == 1)
        if (
            needed
            and names_row_of(desk, act, p) is None
            and isinstance(value, str | int | float)
            and not isinstance(value, bool)
            and sayable(value)
            and not awkward(p.field or n, field_type(desk, act, n))
        ):
            out.append(n)
    return out


def hide_row(story: Story, aim: Aim, rng: random.Random) -> Draft:
    """Keep back which row is meant."""
    clause = story.turns[-1][-1]
    for (entity, _), (_, words) in story.finder.mentioned.items():
        if (
            words.phrase not in clause.vp
            or not words.vague
            or len(words.told) != 1
            or not isinstance(words.told[0], Told)
        ):
            continue
        told = words.told[0]
        known = story.facts[told.at]
        known.turn = None
        story.turns[-1][-1] = replace(
            clause,
            vp=clause.vp.replace(words.phrase, words.vague),
            stated=clause.stated.replace(words.phrase, words.vague),
            slip=None,
        )
        name = "ID" if told.name == "id" else told.name
        what = noun(story.desk.world, entity)
        question = phrase(rng, story.desk.split, "asks", "which", noun=what, field=name)
        return Draft(story, hidden=[([known.id], question)])
    raise DeadEnd("no row to keep back")
