"""Habits of form of real servers: how they write names, schemas, results and hints, measured from the catalog.

An evolved world is written as some real server writes (its *host*): the root of its lineage, or another one where it
was restyled. Only form is taken over: case, order of words, verbs for usual operations, words for paging, which schema
keywords stand on which kind of parameter. No text of a server is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, NamedTuple

from synth.worlds.infer import words
from tools_catalog import ToolFacts, load_catalog
from tools_catalog.words import find_verb

Json = dict[str, Any]
_AREA = re.compile(r"[A-Za-z0-9-]+?(_|--|\.)[A-Za-z]+[A-Z]")
MOST_TOOLS = 1200  # a host counts for its tools, but for no more than these
ROLE_WORDS: dict[str, tuple[str, ...]] = {
    "limit": ("limit", "per_page", "page_size", "max_results", "count", "size", "top", "first", "take", "num_results"),
    "offset": ("offset", "skip", "start", "start_index", "from"),
    "page": ("page", "page_number", "page_num", "page_no", "page_index"),
    "cursor": ("cursor", "page_token", "next_token", "after", "continuation_token", "starting_after"),
    "query": ("query", "q", "search", "keyword", "search_term", "search_query", "term", "keywords", "text", "filter"),
    "sort": ("sort", "sort_by", "order_by", "sort_field", "ordering"),
    "order": ("order", "sort_order", "direction", "sort_direction", "sort_dir"),
    "projection": ("fields", "select", "properties", "columns", "attributes"),
    "dry_run": ("dry_run", "preview", "validate_only", "simulate"),
    "confirm": ("confirm", "confirmed", "confirmation", "force"),
    "from": ("start_date", "from", "start", "start_time", "since", "from_date", "date_from", "begin", "after"),
    "until": ("end_date", "to", "until", "end", "end_time", "to_date", "date_to", "before"),
    "every": ("interval", "granularity", "resolution", "period", "step", "timeframe", "frequency"),
    "idempotency": ("idempotency_key", "request_id", "client_token", "client_request_token", "client_request_id"),
    "action": ("action", "operation", "mode", "command", "method"),
    "data": ("data", "body", "input", "payload", "params", "attributes", "request", "properties", "fields"),
}  # fmt: skip
OP_VERBS: dict[str, tuple[str, ...]] = {
    "get": ("get", "retrieve", "fetch", "read", "show", "describe", "view"),
    "list": ("list", "get", "browse", "retrieve", "fetch", "query", "show", "find"),
    "search": ("search", "find", "query", "lookup"), "create": ("create", "add", "new", "insert", "make", "register"),
    "update": ("update", "edit", "modify", "change", "patch", "set"), "delete": ("delete", "remove", "destroy"),
    "aggregate": ("count", "summarize", "aggregate"), "copy": ("copy", "duplicate", "clone"),
    "set": ("set", "update", "change"), "assign": ("assign", "set"), "relate": ("link", "add", "attach", "connect"),
    "unrelate": ("unlink", "remove", "detach", "disconnect"), "send": ("send", "post", "submit"),
}  # fmt: skip


class ParamForm(NamedTuple):
    """How one real parameter is written, without its words."""

    kind: str  # string integer number boolean array object several any
    nullable: Literal["", "union", "list"]
    default: Literal["", "null", "value"]
    enum: bool
    low: bool
    high: bool
    shortest: bool  # minLength or minItems
    longest: bool


class OutputForm(NamedTuple):
    """How one real result is declared."""

    kind: Literal["none", "free", "full"]
    union: bool = False  # may be null by anyOf
    nullable: bool = False
    enum: bool = False
    required: Literal["all", "some", "none"] = "all"
    closed: bool | None = None  # additionalProperties false, true, not said


@dataclass(frozen=True)
class Host:
    """One real server's habits of form."""

    server: str
    tools: int
    case: str
    noun_first: bool
    lead: int  # words that most names begin with (a product's name)
    param_case: str
    plain_id: bool  # `id` rather than `order_id`
    ref_suffix: bool  # keys of other rows end in id
    nests: float  # share of its writes that take their payload as one object
    by_name: float  # share of its keys that are names rather than ids
    joint: str  # between an area and the rest of the name, where the two are written apart: hosting_listSites
    long_names: bool
    bare: bool  # reads are named by their noun alone
    closed: bool
    whole_numbers: str  # "integer" or "number"
    enum_share: float  # of string parameters
    words: Mapping[str, str]  # role -> its word, where the server has one
    verbs: Mapping[str, str]  # operation -> its verb
    counts: Mapping[str, tuple[int, ...]]  # effect -> numbers of parameters
    params: Mapping[tuple[str, bool], tuple[ParamForm, ...]] = field(default_factory=dict)  # (kind, required)
    outputs: Mapping[str, tuple[OutputForm, ...]] = field(default_factory=dict)
    hints: Mapping[str, tuple[Json, ...]] = field(default_factory=dict)


@cache
def load_hosts() -> dict[str, Host]:
    """All servers of the shipped catalog by id, measured once per process."""
    tools: dict[str, list[ToolFacts]] = {}
    for tool in load_catalog().tools:
        tools.setdefault(tool.server, []).append(tool)
    return {server: measure(server, facts) for server, facts in tools.items()}


@cache
def weights() -> tuple[list[str], list[int]]:
    """Hosts and how often each is drawn: as often as it has tools, up to a cap."""
    hosts = load_hosts()
    return list(hosts), [min(h.tools, MOST_TOOLS) for h in hosts.values()]


def measure(server: str, tools: list[ToolFacts]) -> Host:
    """The habits of one server."""
    names = [split for t in tools if (split := tuple(words(t.name)))]
    lead = _lead(names)
    params = [(n, s, n in _required(t.input_schema)) for t in tools for n, s in _props(t.input_schema).items()]
    forms: dict[tuple[str, bool], list[ParamForm]] = {}
    for _, schema, required in params:
        form = param_form(schema)
        forms.setdefault((form.kind, required), []).append(form)
    spoken = Counter("_".join(words(n)) for n, _, _ in params)
    strings = [f for (kind, _), fs in forms.items() for f in fs if kind == "string"]
    numbers = Counter(f.kind for fs in forms.values() for f in fs)
    verbs, ends = _verbs(names, lead)
    return Host(
        server=server, tools=len(tools), case=_case([t.name for t in tools]), noun_first=ends, lead=lead,
        param_case="camel" if sum(_camel(n) for n, _, _ in params) > sum("_" in n for n, _, _ in params) else "snake",
        plain_id=spoken["id"] > sum(c for n, c in spoken.items() if n.endswith("_id")) / 3,
        ref_suffix=sum(c for n, c in spoken.items() if n.endswith(("_id", "_key"))) > 0.08 * spoken.total(),
        nests=_nests(tools), by_name=_by_name(params), joint=_joint([t.name for t in tools]),
        long_names=sum(len(n) for n in names) > 3.3 * len(names),
        bare=sum(find_verb(n) is None for n in names) > 0.5 * len(names),
        closed=2 * sum(t.input_schema.get("additionalProperties") is False for t in tools) > len(tools),
        whole_numbers="number" if numbers["number"] > 3 * numbers["integer"] else "integer",
        enum_share=sum(f.enum for f in strings) / max(1, len(strings)),
        words={role: best for role, options in ROLE_WORDS.items() if (best := _most(options, spoken))},
        verbs={op: best for op, options in OP_VERBS.items() if (best := _most(options, verbs))},
        counts=_by_effect(tools, lambda t: len(_props(t.input_schema))),
        params={k: tuple(v) for k, v in forms.items()},
        outputs=_by_effect(tools, lambda t: output_form(t.output_schema)),
        hints=_by_effect(tools, lambda t: dict(t.annotations)),
    )  # fmt: skip


def _by_effect(tools: Iterable[ToolFacts], of: Any) -> dict[str, tuple[Any, ...]]:
    out: dict[str, list[Any]] = {}
    for tool in tools:
        out.setdefault(tool.effect, []).append(of(tool))
    return {effect: tuple(values) for effect, values in out.items()}


def _most(options: tuple[str, ...], seen: Counter[str]) -> str | None:
    """The option seen most; the earlier one where two are seen alike."""
    best = max(options, key=lambda o: seen[o])
    return best if seen[best] else None


# --- names ------------------------------------------------------------------------------------------------------------


def _case(names: list[str]) -> str:
    votes = {
        "snake": sum("_" in n for n in names), "kebab": sum("-" in n and "_" not in n for n in names),
        "camel": sum(_camel(n) for n in names), "pascal": sum(n[:1].isupper() and "_" not in n for n in names),
    }  # fmt: skip
    return max(votes, key=lambda c: votes[c])


def _joint(names: list[str]) -> str:
    """What stands between a lower-case or spelled area and a camel-case rest in most names, else nothing."""
    found = Counter(m.group(1) for n in names if (m := _AREA.match(n)))
    best, times = found.most_common(1)[0] if found else ("", 0)
    return best if 2 * times > len(names) else ""


def _nests(tools: list[ToolFacts]) -> float:
    writes = [_props(t.input_schema) for t in tools if t.effect == "write"]
    objects = [sum(p.get("type") == "object" for p in props.values()) for props in writes]
    return sum(n > 0 for n in objects) / max(1, len(writes))


def _by_name(params: list[tuple[str, Json, bool]]) -> float:
    """Share of required keys that are names: `repo_name` beside `repo_id`."""
    ends = Counter(w[-1] for n, _, required in params if required and (w := words(n)))
    names = ends["name"] + ends["slug"] + ends["path"]
    return names / max(1, names + ends["id"] + ends["key"] + ends["uuid"] + ends["number"])


def _camel(name: str) -> bool:
    return name[:1].islower() and name != name.lower() and "_" not in name and "-" not in name


def _lead(names: list[tuple[str, ...]]) -> int:
    """How many leading words most names share, at most two; verbs do not count."""
    for n in (2, 1):
        heads = Counter(name[:n] for name in names if len(name) > n)
        top, times = heads.most_common(1)[0] if heads else ((), 0)
        if len(names) >= 4 and times >= 0.6 * len(names) and find_verb(top) is None:
            return n
    return 0


def _verbs(names: list[tuple[str, ...]], lead: int) -> tuple[Counter[str], bool]:
    """Verbs of a server's names, and whether they end the name rather than begin it."""
    first, last = Counter[str](), Counter[str]()
    for name in names:
        rest = name[lead:]
        if rest and find_verb(rest[:1]) is not None:
            first[rest[0]] += 1
        elif len(rest) > 1 and find_verb(rest[-1:]) is not None:
            last[rest[-1]] += 1
    ends = last.total() > first.total()
    return (last if ends else first), ends


# --- schemas ----------------------------------------------------------------------------------------------------------


def _props(schema: Json) -> dict[str, Json]:
    found = schema.get("properties")
    return {n: s for n, s in found.items() if isinstance(s, dict)} if isinstance(found, dict) else {}


def _required(schema: Json) -> set[str]:
    return {r for r in schema.get("required") or () if isinstance(r, str)}


def param_form(schema: Json) -> ParamForm:
    """The form of one property of an input schema."""
    options = [o for o in (schema.get("anyOf") or schema.get("oneOf") or ()) if isinstance(o, dict)]
    named = schema.get("type")
    types = {named} if isinstance(named, str) else set(named or ())
    types |= {str(o.get("type")) for o in options if isinstance(o.get("type"), str)}
    plain = sorted(types - {"null"})
    every = [schema, *options]
    default = schema.get("default", schema)
    return ParamForm(
        kind="several" if len(plain) > 1 else plain[0] if plain else "any",
        nullable="" if "null" not in types else "union" if options else "list",
        default="" if default is schema else "null" if default is None else "value",
        enum=any("enum" in o or "const" in o for o in every),
        low=any("minimum" in o or "exclusiveMinimum" in o for o in every), high=any("maximum" in o for o in every),
        shortest=any("minLength" in o or "minItems" in o for o in every),
        longest=any("maxLength" in o or "maxItems" in o for o in every),
    )  # fmt: skip


def output_form(schema: Json | None) -> OutputForm:
    """The form of one output schema."""
    if schema is None:
        return OutputForm("none")
    props, required = _props(schema), _required(schema)
    closed = schema.get("additionalProperties")
    said = closed if isinstance(closed, bool) else None
    if not props or (len(props) == 1 and next(iter(props.values())).get("type") != "array"):
        return OutputForm("free", closed=said)
    forms = [param_form(p) for p in props.values()]
    return OutputForm(
        "full", any(f.nullable == "union" for f in forms), any(f.nullable for f in forms),
        any(f.enum for f in forms), "none" if not required else "all" if len(required) == len(props) else "some", said,
    )  # fmt: skip
