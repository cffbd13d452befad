"""Readings whose evidence is too thin: classes of names and keys that say less than the tool does. Each was found by
reading lifts beside what the tools really do, and was wrong too often to keep: share given up for precision."""

from __future__ import annotations

from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.read import SOURCES, Bound, Context, Draft, NotLifted
from synth.worlds.lift.roles import is_context, paging_role
from synth.worlds.lift.words import is_plural, split

# how rows are shown or found, never what they are
_SHOWN = lx.wordset("screener searcher optimizer browser scraper dispatch feedback viewer top tool calendar")
_THINGS = lx.wordset("calendar viewer tool")  # rows too, where a verb stands beside them
# what a row is made of at the moment of asking: sums, not rows
_SUMMED = lx.wordset("traffic analytics stat stats statistic count total summary performance breakdown metric")
_BEHIND = lx.wordset(
    "now related today yesterday tomorrow monthly yearly daily month week played nearby anywhere enhanced detailed"
    " linked attached unattached tagged scheduled enabled"
)
_ELSEWHERE = lx.wordset("deploy import")  # work that makes something else than its object
_UNKEYED = lx.wordset("install upgrade migrate extract")  # work on a thing that no key names
_WRITTEN = lx.CONTENT | lx.wordset("source code html markdown")


def thin(d: Draft, kind: str, bound: list[Bound], context: Context) -> None:
    """Refuse a reading of one of these classes as `unsure`."""
    why = _noun(d, kind, context) or _rows(d, kind, context) or _key(d, kind, bound) or _work(d, kind, context)
    if why:
        raise NotLifted("unsure", why)


def _noun(d: Draft, kind: str, context: Context) -> str:
    head = d.entity[-1]
    stands = d.entity in context.made | context.written
    if (head in _SHOWN - _THINGS and not stands) or (head in _THINGS and d.parts.guessed):
        return "the noun says how rows are found"
    if head == "tool" and d.own is None and split(d.tool.name)[-1] == "tool":
        return "tool is no noun here"
    if head in _BEHIND and not stands and kind != "series":
        return "the noun stands further in front"
    if d.entity[0] == "top" and len(d.entity) > 1 and kind in ("list", "get"):
        return "a ranking may be summed up"
    if d.entity == (context.server.split("-")[0],) and head not in lx.THINGS and d.entity not in context.made:
        return "the noun is the product"
    if d.parts.guessed and head.endswith("scraper"):
        return "the noun is the instrument"
    if kind in ("upsert", "flag") and "noun from key" in d.why:
        return "what is written is not what the key names"
    if kind == "aggregate" and "noun from key" in d.why:
        return "a count of what a row holds"
    sums = kind in ("get", "list", "singleton") and d.parts.verb not in lx.LIST | lx.SEARCH
    if sums and head in _SUMMED and not stands:
        return "a sum, not a row"
    if d.parts.particle == "of" and d.parts.parents:
        if d.parts.guessed:
            return "a long phrase behind of" if len(d.parts.parents[0]) > 2 else ""
        inside = {w for a in d.args for w in a.words}
        if not is_plural(d.parts.noun[-1]) and not d.facet and not inside & set(d.parts.parents[0]):
            return "of may be a part of the noun"
    return ""


def _rows(d: Draft, kind: str, context: Context) -> str:
    verb = d.parts.verb
    required = [a for a in d.args if a.required and not is_context(a, True)]
    if kind not in ("list", "search"):
        return ""
    paged = any(paging_role(a) in ("limit", "offset", "page", "cursor") for a in d.args)
    if verb in lx.GET and paged and not d.plural and context.nouns.known.get(d.entity, 0) < 2:
        return "a singular get with paging of a noun that no other tool knows"
    if verb in lx.GET and d.parts.noun[-1:] == ("contents",) and required:
        return "contents of one row"
    if d.entity[-1] == "result" and verb not in lx.LIST | lx.SEARCH and any(a.required for a in d.args):
        return "results of one run may be one row"
    if kind == "list" and verb in lx.SEARCH and any(a.flat in lx.QUERY for a in required):
        return "a search by a structured query"
    if verb == "query" and not d.plural and kind == "list":
        return "what a query without text finds"
    if verb == "discover" and required and d.tool.annotations.get("readOnlyHint") is not True:
        return "discover may be work"
    if verb == "list" and d.parts.last and any(k.noun == ("list",) and k.arg.required for k in d.keys):
        return "list may be the noun"
    said = {k.noun for k in d.keys if k.arg.required and k.noun and not k.many}
    if verb not in lx.LIST | lx.SEARCH and not d.plural and any(d.entity[: len(n)] == n for n in said):
        return "one row or the rows of one"
    if context.category in SOURCES and any(a.type in ("object", "array") and not _choices(a.schema) for a in required):
        return "computed from what is given"
    return ""


def _choices(schema: object) -> bool:
    return isinstance(schema, dict) and (bool(schema.get("enum")) or _choices(schema.get("items")))


def _key(d: Draft, kind: str, bound: list[Bound]) -> str:
    if kind == "choose":
        keys = [b.arg for b in bound if b.role == "key"]
        if len(keys) > 1:
            return "cases under several keys"
        if any(len(a.words) > 1 and a.words[-1] in lx.KEY_TAILS and not set(a.words) & set(d.entity) for a in keys):
            return "cases under the key of another row"
        return ""
    if d.own is None or kind in ("list", "search", "create", "aggregate"):
        return ""
    told = d.own.tail in ("id", "uid", "uuid") and not any(k.arg.required for k in d.keys)
    if kind == "update" and d.own.bare and not d.own.arg.required and not told:
        return "an optional bare key"
    if kind == "update" and d.own.arg.words[-1] in _WRITTEN:
        return "the key is what is written"
    if kind == "get" and d.own.arg.flat == "slug" and not d.own.arg.required and any(k.arg.required for k in d.others):
        return "an optional bare key"
    if kind == "get" and d.batch is None and is_plural(d.own.arg.words[-1]):
        return "one key for several rows"
    if "plural get with a key" in d.why and d.parts.particle != "by":
        return "the rows of a row"
    foreign = [k for k in d.others if k.arg.required and not k.many]
    if d.borrowed and foreign:
        return "named by one of several rows"
    if len(d.facet) > 1 and d.facet[-1] in lx.FACETS and "part of the row of its area" in d.why:
        return "the part is a row of its own"
    if "the last key is taken as the own" in d.why:
        return "the last key may name another row"
    return ""


def _work(d: Draft, kind: str, context: Context) -> str:
    if kind == "move" and d.parts.verb == "publish" and d.entity[-1] in lx.SPOKEN:
        return "what is said has no row yet"
    if kind == "create" and d.parts.verb == "push" and d.entity[-1] in lx.SPOKEN:
        return "pushing may be sending"
    if kind == "create" and d.batch is None and (context.category == "math" or split(d.tool.name)[-1] == "many"):
        return "computes, or makes several"
    if kind != "job":
        return ""
    verb = d.parts.verb or split(d.tool.name)[0]
    if verb in _ELSEWHERE | _UNKEYED and (d.own is None or (verb in _ELSEWHERE and d.entity not in context.made)):
        return "work that makes something else"
    return ""
