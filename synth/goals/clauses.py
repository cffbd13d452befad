"""Requests in words: one clause per write or question, from the operation, the row's description and the payload."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace

from synth.goals.describe import preposition
from synth.goals.desk import Act, Desk
from synth.goals.speech import Clause, Slip
from synth.goals.templates import fill, grammar, phrase, worded
from synth.goals.verbs import action, done_by_update, label_of, trait, when
from synth.goals.words import a, is_plural, joined, noun, plural, plural_of, split_words
from synth.worlds.params import sides
from tools_catalog.words import VERBS, find_verb

_COUNTED = ("int", "number")
_QUOTES = ("“", '"')
_NAMED_FIRST = 0.8  # share of new rows whose name is said right behind the noun
_SMALL = frozenset(
    ["to", "from", "for", "by", "of", "in", "on", "at", "with", "and", "or", "as", "per", "via", "into", "all"]
)


@dataclass(frozen=True)
class Piece:
    """One argument in words. `row`: it stands for a row (`text` is its description). `scope`: it says where the row
    worked on is, and asks for nothing; `full` is then how the row was described at length."""

    field: str
    text: str
    row: bool = False
    boolean: bool | None = None
    scope: bool = False
    money: bool = False  # an amount in major units
    full: str = ""
    slip: Slip | None = None  # how it may be said wrongly at first


def write_clause(
    desk: Desk, act: Act, obj: str | None, pieces: list[Piece], rng: random.Random, hidden: str | None = None
) -> Clause:
    """`obj` describes the row worked on; `hidden` names the field whose new value the user does not say yet."""
    pieces = with_currency(pieces)
    clause = _clause(desk, act, obj, pieces, rng, hidden)
    slips = [p.slip for p in pieces if p.slip is not None and clause.vp.count(p.slip.said) == 1]
    fitting = [s for s in slips if s.decoy.lower() not in clause.vp.lower()]
    return replace(clause, slip=rng.choice(fitting)) if fitting else clause


def with_currency(pieces: list[Piece]) -> list[Piece]:
    """An amount in major units takes its currency along: "162.34 EUR"."""
    amounts = [p for p in pieces if p.money]
    currency = next((p for p in pieces if p.field == "currency" and re.fullmatch(r"[A-Z]{3}", p.text)), None)
    if len(amounts) != 1 or currency is None:
        return pieces
    one = replace(amounts[0], text=f"{amounts[0].text} {currency.text}")
    return [one if p is amounts[0] else p for p in pieces if p is not currency]


def _clause(
    desk: Desk, act: Act, obj: str | None, pieces: list[Piece], rng: random.Random, hidden: str | None
) -> Clause:
    what = noun(desk.world, act.of) if act.of else ""
    own = action(act.op, act.tool, act.of, act.spec.to)
    if obj:
        obj, pieces = placed_object(desk.split, obj, pieces)
    if act.op == "move" and act.spec.to and obj:
        extra = with_words(desk.split, pieces)
        if own is not None:
            return Clause(f"{own} {obj}" + extra)
        state = act.spec.to.replace("_", " ")
        if state.lower() in ("on", "off"):
            return Clause(phrase(rng, desk.split, "clauses", "turn", state=state.lower(), obj=obj) + extra)
        kind = "move" if trait(state) else "move_to"
        return Clause(phrase(rng, desk.split, "clauses", kind, obj=obj, state=state) + extra)
    if act.op == "delete" and obj:
        if own is not None and rng.random() < 0.5:
            return Clause(f"{own} {obj}" + with_words(desk.split, pieces))
        return Clause(phrase(rng, desk.split, "clauses", "delete", obj=obj) + with_words(desk.split, pieces))
    if act.op in ("relate", "unrelate") and len([p for p in pieces if p.row]) == 2:
        rows = [p for p in pieces if p.row]
        rest = [p for p in pieces if not p.row]
        if own is not None and own.endswith("assign"):
            link = "to" if act.op == "relate" else "from"
            return Clause(f"{own} {rows[1].text} {link} {rows[0].text}" + with_words(desk.split, rest))
        return Clause(
            phrase(rng, desk.split, "clauses", act.op, left=rows[1].text, right=rows[0].text)
            + with_words(desk.split, rest)
        )
    if act.op == "transfer":
        return transfer_clause(desk, act, pieces, rng)
    if act.op == "copy" and obj:
        return Clause(phrase(rng, desk.split, "clauses", "copy", obj=obj, **{"with": with_words(desk.split, pieces)}))
    said = done_by_update(act.tool, act.of) if act.op == "update" and hidden is None and not act.fixed else None
    if said is not None and obj and not said.endswith("assign"):
        return Clause(f"{said} {obj}" + with_words(desk.split, pieces))
    if act.op in ("update", "move", "upsert") and obj:
        return update_clause(desk.split, obj, pieces, rng, hidden)
    if act.op == "setting" and hidden is not None:
        return update_clause(desk.split, f"the {what}", pieces, rng, hidden)
    if act.op == "setting":
        sets, states = (joined([form(desk.split, p) for p in pieces]) for form in (_set, _is))
        return Clause(phrase(rng, desk.split, "clauses", "setting", what=what, sets=sets, **{"is": states}))
    if act.op in ("create", "send", "upsert") and act.of:
        if own is not None and rng.random() < (0.4 if act.op == "create" else 1.0):
            return Clause(f"{own} {a(what)}{placed(desk.split, pieces, rng)}")
        kind = "send" if act.op == "send" and own is not None else "create"
        return Clause(
            phrase(
                rng, desk.split, "clauses", kind, a_noun=a(what), noun=what, **{"with": placed(desk.split, pieces, rng)}
            )
        )
    verb = tool_words(act.tool, [str(v) for v in act.fixed.values()], obj, what)
    return Clause(phrase(rng, desk.split, "clauses", "other", verb=verb, **{"with": with_words(desk.split, pieces)}))


def tool_words(tool: str, fixed: list[str], obj: str | None, what: str) -> str:
    """What a tool without a standard operation does, in the words of its name: `recalculate_route_costs` for the
    route R-1 -> "recalculate the costs of the route R-1"."""
    words = split_words(tool)
    at = 0 if words[0] in VERBS and len(words) > 1 else find_verb(words)
    if at is None:
        verb, rest = "run", list(words)
    else:
        verb = words[at]
        rest = list(words[at + 1 :]) or [w for w in words[:at] if w in what.lower().split(" ") or obj is None][-2:]
    rest += fixed
    if obj is None:
        return f"{verb} the {' '.join(rest)}" if rest and rest[0] not in _SMALL else " ".join([verb, *rest])
    own = set(what.lower().split(" "))
    rest = [w for w in rest if w not in own and w.removesuffix("s") not in own]
    if not rest:
        return f"{verb} {obj}"
    if set(rest) & _SMALL:
        return f"{' '.join([verb, *rest])} for {obj}"
    return f"{verb} the {' '.join(rest)} of {obj}"


def transfer_clause(desk: Desk, act: Act, pieces: list[Piece], rng: random.Random) -> Clause:
    """What is moved, from where, to where."""
    source, target = (spoken_field(desk, act, n) for n in sides(act.spec))
    (amount,) = (spoken_field(desk, act, n) for n, p in act.params.items() if p.role == "amount")
    by_label = {p.field: p for p in pieces}
    rest = [p for p in pieces if p.field not in (source, target, amount)]
    moved, there, here = (by_label[f].text for f in (amount, source, target))
    said = phrase(rng, desk.split, "clauses", "transfer", moved=moved, source=there, target=here)
    return Clause(said + with_words(desk.split, rest))


def placed_object(split: str, obj: str, pieces: list[Piece]) -> tuple[str, list[Piece]]:
    """`obj` with the rows it belongs to (unless it names them already), and the other pieces."""
    rest, again = [], worded(split, "rows", "that", noun="")
    for p in pieces:
        if not p.scope or not p.row:
            rest.append(p)
        elif (
            p.text not in obj
            and not (obj.startswith(again) and p.text.startswith(again))
            and not (p.full and p.full in obj)
        ):
            obj += f" {preposition(p.field)} {p.text}"
    return obj, rest


def update_clause(split: str, obj: str, pieces: list[Piece], rng: random.Random, hidden: str | None) -> Clause:
    shown = [p for p in pieces if p.field != hidden and not p.scope]
    extra = with_words(split, [p for p in pieces if p.scope])
    sets, states = (joined([form(split, p) for p in shown]) for form in (_set, _is))
    if hidden is not None:
        head = phrase(rng, split, "clauses", "update_hidden", field=hidden, obj=obj)
        return Clause(head + (worded(split, "pieces", "and_set", sets=sets) if shown else "") + extra)
    if not shown:
        return Clause(phrase(rng, split, "clauses", "update_bare", obj=obj) + extra)
    if len(shown) == 1:
        return Clause(_one_change(split, obj, shown[0], rng) + extra)
    return Clause(phrase(rng, split, "clauses", "update_many", obj=obj, sets=sets, **{"is": states}) + extra)


def _one_change(split: str, obj: str, only: Piece, rng: random.Random) -> str:
    """An update of one field as a verb phrase."""
    if only.boolean is not None:
        said, kind = trait(only.field), "on" if only.boolean else "off"
        if said in ("enabled", "disabled"):
            kind = "enable" if (said == "enabled") == only.boolean else "disable"
            return phrase(rng, split, "clauses", kind, obj=obj)
        if said is not None:
            state = said if only.boolean else f"not {said}"
            kind = "update_is" if only.boolean else "update_is_not"
            return phrase(rng, split, "clauses", kind, obj=obj, state=state)
        return phrase(rng, split, "clauses", f"update_{kind}", field=only.field, obj=obj)
    first, _, thing = only.field.partition(" ")
    if first in ("add", "remove") and thing:
        several = " and " in only.text
        thing = thing[:-1] if is_plural(thing) and not several else plural_of(thing) if several else thing
        return phrase(
            rng,
            split,
            "clauses",
            "add_to_list" if first == "add" else "remove_from_list",
            thing=thing,
            value=only.text,
            obj=obj,
        )
    kind = "rename" if only.field in ("name", "title") else "update_one"
    return phrase(rng, split, "clauses", kind, field=only.field, obj=obj, value=only.text)


def _set(split: str, p: Piece) -> str:
    kind = "set" if p.boolean is None else "set_on" if p.boolean else "set_off"
    return worded(split, "pieces", kind, **_of(p, kind == "set"))


def _is(split: str, p: Piece) -> str:
    said = trait(p.field) if p.boolean is not None else None
    if said is not None:
        return worded(split, "pieces", "is_state" if p.boolean else "is_not_state", state=said)
    value = p.text if p.boolean is None else "on" if p.boolean else "off"
    return worded(split, "pieces", "is", field=p.field, be="are" if is_plural(p.field) else "is", value=value)


def with_words(split: str, pieces: list[Piece]) -> str:
    """` with the subject "X", priority high and the contact Ana Lee as requester, marked as urgent`."""
    traits = [p for p in pieces if p.boolean is not None and trait(p.field)]
    rest = [p for p in pieces if p not in traits]
    said = worded(split, "pieces", "with", list=joined([piece_words(split, p) for p in rest])) if rest else ""
    if not traits:
        return said
    return f"{said}{',' if said else ''} {joined([_marked(split, p) for p in traits])}"


def _marked(split: str, p: Piece) -> str:
    return worded(split, "pieces", "marked" if p.boolean else "not_marked", state=trait(p.field) or p.field)


def piece_words(split: str, p: Piece) -> str:
    if p.boolean is not None:
        return worded(split, "pieces", "turned_on" if p.boolean else "turned_off", field=p.field)
    if p.row:
        return p.text if names_itself(p) else worded(split, "pieces", "row", **_of(p))
    return worded(split, "pieces", "quoted" if p.text[:1] in _QUOTES else "plain", **_of(p))


def _of(p: Piece, value: bool = True) -> dict[str, str]:
    return {"field": p.field, "value": p.text} if value else {"field": p.field}


def names_itself(p: Piece) -> bool:
    """Whether the words for a row say already what it is: "the table X" for a field `table_name`."""
    return bool(set(p.field.lower().split(" ")) & set(p.text.split('"')[0].lower().split(" ")))


def placed(split: str, pieces: list[Piece], rng: random.Random) -> str:
    """The same for a new row: its name comes first, then the row it belongs to, with a preposition."""
    head, rest, names = "", pieces, grammar(split)["names"]
    name = next((p for p in pieces if p.field in names and not p.row and p.boolean is None), None)
    if name is not None and rng.random() < _NAMED_FIRST:
        head, rest = fill(rng.choice(names[name.field]), {"value": name.text}), [q for q in rest if q is not name]
    for p in rest:
        if p.row and names_itself(p):
            where = preposition(p.field)
            others = with_words(split, [q for q in rest if q is not p])
            return f"{head} {'for' if where == 'of' else where} {p.text}{others}"
    return head + with_words(split, rest)


def field_question(split: str, name: str, type_: str, field: str, obj: str, rng: random.Random) -> Clause:
    """A question for one field of a described row: `name` and `type_` decide how people ask, `field` is its label."""
    asked = when(name, obj) if type_ in ("date", "time") else None
    kind, slots = "field", {"field": field, "obj": obj}
    if asked is not None:
        kind, slots = "moment", {"q": asked[0].removeprefix("when "), "i": asked[1].removeprefix("when ")}
    elif is_plural(field):
        kind = "many" if type_ in _COUNTED else "several"
    return Clause(
        q=phrase(rng, split, "questions", f"{kind}_q", **slots), i=phrase(rng, split, "questions", f"{kind}_i", **slots)
    )


def count_question(desk: Desk, entity: str, pieces: list[Piece], rng: random.Random) -> Clause:
    """How many rows there are, with conditions."""
    parts = [f"{preposition(p.field)} {p.text}" if p.row else worded(desk.split, "pieces", "where", **_of(p))
             for p in pieces]  # fmt: skip
    where = " " + " and ".join(parts) if parts else ""
    slots = {"plural": plural(desk.world, entity), "where": where}
    answer = f"the number of {slots['plural']}{where} is"
    q, i = (phrase(rng, desk.split, "questions", kind, **slots) for kind in ("count_q", "count_i"))
    return Clause(q=q, i=i, answer=answer)


def spoken_field(desk: Desk, act: Act, name: str) -> str:
    """A parameter's spoken name."""
    p = act.params[name]
    spec = desk.field(p.entity or act.of or "", p.field) if (p.entity or act.of) else None
    own = name if act.op == "transfer" else p.field or name  # both sides of a transfer bind the same field
    return label_of(own, act.of or "", spec.type if spec is not None else "")
