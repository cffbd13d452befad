"""One task from one desk: draw, derive, say, check; what comes out are the JSON columns of a task row."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from synth.goals.check import check, leaked_ids, minimal
from synth.goals.desk import Desk
from synth.goals.draw import goal_changes
from synth.goals.independence import independent
from synth.goals.kinds import BUILDERS, Draft
from synth.goals.kinds.draft import Side
from synth.goals.rubric import make_rubric
from synth.goals.rules import breaks
from synth.goals.speech import Clause, Speaker
from synth.goals.story import LONGEST_TURN, DeadEnd, Known, Story
from synth.goals.templates import peeked
from synth.goals.words import split_words
from synth.records import Kind
from synth.taskspec import Ask, Fact, Goal, GoalChange, Plan, Rubric, Start, Tell, UserProfile, WorldStart
from synth.worlds.values import values_for

ATTEMPTS = 10  # whole tries per task
_SHOWN_REASONS = 3
_DENIES = re.compile(r"\b(?:not|never)\b")


class BuildFailed(Exception):
    """No try gave a task; the text counts the reasons."""


@dataclass(frozen=True)
class Built:
    """The JSON columns of a task."""

    user: UserProfile
    goal: Goal
    start: Start
    plan: Plan
    rubric: Rubric
    difficulty: int
    parallel_safe: bool | None = None


def unclear(goal: Goal) -> str | None:
    """Why what is to be told cannot be told plainly: the same twice, or a field whose own words deny."""
    if len({t.say for t in goal.tell}) < len(goal.tell):
        return "the same is to be told twice"
    for t in goal.tell:
        value = t.value
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            continue
        if _DENIES.search(t.say.replace(str(value), " ")):
            return "the words of a field deny what is told"
    return None


def build(desk: Desk, kind: Kind, rng: random.Random, attempts: int = ATTEMPTS) -> Built:
    """A checked task of `kind`. Raises BuildFailed where `attempts` tries give none."""
    builder = BUILDERS.get(kind)
    if builder is None:
        raise BuildFailed(f"no builder for kind {kind}")
    reasons: Counter[str] = Counter()
    for _ in range(attempts):
        desk.salt = peeked(rng)
        try:
            return finish(desk, kind, builder(desk, rng), rng)
        except DeadEnd as end:
            reasons[str(end)] += 1
    raise BuildFailed("; ".join(f"{reason} ({n}x)" for reason, n in reasons.most_common(_SHOWN_REASONS)))


def finish(desk: Desk, kind: Kind, draft: Draft, rng: random.Random) -> Built:
    """Words, goal, checks, rubric of a draft. Raises DeadEnd where a check fails."""
    story = draft.story
    if any(sum(len(c.vp or c.q or c.raw) for c in turn) > LONGEST_TURN for turn in story.turns):
        raise DeadEnd("more words than a person says at once")
    values = values_for(desk.split)
    kept = [k.told.said for k in story.facts.values()] + [k.told.name for k in story.facts.values()]
    speaker = Speaker(rng, desk.split, kept=[*kept, *(k.told.noun for k in story.facts.values())])
    name, department = desk.signed_in or str(values.gen("person", rng)), str(values.gen("department", rng))
    intro = speaker.intro(name, department)
    turns = [speaker.opening(c, intro) if n == 0 else speaker.follow(c) for n, c in enumerate(story.turns)]
    facts = [*(fact_of(k, speaker) for k in story.facts.values()), *draft.facts]
    if draft.side is not None:
        facts = [acted(f, draft.side) if f.id == draft.side.fact else f for f in facts]
    user = UserProfile(
        name=name, style=speaker.persona, turns=turns, facts=facts,
        thanks=speaker.of("thanks"), unknown=speaker.of("unknown"), talk=draft.talk,
        acts=list(draft.side.acts) if draft.side is not None else [],
    )  # fmt: skip
    volatile = frozenset(v for a in story.aims for v in a.volatile)
    changes = goal_changes(desk, story.desk.start, story.state, volatile)
    if changes is None:
        raise DeadEnd("new keys depend on the order of calls")
    if draft.refuse:
        goal = Goal(
            changes=[],
            tell=[],
            refuse=True,
            text=f"Nothing offered can do this: {spoken(story.turns)}. Say so and change nothing.",
        )
        steps, asks = [], []
    else:
        text = goal_text(changes, story.tells, draft.decline)
        goal = Goal(
            changes=[GoalChange(**c) for c in changes],
            tell=story.tells,
            text=text,
            decline=draft.decline,
            forbidden=draft.forbidden,
        )
        steps = story.steps
        asks = [*(ask_for(ids, question, draft) for ids, question in draft.hidden), *draft.asks]
    desk = story.desk.planted(*draft.plant) if draft.plant else story.desk
    own = bool(draft.criteria or draft.asks)
    problem = breaks(desk, steps) or check(desk, steps, goal, turns, facts, volatile, draft.undone, own)
    if (
        problem is None
        and kind in ("chain", "recover", "multi_turn")
        and not story.ids
        and leaked_ids(steps, desk, turns)
    ):
        problem = "an id stands in the user's words"
    problem = problem or unclear(goal)
    if draft.outage:
        text = f"The service behind this is down and nothing else can do it: {spoken(story.turns)}. Try, and say so."
        goal = Goal(changes=[], tell=[], refuse=True, text=text)
    begun = WorldStart(seed=desk.seed, plant=list(desk.plant))
    if draft.side is not None:
        goal, begun = both_sides(goal, begun, desk, story, draft.side, volatile)
    least = minimal(desk, steps, facts) if problem is None else "unknown"
    safe = independent(desk, steps) if problem is None else None
    if kind == "parallel" and safe is False:
        problem = "the calls of one turn are not independent"
    if problem is not None or least == "no":
        raise DeadEnd(problem or "a shorter plan exists")
    plan = Plan(steps=steps, asks=asks, looks=draft.looks, replies=draft.replies, passing=draft.passing, minimal=least)
    start = Start(
        worlds={desk.world_id: begun},
        sides=draft.side.starts if draft.side is not None else {},
        faults=draft.faults,
        rules=draft.rules,
    )
    rubric = make_rubric(kind, goal, plan, draft.faults, draft.criteria)
    return Built(user, goal, start, plan, rubric, difficulty(desk, draft, plan, goal), safe)


def acted(fact: Fact, side: Side) -> Fact:
    """The fact, known only after the user's acts."""
    return fact.model_copy(
        update={"by": [a.id for a in side.acts], "shown": side.shown, "about": [*fact.about, *side.about]}
    )


def both_sides(
    goal: Goal, begun: WorldStart, desk: Desk, story: Story, side: Side, volatile: frozenset[tuple[str, str]]
) -> tuple[Goal, WorldStart]:
    """The goal with what the user changes, and the start without it: the plan was made and checked as if the user had
    acted already."""
    changes = list(goal.changes)
    if side.early:
        before = replace(desk, plant=tuple(p for p in desk.plant if p not in side.early))
        found = goal_changes(before, before.start, story.state, volatile | side.volatile)
        if found is None:
            raise DeadEnd("new keys depend on the order of calls")
        changes = [GoalChange(**c) for c in found]
        begun = begun.model_copy(update={"plant": list(before.plant)})
    changes += side.changes
    text = goal_text([c.model_dump() for c in changes], goal.tell, goal.decline)
    return goal.model_copy(update={"changes": changes, "text": text}), begun


def fact_of(known: Known, speaker: Speaker) -> Fact:
    """A fact as the user profile has it. `about` holds words specific enough that a question hits no other fact."""
    told = known.told
    about = [told.name]
    if told.identity:
        about.append(f"which {told.noun}")
        if told.name == "id":
            about.append("ID")
    say = speaker.answer(told.clause, told.said) if known.turn is None else told.clause
    return Fact(id=known.id, say=say, value=told.value, about=list(dict.fromkeys(about)), told=known.turn)


def ask_for(ids: list[str], question: str, draft: Draft) -> Ask:
    """The question, before the first step that needs its answer."""
    step = next((s for s in draft.story.steps if any(src.fact in ids for src in s.sources.values())), None)
    if step is None:  # it only tells records apart: an assistant could go on without asking
        raise DeadEnd("no argument is the hidden fact")
    return Ask(turn=step.turn, before=step.id, facts=ids, question=question)


def spoken(turns: list[list[Clause]]) -> str:
    return "; ".join((c.vp or c.q or c.raw) for turn in turns for c in turn)


def goal_text(changes: list[dict[str, Any]], tells: list[Tell], decline: bool = False) -> str:
    """One paragraph for a person."""
    parts = ["what is not possible or not allowed is declined"] if decline else []
    for c in changes:
        name = " ".join(split_words(str(c["entity"])))
        values = ", ".join(f"{f} = {v}" for f, v in c["fields"].items())
        what = f"a new {name}" if c["kind"] == "insert" else f"{name} {c['key']}"
        parts.append(f"{what} is deleted" if c["kind"] == "delete" else f"{what} has {values}")
    parts += [f"the user is told that {t.say}" for t in tells]
    return "; ".join([*parts, ""])[:-2] + ". Nothing else changes." if parts else "Nothing changes."


def difficulty(desk: Desk, draft: Draft, plan: Plan, goal: Goal) -> int:
    """1 to 5 from what was measured: calls, looked-up keys, turns, hidden facts, faults, offered tools."""
    story = draft.story
    score = 0.5 * bent(len(plan.steps)) + 0.6 * bent(story.hops) + 0.5 * bent(len(story.turns) - 1)
    score += 1.2 * len(draft.hidden)
    score += draft.weight
    score += (
        1.0 * sum(min(f.times, 2) for f in draft.faults)
        + max(desk.tools_in_all, len(desk.offered)) / 24
        + (1.0 if goal.refuse else 0.0)
        + (1.0 if goal.forbidden else 0.0)
    )
    return 1 + sum(score >= bound for bound in (1.2, 2.4, 4.0, 6.0))


def bent(n: int) -> float:
    """The first four of a kind count in full, the others a tenth: the twentieth call is no harder than the tenth."""
    return min(n, 4) + 0.1 * max(0, n - 4)
