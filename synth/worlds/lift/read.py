"""Reading: what a real tool does, as far as its facts tell. One frozen `Reading` per tool, confident or with a reason.

The order is names (verb, noun, parents), arguments (envelopes opened), the server's nouns and their other names, then
the operation from the verb, corrected by the keys and payload that the tool really takes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.naming import NameParts, Words, parse_names
from synth.worlds.lift.opening import Arg, open_arguments
from synth.worlds.lift.places import learn_places
from synth.worlds.lift.roles import KeyArg, Nouns, is_person, key_of, matches
from synth.worlds.lift.words import is_plural, singular_phrase

Reason = Literal[
    "no_verb",
    "no_noun",
    "no_key",
    "no_payload",
    "no_query",
    "opaque",
    "code",
    "machine",
    "series",
    "compute",
    "job",
    "lookup",
    "session",
    "help",
    "multiplexer",
    "batch",
    "file",
    "contradiction",
    "unsure",
    "lonely",
    "uncut",
    "inadmissible",
]
REASONS: tuple[Reason, ...] = Reason.__args__  # type: ignore[attr-defined]
READ_KINDS = frozenset({"get", "list", "search", "aggregate", "exists", "singleton", "series"})
# data sources and machines: there a noun counts as a record only where some tool of the server writes it
SOURCES = lx.wordset(
    """finance-markets weather science-gov data-science web-search maps browser science-research translation sports
    finance-crypto dev-mobile math search reference news"""
)
THRESHOLD = 0.6


class ToolLike(Protocol):
    """What the lifter needs of `tools_catalog.ToolFacts`."""

    @property
    def name(self) -> str: ...
    @property
    def input_schema(self) -> Mapping[str, Any]: ...
    @property
    def output_schema(self) -> Mapping[str, Any] | None: ...
    @property
    def annotations(self) -> Mapping[str, bool]: ...
    @property
    def description(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Bound:
    """One argument with its role. `noun`: of a key, the entity it names; `field`: words of the field it fills."""

    arg: Arg
    role: str  # key parent natural field payload filter time query limit offset page cursor sort order ... ignored
    noun: Words = ()
    tail: str = ""
    compare: str = "eq"
    field: Words = ()


Kind = tuple[str, list[Bound], Words]  # operation, roles, the second entity of a link


@dataclass(frozen=True, slots=True)
class Reading:
    """One tool as read. `kind` is an operation of the surface language (`singleton` for one-row reads) or "none"."""

    tool: str
    kind: str
    entity: Words
    parent: Words
    keys: tuple[str, ...]
    roles: tuple[Bound, ...]
    confidence: float
    why: tuple[str, ...]
    reason: Reason | None = None
    verb: str = ""
    plural: bool = False
    facet: Words = ()
    namespace: Words = ()
    second: Words = ()  # relate: the other entity
    case: str = ""  # of a multiplexer: the value of the action parameter
    cases: tuple[Reading, ...] = ()  # choose
    table: Words = ()  # series: the curve's own table; empty = the entity's


@dataclass(slots=True)
class Draft:
    """A tool while it is being read."""

    tool: ToolLike
    parts: NameParts
    args: list[Arg]
    entity: Words = ()
    plural: bool = False
    keys: list[KeyArg] = field(default_factory=list)
    own: KeyArg | None = None
    others: list[KeyArg] = field(default_factory=list)
    facet: Words = ()
    cases: list[Reading] = field(default_factory=list)  # of a multiplexer
    confidence: float = 0.95
    why: list[str] = field(default_factory=list)

    def doubt(self, amount: float, why: str) -> None:
        self.confidence -= amount
        self.why.append(why)


@dataclass(slots=True)
class Context:
    """What is known about the whole server."""

    server: str
    category: str
    nouns: Nouns
    written: frozenset[Words]
    main: Words
    areas: Mapping[Words, int] = field(default_factory=dict)  # names without a verb that begin with these words
    sites: Mapping[Words, Words] = field(default_factory=dict)  # what is found on a site that is searched by its name


class NotLifted(Exception):
    """Raised while reading one tool; carries the reason. Never leaves this package."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason)
        self.reason: Reason = reason
        self.detail = detail


def read_server(server: str, category: str, tools: Sequence[ToolLike]) -> list[Reading]:
    """Readings of all tools of one server, in order."""
    from synth.worlds.lift.kinds import decide  # kinds needs the types above

    parts = parse_names([t.name for t in tools])
    drafts = [Draft(t, parts[t.name], open_arguments(t.input_schema)) for t in tools]
    context = _context(server, category, drafts)
    return [decide(with_keys(d, context), context) for d in drafts]


def noun_of(parts: NameParts) -> Words:
    """The singular noun phrase a name speaks of."""
    return singular_phrase(tuple(w for w in parts.noun))


_SEEN = lx.LIST | lx.GET | lx.CREATE | lx.UPDATE | lx.DELETE | lx.SEARCH | lx.COPY | lx.SEND | frozenset(lx.TRANSITIONS)
_WRITES = lx.CREATE | lx.UPDATE | lx.DELETE | lx.UPSERT | frozenset(lx.TRANSITIONS) | lx.RELATE | lx.UNRELATE


def _context(server: str, category: str, drafts: list[Draft]) -> Context:
    known: list[Words] = []
    written: set[Words] = set()
    for d in drafts:
        noun = noun_of(d.parts)
        if noun and _multiplexes(d):
            known.append(noun)
            written.add(noun)
        if not noun or d.parts.guessed:
            continue
        if d.parts.verb in _SEEN and noun[-1] not in lx.FACETS | lx.SERIES_HEADS and len(noun) <= 4:
            known.append(noun)
        if category in SOURCES and d.parts.verb not in lx.PLAIN:
            continue
        if d.parts.verb in _WRITES and d.tool.annotations.get("readOnlyHint") is not True:
            written.add(noun)
    nouns = Nouns(known)
    _learn_aliases(drafts, nouns)
    nouns.places = learn_places([(noun_of(d.parts), d.parts.verb, d.args) for d in drafts])
    counts = Counter(known)
    verbs: dict[Words, set[str]] = {}
    for d in drafts:
        if not d.parts.guessed:
            verbs.setdefault(
                _plain(noun_of(d.parts), d.parts, Context(server, category, nouns, frozenset(), ())), set()
            ).add(d.parts.verb)
    written |= {
        n for n, vs in verbs.items() if n and vs & (lx.LIST | lx.SEARCH) and vs & lx.GET and category in SOURCES
    }  # a corpus: found, then looked up
    main = min(counts, key=lambda n: (-counts[n], n)) if counts else ()
    bare = [b for d in drafts if (b := bare_words(d.parts))]
    areas = Counter(n[:i] for n in bare for i in range(1, min(len(n), 7)))
    return Context(server, category, nouns, frozenset(written), main, areas, _sites(drafts))


def bare_words(p: NameParts) -> Words:
    """The words of a name without a verb, or whose verb stands inside it and is a noun as often (`stock_index_list`);
    empty where a verb leads."""
    if p.guessed:
        return p.noun
    if p.verb not in lx.NOUNISH | {"use"} or not (p.namespace or p.last):
        return ()
    return (*p.noun, p.verb) if p.last else (*p.namespace, p.verb, *p.noun)


def _sites(drafts: list[Draft]) -> dict[Words, Words]:
    """`search_arxiv` beside `read_arxiv_paper`, for several sites: what is found there are papers."""
    searched = {d.parts.noun for d in drafts if d.parts.verb in lx.SEARCH and 0 < len(d.parts.noun) < 3}
    longer = [n for d in drafts if not d.parts.guessed and (n := noun_of(d.parts)) and n[:-1] in searched]
    rows = Counter(n[-1:] for n in dict.fromkeys(longer))
    if not rows or max(rows.values()) < 3:
        return {}
    found = min(rows, key=lambda n: (-rows[n], n))
    return {n: found for n in sorted(searched) if n[-1:] != found and not is_plural(n[-1])}


def _multiplexes(d: Draft) -> bool:
    return (d.parts.guessed or d.parts.verb == "manage") and any(
        a.flat in lx.ACTION and len(a.enum) > 1 for a in d.args
    )


_ALIAS_VERBS = lx.wordset("""get delete update read fetch remove edit modify patch show describe destroy retrieve""")


def _learn_aliases(drafts: list[Draft], nouns: Nouns) -> None:
    """Other names of a noun: `lb_get(load_balancer_id)` says that a load balancer is an lb. What names rows of several
    nouns (`record_id`) names none."""
    claims: dict[Words, list[Words]] = {}
    for d in drafts:
        noun = noun_of(d.parts)
        if (
            d.parts.verb not in _ALIAS_VERBS
            or not noun
            or noun not in nouns.known
            or (is_plural(d.parts.noun[-1]) and not d.parts.last)
        ):
            continue
        keys = [k for a in d.args if a.required and (k := key_of(a, nouns)) is not None and not k.many]
        if not keys or keys[-1].bare or keys[-1].tail in ("name", "self"):
            continue
        said = keys[-1].noun
        if (
            len(keys) == 1
            and len(said) > 1
            and len(noun) == 1
            and "".join(w[0] for w in said) == noun[0]
            and said in nouns.known
        ):
            nouns.alias.setdefault(noun, said)  # tgw: the transit gateway
            continue
        if (
            said in nouns.known
            or matches(said, noun, nouns)
            or set(said) & _OUTER - {"resource"}
            or noun[: len(said)] == said
        ):
            continue
        if len(keys) == 1 or len(said) <= 2:
            claims.setdefault(said, []).append(noun)
    for said, owners in claims.items():
        if len(set(owners)) == 1:
            nouns.alias.setdefault(said, owners[0])
        else:
            nouns.generic.add(said)


def with_keys(d: Draft, context: Context) -> Draft:
    """Entity and keys of a draft: own key, keys of other rows."""
    noun = noun_of(d.parts)
    d.plural = (
        bool(d.parts.noun)
        and is_plural(d.parts.noun[-1])
        and not (d.parts.last and d.parts.verb not in lx.LIST and any(a.required for a in d.args))
    )
    nouns = context.nouns
    noun = _plain(noun, d.parts, context)
    noun = _without_parent(noun, d, nouns)
    if len(noun) > 1 and noun[-1] == "list" and d.parts.verb in lx.GET and noun not in nouns.known:
        noun, d.plural = noun[:-1], True
    d.keys = [k for a in d.args if (k := key_of(a, nouns)) is not None]
    if not noun:  # get(note_id): the key says what
        said = [k for k in d.keys if k.arg.required and not k.bare]
        if said:
            noun = nouns.resolve(said[-1].noun) or said[-1].noun
            d.why.append("noun from key")
        elif d.parts.namespace:
            noun = singular_phrase(d.parts.namespace)
    d.entity = nouns.alias.get(noun, noun)
    own = [k for k in d.keys if not k.many and not k.bare and matches(k.noun, d.entity, nouns)]
    own.sort(key=lambda k: (not k.arg.required, k.tail in ("name", "self"), -len(k.noun)))
    bare = [k for k in d.keys if not k.many and k.bare]
    bare.sort(key=lambda k: not k.arg.required)
    prefixed = [
        k
        for k in d.keys
        if not k.many
        and k.arg.required
        and len(k.noun) < len(d.entity)
        and k.noun
        and d.entity[: len(k.noun)] == k.noun
    ]
    if own:
        d.own = own[0]
    elif bare and not (d.parts.particle in ("of", "for", "in") and d.plural) and not (d.plural and prefixed):
        d.own = bare[0]
    if (
        d.own is None
        and d.parts.verb in _NAMED
        and not (d.parts.verb in lx.UPDATE and any(k.arg.required for k in d.keys))
    ):
        persons = is_person(d.entity) or (
            bool(d.entity)
            and d.entity[-1]
            in ("account", "domain", "host", "site", "website", "zone", "customer", "contact", "subscriber")
        )
        shut = (_RENAMED if d.parts.verb in lx.UPDATE else frozenset()) | (frozenset() if persons else _PERSONAL)
        names = [a for a in d.args if a.required and a.type == "string" and a.flat in _NAMES - shut and not a.enum]
        if len(names) == 1 and names[0].flat not in [k.arg.flat for k in d.keys]:
            d.own = KeyArg(names[0], (), names[0].flat.split("_")[-1])
            d.keys.append(d.own)
    d.others = [k for k in d.keys if k is not d.own and not k.bare]
    if d.own is None and d.parts.verb in _NAMED and not d.plural:
        strange = [
            k
            for k in d.others
            if k.arg.required
            and not k.many
            and k.tail in lx.KEY_TAILS
            and nouns.resolve(k.noun) is None
            and not set(k.noun) & _OUTER
        ]
        rest = [k for k in d.others if k.arg.required and not k.many and k not in strange]
        if len(strange) == 1 and (
            rest or (d.entity in nouns.known and d.entity[: len(strange[0].noun)] != strange[0].noun)
        ):
            d.own = strange[0]
            d.others = [k for k in d.others if k is not d.own]
            d.doubt(0.1, "the key of no other noun")
        elif nouns.known.get(d.entity, 0) > 1:
            keys = [k for k in d.others if k.arg.required and not k.many]
            area = d.parts.namespace + d.entity
            full = [
                k for k in keys if k.noun == area or (k.noun == area[-len(k.noun) :] and len(k.noun) > len(d.entity))
            ]
            if full or (
                len(keys) > 1 and d.entity[: len(keys[-1].noun)] != keys[-1].noun and not set(keys[-1].noun) & _OUTER
            ):
                d.own = full[0] if full else keys[-1]
                d.others = [k for k in d.others if k is not d.own]
                d.doubt(0.1 if full else 0.2, "the last key is taken as the own")
    return d


_ADJECTIVES = frozenset({("external",), ("primary",), ("one",), ("single",), ("detail",), ("new",), ("current",)})
_OUTER = lx.wordset(
    """organization org account tenant workspace team user customer site company project drive enterprise subscription
    resource"""
)
_VIEWS = lx.wordset(
    """upcoming recent active latest favorite archived pending deleted trashed assigned open closed new public private
    published popular unread"""
)


def _plain(noun: Words, parts: NameParts, context: Context) -> Words:
    """Without the server's own name and without a view (`upcoming events` are events)."""
    if noun in _ADJECTIVES and parts.namespace:
        return singular_phrase(parts.namespace[-1:])
    while len(noun) > 1 and (
        noun[0] in context.server.split("-")
        or (noun[0] in _VIEWS and (noun[1:] in context.nouns.known or noun[0] == "new"))
    ):
        noun = noun[1:]
    return noun


def _without_parent(noun: Words, d: Draft, nouns: Nouns) -> Words:
    """`group milestone issue` with keys of group and milestone is an issue: the parents stand in front."""
    if len(noun) < 2 or noun[-1] in lx.FACETS:
        return noun
    said = {k.noun for a in d.args if a.required and (k := key_of(a, nouns)) is not None and not k.bare}
    out = noun
    grown = True
    while grown:
        grown = False
        for front in sorted(said, key=lambda n: (-len(n), n)):
            rest = out[len(front) :]
            if out[: len(front)] == front and rest and rest in nouns.known and rest != front:
                out, grown = rest, True
                break
    return out


_NAMES = lx.wordset(
    """name path slug email domain username hostname login symbol code address file_path filename key tag title mac
    mac_address ip ip_address"""
)
_RENAMED = lx.wordset("""name title tag key code""")  # what an update changes rather than finds by
_PERSONAL = frozenset({"username", "email", "login", "hostname", "domain"})
_NAMED = (
    lx.GET | lx.DELETE | frozenset(lx.TRANSITIONS) | (lx.UPDATE - {"set", "move", "configure"}) | lx.EXISTS | {"check"}
)
