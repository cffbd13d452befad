"""Measures of records: logs and histories are rows of their own, metrics over a range are curves, a summary with a key
is a part of that row, one without is an aggregate."""

from __future__ import annotations

from synth.worlds.lift import corpus, series
from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.binding import bind
from synth.worlds.lift.facets import owner_by_prefix
from synth.worlds.lift.read import SOURCES, Context, Draft, Kind, NotLifted, Reason
from synth.worlds.lift.reads import read as read_rows
from synth.worlds.lift.roles import KeyArg
from synth.worlds.lift.words import is_plural, singular, singular_phrase

ROWS = lx.wordset(
    """log report trace chart insight index score history graph ranking quote dashboard event trade audit movement
    evaluation change"""
)
SUMS = corpus.SUMS | lx.wordset(
    """usage cost costs analytics consumption health performance utilization metric metrics trend diagnostics"""
)
_SUMMED = {singular(w) for w in corpus.SUMS}
_WRITTEN = lx.wordset("report chart score dashboard graph insight")  # one of these is read by what it is about
_SPENT = lx.wordset("usage cost consumption spend metric analytic")  # measured itself: the noun stays whole


def read(d: Draft, context: Context, reason: Reason) -> Kind:
    """A read of measures on a server of records; of a data source its catalogue is meant."""
    if context.category in SOURCES:
        return corpus.read(d, context, reason)
    if d.parts.verb not in lx.LIST | lx.GET | lx.SEARCH or not d.parts.noun or not d.entity:
        raise NotLifted(reason)
    head = singular(d.parts.noun[-1])
    ranges = {series.range_of(a) for a in d.args}
    keys = [k for k in d.keys if k.arg.required and not k.many]
    if head in ROWS and "every" not in ranges:
        if d.own is None and keys and head in _WRITTEN and not is_plural(d.parts.noun[-1]):
            d.own = KeyArg(keys[-1].arg, (), keys[-1].tail)
            d.others = [k for k in d.others if k.arg.name != d.own.arg.name]
            return "get", bind(d, context, "get"), ()
        if d.own is None and keys:
            d.plural = True  # the log of a run: its lines
        return read_rows(d, context)
    summed = head in {singular(w) for w in SUMS}
    if d.parts.verb in lx.SEARCH or not (summed or ranges & {"from", "every"}):
        raise NotLifted(reason)
    if "every" in ranges or ("from" in ranges and (keys or not summed or head == "trend")):
        d.own = None
        if d.entity[-1] == "statistics":
            d.entity = (*d.entity[:-1], "statistic")
        return series.read(d, context)
    return _summary(d, context, head, reason)


def _summary(d: Draft, context: Context, head: str, reason: Reason) -> Kind:
    if d.own is not None and not d.own.bare and d.entity[: len(d.own.noun)] != d.own.noun:
        d.others, d.own = [*d.others, d.own], None
    if d.own is not None and d.own.arg.required and len(d.entity) > 1:
        d.facet, d.entity = d.entity[-1:], d.entity[:-1]
        return "get", bind(d, context, "get"), ()
    if d.own is None and any(k.arg.required and not k.many for k in d.others):
        if owner_by_prefix(d, context):
            return "get", bind(d, context, "get"), ()
        raise NotLifted("no_key", f"{head} of a row that no key names")
    if any(a.required and a.type not in ("string", "integer") for a in d.args):
        raise NotLifted(reason)
    d.own = None
    whole = d.entity
    if len(whole) > 1 and (head in _SUMMED or singular_phrase(whole[:-1]) in context.nouns.known):
        d.entity = singular_phrase(whole[:-1]) if head not in _SPENT else whole
        return "aggregate", bind(d, context, "list"), ()
    if head in _SPENT and (len(whole) > 1 or d.args):
        return "aggregate", bind(d, context, "list"), ()
    if not any(a.required for a in d.args):
        return "singleton", bind(d, context, "get"), ()
    raise NotLifted(reason, "a summary of nothing known")
