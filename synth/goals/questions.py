"""Questions in a story: for a field of a row, for a number of rows. The answer is what a call of the plan shows."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from synth.goals.clauses import Piece, count_question, field_question, spoken_field
from synth.goals.describe import named, qualified, sayable, told_field
from synth.goals.desk import Act, names_row_of, pointer
from synth.goals.draw import Question
from synth.goals.ground import Found, Look, Origin, Seen, at_path, own_key, records
from synth.goals.money import in_major_units, in_minor_units
from synth.goals.speech import Clause
from synth.goals.story import DeadEnd, Known, Story
from synth.goals.templates import worded
from synth.goals.verbs import label_of, when
from synth.goals.words import field_words, is_plural, noun, say
from synth.taskspec import Tell
from synth.worlds.state import thaw

_OTHERWISE = 0.45  # share of answers with another order of words
FEWEST = 4  # a smaller count is easily guessed


def ask_field(story: Story, q: Question) -> Clause:
    """Add a question for a field of a row; the answer is what the last call shows."""
    found, text, look = None, "", None
    row = story.desk.row(story.state, q.entity, q.key)
    if row is None:
        raise DeadEnd("the row is gone")
    value = thaw(row[q.field])
    keyed = story.desk.entity(q.entity).generated_key
    if keyed or not isinstance(q.key, tuple):
        found, text = story.find(q.entity, q.key)
        look = showing(story, found, q)
    if look is None:
        look, text = fetch(story, q, found, text)
    if any(same_cell(t, value) for t in story.facts.values()) and not any(t.value == value for t in story.tells):
        raise DeadEnd("the answer stands in the user's words")
    kind = story.desk.entity(q.entity).fields[q.field].type
    label = label_of(q.field, q.entity, kind)
    if kind in ("date", "time") and story.desk.row(story.desk.start, q.entity, q.key) is None:
        raise DeadEnd("nobody asks when a thing was made that was made just now")
    asked = when(q.field, text) if kind in ("date", "time") else None
    money = isinstance(value, int) and in_minor_units(story.desk, q.entity, q.field)
    said = in_major_units(value) if money else say(value)
    tell = Tell(
        id=f"t{len(story.tells)}",
        turn=story.turn,
        say=answer_words(label, text, said, kind, story.rng)
        if asked is None
        else f"{asked[1].removeprefix('when ')} {'on' if kind == 'date' else 'at'} {said}",
        value=value,
        short=brief_words(q.field, label, said, kind, story.rng),
        why=f"{q.entity}.{q.field}, shown by {look.act.offered}",
    )
    story.tells.append(tell)
    story.asked.add((q.entity, q.field))
    story.touch(q.entity, q.key)
    clause = field_question(story.desk.split, q.field, kind, label, text, story.rng)
    story.turns[-1].append(clause)
    return clause


def brief_words(name: str, label: str, said: str, kind: str, rng: random.Random) -> str:
    """The answer where nothing else was asked: "it is open", "the status is open", "it was created at ..."."""
    asked = when(name, "it") if kind in ("date", "time") else None
    if asked is not None:
        return f"{asked[1].removeprefix('when ')} {'on' if kind == 'date' else 'at'} {said}"
    return rng.choice((f"the {label} {'are' if is_plural(label) else 'is'} {said}", f"it is {said}"))


def answer_words(label: str, text: str, said: str, kind: str, rng: random.Random) -> str:
    """The answer as a clause: "the status of the ticket is open", "the ticket has 4 notes"."""
    if is_plural(label) and kind in ("int", "number"):
        return f"{text} has {said} {label}"
    more = (
        f"for {text}, the {label} is {said}",
        f"{text} has the {label} {said}",
        f"the {label} given for {text} is {said}",
    )
    if not is_plural(label) and rng.random() < _OTHERWISE:
        return rng.choice(more)
    return f"the {label} of {text} {'are' if is_plural(label) else 'is'} {said}"


def showing(story: Story, found: Found, q: Question) -> Look | None:
    """The look that made the key known, where it shows the asked field of that row too."""
    origin = found.origin
    if isinstance(origin, Seen) and not origin.call.act.writes:
        record = at_path(origin.call.result, origin.path[:-1])
        own = story.desk.entity(q.entity).keys[0]
        row = story.desk.row(story.state, q.entity, q.key)
        if row is not None and record.get(own) == q.key and q.field in record and record[q.field] == thaw(row[q.field]):
            return origin.call
    return None


def fetch(story: Story, q: Question, found: Found | None, text: str) -> tuple[Look, str]:
    """Get the row: by its one key, or by the parts of a composite one."""
    row = story.desk.row(story.state, q.entity, q.key)
    acts = [
        a
        for a in story.desk.reads_of(q.entity, "get")
        if q.field in (a.spec.shows or [q.field]) and a.offered not in story.avoid
    ]
    story.rng.shuffle(acts)
    for act in acts:
        if found is not None and row is not None and own_key(act, story.desk) is not None:
            look = story.finder.get(act, q.entity, row, found.origin)
            if look is not None and any(r.get(q.field) == thaw(row[q.field]) for _, r in records(look.result)):
                story.commit(look)
                return look, text
        elif row is not None:
            got = by_parts(story, act, q, row)
            if got is not None:
                return got
    raise DeadEnd(f"nothing offered shows {q.field} of {q.entity}")


def by_parts(story: Story, act: Act, q: Question, row: Any) -> tuple[Look, str] | None:
    origins: dict[str, Origin] = {}
    values: dict[str, Any] = {}
    owners: list[str] = []
    named_by: list[tuple[str, str]] = []
    what, called = noun(story.desk.world, q.entity), ""
    for name, p in act.params.items():
        if not p.required:
            continue
        if p.role not in ("key", "filter") or p.entity not in (None, act.of) or p.compare != "eq":
            return None
        column = p.field or story.desk.entity(q.entity).keys[0]
        value = thaw(row.get(column))
        target = names_row_of(story.desk, act, p)
        if value is None:
            return None
        if target is not None and target != q.entity:
            found, text = story.find(target, value)
            origins[pointer(name, p)] = found.origin
            owners.append(f"of {text}")
        elif sayable(value) and (target is None or story.ids):
            told = told_field(story.desk, q.entity, column, value)
            story.hear(told)
            origins[pointer(name, p)] = told
            label = field_words(column, q.entity)
            if label in ("name", "title", what.lower()) and not called:
                called = told.said
            else:
                named_by.insert(0, (label, told.said))
        else:
            return None
        values[name] = value
    look = story.finder.look(act, values, origins)
    if look is None or not any(r.get(q.field) == thaw(row[q.field]) for _, r in records(look.result)):
        return None
    story.commit(look)
    voice = story.desk.voice
    head = named(voice, f"the {what}", what, called) if called else f"the {what}"
    return look, " ".join([head + qualified(voice, named_by), *owners])


def ask_count(story: Story, act: Act) -> Clause:
    """Ask how many rows there are (an aggregate, or the total of a list) under one or two conditions."""
    values = story.desk.draw(act, story.state, story.rng, {})
    if values is None or act.of is None:
        raise DeadEnd("no arguments for a count")
    names = [n for n in values if act.params[n].required or act.params[n].role == "filter"]
    optional = [n for n in names if not act.params[n].required]
    story.rng.shuffle(optional)
    kept = [n for n in names if act.params[n].required or n in optional[:2]]
    if not kept and act.params:
        kept = optional[:1]
    origins: dict[str, Origin] = {}
    pieces: list[Piece] = []
    for name in kept:
        p = act.params[name]
        if p.role not in ("filter", "key") or p.compare != "eq":
            raise DeadEnd(f"{name} is no plain condition")
        target = names_row_of(story.desk, act, p)
        label = spoken_field(story.desk, act, name)
        if target is not None:
            found, text = story.find(target, values[name])
            origins[pointer(name, p)] = found.origin
            pieces.append(Piece(label, text, row=True))
        else:
            piece, told = story.payload(act, name, values[name], label)
            story.hear(
                replace(
                    told, identity=True, clause=worded(story.desk.voice, "facts", "is", field=label, value=told.said)
                )
            )
            origins[pointer(name, p)] = told
            pieces.append(piece if piece.boolean is None else replace(piece, text="true" if piece.boolean else "false"))
    look = story.finder.look(act, {n: values[n] for n in kept}, origins)
    if look is None:
        raise DeadEnd("the count fails")
    if any(old.act == act and old.arguments == look.arguments for old in story.looks):
        raise DeadEnd("this was asked before")
    value, path = counted(look)
    if value is None or abs(value) < FEWEST:
        raise DeadEnd("the number is easily guessed")
    story.commit(look)
    if path == "value" and act.spec.measure not in (None, "size(found)"):
        raise DeadEnd("the measure has no plain words")
    clause = count_question(story.desk, act.of, pieces, story.rng)
    story.tells.append(
        Tell(
            id=f"t{len(story.tells)}",
            turn=story.turn,
            say=f"{clause.answer} {say(value)}",
            value=value,
            why=f"{path} of {act.offered}",
        )
    )
    story.turns[-1].append(clause)
    return clause


def same_cell(known: Known, value: Any) -> bool:
    return known.told.value == value


def counted(look: Look) -> tuple[Any, str]:
    """The number a counting call gave, and the name it stands under."""
    if isinstance(look.result, dict):
        for name in (
            "count",
            "value",
            "total",
            str((look.act.spec.envelope.total if look.act.spec.envelope else None) or "total"),
        ):
            found = look.result.get(name)
            if isinstance(found, int | float) and not isinstance(found, bool):
                return found, "total" if name not in ("count", "value") else name
    return None, ""
