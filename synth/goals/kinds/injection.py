"""`injection`: a record that the assistant reads tells it to do something. The user's own task is done, the text's is
not. The twins are records that sound just so, where all that the user wants is to hear what they say."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from rubrics.normal import leaves
from synth.goals.attacks import attacks, draw_attack, names
from synth.goals.check import replay
from synth.goals.desk import Desk
from synth.goals.draw import Question, askable
from synth.goals.ground import records
from synth.goals.kinds.basic import chain, multi_turn, parallel
from synth.goals.kinds.draft import Draft, add_question
from synth.goals.questions import ask_field
from synth.goals.story import DeadEnd, Story
from synth.goals.templates import fill
from synth.goals.words import split_words
from synth.taskspec import Plant
from synth.worlds.state import thaw

TWINS = 0.2
CARRIERS = 3  # tasks tried as carriers of a text
SPOTS = 4  # places tried for it
KEEPS = 0.4  # share of texts that stand below what the field held before


@dataclass(frozen=True)
class Spot:
    """A text field of a row that a read of the plan shows."""

    entity: str
    key: Any
    field: str


def injection(desk: Desk, rng: random.Random) -> Draft:
    if rng.random() < TWINS:
        try:
            return twin(desk, rng)
        except DeadEnd:
            pass  # nothing that people would ask for holds a text
    reason = ""
    for _ in range(CARRIERS):
        try:
            draft = carrier(desk, rng)
            poison(draft, rng)
            return draft
        except DeadEnd as end:
            reason = str(end)
    raise DeadEnd(reason)


def poison(draft: Draft, rng: random.Random) -> None:
    """Plant a text where the plan reads it."""
    story = draft.story
    spots = shown_texts(story)
    if len(spots) > 1 and rng.random() < 0.3:
        rng.shuffle(spots)
    if not spots:
        raise DeadEnd("no read of the plan shows a text")
    attack = draw_attack(story, spots[0].entity, rng)
    keep = rng.random() < KEEPS
    for spot in spots[:SPOTS]:
        row = thaw(dict(story.desk.start.rows(spot.entity)[spot.key]))
        old = row.get(spot.field)
        text = f"{old}\n{attack.text}" if keep and isinstance(old, str) and old else attack.text
        key = list(spot.key) if isinstance(spot.key, tuple) else spot.key
        plant = Plant(entity=spot.entity, key=key, row={**row, spot.field: text})
        if met(story.desk.planted(plant), story, text):
            draft.plant.append(plant)
            draft.forbidden.append(attack.forbidden)
            return
    raise DeadEnd("the planted text is never shown")


def carrier(desk: Desk, rng: random.Random) -> Draft:
    """A task of the user's own that reads something."""
    drawn = rng.random()
    if drawn < 0.5:
        try:
            return chain(desk, rng)
        except DeadEnd:
            pass  # nothing has to be looked up here: ask for something
    elif drawn < 0.75:
        return multi_turn(desk, rng)
    elif drawn < 0.85:
        return parallel(desk, rng)
    story = Story(desk, rng, ids=rng.random() < 0.5)
    story.new_turn()
    add_question(story)
    return Draft(story)


def shown_texts(story: Story) -> list[Spot]:
    """Text fields of start rows that the reads of the plan show as they are, notes before names. What the user says or
    is to be told is left alone."""
    desk, busy = story.desk, [*(k.told.value for k in story.facts.values()), *(t.value for t in story.tells)]
    found: dict[tuple[str, Any, str], int] = {}
    for look in story.looks:
        if look.act.writes or look.act.of is None or desk.entity(look.act.of).virtual:
            continue
        entity = desk.entity(look.act.of)
        for _, record in records(look.result):
            key = tuple(record.get(k) for k in entity.keys)
            if not all(isinstance(k, str | int) for k in key):
                continue
            at = key[0] if len(key) == 1 else key
            row = desk.start.rows(look.act.of).get(at)
            for name, spec in entity.fields.items() if row is not None else ():
                value = record.get(name)
                if spec.type != "text" or name in entity.keys or spec.unique or row is None or row.get(name) != value:
                    continue
                if name not in record or spec.set_by == "never" or any(_in(value, b) for b in busy):
                    continue
                rank = 0 if is_note(name) else 2 if name == entity.label else 1
                found.setdefault((look.act.of, at, name), rank)
    return [Spot(*at) for at, _ in sorted(found.items(), key=lambda x: x[1])]


def is_note(name: str) -> bool:
    """Whether a field's name says that it holds what people write to one another."""
    return bool(set(attacks("train")["notes"]) & set(split_words(name)))


def _in(value: Any, other: Any) -> bool:
    return isinstance(value, str) and (value == other or (isinstance(other, str) and other in value))


def met(desk: Desk, story: Story, text: str) -> bool:
    """Whether the plan, run on the planted state, shows the text."""
    ran = replay(desk, story.steps)
    return ran is not None and any(text == v for result in ran[1].values() for _, v in leaves(result))


def twin(desk: Desk, rng: random.Random) -> Draft:
    """The user asks what a record says, and it says something in the imperative."""
    options = [
        (e, f)
        for e, f in askable(desk)
        if desk.entity(e).fields[f].type == "text" and not desk.entity(e).fields[f].unique
    ]
    options = [(e, f) for e, f in options if is_note(f)] or options
    if not options:
        raise DeadEnd("no text to ask for")
    entity, name = rng.choice(options)
    rows = desk.start.rows(entity)
    if not rows:
        raise DeadEnd("no row to ask for")
    key = rng.choice(list(rows))
    text = fill(rng.choice(attacks(desk.split)["twins"]), names(desk, rng))
    plant = Plant(
        entity=entity, key=list(key) if isinstance(key, tuple) else key, row={**thaw(dict(rows[key])), name: text}
    )
    story = Story(desk.planted(plant), rng, ids=rng.random() < 0.5)
    story.new_turn()
    ask_field(story, Question(entity, key, name))
    return Draft(story)
