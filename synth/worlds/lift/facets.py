"""Parts of rows: order settings, a card's due date. The row is meant, the part is a field of it."""

from __future__ import annotations

from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.naming import Words
from synth.worlds.lift.read import Context, Draft
from synth.worlds.lift.roles import KeyArg, matches
from synth.worlds.lift.words import singular_phrase


def facet_of_own(d: Draft, context: Context) -> None:
    """`get_order_settings(order_id)` when the bare key already was taken as own: the order is meant. Likewise
    `orders.get_settings(id)`."""
    area = singular_phrase(d.parts.namespace)
    part = len(d.entity) == 1 and d.entity[0] in lx.FACETS | _PARTS and d.entity not in context.nouns.known
    if d.own is not None and d.own.bare and part and area in context.nouns.known:
        d.facet, d.entity = d.entity, area
        return
    if (
        d.own is not None
        and d.own.bare
        and len(d.entity) > 1
        and d.entity[-1] in lx.FACETS
        and d.entity[:-1] in context.nouns.known
    ):
        d.facet, d.entity = d.entity[-1:], d.entity[:-1]


_PARTS = lx.wordset("state health content contents tree")


def facet(d: Draft, context: Context) -> bool:
    """Whether the tool works on a part of a row that a key names: order settings, card due date."""
    if d.own is not None:
        facet_of_own(d, context)
        return bool(d.facet)
    for k in d.others:
        if not k.arg.required or k.many or len(d.entity) <= len(k.noun):
            continue
        target = context.nouns.resolve(k.noun) or k.noun
        rest: Words = ()
        if d.entity[: len(k.noun)] == k.noun:
            rest = d.entity[len(k.noun) :]
        elif d.entity[: len(target)] == target:
            rest = d.entity[len(target) :]
        if (
            rest
            and rest[-1] in lx.FACETS
            and (
                d.entity not in context.nouns.known
                or rest[-1] in ("setting", "settings", "config", "status", "details")
            )
            and not d.plural
        ):
            d.facet, d.entity, d.own = rest, target, k
            d.others = [o for o in d.others if o is not k]
            d.doubt(0.05, "facet")
            return True
    if d.parts.verb in lx.GET and not d.plural and d.parts.namespace and d.entity not in context.nouns.known:
        area = singular_phrase(d.parts.namespace)
        for k in d.others:
            if (
                k.arg.required
                and not k.many
                and (context.nouns.alias.get(k.noun) == area or k.noun == area or context.nouns.resolve(k.noun) == area)
            ):
                d.facet, d.entity, d.own = d.entity, context.nouns.resolve(k.noun) or k.noun, k
                d.others = [o for o in d.others if o is not k]
                d.doubt(0.15, "part of the row of its area")
                return True
    if d.parts.verb in lx.GET and not d.plural and owner_by_prefix(d, context):
        d.doubt(0.15, "part of the row that the key names")
        return True
    single = [k for k in d.others if k.arg.required and not k.many]
    if len(single) == 1 and len(d.entity) == 1 and d.entity[0] in lx.FACETS and d.entity not in context.nouns.known:
        target = context.nouns.resolve(single[0].noun) or single[0].noun
        d.facet, d.entity, d.own = d.entity, target, single[0]
        d.others = [o for o in d.others if o is not single[0]]
        d.doubt(0.1, "facet of the only key")
        return True
    return False


def owner_by_area(d: Draft, context: Context) -> bool:
    """`mysql.save_environment(mysql_id, env)`: the key names the area, the noun is a part of its row."""
    area = singular_phrase(d.parts.namespace)
    named = [k for k in d.others if k.arg.required and not k.many]
    if any(k.noun in context.nouns.known and d.entity[: len(k.noun)] == k.noun for k in named):
        return False
    for k in named:
        if area and matches(k.noun, area, context.nouns):
            d.facet, d.entity, d.own = d.entity, context.nouns.resolve(k.noun) or k.noun, k
            d.others = [o for o in d.others if o is not k]
            d.doubt(0.05, "part of the row of its area")
            return True
    return False


def owner_by_prefix(d: Draft, context: Context) -> bool:
    """`set_card_due_date(card_id, date)`: the key names the front of the noun phrase, the rest is a field."""
    setter = d.parts.verb in ("set", "configure", "change", "toggle", "adjust", "enable", "disable")
    for k in sorted((k for k in d.others if k.arg.required and not k.many), key=lambda k: -len(k.noun)):
        target = context.nouns.resolve(k.noun) or k.noun
        for size in range(len(d.entity) - 1, 0, -1):
            front = d.entity[:size]
            if (
                front == target
                or front == k.noun
                or (front[-len(k.noun) :] == k.noun and (front in context.nouns.known or len(k.noun) == 1))
            ) and (setter or d.parts.verb in lx.GET or _part(d, context)):
                d.facet, d.entity, d.own = d.entity[size:], target if front in (target, k.noun) else front, k
                d.others = [o for o in d.others if o is not k]
                d.doubt(0.05, "row by the front of the noun")
                return True
    if d.parts.verb in lx.GET:
        return False
    single = [k for k in d.others if k.arg.required and not k.many]
    names = {a.flat for a in d.args}
    if len(d.entity) > 1 and d.entity[-1] == "name" and "name" in names:
        return False  # set_defined_name(path, name): the name of a defined name, not of the path's row
    if len(single) == 1 and ("_".join(d.entity) in names or d.entity[-1] in names | {"status", "name"}):
        target = context.nouns.resolve(single[0].noun) or single[0].noun
        d.facet, d.entity, d.own = d.entity, target, single[0]
        d.others = []
        d.doubt(0.1, "the noun is a field")
        return True
    return False


def _part(d: Draft, context: Context) -> bool:
    """Whether a noun phrase is no row of its own: no tool knows it, or only the one that moves it on."""
    known = context.nouns.known.get(d.entity, 0)
    return not known or (known == 1 and d.parts.verb in lx.TRANSITIONS and d.entity not in context.made)


def borrow(d: Draft, foreign: list[KeyArg]) -> None:
    """`get_snapshot(vm_id)`: the row is named by the one it belongs to."""
    d.own = foreign[-1]
    d.borrowed = not set(d.own.noun) <= lx.ANYTHING  # record_id: a key of any row, so of this one
    d.others = [k for k in d.others if k is not d.own]
    if not d.borrowed:
        return
    d.doubt(0.15 if len(foreign) == 1 else 0.2, "named by the row it belongs to")
