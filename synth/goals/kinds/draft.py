"""A task in the making, and the parts every kind is put together from: one more write, one more question.

Every builder works on a fresh story and raises DeadEnd where a try fails.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from synth.goals.desk import Act, Desk, names_row_of
from synth.goals.draw import Aim, draw_question, draw_write
from synth.goals.questions import ask_count, ask_field
from synth.goals.speech import Clause
from synth.goals.story import DeadEnd, Story
from synth.taskspec import (
    Ask,
    CriterionSpec,
    Fact,
    FaultSpec,
    Forbidden,
    GoalChange,
    Look,
    Plant,
    Reply,
    Rule,
    UserAct,
    WorldStart,
)

TRIES = 12  # draws for one write or question


@dataclass(frozen=True)
class Side:
    """What the user has to do before the assistant can go on. `fact`: the id of the fact that it gives, which may be
    one of the story's. `changes`: on the user's own side, besides those of the story. `early`: rows of the agent's
    world that the story takes for granted, because the user's act makes them so."""

    acts: tuple[UserAct, ...]
    fact: str
    about: tuple[str, ...]
    shown: bool
    starts: dict[str, WorldStart] = field(default_factory=dict)
    changes: tuple[GoalChange, ...] = ()
    early: tuple[Plant, ...] = ()
    volatile: frozenset[tuple[str, str]] = frozenset()


@dataclass
class Draft:
    """A story with what its kind adds. `hidden`: fact ids told only when asked, with the question for them."""

    story: Story
    hidden: list[tuple[list[str], str]] = field(default_factory=list)  # (fact keys, question)
    faults: list[FaultSpec] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    plant: list[Plant] = field(default_factory=list)  # rows set by hand after the story was made
    forbidden: list[Forbidden] = field(default_factory=list)
    side: Side | None = None  # dual: what the user has and does
    refuse: bool = False
    decline: bool = False
    asks: list[Ask] = field(default_factory=list)  # questions besides those for hidden facts
    facts: list[Fact] = field(default_factory=list)  # facts whose words are not made from the story
    replies: list[Reply] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    criteria: list[CriterionSpec] = field(default_factory=list)  # success criteria of the kind's own
    undone: frozenset[int] = frozenset()  # writes that a later one takes back
    passing: list[Literal["insert", "update", "delete"]] = field(default_factory=list)  # made and taken back
    talk: bool = False  # the user only talks and wants nothing done
    weight: float = 0.0  # difficulty that no other measure sees

    @property
    def outage(self) -> bool:
        """Whether nothing mends a planned fault: all there is to do is to try, and to say so."""
        return any(f.recover == "none" for f in self.faults)


def add_write(story: Story, acts: list[Act] | None = None, hotness: float = 0.6) -> Aim:
    """One more write that touches nothing touched before."""
    acts = story.desk.writes if acts is None else acts
    reason = "no write that works"
    for _ in range(TRIES):
        aim = draw_write(story.desk, story.state, story.rng, acts, story.hot, hotness)
        if aim is not None and not aim.cells() & story.cells and not settled(aim, story):
            mark = story.mark()
            try:
                story.write(aim)
                return aim
            except DeadEnd as end:
                story.back_to(mark)
                reason = str(end)
    raise DeadEnd(reason)


def settled(aim: Aim, story: Story) -> bool:
    """Whether the write was asked for before, or deletes a row that was worked on: the earlier work would be lost."""
    if any(a.act == aim.act and a.values == aim.values for a in story.aims):
        return True
    worked = {(c.entity, c.key) for a in story.aims for c in a.changes}
    return any(c.after is None and (c.entity, c.key) in worked for c in aim.changes)


def add_question(story: Story) -> None:
    """One more question, for a field or for a number."""
    counts = [
        a
        for a in story.desk.reads
        if a.op == "aggregate" and a.of is not None and a.spec.gives is None and a.spec.group is None
    ]
    if counts and story.rng.random() < 0.25:
        mark = story.mark()
        try:
            ask_count(story, story.rng.choice(counts))
            return
        except DeadEnd:
            story.back_to(mark)  # ask for a field instead
    reason = "nothing worth asking for"
    for _ in range(TRIES):
        q = draw_question(story.desk, story.state, story.rng, story.hot, story.asked)
        if q is not None:
            mark = story.mark()
            try:
                ask_field(story, q)
                return
            except DeadEnd as end:
                story.back_to(mark)
                reason = str(end)
    raise DeadEnd(reason)


def add_aim(story: Story, questions: float) -> None:
    if not story.desk.writes or story.rng.random() < questions:
        add_question(story)
    else:
        add_write(story)


def row_keys(desk: Desk, act: Act) -> list[str]:
    """Parameters that name the row worked on."""
    return [n for n, p in act.params.items()
            if p.role == "key" and p.compare == "eq" and names_row_of(desk, act, p) == act.of]  # fmt: skip


def say_only(story: Story, aim: Aim, hide: str | None = None) -> Clause:
    """The user asks for a write that is no part of the plan."""
    mark = story.mark()
    clause = story.write(aim, hide)
    facts, turns = dict(story.facts), [list(t) for t in story.turns]
    story.back_to(mark)
    story.facts, story.turns = facts, turns
    return clause


Builder = Callable[[Desk, random.Random], Draft]
