"""Reading: what a real tool does, as far as its facts tell. One frozen `Reading` per tool, confident or with a reason.

The order is names (verb, noun, parents), arguments (envelopes opened), the server's nouns and their other names, then the
operation from the verb, corrected by the keys and payload that the tool really takes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.naming import NameParts, Words, parse_names
from synth.worlds.lift.opening import Arg, open_arguments
from synth.worlds.lift.roles import KeyArg, Nouns, key_of, matches
from synth.worlds.lift.words import is_plural, singular_phrase

Reason = Literal[
    "no_verb", "no_noun", "no_key", "no_payload", "no_query", "opaque", "code", "machine", "series", "compute", "job", "lookup", "session",
    "help", "multiplexer", "batch", "file", "contradiction", "unsure", "lonely", "uncut", "inadmissible",
]  # fmt: skip
REASONS: tuple[Reason, ...] = Reason.__args__  # type: ignore[attr-defined]
READ_KINDS = frozenset({"get", "list", "search", "aggregate", "exists", "singleton"})
# data sources and machines: there a noun counts as a record only where some tool of the server writes it
SOURCES = frozenset(
    """finance-markets weather science-gov data-science web-search maps browser science-research translation sports finance-crypto
    dev-mobile math search reference news healthcare-bio observability security""".split()
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
    role: str  # key parent field filter query limit offset page cursor sort order projection confirm dry_run ignored payload
    noun: Words = ()
    tail: str = ""
    compare: str = "eq"
    field: Words = ()


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
    return [decide(_with_keys(d, context), context) for d in drafts]


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
        if not noun or d.parts.guessed:
            continue
        if d.parts.verb in _SEEN and noun[-1] not in lx.FACETS | lx.SERIES_HEADS and len(noun) <= 4:
            known.append(noun)
        if d.parts.verb in _WRITES and d.tool.annotations.get("readOnlyHint") is not True:
            written.add(noun)
    nouns = Nouns(known)
    _learn_aliases(drafts, nouns)
    counts = Counter(known)
    main = min(counts, key=lambda n: (-counts[n], n)) if counts else ()
    return Context(server, category, nouns, frozenset(written), main)


_ALIAS_VERBS = frozenset("get delete update read fetch remove edit modify patch show describe destroy retrieve".split())


def _learn_aliases(drafts: list[Draft], nouns: Nouns) -> None:
    """Other names of a noun: `lb_get(load_balancer_id)` says that a load balancer is an lb."""
    for d in drafts:
        noun = noun_of(d.parts)
        if d.parts.verb not in _ALIAS_VERBS or not noun or noun not in nouns.known or is_plural(d.parts.noun[-1]):
            continue
        keys = [k for a in d.args if a.required and (k := key_of(a, nouns)) is not None and not k.many]
        if len(keys) != 1 or keys[0].bare or keys[0].tail == "name":
            continue
        said = keys[0].noun
        if said not in nouns.known and not matches(said, noun, nouns) and not (set(said) & {"user", "account", "project", "team", "organization", "workspace"}):
            nouns.alias.setdefault(said, noun)


def _with_keys(d: Draft, context: Context) -> Draft:
    """Entity and keys of a draft: own key, keys of other rows."""
    noun = noun_of(d.parts)
    d.plural = bool(d.parts.noun) and is_plural(d.parts.noun[-1])
    nouns = context.nouns
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
    own.sort(key=lambda k: (not k.arg.required, k.tail == "name", -len(k.noun)))
    bare = [k for k in d.keys if not k.many and k.bare]
    bare.sort(key=lambda k: not k.arg.required)
    prefixed = [k for k in d.keys if not k.many and k.arg.required and len(k.noun) < len(d.entity) and k.noun and d.entity[: len(k.noun)] == k.noun]
    if own:
        d.own = own[0]
    elif bare and not (d.parts.particle in ("of", "for", "in") and d.plural) and not (d.plural and prefixed):
        d.own = bare[0]
    if d.own is None and d.parts.verb in _NAMED:
        names = [a for a in d.args if a.required and a.type == "string" and a.flat in _NAMES and not a.enum]
        if len(names) == 1 and names[0].flat not in [k.arg.flat for k in d.keys]:
            d.own = KeyArg(names[0], (), names[0].flat.split("_")[-1])
            d.keys.append(d.own)
    d.others = [k for k in d.keys if k is not d.own and not k.bare]
    return d


_NAMES = frozenset("name path slug email domain username hostname login symbol code address file_path filename key tag title".split())
_NAMED = lx.GET | lx.DELETE | frozenset(lx.TRANSITIONS) | (lx.UPDATE - {"set", "move", "configure"}) | lx.EXISTS | {"check"}
