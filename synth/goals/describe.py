"""Naming a row by the smallest set of natural fields that singles it out in the result the assistant will see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import Any

from rubrics.normal import same
from synth.goals.desk import NATURAL_TYPES, Desk
from synth.goals.ground import Description, Told
from synth.goals.money import in_major_units, in_minor_units
from synth.goals.templates import Voice, fill, form_of, forms, plainest, worded
from synth.goals.verbs import label_of
from synth.goals.words import a, acronyms, is_plural, joined, noun, plural, say, split_words
from synth.worlds.spec import FieldSpec
from synth.worlds.state import State

_SHORT_STATE = 3  # letters: nobody says "the on workflow"
LONGEST = 140  # characters a person would quote
_ID_WORDS = frozenset(
    ["id", "uuid", "guid", "iid", "gid", "key", "token", "hash", "sha", "cursor", "etag", "secret", "password"]
)
_NAME_WORDS = frozenset(
    ["name", "title", "subject", "label", "email", "username", "login", "slug", "path", "topic", "summary", "headline"]
)
_PLACES = frozenset(
    {
        "project",
        "folder",
        "board",
        "list",
        "workspace",
        "repository",
        "repo",
        "channel",
        "database",
        "collection",
        "directory",
        "bucket",
        "space",
        "team",
        "group",
        "organization",
        "organisation",
        "company",
        "playlist",
        "album",
    }
)
_ON = frozenset(
    {"ticket", "issue", "task", "post", "document", "card", "page", "pull", "request", "article", "video", "item"}
)


def natural_fields(desk: Desk, entity: str) -> list[str]:
    """Fields a person may name a row by, the best first. No ids, no references, no structures."""
    e = desk.entity(entity)

    def rank(name: str, spec: FieldSpec) -> int:
        words = set(split_words(name))
        if name == e.label:
            return 0
        if words & _NAME_WORDS and spec.type == "text":
            return 1
        if spec.type == "code" or (spec.unique and spec.type == "text"):
            return 2
        return {"text": 3, "date": 4, "enum": 5, "int": 6, "money": 6, "number": 6, "time": 7}[spec.type]

    fields = [(rank(n, f), i, n) for i, (n, f) in enumerate(e.fields.items())
              if f.type in NATURAL_TYPES and not set(split_words(n)) & _ID_WORDS]  # fmt: skip
    return [n for _, _, n in sorted(fields)]


def told_field(desk: Desk, entity: str, name: str, value: Any) -> Told:
    """The fact that a row's field has a value, as something that names the row."""
    spec = desk.field(entity, name)
    what, words = noun(desk.world, entity), label_of(name, entity, spec.type if spec is not None else "")
    money = isinstance(value, int) and in_minor_units(desk, entity, name)
    said = in_major_units(value) if money else say(value, spec)
    return Told(value, words, what, worded(desk.voice, "facts", "is", field=words, value=said), said, identity=True)


def single_out(
    desk: Desk,
    state: State,
    entity: str,
    record: Mapping[str, Any],
    others: Sequence[Mapping[str, Any]],
    given: Mapping[str, Any],
) -> tuple[str, ...] | None:
    """The smallest set of natural fields by which `record` differs from `others` (the result's other records) and, with
    `given` (what is known of it besides), from all other rows of the state. None where nothing does."""
    fields = [n for n in natural_fields(desk, entity) if sayable(record.get(n))]
    rows = [r for r in state.rows(entity).values() if all(same(r.get(f), v) for f, v in given.items())]
    top = fields[:6]
    for size in (1, 2, 3):
        for names in combinations(top, size):
            if any(all(same(o.get(n), record[n]) for n in names) for o in others):
                continue
            if sum(all(same(r.get(n), record[n]) for n in names) for r in rows) == 1:
                return names
    return None


def sayable(value: Any) -> bool:
    """Whether a person would quote it to name a thing."""
    if isinstance(value, bool) or value is None:
        return False
    if isinstance(value, str):
        return 0 < len(value.strip()) <= LONGEST and "\n" not in value
    return isinstance(value, int | float)


def describe(
    desk: Desk, entity: str, told: tuple[Told, ...], fields: tuple[str, ...], parents: list[tuple[str, Description]]
) -> Description:
    """Words for a row: its noun, the told fields, and the rows it belongs to (field name, their description)."""
    e = desk.entity(entity)
    what = noun(desk.world, entity)
    own = [t for t in told if t.identity][: len(fields)]
    by = [(f, t) for f, t in zip(fields, own, strict=True)]
    phrase, rest, named_already, called = f"the {what}", [], False, what
    say_row = partial(worded, desk.voice, "rows")
    for f, t in [x for x in by if is_state(desk, entity, x[0]) and len(x[1].said) > _SHORT_STATE][:1]:
        say_state = say_row if len(by) == 1 else partial(plainest, desk.voice, "rows")
        phrase, called = say_state("state", value=t.said, noun=what), f"{t.said} {what}"
        by.remove((f, t))
    for f, t in by:
        is_name = f == e.label or (set(split_words(f)) & _NAME_WORDS and desk.field(entity, f) is not None)
        if is_name and not named_already:
            at_place = t.name in ("email", "path")
            phrase = (
                phrase + say_row("place", field=t.name, value=t.said)
                if at_place
                else named(desk.voice, phrase, called, t.said)
            )
            named_already = True
        else:
            rest.append((t.name, t.said))
    phrase += qualified(desk.voice, rest)
    for f, d in parents:
        phrase += f" {preposition(f)} {d.phrase}"
    every = tuple(told) + tuple(t for _, d in parents for t in d.told)
    return Description(phrase, say_row("that", noun=what), every, vague_words(desk, entity))


def named(voice: Voice, phrase: str, what: str, value: str) -> str:
    """A row by its name: behind `phrase` ("the open ticket"), or in a form around the bare `what` ("open ticket")."""
    form = form_of(voice, "rows", "name", value=value)
    return fill(form, {"noun": what, "value": value}) if "{noun}" in form else phrase + fill(form, {"value": value})


def qualified(voice: Voice, fields: Sequence[tuple[str, str]]) -> str:
    """What stands behind a row's noun: its fields (name, value as it is said); nothing where there are none."""
    if not fields:
        return ""
    ways = forms(voice.split).get("qualified")
    if ways is None:
        items = [worded(voice, "rows", "field", field=f, value=v) for f, v in fields]
        return worded(voice, "rows", "with", list=joined(items))
    before, item, after = voice.pick(ways, "qualified", *(f"{f}={v}" for f, v in fields))
    items = [fill(item, {"field": f, "value": v, "be": "are" if is_plural(f) else "is"}) for f, v in fields]
    return f"{before}{joined(items)}{after}"


def is_state(desk: Desk, entity: str, field: str) -> bool:
    """Whether a field's value goes before the noun: "the resolved ticket"."""
    spec = desk.field(entity, field)
    return spec is not None and spec.type == "enum" and split_words(field)[-1] in ("status", "state", "stage")


def vague_words(desk: Desk, entity: str) -> str:
    what = noun(desk.world, entity)
    return (
        worded(desk.voice, "rows", "some", noun=what, plural=plural(desk.world, entity)) if len(what) > 3 else a(what)
    )


def preposition(field: str) -> str:
    words = set(split_words(field))
    if words & _PLACES:
        return "in"
    return "on" if words & _ON else "of"


def by_id(desk: Desk, entity: str, key: Any, name: str) -> tuple[Description, Told]:
    """A row named by its id, as a person who has it at hand would."""
    what = noun(desk.world, entity)
    said = say(key)
    words = " ".join("ID" if w in _ID_WORDS else w for w in split_words(name)[-1:]) or "ID"
    words = acronyms(words)
    told = Told(key, "id", what, worded(desk.voice, "facts", "id", noun=what, value=said), said, identity=True)
    bare = words == "ID" or words.lower() in what.lower().split(" ")
    slots = {"noun": what, "value": said} if bare else {"noun": what, "field": words, "value": said}
    phrase = worded(desk.voice, "rows", "by_id" if bare else "by_key", **slots)
    short = worded(desk.voice, "rows", "that", noun=what)
    return Description(phrase, short, (told,), vague_words(desk, entity)), told
