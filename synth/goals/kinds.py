"""What each kind of task is made of. Every builder works on a fresh story and raises DeadEnd where a try fails."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from synth.goals.clauses import spoken_field
from synth.goals.describe import sayable
from synth.goals.desk import Act, Desk, names_row_of
from synth.goals.draw import Aim, Question, askable, draw_question, draw_write, field_type, unguessable
from synth.goals.ground import Told
from synth.goals.questions import ask_count, ask_field
from synth.goals.speech import phrase
from synth.goals.story import DeadEnd, Story
from synth.goals.verbs import awkward
from synth.goals.words import noun, plural_of, split_words
from synth.records import Kind
from synth.taskspec import FaultSpec

TRIES = 12  # draws for one write or question
FOR_GOOD = 99  # calls struck by a fault that does not pass
_FAULTS: tuple[Literal["unavailable", "rate_limit", "timeout"], ...] = ("unavailable", "rate_limit", "timeout")


@dataclass
class Draft:
    """A story with what its kind adds. `hidden`: fact ids told only when asked, with the question for them."""

    story: Story
    hidden: list[tuple[list[str], str]] = field(default_factory=list)  # (fact keys, question)
    faults: list[FaultSpec] = field(default_factory=list)
    refuse: bool = False


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


def clarify(desk: Desk, rng: random.Random) -> Draft:
    """One needed fact is told only when asked: a payload, or which row is meant."""
    story = Story(desk, rng, ids=rng.random() < 0.3)
    story.new_turn()
    if rng.random() < 0.7:
        for _ in range(TRIES):
            aim = draw_write(desk, story.state, rng, desk.writes, [], 0.0)
            names = [] if aim is None else hideable(desk, aim)
            if aim is not None and names:
                name = rng.choice(names)
                story.write(aim, hide=name)
                told = next(k for k in story.facts.values() if k.turn is None)
                label = spoken_field(desk, aim.act, name)
                what = noun(desk.world, str(aim.act.of))
                return Draft(story, hidden=[([told.id], phrase(rng, "asks", "value", field=label, noun=what))])
        raise DeadEnd("no payload to hide")
    aim = add_write(story)
    return hide_row(story, aim, rng)


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
        story.turns[-1][-1] = type(clause)(vp=clause.vp.replace(words.phrase, words.vague))
        name = "ID" if told.name == "id" else told.name
        return Draft(
            story, hidden=[([known.id], phrase(rng, "asks", "which", noun=noun(story.desk.world, entity), field=name))]
        )
    raise DeadEnd("no row to keep back")


def recover(desk: Desk, rng: random.Random) -> Draft:
    """A call that is needed fails: at first, so that trying again works, or for good, and there is another way."""
    if rng.random() < 0.3:
        try:
            return other_way(desk, rng)
        except DeadEnd:
            pass  # not every world has a second way; trying again is always possible
    draft = chain(desk, rng) if rng.random() < 0.7 else multi_turn(desk, rng)
    steps = draft.story.steps
    step = rng.choice(steps)
    nth = sum(s.tool == step.tool for s in steps[: step.id])
    times = 2 if rng.random() < 0.25 else 1
    draft.faults.append(FaultSpec(tool=step.tool, kind=rng.choice(_FAULTS), nth=nth, times=times))
    return draft


def other_way(desk: Desk, rng: random.Random) -> Draft:
    """The read an assistant would begin with is out of service; the same keys can be found without it."""
    first = chain(desk, rng).story
    broken = first.steps[0]
    if first.tells or broken.effect == "write" or any(s.tool == broken.tool for s in first.steps[1:]):
        raise DeadEnd("no read to do without")
    story = Story(desk, rng, avoid=frozenset({broken.tool}))
    story.new_turn()
    for aim in first.aims:
        story.write(aim)
    mine = {k.id: k.told.at for k in first.facts.values()}
    sources = {}
    for at, source in broken.sources.items():
        known = story.facts.get(mine.get(source.fact or "", ""))
        if source.kind == "user" and known is None:
            raise DeadEnd("the user does not say what the broken call needs")
        sources[at] = source if known is None else source.model_copy(update={"fact": known.id})
    steps = [broken.model_copy(update={"sources": sources})]
    for s in story.steps:
        moved = {at: src if src.step is None else src.model_copy(update={"step": src.step + 1})
                 for at, src in s.sources.items()}  # fmt: skip
        after = [0, *[i + 1 for i in s.after]]
        steps.append(s.model_copy(update={"id": s.id + 1, "sources": moved, "after": after}))
    story.steps = steps
    kind = rng.choice(_FAULTS)
    fault = FaultSpec(tool=broken.tool, kind=kind, nth=0, times=FOR_GOOD, recover="other_way")
    return Draft(story, faults=[fault])


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


BUILDERS: dict[Kind, Callable[[Desk, random.Random], Draft]] = {
    "single": single,
    "parallel": parallel,
    "chain": chain,
    "multi_turn": multi_turn,
    "clarify": clarify,
    "no_tool": no_tool,
    "recover": recover,
}
