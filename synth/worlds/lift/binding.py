"""Every argument of a tool gets a role, given what the tool does."""

from __future__ import annotations

from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.opening import Arg
from synth.worlds.lift.read import Bound, Context, Draft
from synth.worlds.lift.roles import is_context, is_query, paging_role, time_bound


def bind(d: Draft, context: Context, mode: str, skip: set[str] | None = None) -> list[Bound]:
    """A role for every argument. `mode`: get list search create update delete move copy."""
    out: list[Bound] = []
    reads = mode in ("get", "list", "search")
    many_rows = mode in ("list", "search")
    keyed = {k.arg.name: k for k in d.keys}
    query_taken = False
    for a in d.args:
        if skip and a.name in skip:
            continue
        if d.own is not None and a.name == d.own.arg.name:
            if d.borrowed:
                noun = context.nouns.resolve(d.own.noun) or d.own.noun
                out.append(Bound(a, "filter" if many_rows else "owner", noun, d.own.tail, field=a.words))
                continue
            role = "filter" if many_rows else "natural" if mode == "create" else "key"
            out.append(Bound(a, role, d.entity, d.own.tail, field=("<key>",)))
            continue
        if a.schema.get("const") is not None:
            out.append(Bound(a, "ignored"))
            continue
        if is_context(a, reads) and not (
            a.required and a.name in keyed and a.flat in ("request_id", "session_id", "agent_id")
        ):
            out.append(Bound(a, "ignored"))
            continue
        if not reads and a.flat in lx.CONFIRM and a.type == "boolean":
            out.append(Bound(a, "confirm"))
            continue
        if not reads and a.flat in lx.DRY_RUN and a.type == "boolean":
            out.append(Bound(a, "dry_run"))
            continue
        role_p = paging_role(a) if many_rows else None
        if role_p:
            out.append(Bound(a, role_p))
            continue
        if many_rows and is_query(a) and not query_taken:
            query_taken = True
            out.append(Bound(a, "query"))
            continue
        key = keyed.get(a.name)
        if key is not None:
            noun = context.nouns.resolve(key.noun) or key.noun
            if key.bare:
                out.append(Bound(a, "ignored" if not a.required else "parent", noun, key.tail))
            elif key.many:
                out.append(
                    Bound(
                        a,
                        "filter" if many_rows else "field" if mode in ("create", "update", "copy") else "ignored",
                        noun,
                        key.tail,
                        "in" if many_rows else "eq",
                        a.words,
                    )
                )
            elif mode in ("create", "update", "copy") and not (mode != "create" and a.required and _scopes(d, a)):
                out.append(Bound(a, "field", noun, key.tail, field=a.words))
            else:
                out.append(Bound(a, "parent", noun, key.tail, field=a.words))
            continue
        place = context.nouns.place_of(a) if mode in ("copy", "update") else None
        if place is not None and place[0] == d.entity:  # where the copy shall lie
            role = "natural" if mode == "copy" else "field"
            out.append(Bound(a, role, d.entity, place[1], field=(place[1],)))
            continue
        out.append(_bind_value(a, mode, many_rows))
    return out


def _scopes(d: Draft, a: Arg) -> bool:
    """Whether a required key of an update stands before the own key: where the row is, not what changes."""
    if d.own is None:
        return False
    order = [x.name for x in d.args]
    after = order.index(a.name) > order.index(d.own.arg.name)
    tail = next((k.tail for k in d.keys if k.arg.name == a.name), "id")
    return not (
        after
        and (
            tail in ("self", "name")
            or d.parts.verb in ("move", "assign", "transfer", "reassign", "set", "change")
            or a.words[0] in ("new", "target", "to", "destination")
        )
    )


def _bind_value(a: Arg, mode: str, many_rows: bool) -> Bound:
    if many_rows:
        span = time_bound(a)
        if span is not None:
            return Bound(a, "time", compare=span[0], field=span[1])
        if a.type in ("object", "any") or (
            a.type == "array" and (a.schema.get("items") or {}).get("type") not in ("string", "integer")
        ):
            return Bound(a, "ignored")
        if a.flat in ("filter", "filters", "where", "search_filter", "conditions"):
            return Bound(a, "ignored")
        words = a.words
        if len(words) > 1 and words[0] in ("min", "max", "minimum", "maximum") and a.type in ("integer", "number"):
            return Bound(a, "filter", compare="ge" if words[0].startswith("min") else "le", field=words[1:])
        if len(words) > 1 and words[-1] in ("min", "max", "gte", "lte", "gt", "lt") and a.type in ("integer", "number"):
            return Bound(a, "filter", compare="ge" if words[-1] in ("min", "gte", "gt") else "le", field=words[:-1])
        if len(words) > 1 and words[0] in ("filter", "by"):
            words = words[1:]
        if len(words) > 1 and words[-1] == "filter":
            words = words[:-1]
        if len(words) > 1 and words[-1] == "contains":
            return Bound(a, "filter", compare="contains", field=words[:-1])
        if a.type == "array":
            return Bound(a, "filter", compare="in", field=words)
        return Bound(a, "filter", field=words)
    if mode in ("create", "update", "copy"):
        return Bound(a, "payload" if a.opaque else "field", field=a.words)
    if (
        mode == "move"
        and a.type == "string"
        and a.flat in ("reason", "comment", "note", "message", "resolution", "notes")
    ):
        return Bound(a, "field", field=a.words)
    return Bound(a, "ignored")
