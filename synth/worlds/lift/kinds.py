"""The operation of a tool: verb first, then corrected by what the tool takes."""

from __future__ import annotations

from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.binding import bind
from synth.worlds.lift.naming import Words
from synth.worlds.lift.opening import Arg
from synth.worlds.lift.read import READ_KINDS, SOURCES, THRESHOLD, Bound, Context, Draft, NotLifted, Reading
from synth.worlds.lift.roles import KeyArg, is_context, is_person, is_query, matches, paging_role, time_bound
from synth.worlds.lift.words import is_plural, singular_phrase, split

_CODE_ARGS = frozenset("sql code script command cmd commands javascript python_code expression statement cypher graphql promql logql kql shell_command".split())
_ACTION_ARGS = frozenset("action operation command op method sub_command subcommand action_type".split())
_CURRENT = frozenset("current my me own default primary active".split())
_FLAG_VERBS = frozenset("star unstar follow unfollow like unlike subscribe unsubscribe join leave favorite unfavorite watch unwatch".split())


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
            d.tool.name, kind, d.entity, parent, keys, tuple(bound), round(d.confidence, 2), tuple(d.why), None, d.parts.verb, d.plural,
            d.facet, d.parts.namespace, second,
        )  # fmt: skip
    except NotLifted as no:
        why = (*d.why, no.detail) if no.detail else tuple(d.why)
        return Reading(
            d.tool.name, "none", d.entity, (), tuple(k.arg.name for k in d.keys), (), max(0.0, round(d.confidence, 2)), why, no.reason,
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
    if verb in lx.NOT_LIFTED and verb not in lx.TRANSITIONS and not (verb == "check" and noun and noun[-1] in ("exist", "exists")):
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
    if any(a.flat in ("output_path", "output_file", "save_path", "download_path", "destination_path", "local_path") and a.required for a in d.args):
        raise NotLifted("file")


def _parent_written(d: Draft, context: Context) -> bool:
    return any(k.noun in context.written or ((r := context.nouns.resolve(k.noun)) is not None and r in context.written) for k in d.others if k.arg.required)


# --- kind -------------------------------------------------------------------------------------------------------------


def _kind(d: Draft, context: Context) -> tuple[str, list[Bound], Words]:
    verb = d.parts.verb
    if verb in lx.EXISTS or (d.parts.noun and d.parts.noun[-1] in ("exist", "exists")):
        return _exists(d, context)
    if verb in lx.COUNT or (verb in lx.GET and d.parts.noun and d.parts.noun[-1] in ("count", "counts") and len(d.parts.noun) > 1):
        return _count(d, context)
    if d.parts.verb_or and {verb, d.parts.verb_or} & lx.CREATE and {verb, d.parts.verb_or} & lx.UPDATE:
        return _upsert(d, context)
    if verb in lx.LIST or verb in lx.SEARCH or verb in lx.GET:
        return _read(d, context)
    _facet(d, context)
    if verb in _FLAG_VERBS and d.own is not None and not [k for k in d.others if k.arg.required]:
        return "flag", bind(d, context, "update"), ()
    if verb in lx.RELATE | lx.UNRELATE:
        link = _link(d, context)
        if link is not None:
            return link
        if verb in ("attach", "link", "connect", "associate") and d.own is None and _payload(d) and [k for k in d.others if k.arg.required]:
            d.doubt(0.2, f"{verb} read as create")
            return _create(d, context)
    if verb in lx.TRANSITIONS or (verb in lx.SEND and d.own is not None and not _payload(d)):
        return _move(d, context)
    if verb in lx.UPSERT and d.own is not None and d.own.arg.required and _payload(d):
        return _upsert(d, context)
    if verb in lx.SEND:
        return _send(d, context)
    if verb in lx.DELETE:
        return _delete(d, context)
    if verb in lx.COPY:
        return _copy(d, context)
    if verb in lx.UPDATE and not (verb in lx.CREATE and d.own is None):
        return _update(d, context)
    if verb in lx.CREATE:
        return _create(d, context)
    raise NotLifted("no_key" if verb in lx.RELATE | lx.UNRELATE else "no_verb", verb)


def _required_many(d: Draft) -> bool:
    return any(k.many and k.arg.required for k in d.keys)


def _read(d: Draft, context: Context) -> tuple[str, list[Bound], Words]:
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
        _facet_of_own(d, context)
        return "get", bind(d, context, "get"), ()
    if listing:
        kind = "search" if required_query else "list"
        return kind, bind(d, context, kind), ()
    if foreign:
        if _facet(d, context):
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


def _child_list(d: Draft, context: Context, query: bool) -> tuple[str, list[Bound], Words]:
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


def _facet_of_own(d: Draft, context: Context) -> None:
    """`get_order_settings(order_id)` when the bare key already was taken as own: the order is meant."""
    if d.own is not None and d.own.bare and len(d.entity) > 1 and d.entity[-1] in lx.FACETS and d.entity[:-1] in context.nouns.known:
        d.facet, d.entity = d.entity[-1:], d.entity[:-1]


def _facet(d: Draft, context: Context) -> bool:
    """Whether the tool works on a part of a row that a key names: order settings, card due date. Then the row is meant."""
    if d.own is not None:
        _facet_of_own(d, context)
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
        if rest and rest[-1] in lx.FACETS and (d.entity not in context.nouns.known or rest[-1] in ("setting", "settings", "config", "status", "details")) and not d.plural:
            d.facet, d.entity, d.own = rest, target, k
            d.others = [o for o in d.others if o is not k]
            d.doubt(0.05, "facet")
            return True
    if d.parts.verb in lx.GET and not d.plural and d.parts.namespace and d.entity not in context.nouns.known:
        area = singular_phrase(d.parts.namespace)
        for k in d.others:
            if k.arg.required and not k.many and (context.nouns.alias.get(k.noun) == area or k.noun == area or context.nouns.resolve(k.noun) == area):
                d.facet, d.entity, d.own = d.entity, context.nouns.resolve(k.noun) or k.noun, k
                d.others = [o for o in d.others if o is not k]
                d.doubt(0.15, "part of the row of its area")
                return True
    if d.parts.verb in lx.GET and not d.plural and _owner_by_prefix(d, context):
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


def _payload(d: Draft) -> list[Arg]:
    """Arguments of a write that fill fields."""
    keys = {k.arg.name: k.arg.required for k in reversed(d.keys)}
    own = d.own.arg.name if d.own else None
    return [
        a for a in d.args
        if a.name != own and not keys.get(a.name, False)
        and not is_context(a, False) and a.flat not in lx.CONFIRM | lx.DRY_RUN
    ]  # fmt: skip


def _create(d: Draft, context: Context) -> tuple[str, list[Bound], Words]:
    if d.own is not None and d.own.arg.required and d.own.tail in ("id", "uuid", "sid", "gid", "iid", "uid"):
        if d.parts.verb in ("submit", "schedule", "issue", "release", "post", "push", "order", "book", "log") and d.own is not None:
            return ("update", bind(d, context, "update"), ()) if _payload(d) else _move(d, context)
        if d.parts.verb in ("create", "register", "define", "add", "insert"):
            d.doubt(0.15, "create with a given id")
        else:
            raise NotLifted("contradiction", "create with an own id")
    if any(k.many and k.arg.required for k in d.keys) and not _payload(d):
        raise NotLifted("batch")
    if d.plural and d.parts.verb in ("create", "add", "insert") and any(a.required and a.type == "array" for a in d.args):
        raise NotLifted("batch")
    if not _payload(d) and not [k for k in d.others if k.arg.required] and not (d.own and d.own.arg.required):
        raise NotLifted("no_payload")
    if d.parts.verb not in ("create", "add", "insert", "new", "register", "post", "define"):
        d.doubt(0.1, f"{d.parts.verb} read as create")
        if d.parts.verb in ("write", "append", "push", "initiate", "allocate", "setup", "issue", "order", "open", "plan"):
            d.doubt(0.1 if d.entity in context.written and d.entity in context.nouns.known and d.parts.verb not in ("write", "append") else 0.35, "verb rarely creates")
    return "create", bind(d, context, "create"), ()


def _update(d: Draft, context: Context) -> tuple[str, list[Bound], Words]:
    verb = d.parts.verb
    if d.own is None:
        _owner_by_prefix(d, context)
    if d.own is None or not (d.own.arg.required or _only_way(d)):
        if _required_many(d):
            raise NotLifted("batch")
        if not [k for k in d.others if k.arg.required] and _payload(d) and (d.entity[-1] in lx.SINGLETONS or (verb in ("set", "update") and d.own is None and not d.plural)):
            if d.entity[-1] not in lx.SINGLETONS:
                d.doubt(0.4, "update without a key")
            d.own = None
            return "setting", bind(d, context, "update"), ()
        if d.own is None or not _payload(d):
            raise NotLifted("no_key", f"{verb} without own key")
        d.doubt(0.2, "optional own key")
    if not _payload(d) and not [k for k in d.others if k.arg.required]:
        raise NotLifted("no_payload" if verb not in ("rotate", "regenerate", "reset", "mark", "release") else "job")
    return "update", bind(d, context, "update"), ()


def _only_way(d: Draft) -> bool:
    """Whether an own key that the schema calls optional is how rows are named all the same."""
    return d.own is not None and d.own.tail in lx.KEY_TAILS and not any(k.arg.required for k in d.keys)


def _owner_by_prefix(d: Draft, context: Context) -> bool:
    """`set_card_due_date(card_id, date)`: the key names the front of the noun phrase, the rest is a field."""
    setter = d.parts.verb in ("set", "configure", "change", "toggle", "adjust")
    for k in sorted((k for k in d.others if k.arg.required and not k.many), key=lambda k: -len(k.noun)):
        target = context.nouns.resolve(k.noun) or k.noun
        for size in range(len(d.entity) - 1, 0, -1):
            front = d.entity[:size]
            if (front == target or front == k.noun or (front[-len(k.noun) :] == k.noun and (front in context.nouns.known or len(k.noun) == 1))) and (
                setter or d.entity not in context.nouns.known or d.parts.verb in lx.GET
            ):
                d.facet, d.entity, d.own = d.entity[size:], target if front in (target, k.noun) else front, k
                d.others = [o for o in d.others if o is not k]
                d.doubt(0.05, "row by the front of the noun")
                return True
    if d.parts.verb in lx.GET:
        return False
    single = [k for k in d.others if k.arg.required and not k.many]
    names = {a.flat for a in d.args}
    if len(single) == 1 and ("_".join(d.entity) in names or d.entity[-1] in names | {"status", "name"}):
        target = context.nouns.resolve(single[0].noun) or single[0].noun
        d.facet, d.entity, d.own = d.entity, target, single[0]
        d.others = []
        d.doubt(0.1, "the noun is a field")
        return True
    return False


def _delete(d: Draft, context: Context) -> tuple[str, list[Bound], Words]:
    if any(k.many and k.arg.required for k in d.keys) or (d.plural and d.own is None):
        raise NotLifted("batch")
    if d.own is None or not (d.own.arg.required or _only_way(d)):
        raise NotLifted("no_key", "delete without own key")
    return "delete", bind(d, context, "delete"), ()


def _move(d: Draft, context: Context) -> tuple[str, list[Bound], Words]:
    if any(k.many and k.arg.required for k in d.keys):
        raise NotLifted("batch")
    if d.own is None or not (d.own.arg.required or _only_way(d)):
        verb = d.parts.verb
        if verb == "start" or verb == "complete" or d.plural:
            raise NotLifted("job" if verb == "start" else "no_key")
        raise NotLifted("no_key", f"{verb} without own key")
    return "move", bind(d, context, "move"), ()


def _copy(d: Draft, context: Context) -> tuple[str, list[Bound], Words]:
    if d.own is None or not d.own.arg.required:
        source = [k for k in d.others if k.arg.required and k.arg.words[0] in ("source", "from", "src")]
        if len(source) != 1:
            raise NotLifted("no_key", "copy without own key")
        d.own = source[0]
        d.others = [o for o in d.others if o is not source[0]]
    return "copy", bind(d, context, "copy"), ()


def _send(d: Draft, context: Context) -> tuple[str, list[Bound], Words]:
    if not _payload(d):
        raise NotLifted("no_payload")
    if d.parts.verb in ("reply", "forward") and d.own is not None:
        d.others.append(d.own)
        d.own = None
    return "send", bind(d, context, "create"), ()


def _upsert(d: Draft, context: Context) -> tuple[str, list[Bound], Words]:
    if not _payload(d):
        raise NotLifted("no_payload")
    return "upsert", bind(d, context, "update"), ()


def _exists(d: Draft, context: Context) -> tuple[str, list[Bound], Words]:
    if d.entity and d.entity[-1] in ("exist", "exists"):
        d.entity = d.entity[:-1]
    d.own = d.own or next((k for k in d.keys if k.arg.required and matches(k.noun, d.entity, context.nouns)), None)
    if d.own is None or not d.entity:
        raise NotLifted("no_key", "exists without key")
    return "exists", bind(d, context, "get"), ()


def _count(d: Draft, context: Context) -> tuple[str, list[Bound], Words]:
    if d.entity[-1] in ("count", "counts"):
        d.entity = singular_phrase(d.entity[:-1])
    if d.entity not in context.nouns.known:
        d.doubt(0.2, "count of an unknown noun")
    if d.own is not None:
        d.others.append(d.own)
        d.own = None
    return "aggregate", bind(d, context, "list"), ()


def _link(d: Draft, context: Context) -> tuple[str, list[Bound], Words] | None:
    """Relate or unrelate where two different rows are named and nothing else is given."""
    verb = d.parts.verb
    keys = [k for k in ([d.own] if d.own else []) + d.others if k.arg.required]
    if len(keys) < 2 or any(k.many for k in keys):
        return None
    keyed = {k.arg.name for k in keys}
    needed = [
        a for a in d.args if a.required and a.name not in keyed and not is_context(a, False) and a.flat not in lx.CONFIRM
    ]
    nouns = [context.nouns.resolve(k.noun) or k.noun if not k.bare else d.entity for k in keys]
    if needed or len(set(nouns)) < 2:
        return None
    if verb in ("delete",) and not d.parts.parents:
        return None
    if d.own is None and verb in ("add", "remove") and not d.plural and len(keys) == 2 and _added(d, context):
        left, right = keys[0], keys[1]
        bound = bind(d, context, "create", skip={left.arg.name, right.arg.name})
        bound += [Bound(left.arg, "left", nouns[0], left.tail), Bound(right.arg, "right", nouns[1], right.tail)]
        d.entity = nouns[0]
        return ("relate" if verb == "add" else "unrelate"), bound, nouns[1]
    left, right = keys[-1], keys[0]
    if d.own is not None and d.own.arg.required:
        right = d.own
        left = next(k for k in reversed(keys) if k is not d.own)
    left_noun, right_noun = nouns[keys.index(left)], nouns[keys.index(right)]
    if left_noun == right_noun:
        return None
    if verb in ("add", "remove", "delete", "revoke", "share", "grant", "invite", "apply", "pair", "label", "tag", "react", "map"):
        if d.own is None or d.own.bare or (verb in ("remove", "delete", "revoke") and not d.parts.parents and d.entity in context.nouns.known and not _added(d, context)):
            return None
    if verb in ("assign", "unassign") and (is_person(left_noun) or is_person(right_noun)):
        return None
    if len(keys) > 2:
        d.doubt(0.05, "link with outer keys")
    bound = bind(d, context, "create", skip={left.arg.name, right.arg.name})
    bound += [Bound(left.arg, "left", left_noun, left.tail), Bound(right.arg, "right", right_noun, right.tail)]
    d.entity = left_noun
    return ("unrelate" if verb in lx.UNRELATE and verb not in lx.RELATE else "relate"), bound, right_noun


def _added(d: Draft, context: Context) -> bool:
    """Whether rows of this noun are only ever linked, not made: a member of a board."""
    return is_person(d.entity) or d.entity[-1] in ("label", "tag", "permission", "role", "group", "collaborator", "watcher")


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
    if kind in ("create", "update", "upsert", "send", "setting") and not any(b.role in ("field", "payload", "natural", "parent") for b in bound):
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
