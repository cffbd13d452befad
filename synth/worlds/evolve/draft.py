"""A world in the middle of its evolution: entities and tools without surface names, so that operators can move them.

`read_world` takes a parent apart into this form (canonical snake names, roles instead of parameters), operators change
it, `render.Renderer` puts it together again in a style of its own. What has no abstract form (bodies of core
statements, computed results, a parent's own conditions) is left behind; operators add conditions of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from synth.worlds.evolve.style import joined_words
from synth.worlds.infer import COMPANIES, PEOPLE, words
from synth.worlds.params import explicit, paging_of
from synth.worlds.spec import Entity, FieldSpec, IdStyle, ToolSpec, World

KEPT_OPS = frozenset(
    {"get", "exists", "list", "search", "aggregate", "create", "update", "upsert", "copy", "delete", "move", "relate"}
    | {"unrelate", "send"}
)
MADE = "created_at"  # canonical name of the time a row was made
CHANGED = "updated_at"


@dataclass
class Rule:
    """A condition a tool checks, kept symbolic until names are known; `Renderer.condition` knows the kinds."""

    kind: str
    code: str
    say: str
    field: str = ""
    other: str = ""  # an entity, or a second field
    value: Any = None


@dataclass(frozen=True)
class Join:
    """What a row is shown with: `count`, `sum` of a field, or `state` (a count in one state) of the rows of `child`
    whose `field` refers to it."""

    name: str
    kind: str
    child: str
    field: str
    of: str = ""


@dataclass
class DEntity:
    noun: str
    plural: str
    slot: str
    fields: dict[str, FieldSpec] = field(default_factory=dict)  # references too
    state: str | None = None  # the field that holds the lifecycle state
    moves: dict[str, list[str]] = field(default_factory=dict)
    verbs: dict[str, str] = field(default_factory=dict)  # target state -> verb
    label: str | None = None
    id: IdStyle = field(default_factory=IdStyle)
    rows: int = 24
    link: tuple[str, str] | None = None  # the two reference fields that are its key
    virtual: tuple[str, str] | None = None  # a curve: the owner's reference field and the time field
    step: str = "day"
    natural: bool = False  # its label is its key
    job: bool = False  # rows that the world finishes by itself
    spare: dict[str, FieldSpec] = field(default_factory=dict)  # what such things have besides, not yet used

    def refs(self) -> dict[str, str]:
        return {f: s.to for f, s in self.fields.items() if s.type == "ref" and s.to}

    def payload(self) -> list[str]:
        """Fields a caller may write."""
        return [f for f, s in self.fields.items() if s.set_by == "tool" and f != self.state]


@dataclass
class DTool:
    op: str
    of: str
    needs: list[str] = field(default_factory=list)
    may: list[str] = field(default_factory=list)
    filters: list[tuple[str, str, bool]] = field(default_factory=list)  # field, comparison, required
    texts: list[str] = field(default_factory=list)  # searched
    view: tuple[str, str] | None = None  # fixed condition: field, value
    sort: str | None = None
    paging: str = "none"
    shows: list[str] | None = None
    to: str | None = None
    measure: str | None = None  # field that is summed; None counts
    group: str | None = None
    by: str | None = None  # unique field that names the row instead of its key
    rules: list[Rule] = field(default_factory=list)
    extras: set[str] = field(default_factory=set)  # sort, order, projection, confirm, dry_run
    batch: str = ""  # for many keys at once: all_or_nothing, skip, stop
    preset: tuple[str, str] | None = None  # create: state field and the state it is made in
    joins: list[Join] = field(default_factory=list)
    amount: str | None = None  # transfer: field
    fee: tuple[str, float] | None = None  # create: amount field and rate
    envelope: str | None = None  # payload sits one level down under this name
    verb: str | None = None
    cases: list[DTool] = field(default_factory=list)
    parents: list[str] = field(default_factory=list)
    source: str | None = None


@dataclass(frozen=True)
class DEvent:
    """A job's row moves by itself after `after` calls. `left` says what it leaves in which field: count, url, now."""

    of: str
    before: str
    after: int
    state: str
    left: dict[str, str]
    about: str  # entity that is counted


@dataclass
class DPolicy:
    tool: DTool
    rule: Rule
    held_by: str
    otherwise: str


@dataclass
class Draft:
    entities: dict[str, DEntity]
    tools: list[DTool]
    category: str = ""
    domain: str = ""
    roots: list[str] = field(default_factory=list)
    operators: list[str] = field(default_factory=list)
    events: list[DEvent] = field(default_factory=list)
    policies: list[DPolicy] = field(default_factory=list)

    def of(self, entity: str) -> list[DTool]:
        return [t for t in self.tools if t.of == entity]

    def main(self) -> str:
        """The entity the world is about: most tools, lifecycles count."""
        return max(self.entities, key=lambda e: (self._stored(e), self._weight(e), -self._at(e)))

    def _stored(self, name: str) -> bool:
        return not (self.entities[name].job or self.entities[name].virtual)

    def _weight(self, name: str) -> int:
        return len(self.of(name)) + 2 * bool(self.entities[name].moves)

    def _at(self, name: str) -> int:
        return list(self.entities).index(name)

    def children(self, entity: str) -> list[tuple[str, str]]:
        """(entity, field) pairs whose rows refer to `entity`."""
        stored = {n: e for n, e in self.entities.items() if not e.virtual}
        return [(n, f) for n, e in stored.items() for f, to in e.refs().items() if to == entity]


def snake(name: str) -> str:
    return "_".join(joined_words(name)) or name.lower()


def slot_of(name: str, entity: Entity) -> str:
    """A guess at what kind of thing an entity is, from its last word and its fields."""
    last = (words(name) or ("thing",))[-1]
    if last in PEOPLE:
        return "person"
    if last in COMPANIES:
        return "org"
    for slot, hints in _HINTS.items():
        if last in hints:
            return slot
    types = {f.type for f in entity.fields.values()}
    if "money" in types:
        return "money"
    if entity.lifecycle is not None:
        return "job"
    if any(f in entity.fields for f in ("title", "body", "content", "author")):
        return "document"
    return "group"


_HINTS: dict[str, frozenset[str]] = {
    slot: frozenset(text.split())
    for slot, text in {
        "place": "room location site branch warehouse zone region area building address venue store office floor",
        "event": "event meeting booking appointment session reservation visit call match game trip flight shift",
        "money": "invoice payment transaction order subscription charge refund payout expense quote transfer bill",
        "message": "message comment note notification email mail reply announcement alert post tweet thread",
        "record": "log entry record metric reading result sample event_log measurement usage statistic report",
        "job": "task job ticket issue run incident request deployment build workflow action todo case campaign",
        "document": "document file page article note template contract report form policy image photo video dataset",
        "asset": "device server machine instance database vehicle sensor cluster volume key certificate domain host",
        "item": "product item package plugin part listing model dataset recipe book track",
        "group": "project group team folder list collection board channel category tag workspace space album list set",
    }.items()
}


def read_world(world: World, parent_ids: dict[str, list[str]] | None = None) -> Draft:
    """Take `world` apart. `parent_ids` gives tool ids by name where the specs carry none."""
    entities: dict[str, DEntity] = {}
    moving = {event.of for event in world.events}  # rows of jobs; the `defer` operator makes its own
    keys = {
        name: snake(name)
        for name, e in world.entities.items()
        if not (e.singleton or e.session or e.virtual or name in moving)
    }
    for name, entity in world.entities.items():
        if name in keys:
            entities[keys[name]] = _read_entity(name, entity, keys)
    tools: list[DTool] = []
    for name, tool in world.tools.items():
        ids = tool.parents or (parent_ids or {}).get(name, [])
        for case in (tool.cases or {}).values() if tool.op == "choose" else [tool]:
            read = _read_tool(world, name, case, keys)
            if read is not None:
                read.parents, read.source = list(ids), name
                tools.append(read)
    return Draft(entities, tools, world.category, world.domain, list(world.roots), list(world.operators))


def _read_entity(name: str, entity: Entity, keys: dict[str, str]) -> DEntity:
    out = DEntity(
        noun=entity.noun or " ".join(words(name)), plural=entity.plural or "", slot=slot_of(name, entity),
        id=entity.id, rows=entity.rows,
    )  # fmt: skip
    for fname, spec in entity.fields.items():
        if spec.type == "ref":
            if spec.to not in keys:
                continue
            spec = spec.model_copy(update={"to": keys[str(spec.to)], "unique": False})
        if spec.type in ("record", "map") or (isinstance(spec.of, str) and spec.of.startswith("ref ")):
            continue
        name = _canonical(fname, spec)
        if name in (MADE, CHANGED) and spec.type != "time":
            continue  # a date or a number under the name of a stamp
        out.fields[name] = spec
    cycle = entity.lifecycle
    if cycle is not None:
        out.state = _canonical(cycle.field, entity.fields[cycle.field])
        out.moves = {s: list(ts) for s, ts in cycle.moves.items()}
    if entity.label:
        out.label = snake(entity.label)
    if len(entity.keys) == 2:
        parts = [snake(k) for k in entity.keys]
        if all(p in out.refs() for p in parts):
            out.link = (parts[0], parts[1])
    return out


def _canonical(fname: str, spec: FieldSpec) -> str:
    name = snake(fname)
    if spec.type == "time" and spec.set_by == "system":
        return CHANGED if {"updated", "modified", "changed"} & set(name.split("_")) else MADE
    return name


def _read_tool(world: World, name: str, tool: ToolSpec, keys: dict[str, str]) -> DTool | None:
    if tool.op not in KEPT_OPS or tool.of not in keys or tool.then or tool.gives or tool.batch_over:
        return None
    entity = world.entities[str(tool.of)]
    out = DTool("update" if tool.op == "upsert" else tool.op, keys[str(tool.of)], paging=paging_of(tool).kind)
    out.texts = [snake(f) for f in tool.in_]
    out.shows = [_canonical(f, entity.fields[f]) for f in tool.shows if f in entity.fields] if tool.shows else None
    out.to = tool.to
    out.group = snake(tool.group) if tool.group else None
    out.sort = ("-" if tool.sort.startswith("-") else "") + snake(tool.sort.removeprefix("-")) if tool.sort else None
    for pname, p in explicit(world, tool).items():
        target = snake(p.field or pname)
        if p.role == "field":
            (out.needs if p.required else out.may).append(target)
        elif p.role == "filter":
            out.filters.append((target, p.compare, p.required))
        elif p.role == "query" and out.op == "list":
            out.op = "search"
        elif p.role in ("limit", "offset", "page", "cursor"):
            out.paging = p.role if p.role != "limit" else (out.paging if out.paging != "none" else "offset")
        elif p.role in ("sort", "order", "projection", "confirm", "dry_run"):
            out.extras.add(p.role)
    if out.op == "update" and tool.op == "upsert":
        out.may += out.needs
        out.needs = []
    return out


def copy_tool(tool: DTool, **changes: Any) -> DTool:
    """A tool of its own (no shared lists) with `changes`."""
    fresh = replace(
        tool, needs=list(tool.needs), may=list(tool.may), filters=list(tool.filters), texts=list(tool.texts),
        rules=list(tool.rules), extras=set(tool.extras), cases=list(tool.cases), parents=list(tool.parents),
        joins=list(tool.joins),
        shows=list(tool.shows) if tool.shows else None,
    )  # fmt: skip
    return replace(fresh, **changes)
