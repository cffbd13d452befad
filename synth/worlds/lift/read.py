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
from synth.worlds.lift.roles import KeyArg, Nouns, key_of, matches, plain_noun
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
KEY_ROLES = ("key", "owner", "left", "right")  # what names the row a tool works on
READ_KINDS = frozenset({"get", "list", "search", "aggregate", "exists", "singleton", "series"})
# data sources and machines: there a noun counts as a record only where some tool of the server writes it
SOURCES = lx.wordset(
    """finance-markets weather science-gov data-science web-search maps browser science-research translation sports
    finance-crypto dev-mobile math search reference news"""
)
THRESHOLD = 0.66


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
    role: (
        str  # key owner parent natural field payload filter time query limit offset page cursor sort order ... ignored
    )
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
    table: Words = ()  # job: the noun of the row that stands for the work; empty = the entity's
    batch: Arg | None = None  # the list whose items are worked on one by one

    @property
    def single(self) -> bool:
        """Whether the tool works on a thing that exists once: no key names it."""
        return self.kind in ("singleton", "setting") or (
            self.kind == "move" and not any(b.role in KEY_ROLES for b in self.roles)
        )


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
    table: Words = ()  # of a job: the row that stands for it
    batch: Arg | None = None
    borrowed: bool = False  # the own key is the key of another row that has one of these
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
    made: frozenset[Words] = frozenset()  # nouns that some tool creates
    added: frozenset[Words] = frozenset()  # nouns whose rows are added to another row: there may be many
    brands: frozenset[Words] = frozenset()  # words in front of the verbs of several tools, listed by none
    vocabulary: frozenset[str] = frozenset()  # words of nouns and areas that stand beside verbs


class NotLifted(Exception):
    """Raised while reading one tool; carries the reason. Never leaves this package."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason)
        self.reason: Reason = reason
        self.detail = detail


def read_server(server: str, category: str, tools: Sequence[ToolLike]) -> list[Reading]:
    """Readings of all tools of one server, in order."""
    from synth.worlds.lift.kinds import decide  # both need the types above
    from synth.worlds.lift.owning import with_keys

    parts = parse_names([t.name for t in tools])
    drafts = [Draft(t, parts[t.name], open_arguments(t.input_schema)) for t in tools]
    context = _context(server, category, drafts)
    return [decide(with_keys(d, context), context) for d in drafts]


def noun_of(parts: NameParts) -> Words:
    """The singular noun phrase a name speaks of."""
    return singular_phrase(tuple(w for w in parts.noun))


_SEEN = lx.LIST | lx.GET | lx.CREATE | lx.UPDATE | lx.DELETE | lx.SEARCH | lx.COPY | lx.SEND | frozenset(lx.TRANSITIONS)
_ROWS = lx.LIST | {"create", "add"}  # what these work on is a row, whatever it is called
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
        whole = noun[-1] not in lx.FACETS | lx.SERIES_HEADS or d.parts.verb in _ROWS
        if d.parts.verb in _SEEN and whole and len(noun) <= 4:
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
            verbs.setdefault(plain_noun(noun_of(d.parts), d.parts.namespace, server, nouns), set()).add(d.parts.verb)
    written |= {
        n for n, vs in verbs.items() if n and vs & (lx.LIST | lx.SEARCH) and vs & lx.GET and category in SOURCES
    }  # a corpus: found, then looked up
    main = min(counts, key=lambda n: (-counts[n], n)) if counts else ()
    bare = [b for d in drafts if (b := bare_words(d.parts))]
    areas = Counter(n[:i] for n in bare for i in range(1, min(len(n), 7)))
    added = {noun_of(d.parts) for d in drafts if d.parts.verb in ("add", "insert", "log", "append")}
    made = {noun_of(d.parts) for d in drafts if d.parts.verb in _MAKERS}
    words = {w for d in drafts if not d.parts.guessed for w in (*noun_of(d.parts), *d.parts.namespace)}
    return Context(
        server,
        category,
        nouns,
        frozenset(written),
        main,
        areas,
        _sites(drafts),
        frozenset(made),
        frozenset(added),
        _brands(drafts),
        frozenset(words),
    )


def bare_words(p: NameParts) -> Words:
    """The words of a name without a verb, or whose verb stands inside it and is a noun as often (`stock_index_list`);
    empty where a verb leads."""
    if p.guessed:
        return p.noun
    if p.verb not in lx.NOUNISH | {"use", "forward"} or not (p.namespace or p.last):
        return ()
    return (*p.noun, p.verb) if p.last else (*p.namespace, p.verb, *p.noun)


def _brands(drafts: list[Draft]) -> frozenset[Words]:
    fronts = Counter(d.parts.namespace for d in drafts if len(d.parts.namespace) == 1)
    listed = {noun_of(d.parts) for d in drafts if d.parts.verb in lx.LIST | lx.CREATE | lx.DELETE}
    return frozenset(w for w, n in fronts.items() if n >= 3 and w not in listed and not is_plural(w[0]))


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


_MAKERS = lx.wordset("create add insert new register define make")
_ALIAS_VERBS = lx.wordset("""get delete update read fetch remove edit modify patch show describe destroy retrieve""")


def _learn_aliases(drafts: list[Draft], nouns: Nouns) -> None:
    """Other names of a noun: `lb_get(load_balancer_id)` says that a load balancer is an lb. What names rows of several
    nouns (`record_id`) names none."""
    claims: dict[Words, list[Words]] = {}
    fronts = {noun[:n] for d in drafts for noun in (noun_of(d.parts),) for n in range(1, len(noun))}
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
            or said in fronts  # `domain_id` beside `domain config`: a thing of its own
            or matches(said, noun, nouns)
            or set(said) & lx.OUTER - {"resource"}
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
