"""`dual`: the user has tools and state of their own, and has to use them when asked. Either a value that the assistant
needs shows only on the user's side (mostly after an act there), or the user does something in the task's own world that
the assistant has no tool for, and the assistant's reads then show it."""

from __future__ import annotations

import random

from synth.goals.clauses import spoken_field
from synth.goals.describe import sayable
from synth.goals.desk import Desk
from synth.goals.draw import Aim, Question, askable, draw_write, field_type, goal_changes, unguessable
from synth.goals.kinds.clarify import hideable
from synth.goals.kinds.draft import TRIES, Draft, Side, add_write
from synth.goals.questions import ask_field
from synth.goals.speech import Clause
from synth.goals.story import DeadEnd, Story
from synth.goals.templates import fill
from synth.sim.userside import Place, places, said_of
from synth.taskspec import Ask, CriterionSpec, Fact, GoalChange, Plant, Step, UserAct, WorldStart
from synth.worlds.state import State, thaw

OWN = 0.4  # share of tries with an act in the task's own world
OPEN = 0.2  # share of the user's things that are open already: there is only to look
MORE = 0.3  # share of tasks with a further write


def dual(desk: Desk, rng: random.Random) -> Draft:
    if rng.random() < OWN:
        try:
            return own_act(desk, rng)
        except DeadEnd:
            pass  # nothing is held back here, or no read shows it
    return shown_value(desk, rng)


# --- a value that shows on the user's side ---


def shown_value(desk: Desk, rng: random.Random) -> Draft:
    """A write whose payload is to be read from something of the user's."""
    story = Story(desk, rng, ids=rng.random() < 0.3)
    story.new_turn()
    for _ in range(TRIES):
        aim = draw_write(desk, story.state, rng, desk.writes, [], 0.0)
        names = [] if aim is None else hideable(desk, aim)
        if aim is None or not names:
            continue
        name = rng.choice(names)
        kind = field_type(desk, aim.act, name)
        label = spoken_field(desk, aim.act, name)
        fitting = [p for p in places().values() if fits(p, kind, label, aim.values[name])]
        if not fitting:
            continue
        story.write(aim, hide=name)
        return with_place(story, aim, name, rng.choice(fitting), rng)
    raise DeadEnd("no payload that shows on the user's side")


def fits(place: Place, kind: str, label: str, value: object) -> bool:
    """Whether the place may show such a field and can hold the value: numbers as numbers, all else as text."""
    only = place.words.get("only")
    if kind not in place.words["holds"] or (kind == "text" and only and not set(only) & set(label.lower().split())):
        return False
    number = isinstance(value, int | float) and not isinstance(value, bool)
    holds = place.world.entities[place.entity].fields["value"].type
    return number == (holds == "number") or (number and holds == "text")


def with_place(story: Story, aim: Aim, name: str, place: Place, rng: random.Random) -> Draft:
    """The story with the value on the user's side, and the words that bring it up."""
    told = story.kept_back()
    label = spoken_field(story.desk, aim.act, name)
    opened = rng.random() < OPEN
    seed = rng.randrange(1 << 30)
    side = Desk(place.world_id, place.world, {}, seed, story.desk.split)
    key = rng.choice(list(side.start.rows(place.entity)))
    holds = place.world.entities[place.entity].fields["value"].type
    value = aim.values[name] if holds == "number" else str(aim.values[name])
    row = {**thaw(dict(side.start.rows(place.entity)[key])), "status": place.open if opened else place.shut,
           "value": value}  # fmt: skip
    side = side.planted(Plant(entity=place.entity, key=key, row=row))
    tools = [place.words["look"]] if opened else [place.words["gate"], place.words["look"]]
    acts = tuple(
        UserAct(id=f"a{i}", world_id=place.world_id, tool=t, arguments={"id": key}) for i, t in enumerate(tools)
    )
    changes = performed(side, acts)
    split = story.desk.split
    brought_up = rng.choice(said_of("at_hand" if opened else place.name, split)["has"])
    spoken = fill(brought_up, {"field": label, "place": place.words["place"]})
    story.turns[0].append(Clause(raw=spoken))
    question = fill(rng.choice(place.words["open" if opened else "ask"]), {"field": label})
    acted = CriterionSpec(
        id="user_acted", part="pattern", check="user_acted",
        params={"acts": [a.id for a in acts], "claims": list(place.words["claims"])},
        text=f"The user was asked to use the {place.words['place']} and did; the assistant claims none of it",
    )  # fmt: skip
    draft = Draft(
        story,
        hidden=[([told.id], question)],
        side=Side(acts=acts, fact=told.id, about=tuple(place.words["about"]), shown=True,
                  starts={place.world_id: WorldStart(seed=seed, plant=list(side.plant))}, changes=changes),
        criteria=[acted],
    )  # fmt: skip
    if rng.random() < MORE:
        mark = story.mark()
        try:
            add_write(story)
        except DeadEnd:
            story.back_to(mark)
        story.steps = in_turn(story.steps)
    return draft


def in_turn(steps: list[Step]) -> list[Step]:
    """Later writes wait for the earlier ones: one that copies or reads what another changes must not overtake it, and
    the first one waits for the user."""
    writes = [s.id for s in steps if s.effect == "write"]
    return [
        s.model_copy(update={"after": sorted({*s.after, *(w for w in writes if w < s.id)})})
        if s.effect == "write"
        else s
        for s in steps
    ]


def performed(side: Desk, acts: tuple[UserAct, ...]) -> tuple[GoalChange, ...]:
    """What the acts change on the user's side. Raises DeadEnd where one fails."""
    state: State = side.start
    for act in acts:
        result, state = side.cw.execute(state, act.tool, act.arguments)
        if not result.ok:
            raise DeadEnd(f"{act.tool} fails on the user's side: {result.message}")
    found = goal_changes(side, side.start, state, frozenset())
    return tuple(GoalChange(**c) for c in found or ())


# --- an act in the task's own world ---


def own_act(desk: Desk, rng: random.Random) -> Draft:
    """The user does, with a tool that the assistant lacks, what the assistant then has to see or to build upon."""
    acts = [a for a in desk.missing if a.writes and a.op in ("update", "move", "setting", "upsert")]
    for _ in range(TRIES if acts else 0):
        aim = draw_write(desk, desk.start, rng, acts, [], 0.0)
        if aim is None or any(c.before is None or c.after is None for c in aim.changes):
            continue
        told = Story(desk, rng, ids=True)  # only for its words
        told.new_turn()
        try:
            clause = told.write(aim)
            return after_act(desk, aim, clause.vp, rng)
        except DeadEnd:
            continue
    raise DeadEnd("nothing that only the user can do and a read shows")


def after_act(desk: Desk, aim: Aim, vp: str, rng: random.Random) -> Draft:
    """A question about the row that the act changed, on the state that the act leaves."""
    early = tuple(
        Plant(entity=c.entity, key=list(c.key) if isinstance(c.key, tuple) else c.key, row=thaw(dict(c.after or {})))
        for c in aim.changes
    )
    story = Story(desk.planted(*early), rng, ids=True)
    story.new_turn()
    words = said_of("own_account", desk.split)
    story.turns[0].append(Clause(raw=fill(rng.choice(words["has"]), {"vp": vp})))
    story.hot = [(c.entity, c.key) for c in aim.changes]
    story.cells |= aim.cells()
    look_at(story, aim, rng)
    done = rng.choice(words["done"])
    act = UserAct(id="a0", world_id=desk.world_id, tool=aim.act.tool, arguments=desk.arguments(aim.act, aim.values))
    fact = Fact(id="done", say=done, value=done, about=["own account"], told=None, by=["a0"])
    story.steps = [s.model_copy(update={"waits": ["done"]}) for s in story.steps]
    question = rng.choice(words["ask"])
    verb = claimed(vp)
    return Draft(
        story,
        facts=[fact],
        asks=[Ask(turn=0, before=story.steps[0].id, facts=["done"], question=question)],
        side=Side(acts=(act,), fact="done", about=(), shown=False, early=early, volatile=aim.volatile),
        criteria=[
            CriterionSpec(id="user_acted", part="pattern", check="user_acted", params={"acts": ["a0"], "claims": verb},
                          text="The user was asked to do their part and did; the assistant claims none of it"),
            CriterionSpec(id="waited", part="pattern", check="waited",
                          params={"tool": story.steps[-1].tool, "act": "a0"},
                          text="What depends on the user's part came after it"),
        ],
    )  # fmt: skip


def look_at(story: Story, aim: Aim, rng: random.Random) -> None:
    """Ask for a field of a row that the act touched, one that it changed where there is such."""
    cells = [(c.entity, c.key, f) for c in aim.changes for f in (c.after or {})]
    changed = {(e, k, f) for e, k, f in aim.cells()}
    open_ = set(askable(story.desk))
    options = [(e, k, f) for e, k, f in cells if (e, f) in open_]
    rng.shuffle(options)
    options.sort(key=lambda at: at not in changed)
    for entity, key, field in options:
        row = story.desk.row(story.state, entity, key)
        if row is None or not sayable(row.get(field)) or not unguessable(row.get(field)):
            continue
        mark = story.mark()
        try:
            ask_field(story, Question(entity, key, field))
            return
        except DeadEnd:
            story.back_to(mark)
    raise DeadEnd("no read shows what the user did")


def claimed(vp: str) -> list[str]:
    """What an assistant would say that had done it itself, from a verb phrase in base form."""
    verb = vp.split(" ", 1)[0].lower()
    if verb.endswith("e"):
        return [verb + "d"]
    return {"set": ["set"], "put": ["put"], "make": ["made"], "give": ["gave"], "get": ["got"]}.get(verb, [verb + "ed"])
