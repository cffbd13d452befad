"""Kinds of reads: one row, many rows, a count, whether a row is there."""

from __future__ import annotations

from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.binding import bind
from synth.worlds.lift.facets import borrow, facet, facet_of_own
from synth.worlds.lift.opening import Arg
from synth.worlds.lift.read import Context, Draft, Kind, NotLifted
from synth.worlds.lift.roles import KeyArg, is_context, is_query, matches, paging_role
from synth.worlds.lift.words import is_plural, singular_phrase, split

_CURRENT = lx.wordset("""current my me own default primary active""")


def read(d: Draft, context: Context) -> Kind:
    verb = d.parts.verb
    query = any(is_query(a) for a in d.args if a.type == "string")
    required_query = any(is_query(a) and a.required for a in d.args)
    foreign = [k for k in d.others if k.arg.required and not k.many]
    if any(k.many and k.arg.required and (k.bare or matches(k.noun, d.entity, context.nouns)) for k in d.keys):
        raise NotLifted("batch")
    if verb in lx.GET and d.plural and d.own is None and any(_names_many(a) for a in d.args):
        raise NotLifted("batch")
    if verb in lx.SEARCH:
        paged = any(paging_role(a) in ("limit", "offset", "page", "cursor") for a in d.args)
        if d.own is not None and d.own.arg.required and not d.plural and not query and not paged:
            return "get", bind(d, context, "get"), ()
        if query:
            return "search", bind(d, context, "search"), ()
        if d.own is not None and d.own.arg.required and paged and not d.plural:
            raise NotLifted("unsure", "queries the rows of a row")
        if not [a for a in d.args if a.required] and not d.args:
            raise NotLifted("no_query")
        d.doubt(0.05, "search without text")
        return "list", bind(d, context, "list"), ()
    if d.parts.noun[:1] in (("next",), ("previous",)) and not d.plural:
        raise NotLifted("unsure", "which row depends on the others")
    listing = verb in lx.LIST or d.plural or ("all" in split(d.tool.name) and not any(a.required for a in d.args))
    if d.own is not None and d.own.arg.required and not (verb in lx.LIST and d.own.tail in ("name", "self")):
        if listing and not d.own.bare and d.plural and d.own.tail in ("name", "self") and verb in lx.LIST:
            raise NotLifted("unsure", "list with an own key")
        if verb in lx.LIST or (d.plural and d.own.bare and len(d.entity) > 1 and d.entity[:-1] in context.nouns.known):
            return _child_list(d, context, required_query)
        if d.plural and d.own.bare and not (d.own.tail in lx.KEY_TAILS and d.entity in context.made):
            d.others.append(KeyArg(d.own.arg, context.main, d.own.tail))  # get_sections(title): of the article
            d.keys = [k for k in d.keys if k is not d.own] + d.others[-1:]
            d.own = None
            d.doubt(0.1, "plural get under a name")
            return ("search" if required_query else "list"), bind(d, context, "list"), ()
        if d.plural:
            d.doubt(0.15, "plural get with a key")
        facet_of_own(d, context)
        return "get", bind(d, context, "get"), ()
    if listing:
        kind = "search" if required_query else "list"
        return kind, bind(d, context, kind), ()
    if foreign:
        if facet(d, context):
            return "get", bind(d, context, "get"), ()
        if any(paging_role(a) in ("limit", "offset", "page", "cursor") for a in d.args):
            d.doubt(0.1, "singular get with paging")
            return "list", bind(d, context, "list"), ()
        if d.own is None and d.entity in context.added:
            d.doubt(0.1, "what is added is listed")
            return "list", bind(d, context, "list"), ()
        if d.own is None:
            borrow(d, foreign)
        return "get", bind(d, context, "get"), ()
    paged = any(paging_role(a) in ("limit", "offset", "page", "cursor") for a in d.args)
    if d.own is not None:  # optional own key: one row when given, all otherwise
        d.doubt(0.1, "optional key")
        if not paged and (d.own.tail in lx.KEY_TAILS or len([a for a in d.args if not is_context(a, True)]) == 1):
            return "get", bind(d, context, "get"), ()
        return "list", bind(d, context, "list"), ()
    if paged:
        d.doubt(0.1, "singular get with paging")
        return ("search" if required_query else "list"), bind(d, context, "list"), ()
    if any(a.required and not is_context(a, True) for a in d.args):
        raise NotLifted("no_key", "required parameter is no key")
    named = [k for k in d.keys if not set(k.noun) & (lx.OUTER - {"user"})]  # optional keys of other rows
    if len(named) == 1 and named[0] in d.others and not named[0].many and named[0].tail in lx.KEY_TAILS:
        borrow(d, named)
        return "get", bind(d, context, "get"), ()
    told = d.entity[-1] in lx.SINGLETONS or d.entity in context.written or bool(_CURRENT & set(split(d.tool.name)))
    if not told:
        around = {k.arg.name for k in d.keys} - {k.arg.name for k in named}
        if named or any(
            a.type != "boolean" and not a.enum and a.name not in around and not is_context(a, True) for a in d.args
        ):
            raise NotLifted("no_key", "get without a key")
        d.doubt(0.1, "one of its kind")
    return "singleton", bind(d, context, "get"), ()


def _names_many(a: Arg) -> bool:
    """A required list of names: `read_files(paths)`."""
    return a.required and a.type == "array" and is_plural(a.words[-1]) and a.words[-1] in _MANY


_MANY = lx.wordset("paths files names filepaths urls uris titles slugs symbols emails usernames")


def _child_list(d: Draft, context: Context, query: bool) -> Kind:
    """`list_board_cards(id)`: the bare id names the parent."""
    assert d.own is not None
    area = singular_phrase(d.parts.namespace)
    if d.own.bare and area in context.nouns.known:
        d.others.append(KeyArg(d.own.arg, area, d.own.tail))
        d.own = None
        return ("search" if query else "list"), bind(d, context, "list"), ()
    if d.own.bare and len(d.entity) > 1:
        for size in range(len(d.entity) - 1, 0, -1):
            if d.entity[:size] in context.nouns.known and d.entity[size:]:
                d.others.append(KeyArg(d.own.arg, d.entity[:size], d.own.tail))
                d.keys.append(d.others[-1])
                d.own = None
                if d.entity[size:] in context.nouns.known:
                    d.entity = d.entity[size:]
                return ("search" if query else "list"), bind(d, context, "list"), ()
    if d.own.bare and d.parts.parents:
        d.others.append(KeyArg(d.own.arg, singular_phrase(d.parts.parents[-1]), d.own.tail))
        d.own = None
        return ("search" if query else "list"), bind(d, context, "list"), ()
    if d.own.bare and d.parts.namespace and singular_phrase(d.parts.namespace[-1:]) in context.nouns.known:
        d.others.append(KeyArg(d.own.arg, singular_phrase(d.parts.namespace[-1:]), d.own.tail))
        d.own = None
        return ("search" if query else "list"), bind(d, context, "list"), ()
    raise NotLifted("unsure", "list that needs an own key")


def exists(d: Draft, context: Context) -> Kind:
    if d.entity and d.entity[-1] in ("exist", "exists"):
        d.entity = d.entity[:-1]
    d.own = d.own or next((k for k in d.keys if k.arg.required and matches(k.noun, d.entity, context.nouns)), None)
    if d.own is None or not d.entity:
        raise NotLifted("no_key", "exists without key")
    return "exists", bind(d, context, "get"), ()


def count(d: Draft, context: Context) -> Kind:
    if d.entity[-1] in ("count", "counts"):
        d.entity = singular_phrase(d.entity[:-1])
    if d.entity not in context.nouns.known:
        d.doubt(0.2, "count of an unknown noun")
    if d.own is not None:
        d.others.append(d.own)
        d.own = None
    return "aggregate", bind(d, context, "list"), ()
