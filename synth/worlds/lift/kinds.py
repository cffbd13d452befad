"""The operation of a tool: verb first, then corrected by what the tool takes."""

from __future__ import annotations

from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.binding import bind
from synth.worlds.lift.facets import facet, facet_of_own
from synth.worlds.lift.read import READ_KINDS, SOURCES, THRESHOLD, Bound, Context, Draft, NotLifted, Reading
from synth.worlds.lift.roles import KeyArg, is_context, is_query, matches, paging_role, time_bound
from synth.worlds.lift.words import is_plural, singular_phrase, split
from synth.worlds.lift.writes import Kind, copy, create, delete, link, move, payload, send, update, upsert

_CODE_ARGS = lx.wordset(
    """sql code script command cmd commands javascript python_code expression statement cypher graphql promql logql kql
    shell_command"""
)
_ACTION_ARGS = lx.wordset("""action operation command op method sub_command subcommand action_type""")
_CURRENT = lx.wordset("""current my me own default primary active""")
_FLAG_VERBS = lx.wordset(
    """star unstar follow unfollow like unlike subscribe unsubscribe join leave favorite unfavorite watch unwatch"""
)


def decide(d: Draft, context: Context) -> Reading:
    """The reading of one tool."""
    try:
        _screen(d, context)
        kind, bound, second = _kind(d, context)
        _contradictions(d, kind, bound, context)
        if d.confidence < THRESHOLD:
            raise NotLifted("unsure", "; ".join(d.why))
        parent = next((b.noun for b in reversed(bound) if b.role == "parent" and b.arg.required), ())
        keys = tuple(b.arg.name for b in bound if b.role == "key")
        return Reading(
            d.tool.name, kind, d.entity, parent, keys, tuple(bound), round(d.confidence, 2), tuple(d.why), None,
            d.parts.verb, d.plural,
            d.facet, d.parts.namespace, second,
        )  # fmt: skip
    except NotLifted as no:
        why = (*d.why, no.detail) if no.detail else tuple(d.why)
        return Reading(
            d.tool.name, "none", d.entity, (), tuple(k.arg.name for k in d.keys), (),
            max(0.0, round(d.confidence, 2)), why, no.reason,
            d.parts.verb, d.plural, namespace=d.parts.namespace,
        )  # fmt: skip


def _screen(d: Draft, context: Context) -> None:
    """Tools that no state-based operation describes."""
    verb, noun = d.parts.verb, d.parts.noun
    if any(a.required and a.flat in _CODE_ARGS and a.type in ("string", "any") and not a.enum for a in d.args):
        raise NotLifted("code")
    if noun and noun[-1] in lx.CODE_HEADS and verb in ("run", "execute", "query", "exec", "eval", "invoke"):
        raise NotLifted("code")
    if any(a.flat in _ACTION_ARGS and len(a.enum) > 1 and a.required for a in d.args) or verb == "manage":
        raise NotLifted("multiplexer")
    if d.parts.guessed:
        raise NotLifted("no_verb")
    if (
        verb in lx.NOT_LIFTED
        and verb not in lx.TRANSITIONS
        and not (verb == "check" and noun and noun[-1] in ("exist", "exists"))
    ):
        raise NotLifted(lx.NOT_LIFTED[verb])  # type: ignore[arg-type]
    if not d.entity:
        raise NotLifted("no_noun")
    if d.entity[-1] in ("many", "bulk", "batch", "all", "multiple") or (d.entity[0] == "bulk" and len(d.entity) > 1):
        raise NotLifted("batch")
    if len(d.entity) > 5:
        raise NotLifted("unsure", "long noun phrase")
    record = d.entity in context.written
    head = noun[-1] if noun else d.entity[-1]
    if head in lx.SERIES_HEADS and not record:
        raise NotLifted("series")
    if (head in lx.HELP_HEADS or d.entity[-1] in lx.HELP_HEADS) and not record:
        raise NotLifted("help")
    if head in lx.CODE_HEADS and head not in ("query", "queries", "pipeline_query") and not record:
        raise NotLifted("code")
    if context.category in SOURCES and not record and not _parent_written(d, context):
        raise NotLifted("series" if any(time_bound(a) for a in d.args) else "lookup")
    if any(
        a.flat in ("output_path", "output_file", "save_path", "download_path", "destination_path", "local_path")
        and a.required
        for a in d.args
    ):
        raise NotLifted("file")


def _parent_written(d: Draft, context: Context) -> bool:
    return any(
        k.noun in context.written or ((r := context.nouns.resolve(k.noun)) is not None and r in context.written)
        for k in d.others
        if k.arg.required
    )


# --- kind -------------------------------------------------------------------------------------------------------------


def _kind(d: Draft, context: Context) -> Kind:
    verb = d.parts.verb
    if verb in lx.EXISTS or (d.parts.noun and d.parts.noun[-1] in ("exist", "exists")):
        return _exists(d, context)
    if verb in lx.COUNT or (
        verb in lx.GET and d.parts.noun and d.parts.noun[-1] in ("count", "counts") and len(d.parts.noun) > 1
    ):
        return _count(d, context)
    if d.parts.verb_or and {verb, d.parts.verb_or} & lx.CREATE and {verb, d.parts.verb_or} & lx.UPDATE:
        return upsert(d, context)
    if verb in lx.LIST or verb in lx.SEARCH or verb in lx.GET:
        return _read(d, context)
    facet(d, context)
    if verb in _FLAG_VERBS and d.own is not None and not [k for k in d.others if k.arg.required]:
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
    if verb in lx.TRANSITIONS or (verb in lx.SEND and d.own is not None and not payload(d)):
        return move(d, context)
    if verb in lx.UPSERT and d.own is not None and d.own.arg.required and payload(d):
        return upsert(d, context)
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


def _read(d: Draft, context: Context) -> Kind:
    verb = d.parts.verb
    query = any(is_query(a) for a in d.args if a.type == "string")
    required_query = any(is_query(a) and a.required for a in d.args)
    foreign = [k for k in d.others if k.arg.required and not k.many]
    if any(k.many and k.arg.required and (k.bare or matches(k.noun, d.entity, context.nouns)) for k in d.keys):
        raise NotLifted("batch")
    if verb in lx.SEARCH:
        if d.own is not None and d.own.arg.required and not d.plural and not query:
            return "get", bind(d, context, "get"), ()
        if query:
            return "search", bind(d, context, "search"), ()
        if not [a for a in d.args if a.required] and not d.args:
            raise NotLifted("no_query")
        d.doubt(0.05, "search without text")
        return "list", bind(d, context, "list"), ()
    listing = verb in lx.LIST or d.plural
    if d.own is not None and d.own.arg.required and not (verb in lx.LIST and d.own.tail in ("name", "self")):
        if listing and not d.own.bare and d.plural and d.own.tail in ("name", "self") and verb in lx.LIST:
            raise NotLifted("unsure", "list with an own key")
        if verb in lx.LIST or (d.plural and d.own.bare and len(d.entity) > 1 and d.entity[:-1] in context.nouns.known):
            return _child_list(d, context, required_query)
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
        raise NotLifted("no_key", "get with a foreign key only")
    if d.own is not None:  # optional own key: one row when given, all otherwise
        d.doubt(0.1, "optional key")
        return "list", bind(d, context, "list"), ()
    if any(paging_role(a) in ("limit", "offset", "page", "cursor") for a in d.args):
        d.doubt(0.1, "singular get with paging")
        return ("search" if required_query else "list"), bind(d, context, "list"), ()
    if any(a.required and not is_context(a, True) for a in d.args):
        raise NotLifted("no_key", "required parameter is no key")
    if d.entity[-1] in lx.SINGLETONS or d.entity in context.written or _CURRENT & set(split(d.tool.name)):
        return "singleton", bind(d, context, "get"), ()
    raise NotLifted("no_key", "get without a key")


def _child_list(d: Draft, context: Context, query: bool) -> Kind:
    """`list_board_cards(id)`: the bare id names the parent."""
    assert d.own is not None
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


def _exists(d: Draft, context: Context) -> Kind:
    if d.entity and d.entity[-1] in ("exist", "exists"):
        d.entity = d.entity[:-1]
    d.own = d.own or next((k for k in d.keys if k.arg.required and matches(k.noun, d.entity, context.nouns)), None)
    if d.own is None or not d.entity:
        raise NotLifted("no_key", "exists without key")
    return "exists", bind(d, context, "get"), ()


def _count(d: Draft, context: Context) -> Kind:
    if d.entity[-1] in ("count", "counts"):
        d.entity = singular_phrase(d.entity[:-1])
    if d.entity not in context.nouns.known:
        d.doubt(0.2, "count of an unknown noun")
    if d.own is not None:
        d.others.append(d.own)
        d.own = None
    return "aggregate", bind(d, context, "list"), ()


# --- doubts -----------------------------------------------------------------------------------------------------------


def _contradictions(d: Draft, kind: str, bound: list[Bound], context: Context) -> None:
    hint = d.tool.annotations.get("readOnlyHint")
    reads = kind in READ_KINDS
    if any(a.opaque for a in d.args) and not any(b.role not in ("ignored", "payload", "confirm") for b in bound):
        raise NotLifted("opaque")
    if hint is True and not reads:
        raise NotLifted("contradiction", f"read-only {kind}")
    if hint is False and reads and d.tool.annotations.get("destructiveHint") is True:
        d.doubt(0.2, "hint says it writes")
    real = [b for b in bound if not (b.role == "ignored" and is_context(b.arg, reads))]
    dead = [b for b in real if b.role == "ignored"]
    if len(real) >= 2 and len(dead) > len(real) / 2:
        d.doubt(0.25, "most parameters without effect")
    if any(b.role == "ignored" and b.arg.required for b in real):
        d.doubt(0.15, "a required parameter without effect")
    if kind in ("create", "update", "upsert", "send", "setting") and not any(
        b.role in ("field", "payload", "natural", "parent") for b in bound
    ):
        raise NotLifted("no_payload")
    if any(b.role == "payload" for b in bound):
        d.doubt(0.05, "payload inferred")
    if len(d.entity) > 3:
        d.doubt(0.1, "long noun")
    if any(w.isdigit() or len(w) == 1 for w in d.entity):
        d.doubt(0.15, "odd noun")
    if d.entity[-1] in lx.VERBS and d.entity[-1] not in lx.NOUNISH:
        d.doubt(0.2, "the noun is a verb")
    if is_plural(d.entity[-1]):
        d.doubt(0.1, "plural noun")
