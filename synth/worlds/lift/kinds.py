"""The operation of a tool: verb first, then corrected by what the tool takes. What records do not describe goes to the
reader of its family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from synth.worlds.lift import batch, corpus, edits, jobs, measures, multiplex
from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.binding import bind
from synth.worlds.lift.doubts import contradictions
from synth.worlds.lift.facets import facet, owner_by_area, owner_by_prefix
from synth.worlds.lift.read import SOURCES, THRESHOLD, Context, Draft, Kind, NotLifted, Reading, Reason, bare_words
from synth.worlds.lift.reads import count, exists, read
from synth.worlds.lift.screen import screen
from synth.worlds.lift.thin import thin
from synth.worlds.lift.writes import copy, create, delete, link, move, payload, send, update, upsert

_SPOKEN_VERBS = lx.wordset("""publish post broadcast emit send""")
_FLAG_VERBS = lx.wordset(
    """star unstar follow unfollow like unlike subscribe unsubscribe join leave favorite unfavorite watch unwatch
    toggle"""
)
WRITING = (lx.CREATE | lx.UPDATE | lx.DELETE | frozenset(lx.TRANSITIONS)) - lx.NOUNISH | {"place"}
# reason of refusal -> the reader that may know the tool all the same
FAMILIES: dict[Reason, Callable[[Draft, Context, Reason], Kind]] = {
    "multiplexer": lambda d, context, _: multiplex.read(d, context, decide),
    "lookup": lambda d, context, reason: _looked_up(d, context, reason),
    "no_verb": corpus.read,
    "series": measures.read,
    "job": lambda d, context, reason: _work(d, context, reason),
    "batch": lambda d, context, _: batch.read(d, context, _kind),
    "compute": corpus.read,
    "session": corpus.read,
    "machine": corpus.read,
}


def decide(d: Draft, context: Context) -> Reading:
    """The reading of one tool."""
    fresh = _copy(d)
    try:
        try:
            how = edits.how_of(d)
            if how:
                return _reading(d, edits.read(d, context, how), context)
            screen(d, context)
            return _reading(d, _kind(d, context), context)
        except NotLifted as no:
            family = FAMILIES.get(no.reason)
            if family is None:
                raise
            d = fresh
            return _reading(d, family(d, context, no.reason), context)
    except NotLifted as no:
        why = (*d.why, no.detail) if no.detail else tuple(d.why)
        return Reading(
            d.tool.name, "none", d.entity, (), tuple(k.arg.name for k in d.keys), (),
            max(0.0, round(d.confidence, 2)), why, no.reason,
            d.parts.verb, d.plural, namespace=d.parts.namespace,
        )  # fmt: skip


def _looked_up(d: Draft, context: Context, reason: Reason) -> Kind:
    """A broker is a data source whose orders are rows all the same: what writes is read as anywhere else."""
    if d.parts.verb in WRITING and not d.parts.guessed and context.category not in corpus.MACHINES:
        return _kind(d, context)
    return corpus.read(d, context, reason)


def _work(d: Draft, context: Context, reason: Reason) -> Kind:
    """On data sources a verb of work inside a name is a noun (`stock_index_list`); else a job."""
    if context.category in SOURCES and bare_words(d.parts):
        return corpus.read(d, context, reason)
    return jobs.read(d, context, reason)


def _copy(d: Draft) -> Draft:
    return replace(d, args=list(d.args), keys=list(d.keys), others=list(d.others), why=list(d.why), cases=[])


def _reading(d: Draft, found: Kind, context: Context) -> Reading:
    """The reading where the doubts leave enough confidence."""
    kind, bound, second = found
    if not d.cases:  # of a multiplexer each case has been doubted
        contradictions(d, kind, bound, context)
    thin(d, kind, bound, context)
    if d.confidence < THRESHOLD:
        raise NotLifted("unsure", "; ".join(d.why))
    parent = next((b.noun for b in reversed(bound) if b.role == "parent" and b.arg.required), ())
    keys = tuple(b.arg.name for b in bound if b.role in ("key", "owner"))
    return Reading(
        d.tool.name, kind, d.entity, parent, keys, tuple(bound), round(d.confidence, 2), tuple(d.why), None,
        d.parts.verb, d.plural,
        d.facet, d.parts.namespace, second, cases=tuple(d.cases), table=d.table, batch=d.batch,
    )  # fmt: skip


def _kind(d: Draft, context: Context) -> Kind:
    verb = d.parts.verb
    if verb in lx.EXISTS or (d.parts.noun and d.parts.noun[-1] in ("exist", "exists")):
        return exists(d, context)
    if verb in lx.COUNT or (
        verb in lx.GET and d.parts.noun and d.parts.noun[-1] in ("count", "counts") and len(d.parts.noun) > 1
    ):
        return count(d, context)
    if d.parts.verb_or and {verb, d.parts.verb_or} & lx.CREATE and {verb, d.parts.verb_or} & lx.UPDATE:
        return upsert(d, context)
    if verb in lx.LIST or verb in lx.SEARCH or verb in lx.GET:
        return read(d, context)
    if verb not in lx.DELETE:  # what deletes a part of a row does not delete the row
        facet(d, context)
    if (
        verb in _FLAG_VERBS
        and not (verb == "toggle" and payload(d))
        and d.own is not None
        and not [k for k in d.others if k.arg.required]
    ):
        return "flag", bind(d, context, "update"), ()
    if verb in lx.RELATE | lx.UNRELATE:
        linked = link(d, context)
        if linked is not None:
            return linked
        if (
            verb in ("attach", "link", "connect", "associate")
            and d.own is None
            and payload(d)
            and any(k.arg.required for k in d.others)
        ):
            d.doubt(0.2, f"{verb} read as create")
            return create(d, context)
    if verb in _SPOKEN_VERBS and d.entity[-1] in lx.SPOKEN and (d.own is None or d.own.arg.words[-1] == d.entity[-1]):
        d.keys = [k for k in d.keys if k is not d.own]  # publish(channel, message): what is said, not a row's key
        d.own = None
        return send(d, context)
    if verb in lx.TRANSITIONS or (verb in lx.SEND and d.own is not None and not payload(d)):
        return move(d, context)
    if (
        (verb in lx.UPSERT or (verb == "set" and not d.facet and d.entity not in context.made))
        and d.own is not None
        and d.own.arg.required
        and not d.borrowed
        and payload(d)
    ):
        return upsert(d, context)
    if (
        verb in ("save", "store", "set")
        and d.own is None
        and (owner_by_area(d, context) or owner_by_prefix(d, context))
    ):
        return update(d, context)
    if verb in lx.SEND:
        return send(d, context)
    if verb in lx.DELETE:
        return delete(d, context)
    if verb in lx.COPY:
        return copy(d, context)
    if verb in lx.UPDATE and not (verb in lx.CREATE and d.own is None):
        return update(d, context)
    if verb in lx.CREATE:
        return create(d, context)
    raise NotLifted("no_key" if verb in lx.RELATE | lx.UNRELATE else "no_verb", verb)
