"""Kinds of writes: what makes, changes, moves, removes or links rows, and what such a tool must take."""

from __future__ import annotations

from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.binding import bind
from synth.worlds.lift.facets import borrow, owner_by_prefix
from synth.worlds.lift.opening import Arg
from synth.worlds.lift.read import Bound, Context, Draft, Kind, NotLifted
from synth.worlds.lift.roles import is_context, is_person, matches


def payload(d: Draft) -> list[Arg]:
    """Arguments of a write that fill fields."""
    keys = {k.arg.name: k.arg.required for k in reversed(d.keys)}
    own = d.own.arg.name if d.own else None
    return [
        a for a in d.args
        if a.name != own and not keys.get(a.name, False)
        and not is_context(a, False) and a.flat not in lx.CONFIRM | lx.DRY_RUN
    ]  # fmt: skip


_PATHS = lx.wordset("path file_path filepath filename file_name output_path")
_REASONS = lx.wordset("reason comment note message")


def required_many(d: Draft) -> bool:
    return any(k.many and k.arg.required for k in d.keys)


def create(d: Draft, context: Context) -> Kind:
    if d.parts.verb == "save" and any(a.flat in _PATHS for a in d.args) and d.entity in context.nouns.known:
        raise NotLifted("file")
    if d.own is not None and d.own.arg.required and d.own.tail in ("id", "uuid", "sid", "gid", "iid", "uid"):
        if (
            d.parts.verb in ("submit", "schedule", "issue", "release", "post", "push", "order", "book", "log")
            and d.own is not None
        ):
            return ("update", bind(d, context, "update"), ()) if payload(d) else move(d, context)
        if d.parts.verb in ("create", "register", "define", "add", "insert"):
            d.doubt(0.15, "create with a given id")
        else:
            raise NotLifted("contradiction", "create with an own id")
    if any(k.many and k.arg.required for k in d.keys) and not payload(d):
        raise NotLifted("batch")
    if (
        d.plural
        and d.parts.verb in ("create", "add", "insert")
        and any(a.required and a.type == "array" for a in d.args)
    ):
        raise NotLifted("batch")
    if not payload(d) and not [k for k in d.others if k.arg.required] and not (d.own and d.own.arg.required):
        raise NotLifted("no_payload")
    if d.parts.verb not in ("create", "add", "insert", "new", "register", "post", "define"):
        d.doubt(0.1, f"{d.parts.verb} read as create")
        if d.parts.verb in (
            "write",
            "append",
            "push",
            "initiate",
            "allocate",
            "setup",
            "issue",
            "order",
            "open",
            "plan",
        ):
            d.doubt(
                0.1
                if d.entity in context.written
                and d.entity in context.nouns.known
                and d.parts.verb not in ("write", "append")
                else 0.35,
                "verb rarely creates",
            )
    return "create", bind(d, context, "create"), ()


def update(d: Draft, context: Context) -> Kind:
    verb = d.parts.verb
    if d.own is None:
        owner_by_prefix(d, context)
    if d.own is None or not (d.own.arg.required or only_way(d)):
        if required_many(d):
            raise NotLifted("batch")
        if (
            not [k for k in d.others if k.arg.required]
            and payload(d)
            and (d.entity[-1] in lx.SINGLETONS or (verb in ("set", "update") and d.own is None and not d.plural))
        ):
            if d.entity[-1] not in lx.SINGLETONS:
                d.doubt(0.4, "update without a key")
            d.own = None
            return "setting", bind(d, context, "update"), ()
        foreign = [k for k in d.others if k.arg.required and not k.many]
        if d.own is None and len(foreign) == 1 and payload(d) and not d.plural and verb != "set":
            borrow(d, foreign)
        elif d.own is None or not payload(d):
            raise NotLifted("no_key", f"{verb} without own key")
        else:
            d.doubt(0.2, "optional own key")
    if not payload(d) and not [k for k in d.others if k.arg.required]:
        raise NotLifted("no_payload" if verb not in ("rotate", "regenerate", "reset", "mark", "release") else "job")
    return "update", bind(d, context, "update"), ()


def only_way(d: Draft) -> bool:
    """Whether an own key that the schema calls optional is how rows are named all the same."""
    return d.own is not None and d.own.tail in lx.KEY_TAILS and not any(k.arg.required for k in d.keys)


def delete(d: Draft, context: Context) -> Kind:
    if any(k.many and k.arg.required for k in d.keys) or (d.plural and d.own is None):
        raise NotLifted("batch")
    if d.own is None or not (d.own.arg.required or only_way(d)):
        foreign = [k for k in d.others if k.arg.required and not k.many]
        told = {k.arg.name for k in foreign}
        if len(foreign) != 1 or d.plural or any(a.required and a.name not in told for a in payload(d)):
            raise NotLifted("no_key", "delete without own key")
        borrow(d, foreign)
    return "delete", bind(d, context, "delete"), ()


def move(d: Draft, context: Context) -> Kind:
    if any(k.many and k.arg.required for k in d.keys):
        raise NotLifted("batch")
    if d.own is None or not (d.own.arg.required or only_way(d)):
        foreign = [k for k in d.others if k.arg.required and not k.many]
        if d.plural or d.parts.verb == "start":
            raise NotLifted("job" if d.parts.verb == "start" else "no_key")
        if foreign and not owner_by_prefix(d, context):
            borrow(d, foreign)
        elif not foreign and any(
            not is_context(a, False) and a.flat not in lx.CONFIRM and a.flat not in _REASONS for a in d.args
        ):
            raise NotLifted("no_key", f"{d.parts.verb} without own key")
        elif not foreign:
            d.doubt(0.15, "moves the one of its kind")
    return "move", bind(d, context, "move"), ()


def copy(d: Draft, context: Context) -> Kind:
    if d.own is None or not d.own.arg.required:
        source = [k for k in d.others if k.arg.required and k.arg.words[0] in ("source", "from", "src")]
        if len(source) != 1:
            raise NotLifted("no_key", "copy without own key")
        d.own = source[0]
        d.others = [o for o in d.others if o is not source[0]]
    return "copy", bind(d, context, "copy"), ()


def send(d: Draft, context: Context) -> Kind:
    if required_many(d):
        raise NotLifted("batch")
    if not payload(d):
        raise NotLifted("no_payload")
    if d.parts.verb in ("reply", "forward") and d.own is not None:
        d.others.append(d.own)
        d.own = None
    return "send", bind(d, context, "create"), ()


def upsert(d: Draft, context: Context) -> Kind:
    if not payload(d):
        raise NotLifted("no_payload")
    return "upsert", bind(d, context, "update"), ()


_LOOSE = lx.wordset("add remove delete revoke share grant invite apply pair label tag react map")
_REMOVERS = frozenset({"remove", "delete", "revoke"})


def _is_row(d: Draft, context: Context) -> bool:
    """Whether what is removed is a row of its own rather than a link."""
    return not d.parts.parents and d.entity in context.nouns.known and not _added(d, context)


def link(d: Draft, context: Context) -> Kind | None:
    """Relate or unrelate where two different rows are named and nothing else is given."""
    verb = d.parts.verb
    keys = [k for k in ([d.own] if d.own else []) + d.others if k.arg.required]
    if len(keys) < 2 or any(k.many for k in keys):
        return None
    keyed = {k.arg.name for k in keys}
    needed = [
        a
        for a in d.args
        if a.required and a.name not in keyed and not is_context(a, False) and a.flat not in lx.CONFIRM
    ]
    nouns = [context.nouns.resolve(k.noun) or k.noun if not k.bare else d.entity for k in keys]
    if needed or len(set(nouns)) < 2:
        return None
    if verb in ("delete",) and not d.parts.parents:
        return None
    mine = d.own is not None and (d.own.bare or matches(d.own.noun, d.entity, context.nouns))
    if verb in _REMOVERS and mine and not d.parts.parents and len(d.entity) > 1 and d.entity in context.nouns.known:
        return None  # remove_board_member: members are listed, so they are rows
    if d.own is None and verb in ("add", "remove") and not d.plural and len(keys) == 2 and _added(d, context):
        left, right = keys[0], keys[1]
        bound = bind(d, context, "create", skip={left.arg.name, right.arg.name})
        bound += [Bound(left.arg, "left", nouns[0], left.tail), Bound(right.arg, "right", nouns[1], right.tail)]
        d.entity = nouns[0]
        return ("relate" if verb == "add" else "unrelate"), bound, nouns[1]
    if len(keys) > 2:  # what is linked by its id rather than where both lie
        ids = [k for k in keys if k is not d.own and k.tail in lx.KEY_TAILS and not set(k.noun) & lx.OUTER]
        inner = [k for k in keys if k is d.own or (k.noun and d.entity[-len(k.noun) :] == k.noun)]
        if len(ids) == 1 and inner and inner[-1] is not ids[0]:
            keys = [ids[0], inner[-1]]
            nouns = [(context.nouns.resolve(k.noun) or k.noun) if not k.bare else d.entity for k in keys]
    left, right = keys[-1], keys[0]
    if d.own is not None and d.own.arg.required:
        right = d.own
        left = next(k for k in reversed(keys) if k is not d.own)
    left_noun, right_noun = nouns[keys.index(left)], nouns[keys.index(right)]
    if left_noun == right_noun:
        return None
    if verb in _LOOSE and (d.own is None or d.own.bare or (verb in _REMOVERS and _is_row(d, context))):
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
    return is_person(d.entity) or d.entity[-1] in (
        "label",
        "tag",
        "permission",
        "role",
        "group",
        "collaborator",
        "watcher",
    )
