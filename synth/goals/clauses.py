"""Requests in words: one clause per write or question, from the operation, the row's description and the payload."""

from __future__ import annotations

import random
from dataclasses import dataclass

from synth.goals.describe import preposition
from synth.goals.desk import Act, Desk
from synth.goals.speech import Clause, phrase
from synth.goals.words import a, field_words, is_plural, joined, noun, plural, split_words

_MOVE_SUFFIX = 4  # letters a verb shares with its state: resolve, resolved
_PASSIVE = frozenset(
    {"get", "list", "fetch", "read", "query", "search", "find", "set", "do", "run", "make", "update", "change", "move"}
)


@dataclass(frozen=True)
class Piece:
    """One argument in words. `row`: it stands for a row (`text` is its description)."""

    field: str
    text: str
    row: bool = False
    boolean: bool | None = None


def write_clause(
    desk: Desk, act: Act, obj: str | None, pieces: list[Piece], rng: random.Random, hidden: str | None = None
) -> Clause:
    """`obj` describes the row worked on; `hidden` names the field whose new value the user does not say yet."""
    what = noun(desk.world, act.of) if act.of else ""
    if act.op == "move" and act.spec.to and obj:
        verb = move_verb(act, act.spec.to)
        state = act.spec.to.replace("_", " ")
        extra = with_words(pieces)
        if verb is not None and rng.random() < 0.7:
            return Clause(phrase(rng, "clauses", "move_verb", verb=verb, obj=obj) + extra)
        return Clause(phrase(rng, "clauses", "move", obj=obj, state=state) + extra)
    if act.op == "delete" and obj:
        return Clause(phrase(rng, "clauses", "delete", obj=obj) + with_words(pieces))
    if act.op in ("relate", "unrelate") and len([p for p in pieces if p.row]) == 2:
        rows = [p for p in pieces if p.row]
        rest = [p for p in pieces if not p.row]
        return Clause(phrase(rng, "clauses", act.op, left=rows[1].text, right=rows[0].text) + with_words(rest))
    if act.op == "copy" and obj:
        return Clause(phrase(rng, "clauses", "copy", obj=obj, **{"with": with_words(pieces)}))
    if act.op in ("update", "move", "upsert") and obj:
        return update_clause(obj, pieces, rng, hidden)
    if act.op == "setting" and hidden is not None:
        return update_clause(f"the {what}", pieces, rng, hidden)
    if act.op == "setting":
        sets, states = joined([f"{p.field} {_to(p)}" for p in pieces]), joined([_is(p) for p in pieces])
        return Clause(phrase(rng, "clauses", "setting", what=what, sets=sets, **{"is": states}))
    if act.op in ("create", "send", "upsert") and act.of:
        kind = "send" if act.op == "send" else "create"
        return Clause(phrase(rng, "clauses", kind, a_noun=a(what), **{"with": placed(pieces)}))
    verb = " ".join(split_words(act.tool)) + "".join(f" {v}" for v in act.fixed.values())
    if obj:
        verb = f"{verb} for {obj}"
    return Clause(phrase(rng, "clauses", "other", verb=verb, **{"with": with_words(pieces)}))


def update_clause(obj: str, pieces: list[Piece], rng: random.Random, hidden: str | None) -> Clause:
    shown = [p for p in pieces if p.field != hidden]
    if hidden is not None:
        head = phrase(rng, "clauses", "update_hidden", field=hidden, obj=obj)
        return Clause(head + (f" and set {joined([f'{p.field} {_to(p)}' for p in shown])}" if shown else ""))
    if len(shown) == 1:
        only = shown[0]
        if only.boolean is not None:
            return Clause(
                phrase(rng, "clauses", "update_on" if only.boolean else "update_off", field=only.field, obj=obj)
            )
        return Clause(phrase(rng, "clauses", "update_one", field=only.field, obj=obj, value=only.text))
    sets = joined([f"{p.field} {_to(p)}" for p in shown])
    return Clause(phrase(rng, "clauses", "update_many", obj=obj, sets=sets, **{"is": joined([_is(p) for p in shown])}))


def _to(p: Piece) -> str:
    return ("on" if p.boolean else "off") if p.boolean is not None else f"to {p.text}"


def _is(p: Piece) -> str:
    value = p.text if p.boolean is None else "on" if p.boolean else "off"
    return f"the {p.field} {'are' if is_plural(p.field) else 'is'} {value}"


def with_words(pieces: list[Piece]) -> str:
    """` with the subject "X", priority high and the contact Ana Lee as requester`."""
    if not pieces:
        return ""
    return " with " + joined([piece_words(p) for p in pieces])


def piece_words(p: Piece) -> str:
    if p.boolean is not None:
        return f"{p.field} turned {'on' if p.boolean else 'off'}"
    if p.row:
        return f"{p.text} as {p.field}"
    return f"{p.field} {p.text}"


def placed(pieces: list[Piece]) -> str:
    """The same for a new row: the row it belongs to comes first, with a preposition."""
    for p in pieces:
        if p.row and p.field.split(" ")[-1] in p.text.split('"')[0]:
            rest = [q for q in pieces if q is not p]
            where = preposition(p.field)
            return f" {'for' if where == 'of' else where} {p.text}" + with_words(rest)
    return with_words(pieces)


def move_verb(act: Act, state: str) -> str | None:
    """The tool's own verb, where it plainly leads to the state: `resolve_ticket` to `resolved`."""
    for word in split_words(act.tool):
        if (
            word not in _PASSIVE
            and word.isalpha()
            and state.lower().startswith(word[:_MOVE_SUFFIX])
            and len(word) >= _MOVE_SUFFIX
        ):
            return word
    return None


def field_question(field: str, obj: str, rng: random.Random) -> Clause:
    """A question for one field of a described row."""
    slots = {"field": field, "obj": obj}
    if is_plural(field):
        return Clause(q=f"what are the {field} of {obj}", i=f"the {field} of {obj}")
    return Clause(q=phrase(rng, "questions", "field_q", **slots), i=phrase(rng, "questions", "field_i", **slots))


def count_question(desk: Desk, entity: str, pieces: list[Piece], rng: random.Random) -> Clause:
    """How many rows there are, with conditions."""
    parts = [f"{preposition(p.field)} {p.text}" if p.row else f"with {p.field} {p.text}" for p in pieces]
    where = " " + " and ".join(parts) if parts else ""
    slots = {"plural": plural(desk.world, entity), "where": where}
    answer = f"the number of {slots['plural']}{where} is"
    return Clause(
        q=phrase(rng, "questions", "count_q", **slots), i=phrase(rng, "questions", "count_i", **slots), answer=answer
    )


def spoken_field(act: Act, name: str, field: str | None) -> str:
    """A parameter's spoken name."""
    return field_words(field or name, act.of or "")
