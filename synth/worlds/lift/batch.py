"""Batches: one operation for each item of a list. The item is read like a tool of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.naming import NameParts
from synth.worlds.lift.opening import Arg, Opener
from synth.worlds.lift.owning import with_keys
from synth.worlds.lift.read import Context, Draft, Kind, NotLifted
from synth.worlds.lift.roles import key_of
from synth.worlds.lift.words import singular, singular_phrase

KINDS = frozenset({"get", "update", "delete", "move", "create", "send", "copy", "upsert", "flag"})
_MANY = lx.wordset("many bulk batch all multiple")


def read(d: Draft, context: Context, kind_of: Callable[[Draft, Context], Kind]) -> Kind:
    """The operation on one item of the only list that is required; refused where there is no such list, or where a
    batch of this operation is none (a list of lists)."""
    lists = [a for a in d.args if a.type == "array" and a.required]
    named = [a for a in lists if (k := key_of(a, context.nouns)) is not None and k.many]
    if len(lists) != 1 and len(named) != 1:
        raise NotLifted("batch", "no single list is required")
    whole = (named if len(named) == 1 else lists)[0]
    items = whole.schema.get("items") or {}
    plain = items.get("type") in ("string", "integer")
    if plain and _links(d, whole, context):
        raise NotLifted("batch", "members of another row")
    if plain:
        inner = [_item(whole, items) if a is whole else a for a in d.args]
    elif items.get("properties"):
        outer = [a for a in d.args if a is not whole]
        inner = outer + _members(whole, items, {a.name for a in outer})
    else:
        raise NotLifted("batch", "the items are not told")
    one = with_keys(Draft(d.tool, _parts(d.parts), inner), context)
    if not one.entity or not one.parts.verb:
        raise NotLifted("no_noun" if not one.entity else "no_verb")
    one.plural = False
    kind, bound, second = kind_of(one, context)
    if kind not in KINDS:
        raise NotLifted("batch", f"a batch of {kind}")
    if plain and kind in ("create", "send") and not set(inner_words(whole)) & set(one.entity):
        raise NotLifted("batch", "the list names other rows")
    d.entity, d.facet, d.plural, d.parts = one.entity, one.facet, False, one.parts
    d.confidence = min(d.confidence, one.confidence)
    d.why += one.why
    d.batch = whole
    return kind, bound, second


def inner_words(whole: Arg) -> tuple[str, ...]:
    """The words of one item of a list: `optionNames` names an option."""
    return tuple(singular(w) for w in whole.words)


def _links(d: Draft, whole: Arg, context: Context) -> bool:
    """Whether rows are put into or taken out of another row that a key names: `firewall-add-droplets`."""
    others = [k for k in d.keys if k.arg.required and k.arg is not whole and not k.many]
    return bool(others) and d.parts.verb in (lx.RELATE | lx.UNRELATE) - {"label", "tag"}


def _parts(p: NameParts) -> NameParts:
    """The name without the words that say many: `bulk_delete_links`, `links-delete-many`, `create_tasks_batch`."""
    verb, noun = p.verb, p.noun
    if verb in ("bulk", "batch"):
        verb, noun = (noun[0], noun[1:]) if noun and noun[0] in lx.VERBS else ("", noun)
    kept = tuple(w for w in noun if w not in _MANY) or p.namespace[-1:]
    return replace(p, verb=verb, noun=singular_phrase(kept))


def _item(whole: Arg, items: Mapping[str, Any]) -> Arg:
    """One member of a list of plain values."""
    words = (*whole.words[:-1], singular(whole.words[-1]))
    return replace(whole, type=str(items["type"]), schema=dict(items), words=words, required=True)


def _members(whole: Arg, items: Mapping[str, Any], taken: set[str]) -> list[Arg]:
    """The parameters inside one item of a list of objects; their places begin with the list's."""
    inside = Opener(items).run()
    named = {a.name: f"{whole.name}_{a.name}" if a.name in taken | {whole.name} else a.name for a in inside}
    return [replace(a, name=named[a.name], at=(*whole.at, *a.at)) for a in inside]
