"""`change`: the user changes their mind, before a thing is done (in the answer to a question) or after it was done
(another value, back to what it was, another row, not at all). What counts is the state at the end."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from rubrics.normal import Text, mentions
from synth.goals.clauses import spoken_field
from synth.goals.describe import sayable
from synth.goals.desk import Act, Desk, names_row_of, pointer
from synth.goals.draw import Aim, draw_write, field_type, settle
from synth.goals.ground import records
from synth.goals.kinds.clarify import with_payload
from synth.goals.kinds.draft import TRIES, Draft, add_aim, add_write, row_keys, say_only
from synth.goals.speech import Clause
from synth.goals.story import DeadEnd, Story
from synth.goals.templates import fill, phrase, worded
from synth.goals.verbs import awkward
from synth.goals.words import noun, sentence
from synth.packaged import packaged_words
from synth.taskspec import Ask, Fact, Reply, Source
from synth.worlds.state import thaw

IDS = 0.25  # share of users who name rows by id
BESIDES = 0.45  # share with something else in the first message
AFTER = 0.25  # share with another goal after the change
UNSAID = 0.5  # share of undone values that are not said again


def texts(split: str) -> dict[str, Any]:
    """How people of the split change their mind, read once."""
    return packaged_words("synth.goals", "changes.yaml", split)


def change(desk: Desk, rng: random.Random) -> Draft:
    """A request, and how the user takes it back or alters it."""
    draft = Draft(Story(desk, rng, ids=rng.random() < IDS), weight=0.6)
    ways: list[Way] = [other_value, other_value, back, another_row, not_at_all, pending, cancelled]
    rng.shuffle(ways)
    reason = "no write to change one's mind about"
    mark = draft.story.mark()
    for way in ways:
        try:
            way(draft)
            break
        except DeadEnd as end:
            reason = str(end)
            draft.story.back_to(mark)
            draft = Draft(draft.story, weight=0.6)
    else:
        raise DeadEnd(reason)
    if rng.random() < AFTER and not draft.facts:
        again = draft.story.mark()
        try:
            draft.story.new_turn()
            add_aim(draft.story, 0.4)
        except DeadEnd:
            draft.story.back_to(again)
    return draft


# --- parts ---


def besides(story: Story, entity: str, force: bool = False) -> None:
    """Something else in the first message, about another kind of row where there is one."""
    if force or story.rng.random() < BESIDES:
        acts = [a for a in story.desk.writes if a.of != entity]
        mark = story.mark()
        try:
            add_write(story, acts or None, hotness=0.0) if story.rng.random() < 0.7 else add_aim(story, 1.0)
        except DeadEnd:
            story.back_to(mark)
            if force:
                add_aim(story, 1.0)


def draw_update(story: Story) -> tuple[Aim, str]:
    """An update of a row by its key that sets one plain value; with the parameter's name."""
    desk, rng = story.desk, story.rng
    acts = [a for a in desk.writes if a.op == "update" and len(row_keys(desk, a)) == 1]
    for _ in range(2 * TRIES if acts else 0):
        aim = draw_write(desk, story.state, rng, acts, [], 0.0)
        if aim is None or len(aim.changes) != 1 or aim.changes[0].before is None:
            continue
        names = [n for n, p in aim.act.params.items() if n in aim.values and p.role == "field"]
        if len(names) == 1 and plain(desk, aim.act, names[0], aim.values[names[0]]):
            return aim, names[0]
    raise DeadEnd("no update of a single value")


def plain(desk: Desk, act: Act, name: str, value: Any) -> bool:
    return (
        names_row_of(desk, act, act.params[name]) is None
        and not isinstance(value, bool | list | dict)
        and sayable(value)
        and not awkward(act.params[name].field or name, field_type(desk, act, name))
    )


def with_values(story: Story, aim: Aim, **values: Any) -> Aim:
    """The same act with other values, on the state as it is now. Raises DeadEnd where that does not work."""
    found = settle(story.desk, story.state, aim.act, {**aim.values, **values})
    if found is None:
        raise DeadEnd("the change of mind does not work")
    return found


def old_value(aim: Aim, name: str) -> Any:
    """What the field held before the update."""
    before = aim.changes[0].before
    return None if before is None else thaw(before.get(str(aim.act.params[name].field or name)))


def last_write(story: Story) -> int:
    return max(s.id for s in story.steps if s.effect == "write")


def mind(story: Story, kind: str, *clauses: Clause) -> None:
    """The turn in which the user says so."""
    slots = {"c": clauses[0].vp, "d": clauses[-1].vp}
    story.turns[-1] = [Clause(raw=sentence(fill(story.rng.choice(texts(story.desk.split)[kind]), slots)))]


# --- ways ---

Way = Callable[[Draft], None]


def other_value(draft: Draft) -> None:
    """Done, and then another value for the same field."""
    story = draft.story
    story.new_turn()
    aim, name = draw_update(story)
    story.write(aim)
    first = last_write(story)
    besides(story, str(aim.act.of))
    key = row_keys(story.desk, aim.act)[0]
    for _ in range(TRIES):
        drawn = story.desk.draw(aim.act, story.state, story.rng, {key: aim.values[key]})
        value = None if drawn is None else drawn.get(name)
        if value not in (None, aim.values[name], old_value(aim, name)) and plain(story.desk, aim.act, name, value):
            break
    else:
        raise DeadEnd("no other value")
    story.new_turn()
    mind(story, "value", story.write(with_values(story, aim, **{name: value})))
    draft.undone = frozenset({first})


def back(draft: Draft) -> None:
    """Done, and then back to what it was; the old value is said, or has been seen."""
    story = draft.story
    story.new_turn()
    aim, name = draw_update(story)
    old = old_value(aim, name)
    if not plain(story.desk, aim.act, name, old):
        raise DeadEnd("the old value has no words")
    story.write(aim)
    first = last_write(story)
    besides(story, str(aim.act.of), force=True)
    story.new_turn()
    before = set(story.facts)
    clause = story.write(with_values(story, aim, **{name: old}))
    shown = where_seen(story, aim, name, old, first) if story.rng.random() < UNSAID else None
    if shown is None:
        mind(story, "undo", clause)
    else:
        unsay(story, aim.act, name, shown, before)
        label = spoken_field(story.desk, aim.act, name)
        obj = worded(story.desk.voice, "rows", "that", noun=noun(story.desk.world, str(aim.act.of)))
        text = fill(story.rng.choice(texts(story.desk.split)["unsaid"]), {"field": label, "obj": obj})
        story.turns[-1] = [Clause(raw=text)]
        draft.weight += 0.6
    draft.undone = frozenset({first, last_write(story)})


def where_seen(story: Story, aim: Aim, name: str, old: Any, first: int) -> tuple[int, list[str | int]] | None:
    """Step and path where the old value was shown before it was overwritten."""
    field = str(aim.act.params[name].field or name)
    own = story.desk.entity(str(aim.act.of)).keys[0]
    key = aim.changes[0].key
    for look in story.looks:
        if look.step is None or look.step >= first or look.act.writes:
            continue
        for path, record in records(look.result):
            if record.get(own) == key and record.get(field) == old:
                return look.step, [*path, field]
    return None


def unsay(story: Story, act: Act, name: str, shown: tuple[int, list[str | int]], before: set[str]) -> None:
    """The last write takes its value from a result, and the user does not say it."""
    step, path = shown
    last = story.steps[-1]
    at = pointer(name, act.params[name])
    sources = {**last.sources, at: Source(kind="result", step=step, path=path)}
    story.steps[-1] = last.model_copy(update={"sources": sources, "after": sorted({*last.after, step})})
    used = {src.fact for s in story.steps for src in s.sources.values()}
    for known in [k for k in story.facts if k not in before]:
        if story.facts[known].id not in used:
            del story.facts[known]


def another_row(draft: Draft) -> None:
    """Done on the wrong row: back there, and done on another."""
    story = draft.story
    story.new_turn()
    aim, name = draw_update(story)
    old = old_value(aim, name)
    if not plain(story.desk, aim.act, name, old):
        raise DeadEnd("the old value has no words")
    key = row_keys(story.desk, aim.act)[0]
    story.write(aim)
    first = last_write(story)
    besides(story, str(aim.act.of))
    story.new_turn()
    one = story.write(with_values(story, aim, **{name: old}))
    undone = {first, last_write(story)}
    for _ in range(TRIES):
        drawn = story.desk.draw(aim.act, story.state, story.rng, {name: aim.values[name]})
        if drawn is None or drawn.get(key) in (None, aim.values[key]):
            continue
        values = {**{n: v for n, v in drawn.items() if n in aim.values}, name: aim.values[name]}
        other = settle(story.desk, story.state, aim.act, values)
        if other is not None:
            mind(story, "row", one, story.write(other))
            draft.undone = frozenset(undone)
            return
    raise DeadEnd("no other row")


def not_at_all(draft: Draft) -> None:
    """A new row that is not wanted after all."""
    story, desk = draft.story, draft.story.desk
    gone = {a.of: a for a in desk.writes if a.op == "delete" and len(row_keys(desk, a)) == 1}
    acts = [a for a in desk.writes if a.op == "create" and a.of in gone and desk.entity(str(a.of)).generated_key]
    if not acts:
        raise DeadEnd("what is made cannot be deleted")
    story.new_turn()
    aim = add_write(story, acts, hotness=0.0)
    first = last_write(story)
    new = [c.key for c in story.looks[-1].changes if c.before is None and c.entity == aim.act.of]
    besides(story, str(aim.act.of), force=True)
    story.new_turn()
    act = gone[aim.act.of]
    given = {row_keys(desk, act)[0]: new[0] if new else None}
    drawn = desk.draw(act, story.state, story.rng, given) if new else None
    undo = None if drawn is None else settle(desk, story.state, act, {**drawn, **given})
    if undo is None:
        raise DeadEnd("what was made cannot be deleted")
    mind(story, "remove", story.write(undo))
    draft.passing = ["insert", "delete"]
    draft.undone = frozenset({first, last_write(story)})


def pending(draft: Draft) -> None:
    """Not done yet: the answer to a question corrects another value of the same request."""
    story, desk, rng = draft.story, draft.story.desk, draft.story.rng
    story.new_turn()
    for aim, hidden in with_payload(story, 2 * TRIES):
        others = [n for n, p in aim.act.params.items() if n in aim.values and n not in hidden[:1]
                  and p.role == "field" and plain(desk, aim.act, n, aim.values[n])]  # fmt: skip
        drawn = desk.draw(aim.act, story.state, rng, {}) if others else None
        first = None if drawn is None else drawn.get(others[0])
        if first is not None and first != aim.values[others[0]]:
            break
    else:
        raise DeadEnd("no value to correct")
    name, other = hidden[0], others[0]
    if not plain(desk, aim.act, other, first):
        raise DeadEnd("no value to correct")
    clause = story.write(aim, hide=name)
    piece, was = story.payload(aim.act, other, first, spoken_field(desk, aim.act, other))
    said = say_of(story, aim, other)
    if clause.vp.count(said) != 1 or mentions(aim.values[other], Text(clause.vp.replace(said, piece.text))):
        raise DeadEnd("the value stands twice in the request")
    story.turns[-1][-1] = Clause(vp=clause.vp.replace(said, piece.text))
    secret = story.kept_back()
    mended = next(
        (k for k in story.facts.values() if k.told.name == was.name and k.told.value == aim.values[other]), None
    )
    if mended is None or mended is secret:
        raise DeadEnd("the corrected value is nowhere told")
    label = spoken_field(desk, aim.act, other)
    form = rng.choice(texts(story.desk.split)["pending"])
    slots = {"field": label, "v": said, "old": piece.text}
    correction = fill(form.removeprefix("{f} "), slots)
    whole = f"{sentence(secret.told.clause)} {correction}"
    draft.facts += [
        Fact(id=secret.id, say=whole, value=secret.told.value, about=[secret.told.name], told=None),
        Fact(id=mended.id, say=correction, value=mended.told.value, about=[mended.told.name], told=None),
    ]
    story.facts = {at: k for at, k in story.facts.items() if k not in (secret, mended)}
    step = next((s for s in story.steps if any(src.fact == secret.id for src in s.sources.values())), None)
    if step is None:
        raise DeadEnd("no argument is the hidden fact")
    question = phrase(rng, desk.split, "asks", "value", field=secret.told.name, noun=noun(desk.world, str(aim.act.of)))
    draft.asks.append(Ask(turn=story.turn, before=step.id, facts=[secret.id], question=question))
    draft.weight += 1.2


def say_of(story: Story, aim: Aim, name: str) -> str:
    """A payload value as it stands in the request."""
    act = aim.act
    return story.payload(act, name, aim.values[name], spoken_field(story.desk, act, name))[0].text


def cancelled(draft: Draft) -> None:
    """Not done yet: asked for a missing value, the user drops that part. The rest is done."""
    story, desk, rng = draft.story, draft.story.desk, draft.story.rng
    story.new_turn()
    aim, hidden = next(with_payload(story, 2 * TRIES), (None, []))
    if aim is None:
        raise DeadEnd("no payload to hide")
    besides(story, str(aim.act.of), force=True)
    if not story.aims:
        raise DeadEnd("nothing else to do")
    label = spoken_field(desk, aim.act, hidden[0])
    say_only(story, aim, hide=hidden[0])
    story.facts = {at: k for at, k in story.facts.items() if k.turn is not None}
    new = aim.act.op in ("create", "send", "copy", "upsert")
    value = fill(rng.choice(texts(story.desk.split)["kept_new" if new else "kept"]), {"field": label})
    say_it = fill(rng.choice(texts(story.desk.split)["cancel"]), {"v": value})
    draft.facts.append(Fact(id="dropped", say=say_it, value=value, about=[label], told=None))
    question = phrase(rng, desk.split, "asks", "value", field=label, noun=noun(desk.world, str(aim.act.of)))
    draft.asks.append(Ask(turn=story.turn, before=None, facts=["dropped"], question=question,
                          after=[s.id for s in story.steps]))  # fmt: skip
    draft.replies.append(Reply(turn=story.turn, text=rng.choice(texts(story.desk.split)["reply"])))
    draft.weight += 1.2
