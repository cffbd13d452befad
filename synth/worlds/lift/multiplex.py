"""Multiplexers: one tool whose action parameter chooses among operations. Each case is read like a tool of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.naming import NameParts, Words, parse_names
from synth.worlds.lift.opening import Arg
from synth.worlds.lift.owning import with_keys
from synth.worlds.lift.read import Bound, Context, Draft, Kind, NotLifted, Reading
from synth.worlds.lift.roles import is_query, paging_role, time_bound
from synth.worlds.lift.words import singular_phrase

ENOUGH = 0.6  # share of the cases that have to be understood
_MANAGES = frozenset({"manage", "query", "write", ""})
_VARIANTS = lx.wordset("""archived current public private blank all active deleted empty new""")
_ABOUT = lx.wordset(
    """action management manage control editor operation read write"""
)  # of a name, no part of the noun
_KEYED = lx.GET | lx.DELETE | lx.UPDATE | lx.COPY | frozenset(lx.TRANSITIONS)
_TITLES = lx.wordset("""name title subject summary label""")
_TRAILS = lx.wordset("all by id")


@dataclass(frozen=True, slots=True)
class CaseTool:
    """What the reader sees of one case. A multiplexer's hints are of all its cases; read-only binds each."""

    name: str
    input_schema: Mapping[str, Any]
    output_schema: Mapping[str, Any] | None
    annotations: Mapping[str, bool]
    description: str


def action_of(d: Draft) -> Arg | None:
    """The parameter that chooses the operation, where its choices are told."""
    return next((a for a in d.args if a.flat in lx.ACTION and len(a.enum) > 1 and a.type == "string"), None)


def read(d: Draft, context: Context, decide: Callable[[Draft, Context], Reading]) -> Kind:
    """A `choose` over the cases that are understood; refused where too many are not."""
    action = action_of(d)
    if action is None:
        raise NotLifted("multiplexer", "its choices are not told")
    verb = d.parts.verb
    if verb not in _MANAGES | lx.NOUNISH and not d.parts.guessed and verb not in lx.GET:
        raise NotLifted("multiplexer", f"the verb {verb} beside the choices")
    parts = _case_parts(list(action.enum), _noun(d), context)
    found: list[Reading] = []
    for case in action.enum:
        r = decide(with_keys(_draft(d, action, case, parts[case]), context), context)
        if r.kind not in ("none", "choose"):
            found.append(replace(r, case=case))
    if len(found) < 2 or len(found) < ENOUGH * len(action.enum):
        raise NotLifted("multiplexer", f"{len(found)} of {len(action.enum)} cases understood")
    d.cases = found
    d.entity = _noun(d) or found[0].entity
    d.confidence = min(d.confidence, sum(r.confidence for r in found) / len(found))
    own = dict.fromkeys(b.arg.name for r in found if r.entity == d.entity for b in r.roles if b.role == "key")
    keys = own or dict.fromkeys(b.arg.name for r in found for b in r.roles if b.role == "key")
    bound = [Bound(action, "action")]
    bound += [Bound(a, "key" if a.name in keys else "case") for a in d.args if a is not action]
    return "choose", bound, ()


def _noun(d: Draft) -> Words:
    """What the tool's name speaks of: `workitem_type` is no typing, a `release` is a noun here."""
    p = d.parts
    words = p.noun
    if p.verb in lx.NOUNISH and p.verb not in _MANAGES:
        words = (*p.noun, p.verb) if p.last else (*p.namespace, p.verb, *p.noun)
    kept = tuple(w for w in words if w not in _MANAGES | _ABOUT)
    return singular_phrase(kept or words)


def _case_parts(cases: list[str], noun: Words, context: Context) -> dict[str, NameParts]:
    """The cases' names taken apart. A word that only says which variant (`create_public`) is no noun."""
    out = parse_names(cases)
    said = Counter(singular_phrase(p.noun) for p in out.values() if p.noun and not p.guessed)
    for case, p in out.items():
        head = singular_phrase(p.noun)
        alone = p.verb in lx.CREATE and said[head] == 1 and head not in context.nouns.known and len(p.noun) == 1
        if p.noun and (alone or (p.noun[0] in _VARIANTS and len(p.noun) == 1)):
            out[case] = replace(p, noun=())
    return out


def _draft(d: Draft, action: Arg, case: str, said: NameParts) -> Draft:
    """One case as a draft: its own words, the tool's noun where it says none, the parameters that can matter to it."""
    noun = said.noun if not said.guessed else ()
    while noun and noun[-1] in _TRAILS:
        noun = noun[:-1]
    verb = said.verb
    if said.noun[-1:] == ("all",) and verb in lx.GET:
        verb = "list"
    whole = noun or _noun(d)
    parts = replace(said, namespace=(), verb=verb, noun=whole, guessed=said.guessed, last=False)
    args = [_fit(a, verb, whole) for a in d.args if a is not action]
    tool = CaseTool(d.tool.name, d.tool.input_schema, None, _read_only(d), "")
    return Draft(tool, parts, [a for a in args if a is not None])


def _read_only(d: Draft) -> dict[str, bool]:
    return {k: v for k, v in d.tool.annotations.items() if k == "readOnlyHint" and v is True}


def _fit(a: Arg, verb: str, noun: Words) -> Arg | None:
    """The parameter as this case takes it, None where it belongs to other cases. A schema cannot say what one case
    requires: the key of the row that it works on, the name of one it makes."""
    if verb in lx.LIST | lx.SEARCH:
        kept = bool(paging_role(a)) or is_query(a) or a.enum or a.type == "boolean" or time_bound(a)
        return a if kept or a.required or (_keylike(a) and not _names(a, noun)) else None
    if paging_role(a) in ("limit", "offset", "page", "cursor", "sort", "projection") or is_query(a):
        return a if a.required else None
    if verb in _KEYED and _names(a, noun):
        return replace(a, required=True)
    if verb in lx.CREATE:
        if _names(a, noun) and not a.required:
            return None
        return replace(a, required=True) if a.flat in _TITLES else a
    if verb in lx.GET | lx.DELETE and not a.required and not _keylike(a):
        return None
    return a


def _keylike(a: Arg) -> bool:
    return a.words[-1] in lx.KEY_TAILS | {"ids", "uuids"}


def _names(a: Arg, noun: Words) -> bool:
    """Whether the parameter is the key of a row of this noun."""
    if a.type not in ("string", "integer", "number", "any") or a.enum or a.words[-1] not in lx.KEY_TAILS:
        return False
    said = singular_phrase(a.words[:-1])
    head = singular_phrase(noun)
    return not said or said == head or (len(said) < len(head) and head[-len(said) :] == said)
