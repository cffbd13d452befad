"""`policy`: the rules forbid what is asked for, though the call would work; and twins, where the same kind of rule lets
it be done. Rules are the world's own, or made from its structure and put under the system prompt (`Start.rules`)."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from synth.goals.clauses import spoken_field
from synth.goals.describe import sayable
from synth.goals.desk import Act, Desk
from synth.goals.draw import Aim, Question, draw_write, field_type
from synth.goals.ground import Look
from synth.goals.kinds.draft import TRIES, Draft, add_question, add_write, row_keys, say_only
from synth.goals.questions import fetch, showing
from synth.goals.rules import broken_rule, kept_by_assistant
from synth.goals.speech import Clause
from synth.goals.story import DeadEnd, Story
from synth.goals.templates import fill
from synth.goals.verbs import awkward, label_of
from synth.goals.words import a, noun, plural, say
from synth.packaged import packaged_words
from synth.taskspec import Ask, CriterionSpec, Fact, Reply, Rule, Tell
from synth.worlds.state import thaw

ALLOWED = 0.45  # share of twins
BESIDES = 0.4  # share with something else to do
IDS = 0.25  # share of users who name rows by id
SMALLEST = 20  # a limit below is easily guessed
Otherwise = Literal["refuse", "transfer", "ask", "offer"]
_CHANGING = ("update", "delete", "move")


def texts(split: str) -> dict[str, Any]:
    """The words of rules of the split, read once."""
    return packaged_words("synth.goals", "rules.yaml", split)


@dataclass(frozen=True)
class Case:
    """A drawn write with the row it works on: what a rule can be made about."""

    aim: Aim
    entity: str
    key: Any
    slots: dict[str, str]


def policy(desk: Desk, rng: random.Random) -> Draft:
    """A rule, and a request that it forbids or lets be done."""
    draft = Draft(Story(desk, rng, ids=rng.random() < IDS), weight=1.0)
    allowed = rng.random() < ALLOWED
    ways: list[Way] = [by_state, by_state, by_value, by_limit, by_limit, by_reason, by_confirm]
    rng.shuffle(ways)
    if desk.strict is not None:
        ways.insert(0, of_world)
    reason = "nothing to make a rule about"
    mark = draft.story.mark()
    for way in ways:
        try:
            way(draft, allowed)
            return draft
        except DeadEnd as end:
            reason = str(end)
            draft.story.back_to(mark)
            draft = Draft(draft.story, weight=1.0)
    raise DeadEnd(reason)


# --- parts of a case ---


def draw_case(story: Story, acts: list[Act], changing: bool) -> Case:
    """A write that works. `changing`: of a row that is there and is named by one key."""
    desk = story.desk
    acts = [x for x in acts if x.of and (not changing or (x.op in _CHANGING and len(row_keys(desk, x)) == 1))]
    for _ in range(TRIES if acts else 0):
        aim = draw_write(desk, story.state, story.rng, acts, [], 0.0)
        if aim is None:
            continue
        entity = str(aim.act.of)
        keys = row_keys(desk, aim.act) if changing else []
        key = aim.values.get(keys[0]) if keys else None
        if keys and (isinstance(key, list) or desk.row(story.state, entity, key) is None):
            continue
        what, many, words = noun(desk.world, entity), plural(desk.world, entity), texts(desk.split)
        return Case(aim, entity, key, {
            "do": words["doing"].get(aim.act.op, "change"), "noun": what, "a_noun": a(what), "plural": many,
            "Plural": many[:1].upper() + many[1:], "who": story.rng.choice(words["who"]),
        })  # fmt: skip
    raise DeadEnd("no write to make a rule about")


def besides(draft: Draft, entity: str, force: bool = False) -> None:
    """Sometimes something else to do first, of another kind of row: the rule has no say in it."""
    story, rng = draft.story, draft.story.rng
    if not force and rng.random() >= BESIDES:
        story.new_turn()
        return
    story.new_turn()
    acts = [x for x in story.desk.writes if x.of != entity and not x.spec.then]
    try:
        if acts and rng.random() < 0.6:
            add_write(story, acts)
        else:
            add_question(story)
    except DeadEnd:
        if force:
            raise
        return
    if rng.random() < 0.4:
        story.new_turn()


def seen(story: Story, entity: str, key: Any, field: str) -> tuple[Look, str]:
    """Make the row known and have a read show the field; the read and the words for the row."""
    found, text = story.find(entity, key)
    q = Question(entity, key, field)
    look = showing(story, found, q)
    if look is None:
        look, text = fetch(story, q, found, text)
    story._last.pop(entity, None)  # the request names it in full
    return look, text


def request(story: Story, aim: Aim, done: bool) -> Clause:
    """The user asks for the write; `done`: it becomes part of the plan."""
    return story.write(aim) if done else say_only(story, aim)


def add_rule(draft: Draft, aim: Aim, name: str, text: str, otherwise: Otherwise = "refuse") -> None:
    draft.rules.append(Rule(id=name, text=text, tools=[aim.act.offered], otherwise=otherwise))


def wait_for(story: Story, step: int, facts: list[str], after: list[int]) -> None:
    """The last write waits for facts and for reads."""
    old = story.steps[step]
    story.steps[step] = old.model_copy(update={
        "waits": [*old.waits, *facts], "after": sorted({*old.after, *after})})  # fmt: skip


def declines(draft: Draft, text: str) -> None:
    draft.decline = True
    draft.replies.append(Reply(turn=draft.story.turn, text=text))


def the_write(story: Story) -> int:
    """The step of the write added last."""
    return max(s.id for s in story.steps if s.effect == "write")


# --- ways ---

Way = Callable[[Draft, bool], None]


def by_state(draft: Draft, allowed: bool) -> None:
    """The row has a state, kind or owner in which it may not be touched."""
    story, rng = draft.story, draft.story.rng
    case = draw_case(story, story.desk.writes, changing=True)
    row = story.desk.row(story.state, case.entity, case.key)
    assert row is not None
    field = rng.choice(ruling_fields(story.desk, case) or [""])
    if not field:
        raise DeadEnd("the row has no field to make a rule about")
    spec = story.desk.entity(case.entity).fields[field]
    value = thaw(row[field])
    others = [m for m in spec.of or () if m != value] if isinstance(spec.of, list) else []
    others = others or sorted({str(r[field]) for r in story.desk.start.rows(case.entity).values()
                               if isinstance(r.get(field), str) and r[field] != value})  # fmt: skip
    if not others:
        raise DeadEnd("every row is the same")
    own = rng.random() < 0.4  # may be done only where it has a value; else: never where it has one
    named = value if own == allowed else rng.choice(others)
    label = label_of(field, case.entity, spec.type)
    slots = {**case.slots, "field": label, "value": say(named, spec)}
    besides(draft, case.entity)
    look, text = seen(story, case.entity, case.key, field)
    add_rule(
        draft,
        case.aim,
        "by_state",
        fill(rng.choice(texts(story.desk.split)["state"]["own" if own else "refuse"]), slots),
    )
    request(story, case.aim, done=allowed)
    if allowed:
        wait_for(story, the_write(story), [], [int(look.step or 0)])
        return
    shown = f"the {label} of {text} is {say(value, spec)}"
    story.tells.append(
        Tell(id=f"t{len(story.tells)}", turn=story.turn, say=shown, value=value, why=f"{case.entity}.{field}")
    )
    declines(
        draft,
        fill(rng.choice(texts(story.desk.split)["state"]["reply"]), {**slots, "obj": text, "is": say(value, spec)}),
    )


def ruling_fields(desk: Desk, case: Case) -> list[str]:
    """Fields of the row that a rule may look at: closed lists, persons; not what the write sets."""
    row = desk.row(desk.start, case.entity, case.key)
    e = desk.entity(case.entity)
    changed = {
        f
        for c in case.aim.changes
        for f in (c.after or {})
        if c.before is None or c.before.get(f) != (c.after or {}).get(f)
    }
    payload = {p.field for n, p in case.aim.act.params.items() if n in case.aim.values}
    moved = {e.lifecycle.field} if e.lifecycle and case.aim.act.op == "move" else set()
    return [n for n, f in e.fields.items()
            if row is not None and isinstance(row.get(n), str) and sayable(row[n]) and n not in e.keys and n != e.label
            and (f.type == "enum" or f.gen in ("person", "department", "city"))
            and n not in (changed - moved) | payload and not awkward(n, f.type, case.entity)]  # fmt: skip


def by_value(draft: Draft, allowed: bool) -> None:
    """A value that only somebody else may set."""
    story, rng = draft.story, draft.story.rng
    acts = [x for x in story.desk.writes if any(enum_of(story.desk, x, n) for n in x.params)]
    case = draw_case(story, acts, changing=False)
    names = [n for n in case.aim.values if enum_of(story.desk, case.aim.act, n)]
    if not names:
        raise DeadEnd("no value to make a rule about")
    name = rng.choice(names)
    value = case.aim.values[name]
    others = [m for m in enum_of(story.desk, case.aim.act, name) if m != value]
    spec = story.desk.field(case.entity, case.aim.act.params[name].field)
    label = spoken_field(story.desk, case.aim.act, name)
    named = rng.choice(others) if allowed else value
    slots = {**case.slots, "field": label, "value": say(named, spec), "is": say(value, spec)}
    besides(draft, case.entity)
    add_rule(draft, case.aim, "by_value", fill(rng.choice(texts(story.desk.split)["value"]["rule"]), slots), "transfer")
    request(story, case.aim, done=allowed)
    if not allowed:
        must_name(draft, "who", f"It is said that it has to go to {slots['who']}", [slots["who"].split(" ", 1)[1]])
        declines(draft, fill(rng.choice(texts(story.desk.split)["value"]["reply"]), slots))


def enum_of(desk: Desk, act: Act, name: str) -> list[str]:
    """Members of the closed list that a payload parameter takes; none where there is no choice."""
    p = act.params[name]
    spec = desk.field(str(act.of), p.field) if act.of and p.role == "field" and p.entity in (None, act.of) else None
    plain = spec is not None and spec.type == "enum" and isinstance(spec.of, list) and len(spec.of) > 1
    return (
        [str(m) for m in spec.of or ()] if plain and spec is not None and not awkward(p.field or name, "enum") else []
    )


def by_limit(draft: Draft, allowed: bool) -> None:
    """A number with a highest value."""
    story, rng = draft.story, draft.story.rng
    acts = [x for x in story.desk.writes if any(number(story.desk, x, n) for n in x.params)]
    case = draw_case(story, acts, changing=False)
    names = [n for n, v in case.aim.values.items() if number(story.desk, case.aim.act, n)
             and isinstance(v, int | float) and not isinstance(v, bool) and v >= 2 * SMALLEST]  # fmt: skip
    if not names:
        raise DeadEnd("no number to make a rule about")
    name = rng.choice(names)
    value = case.aim.values[name]
    limit = rounded(value * (rng.uniform(1.15, 2.5) if allowed else rng.uniform(0.5, 0.9)))
    if (limit >= value) != allowed or limit == value:
        raise DeadEnd("the limit is the number itself")
    label = spoken_field(story.desk, case.aim.act, name)
    slots = {**case.slots, "field": label, "value": str(limit), "is": say(value)}
    besides(draft, case.entity)
    add_rule(draft, case.aim, "by_limit", fill(rng.choice(texts(story.desk.split)["limit"]["rule"]), slots))
    request(story, case.aim, done=allowed)
    if not allowed:
        clause = f"the limit for the {label} is {limit}"
        name = f"t{len(story.tells)}"
        story.tells.append(Tell(id=name, turn=story.turn, say=clause, value=limit, why="the rule", source="said"))
        declines(draft, fill(rng.choice(texts(story.desk.split)["limit"]["reply"]), slots))


def number(desk: Desk, act: Act, name: str) -> bool:
    p = act.params[name]
    return (
        p.role == "field" and field_type(desk, act, name) in ("int", "number") and not awkward(p.field or name, "int")
    )


def rounded(value: float) -> int:
    """To two significant digits, as limits are."""
    unit = 10 ** max(0, len(str(int(value))) - 2)
    return max(SMALLEST, int(value / unit) * unit)


def by_reason(draft: Draft, allowed: bool) -> None:
    """Only for certain reasons, and only the user knows theirs."""
    story, rng = draft.story, draft.story.rng
    case = draw_case(story, story.desk.writes, changing=True)
    forms = texts(story.desk.split)["reason"]
    good = rng.choice(forms["good"])
    value = rng.choice(good["fits"] if allowed else forms["bad"])
    besides(draft, case.entity)
    add_rule(draft, case.aim, "by_reason", fill(rng.choice(forms["rule"]), {**case.slots, "good": good["rule"]}), "ask")
    _, text = named(story, case)
    request(story, case.aim, done=allowed)
    said = (
        value
        if value.startswith(("I ", "somebody"))
        else f"it {value}"
        if value.startswith(("was", "looks"))
        else f"the {value}"
    )
    draft.facts.append(Fact(id="reason", say=fill(rng.choice(forms["say"]), {"v": said}), value=value,
                            about=["reason", "why"], told=None))  # fmt: skip
    ask_first(draft, "reason", rng.choice(forms["ask"]), allowed)
    if not allowed:
        declines(draft, fill(rng.choice(forms["reply"]), {**case.slots, "obj": text}))


def by_confirm(draft: Draft, allowed: bool) -> None:
    """Only after a yes; the user may say no."""
    story, rng = draft.story, draft.story.rng
    case = draw_case(story, story.desk.writes, changing=True)
    forms = texts(story.desk.split)["confirm"]
    besides(draft, case.entity, force=not allowed)
    add_rule(draft, case.aim, "by_confirm", fill(rng.choice(forms["rule"]), case.slots), "ask")
    _, text = named(story, case)
    request(story, case.aim, done=allowed)
    draft.facts.append(Fact(
        id="yes", say=rng.choice(forms["agree" if allowed else "stop"]),
        value="go ahead" if allowed else "leave it alone",
        about=["sure", "go ahead", "confirm", "really", "proceed", "want me", "okay", "correct", "right", "shall"],
        told=None,
    ))  # fmt: skip
    slots = {**case.slots, "obj": text, "Obj": text[:1].upper() + text[1:]}
    ask_first(draft, "yes", fill(rng.choice(forms["ask"]), slots), allowed)
    if not allowed:
        draft.replies.append(Reply(turn=story.turn, text=fill(rng.choice(forms["reply"]), slots)))


def named(story: Story, case: Case) -> tuple[str, str]:
    """Make the row known; the words for it."""
    _, text = story.find(case.entity, case.key)
    story._last.pop(case.entity, None)
    return case.entity, text


def ask_first(draft: Draft, fact: str, question: str, allowed: bool) -> None:
    """The question comes before the write; where there is to be none, after what was looked up."""
    story = draft.story
    if allowed:
        step = the_write(story)
        wait_for(story, step, [fact], [])
        draft.asks.append(Ask(turn=story.turn, before=step, facts=[fact], question=question))
    else:
        draft.asks.append(Ask(turn=story.turn, before=None, facts=[fact], question=question,
                              after=[s.id for s in story.steps]))  # fmt: skip


def of_world(draft: Draft, allowed: bool) -> None:
    """A rule of the world that stands in the system prompt."""
    story, desk = draft.story, draft.story.desk
    strict = desk.strict
    rules = {p.id: p for p in kept_by_assistant(desk)}
    acts = [x for x in desk.writes if any(x.tool in p.guards for p in rules.values())]
    if strict is None or not acts or not all(p.text in desk.prompt for p in rules.values()):
        raise DeadEnd("no rule of the world is about what is offered")
    for _ in range(2 * TRIES):
        case = draw_case(story, acts, changing=False)
        broken = broken_rule(strict, story.state, case.aim.act.tool, desk.arguments(case.aim.act, case.aim.values))
        if (broken is None) == allowed:
            break
    else:
        raise DeadEnd("the rule never bites" if not allowed else "the rule always bites")
    besides(draft, case.entity, force=not allowed)
    request(story, case.aim, done=allowed)
    if not allowed:
        why = rules[str(broken)].text.rstrip(".")
        declines(draft, f"I can't do that, because of this rule: {why}.")


def must_name(draft: Draft, name: str, text: str, words: list[str]) -> None:
    draft.criteria.append(CriterionSpec(
        id=f"named_{name}", part="success", check="addresses", text=text,
        params={"turn": draft.story.turn, "groups": [words], "least": 1},
    ))  # fmt: skip
