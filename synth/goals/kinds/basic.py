"""The plain kinds: one call, calls side by side, calls that build on one another, several turns."""

from __future__ import annotations

import random

from synth.goals.describe import sayable
from synth.goals.desk import Desk
from synth.goals.draw import Question, askable, unguessable
from synth.goals.kinds.draft import Draft, add_aim, add_write
from synth.goals.questions import ask_field
from synth.goals.story import DeadEnd, Story


def single(desk: Desk, rng: random.Random) -> Draft:
    """One call; all it needs is said."""
    story = Story(desk, rng, ids=True)
    story.new_turn()
    add_aim(story, 0.35)
    if len(story.steps) != 1:
        raise DeadEnd("more than one call")
    return Draft(story)


def parallel(desk: Desk, rng: random.Random) -> Draft:
    """Two to four calls that do not wait for one another, said by the user or found by the same kind of read."""
    story = Story(desk, rng, ids=rng.random() < 0.65)
    story.new_turn()
    n = rng.choice([2, 2, 3, 3, 4])
    if rng.random() < 0.45 or not desk.writes:
        same_question(story, n)
    else:
        acts = [rng.choice(desk.writes)] if rng.random() < 0.7 else desk.writes
        story.hot = []
        for _ in range(n):
            add_write(story, acts, hotness=0.0)
    roots = [s for s in story.steps if not s.after]
    if len(roots) < 2 or any(story.steps[i].effect == "write" for s in story.steps for i in s.after):
        raise DeadEnd("the calls wait for one another")
    return Draft(story)


def same_question(story: Story, n: int) -> None:
    """The same field of several rows."""
    options = askable(story.desk)
    if not options:
        raise DeadEnd("nothing worth asking for")
    entity, name = story.rng.choice(options)
    e = story.desk.entity(entity)
    rows = [r for r in story.desk.start.rows(entity).values() if sayable(r.get(name)) and unguessable(r.get(name))]
    if len(rows) < n:
        raise DeadEnd("too few rows to ask for")
    for row in story.rng.sample(rows, n):
        key = tuple(row[k] for k in e.keys)
        ask_field(story, Question(entity, key[0] if len(key) == 1 else key, name))


def chain(desk: Desk, rng: random.Random) -> Draft:
    """A later call needs an earlier result; the user names rows as people do."""
    story = Story(desk, rng)
    story.new_turn()
    for _ in range(rng.choice([1, 1, 1, 2, 2, 3])):
        add_aim(story, 0.2)
    if not any(src.kind == "result" for s in story.steps for src in s.sources.values()):
        raise DeadEnd("nothing has to be looked up")
    return Draft(story)


def multi_turn(desk: Desk, rng: random.Random) -> Draft:
    """Two to four turns, each with a goal of its own; later ones may speak of what came before."""
    story = Story(desk, rng, ids=rng.random() < 0.25)
    for n in range(rng.choice([2, 2, 3, 3, 4])):
        mark = story.mark()
        story.new_turn()
        try:
            add_aim(story, 0.4)
        except DeadEnd:
            if n < 2:
                raise
            story.back_to(mark)
            break
    return Draft(story)
