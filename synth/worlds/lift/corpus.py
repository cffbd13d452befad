"""Reference data: what a data source (a market, a weather service, a library) finds, lists and gives. Nobody writes
its rows; a noun is a row of a catalogue."""

from __future__ import annotations

from dataclasses import replace

from synth.worlds.lift import lexicon as lx
from synth.worlds.lift import series
from synth.worlds.lift.binding import bind
from synth.worlds.lift.naming import NameParts, Words
from synth.worlds.lift.opening import Arg, gives_many
from synth.worlds.lift.read import SOURCES, Bound, Context, Draft, Kind, NotLifted, Reason, bare_words
from synth.worlds.lift.reads import count
from synth.worlds.lift.roles import KeyArg, is_context, is_query
from synth.worlds.lift.words import is_plural, singular_phrase

MACHINES = lx.wordset("browser math data-science dev-mobile translation reference")  # sources that hold no rows
_READS = lx.LIST | lx.GET | lx.SEARCH
_QUALIFIERS = lx.wordset(
    """full complete profile overview detail details info data latest recent historical history current monthly annual
    quarterly weekly daily changes change percent total all list view table levels text search available snapshot"""
)
_WEB = lx.wordset("web engine custom developer internet online")  # what is searched, no rows
_PLACES = lx.wordset("origin destination location address coordinates latitude longitude from_latitude origins points")
SUMS = lx.wordset("summary overview stat stats statistics count counts total totals breakdown aggregate")
_ONES = lx.wordset("quote profile info")  # of one instrument, also where the answer is a list
_TRAILING = frozenset({"forecast", "forecasts"})  # computing verbs that end a name as its noun
PUBLISHER = 20  # names that begin alike: above this the words say who publishes, below that what it is about
MAX_WORDS = 2


def read(d: Draft, context: Context, reason: Reason) -> Kind:
    """A read of a data source; refused with `reason` where it is none."""
    if context.category not in SOURCES - MACHINES or d.tool.annotations.get("destructiveHint") is True:
        raise NotLifted(reason)
    if not d.parts.guessed and d.parts.verb not in _READS | lx.COUNT:
        d.parts = _noun_only(d.parts, reason)
    verb = d.parts.verb
    if "how" in d.parts.noun:
        raise NotLifted("help")
    if context.category == "maps" and any(a.required and a.flat in _PLACES for a in d.args):
        raise NotLifted("compute", "routes and positions")
    if any(a.opaque and a.required for a in d.args):
        raise NotLifted("opaque")
    d.entity, d.plural = subject(d, context)
    if not d.entity:
        raise NotLifted("no_noun")
    d.own, d.others = None, [k for k in d.keys if not k.bare]
    if verb in lx.COUNT:
        return count(d, context)
    if verb not in lx.SEARCH and (series.moves(d) or (d.parts.guessed and series.dated(d))):
        return series.read(d, context)
    if (
        d.entity[-1] in SUMS
        and d.parts.noun[-1] != "summaries"
        and len(d.entity) > 1
        and verb not in lx.LIST | lx.SEARCH
    ):
        d.entity = singular_phrase(d.entity[:-1])
        return "aggregate", bind(d, context, "list"), ()
    if any(is_query(a) and a.required for a in d.args) or (verb in lx.SEARCH and any(is_query(a) for a in d.args)):
        return "search", bind(d, context, "search"), ()
    required = [
        a for a in d.args if a.required and a.type in ("string", "integer", "number") and not is_context(a, True)
    ]
    many = d.plural or verb in lx.LIST | lx.SEARCH or gives_many(d.tool.output_schema)
    one = bool(d.parts.noun) and d.parts.noun[-1] in _ONES and verb not in lx.LIST | lx.SEARCH
    if any(not a.enum for a in required) and (one or not many):
        return _one(d, context, required)
    return "list", bind(d, context, "list"), ()


def _noun_only(p: NameParts, reason: Reason) -> NameParts:
    """The name read without a verb: `index` inside `stock_index_sectors` does not index anything."""
    words = bare_words(p) or ((*p.noun, p.verb) if p.last and p.verb in _TRAILING else ())
    if not words:
        raise NotLifted(reason)
    return replace(p, namespace=(), verb="", noun=words, guessed=True, last=False)


def _one(d: Draft, context: Context, required: list[Arg]) -> Kind:
    """One row, named by what is required: the last name-like parameter, the others narrow it."""
    names = [a for a in required if not a.enum]
    if any(a.words[-1] in ("latitude", "longitude", "lat", "lon", "lng") for a in names):
        raise NotLifted("lookup", "rows by position")
    keyed = [k for k in d.keys if k.arg in names]
    key = keyed[-1] if keyed else KeyArg(names[-1], (), names[-1].words[-1])
    d.own = KeyArg(key.arg, (), key.tail)
    d.others = [k for k in d.others if k.arg.name != key.arg.name]
    narrow = {a.name for a in required} - {key.arg.name}
    bound = [
        Bound(b.arg, "filter", field=b.arg.words) if b.arg.name in narrow and b.role == "ignored" else b
        for b in bind(d, context, "get")
    ]
    return "get", bound, ()


def subject(d: Draft, context: Context) -> tuple[Words, bool]:
    """What a data source's tool speaks of, singular, and whether of many. Words that say who publishes go; a phrase
    after `of` stands first (`sales of kerosene`); a site that is searched gives what its rows are (papers)."""
    p = d.parts
    words = p.noun
    if not words:
        return (), False
    plural = is_plural(words[-1])
    site = context.sites.get(words) or context.sites.get(words[:-1])
    if site is not None and (p.verb in lx.SEARCH or words[-1:] == site):
        return site, plural
    if context.category == "web-search" and words[0] in _WEB and len(words) == 1:
        return ("web", "result"), True
    if p.guessed:
        keyed = {w for a in d.args if a.required for w in a.words[:-1]}
        words = _without_area(words, context, keyed)
    if "and" in words[1:-1]:
        words = words[len(words) - words[::-1].index("and") :]
    kept = tuple(w for w in words if w not in _QUALIFIERS) or words[-1:]
    if p.particle == "of" and p.parents:
        kept = (*p.parents[0][-1:], *kept[-1:])
    kept = tuple(w for i, w in enumerate(kept) if i == 0 or w != kept[i - 1])
    return singular_phrase(kept[-MAX_WORDS:] if p.guessed else kept), plural


def _without_area(words: Words, context: Context, keyed: set[str]) -> Words:
    depth = 0
    while depth + 1 < len(words) and words[depth] not in keyed and not set(words[depth + 1 :]) <= _QUALIFIERS:
        alike = context.areas.get(words[: depth + 1], 0)
        if alike < 3 or (depth > 0 and alike < PUBLISHER and len(words) - depth <= MAX_WORDS):
            break
        depth += 1
    return words[depth:]
