"""Requests in words: one clause per write or question, from the operation, the row's description and the payload."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace

from synth.goals.describe import preposition
from synth.goals.desk import Act, Desk
from synth.goals.speech import Clause, Slip
from synth.goals.templates import Voice, fill, forms, grammar, phrase, plainest, worded
from synth.goals.verbs import action, done_by_update, label_of, past_of, trait, when
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
        obj, pieces = placed_object(desk.voice, obj, pieces)
    if act.op == "move" and act.spec.to and obj:
        extra = with_words(desk.voice, pieces)
        if own is not None:
            return done(desk.voice, own, obj, extra)
        state = act.spec.to.replace("_", " ")
        if state.lower() in ("on", "off"):
            return request(desk.voice, rng, "turn", extra, state=state.lower(), obj=obj)
        return request(desk.voice, rng, "move" if trait(state) else "move_to", extra, obj=obj, state=state)
    if act.op == "delete" and obj:
        extra = with_words(desk.voice, pieces)
        if own is not None and rng.random() < 0.5:
            return done(desk.voice, own, obj, extra)
        return request(desk.voice, rng, "delete", extra, obj=obj)
    if act.op in ("relate", "unrelate") and len([p for p in pieces if p.row]) == 2:
        rows = [p for p in pieces if p.row]
        extra = with_words(desk.voice, [p for p in pieces if not p.row])
        if own is not None and own.endswith("assign"):
            link = "to" if act.op == "relate" else "from"
            return Clause(f"{own} {rows[1].text} {link} {rows[0].text}{extra}")
        return request(desk.voice, rng, act.op, extra, left=rows[1].text, right=rows[0].text)
    if act.op == "transfer":
        return transfer_clause(desk, act, pieces, rng)
    if act.op == "copy" and obj:
        return request(desk.voice, rng, "copy", obj=obj, **{"with": with_words(desk.voice, pieces)})
    said = done_by_update(act.tool, act.of) if act.op == "update" and hidden is None and not act.fixed else None
    if said is not None and obj and not said.endswith("assign"):
        return done(desk.voice, said, obj, with_words(desk.voice, pieces))
    if act.op in ("update", "move", "upsert") and obj:
        return update_clause(desk.voice, obj, pieces, rng, hidden)
    if act.op == "setting" and hidden is not None:
        return update_clause(desk.voice, f"the {what}", pieces, rng, hidden)
    if act.op == "setting":
        return request(desk.voice, rng, "setting", what=what, **changes(desk.voice, pieces))
    if act.op in ("create", "send", "upsert") and act.of:
        new = placed(desk.voice, pieces, rng)
        if own is not None and rng.random() < (0.4 if act.op == "create" else 1.0):
            return done(desk.voice, own, a(what), new)
        kind = "send" if act.op == "send" and own is not None else "create"
        return request(desk.voice, rng, kind, a_noun=a(what), noun=what, **{"with": new})
    verb = tool_words(act.tool, [str(v) for v in act.fixed.values()], obj, what)
    return request(desk.voice, rng, "other", verb=verb, **{"with": with_words(desk.voice, pieces)})


def request(voice: Voice, rng: random.Random, kind: str, extra: str = "", /, **slots: str) -> Clause:
    """A request of a kind: as a verb phrase and, where the split's people have the form, as a statement."""
    vp = phrase(rng, voice.split, "clauses", kind, **slots) + extra
    ways = forms(voice.split).get("statements", {}).get(kind)
    return Clause(vp, stated=fill(voice.pick(ways, kind, vp), slots) + extra if ways else "")


def done(voice: Voice, verb: str, obj: str, extra: str) -> Clause:
    """A request in the tool's own verb."""
    own = forms(voice.split).get("own")
    if own is None or " " in verb:
        return Clause(f"{verb} {obj}{extra}")
    slots = {"verb": verb, "done": past_of(verb), "obj": obj}
    vp, stated = (fill(voice.pick(own[way], way, verb, obj), slots) + extra for way in ("phrases", "statements"))
    return Clause(vp, stated=stated)


def changes(voice: Voice, pieces: list[Piece]) -> dict[str, str]:
    """Several new values: behind "set", behind "so that", and as bare pairs."""
    sets, states = (joined([form(voice, p) for p in pieces]) for form in (_set, _is))
    return {"sets": sets, "is": states, "pairs": pairs(voice, pieces)}


def pairs(voice: Voice, pieces: list[Piece]) -> str:
    """`priority: high, due date: 2026-03-04`, in one of many notations; empty for a split that has none."""
    known = forms(voice.split)
    if not known:
        return ""
    one, between = voice.pick(known["pairs"], "pairs"), str(voice.pick(known["between"], "between"))
    texts = [p.text if p.boolean is None else "on" if p.boolean else "off" for p in pieces]
    lines = between.startswith("\n")
    return (between if lines else "") + between.join(
        fill(one, {"field": p.field, "value": text}) for p, text in zip(pieces, texts, strict=True)
    )


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
    return request(desk.voice, rng, "transfer", with_words(desk.voice, rest), moved=moved, source=there, target=here)


def placed_object(voice: Voice, obj: str, pieces: list[Piece]) -> tuple[str, list[Piece]]:
    """`obj` with the rows it belongs to (unless it names them already), and the other pieces."""
    rest = []
    for p in pieces:
        if not p.scope or not p.row:
            rest.append(p)
        elif (
            p.text not in obj
            and not (refers_back(voice.split, obj) and refers_back(voice.split, p.text))
            and not (p.full and p.full in obj)
        ):
            obj += f" {preposition(p.field)} {p.text}"
    return obj, rest


def refers_back(split: str, text: str) -> bool:
    """Whether a row's words only point to one named before: "that ticket"."""
    ways = grammar(split)["rows"]["that"]
    sides = [w.split("{noun}") for w in ([ways] if isinstance(ways, str) else ways)]
    return any(text.startswith(before) and text.endswith(after) for before, after in sides if before != "the " or after)


def update_clause(voice: Voice, obj: str, pieces: list[Piece], rng: random.Random, hidden: str | None) -> Clause:
    shown = [p for p in pieces if p.field != hidden and not p.scope]
    extra = with_words(voice, [p for p in pieces if p.scope])
    if hidden is not None:
        also = worded(voice, "pieces", "and_set", sets=changes(voice, shown)["sets"]) if shown else ""
        return request(voice, rng, "update_hidden", also + extra, field=hidden, obj=obj)
    if not shown:
        return request(voice, rng, "update_bare", extra, obj=obj)
    if len(shown) == 1:
        return _one_change(voice, obj, shown[0], extra, rng)
    return request(voice, rng, "update_many", extra, obj=obj, **changes(voice, shown))


def _one_change(voice: Voice, obj: str, only: Piece, extra: str, rng: random.Random) -> Clause:
    """An update of one field."""
    if only.boolean is not None:
        said, kind = trait(only.field), "on" if only.boolean else "off"
        if said in ("enabled", "disabled"):
            kind = "enable" if (said == "enabled") == only.boolean else "disable"
            return request(voice, rng, kind, extra, obj=obj)
        if said is not None:
            state = said if only.boolean else f"not {said}"
            kind = "update_is" if only.boolean else "update_is_not"
            return request(voice, rng, kind, extra, obj=obj, state=state)
        return request(voice, rng, f"update_{kind}", extra, field=only.field, obj=obj)
    first, _, thing = only.field.partition(" ")
    if first in ("add", "remove") and thing:
        several = " and " in only.text
        thing = thing[:-1] if is_plural(thing) and not several else plural_of(thing) if several else thing
        kind = "add_to_list" if first == "add" else "remove_from_list"
        return request(voice, rng, kind, extra, thing=thing, value=only.text, obj=obj)
    kind = "rename" if only.field in ("name", "title") else "update_one"
    be = "are" if is_plural(only.field) else "is"
    return request(voice, rng, kind, extra, field=only.field, obj=obj, value=only.text, be=be)


def _set(voice: Voice, p: Piece) -> str:
    kind = "set" if p.boolean is None else "set_on" if p.boolean else "set_off"
    return worded(voice, "pieces", kind, **_of(p, kind == "set"))


def _is(voice: Voice, p: Piece) -> str:
    said = trait(p.field) if p.boolean is not None else None
    if said is not None:
        return worded(voice, "pieces", "is_state" if p.boolean else "is_not_state", state=said)
    slots = {"field": p.field, "be": "are" if is_plural(p.field) else "is"}
    if p.boolean is not None:
        return plainest(voice, "pieces", "is", **slots, value="on" if p.boolean else "off")
    return worded(voice, "pieces", "is", **slots, value=p.text)


def with_words(voice: Voice, pieces: list[Piece]) -> str:
    """` with the subject "X", priority high and the contact Ana Lee as requester, marked as urgent`."""
    traits = [p for p in pieces if p.boolean is not None and trait(p.field)]
    rest = [p for p in pieces if p not in traits]
    said = attached(voice, rest, bool(traits)) if rest else ""
    if not traits:
        return said
    return f"{said}{',' if said else ''} {joined([_marked(voice, p) for p in traits])}"


def attached(voice: Voice, pieces: list[Piece], goes_on: bool) -> str:
    """Values behind the thing they belong to, in one of the voice's layouts. `goes_on`: more is said behind them."""
    layouts = forms(voice.split).get("layouts")
    if layouts is None:
        return worded(voice, "pieces", "with", list=joined([piece_words(voice, p) for p in pieces]))
    fitting = [x for x in layouts if not (goes_on and x.get("ends"))]
    layout: dict[str, str] = voice.pick(fitting, "layout", *(p.field for p in pieces))
    items = []
    for p in pieces:
        kind = "item" if p.boolean is None else "on" if p.boolean else "off"
        if p.row:
            kind = "row"
        items.append(
            p.text
            if p.row and names_itself(p)
            else fill(layout[kind], {**_of(p), "be": "are" if is_plural(p.field) else "is"})
        )
    listed = layout["between"].join(items) if "between" in layout else joined(items)
    return fill(layout["all"], {"list": listed})


def _marked(voice: Voice, p: Piece) -> str:
    return worded(voice, "pieces", "marked" if p.boolean else "not_marked", state=trait(p.field) or p.field)


def piece_words(voice: Voice, p: Piece) -> str:
    if p.boolean is not None:
        return worded(voice, "pieces", "turned_on" if p.boolean else "turned_off", field=p.field)
    if p.row:
        return p.text if names_itself(p) else worded(voice, "pieces", "row", **_of(p))
    return worded(voice, "pieces", "quoted" if p.text[:1] in _QUOTES else "plain", **_of(p))


def _of(p: Piece, value: bool = True) -> dict[str, str]:
    return {"field": p.field, "value": p.text} if value else {"field": p.field}


def names_itself(p: Piece) -> bool:
    """Whether the words for a row say already what it is: "the table X" for a field `table_name`."""
    return bool(set(p.field.lower().split(" ")) & set(p.text.split('"')[0].lower().split(" ")))


def placed(voice: Voice, pieces: list[Piece], rng: random.Random) -> str:
    """The same for a new row: its name comes first, then the row it belongs to, with a preposition."""
    head, rest, names = "", pieces, grammar(voice.split)["names"]
    name = next((p for p in pieces if p.field in names and not p.row and p.boolean is None), None)
    if name is not None and rng.random() < _NAMED_FIRST:
        head, rest = fill(rng.choice(names[name.field]), {"value": name.text}), [q for q in rest if q is not name]
    for p in rest:
        if p.row and names_itself(p):
            where = preposition(p.field)
            others = with_words(voice, [q for q in rest if q is not p])
            return f"{head} {'for' if where == 'of' else where} {p.text}{others}"
    return head + with_words(voice, rest)


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
    parts = [f"{preposition(p.field)} {p.text}" if p.row else worded(desk.voice, "pieces", "where", **_of(p))
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
