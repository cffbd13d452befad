"""`lift_server`: the tools of one real server in, worlds that run out, one reason for every tool left behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from synth.errors import SpecError
from synth.worlds.lift.choosing import Built, batched, choose, operations
from synth.worlds.lift.entities import Tables
from synth.worlds.lift.habits import draw, spoken
from synth.worlds.lift.observed import apply_observed
from synth.worlds.lift.read import Reading, Reason, ToolLike, read_server
from synth.worlds.lift.split import components
from synth.worlds.lift.table import Table
from synth.worlds.lift.tools import ToolBuilder
from synth.worlds.lift.virtual import curve
from synth.worlds.lift.words import style_of
from synth.worlds.lift.working import events
from synth.worlds.spec import World
from tools_catalog.observed import Observed


@dataclass(frozen=True, slots=True)
class Dropped:
    """A real tool that was not lifted. `reason` is one of `read.REASONS`."""

    tool: str
    reason: Reason
    detail: str = ""


@dataclass(slots=True)
class Lift:
    """What came of one server."""

    server: str
    worlds: list[World] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)

    @property
    def lifted(self) -> int:
        """Real tools that stand in a world; one that finds rows for several worlds counts once."""
        return len({name for w in self.worlds for name in w.tools})


def lift_server(server: str, category: str, tools: Sequence[ToolLike], observed: Observed | None = None) -> Lift:
    """Lift one server. Deterministic; never raises for what a server's schemas hold. Every tool is in exactly one
    world or in `dropped`. `observed`: what an audit saw of the live server (`load_observed()[server]`)."""
    readings = read_server(server, category, tools)
    lift = Lift(server, readings=readings)
    lift.dropped = [Dropped(r.tool, r.reason or "unsure", "; ".join(r.why)) for r in readings if r.kind == "none"]
    style = style_of([b.arg.at[-1] for r in readings for b in r.roles])
    single = [_placed(c) for r in readings if r.kind != "series" for c in (r.cases or (r,))]
    tables = Tables(server, style, single, {t.name: t for t in tools})
    builder = ToolBuilder(tables)
    built: dict[str, Built] = {}
    cases: dict[str, list[tuple[Reading, Built]]] = {r.tool: [] for r in readings if r.cases}
    for r in tables.readings:
        one: Built | None = Built(*builder.build(r))
        if one is not None and r.batch is not None:
            one = batched(builder, r, one)
        if one is None:
            lift.dropped.append(Dropped(r.tool, "batch", "its items name nothing"))
            continue
        if r.case:
            cases[r.tool] += [] if _empty(r, one.spec) else [(r, one)]
        elif _empty(r, one.spec):
            lift.dropped.append(Dropped(r.tool, "no_payload", "no parameter can be stored"))
        else:
            built[r.tool] = one
    for r in readings:
        if r.kind == "series":
            built[r.tool] = curve(builder, r)
        if len(cases.get(r.tool, ())) > 1:
            built[r.tool] = choose(builder, r, cases[r.tool])
        elif r.cases:
            lift.dropped.append(Dropped(r.tool, "multiplexer", "its cases store nothing"))
    groups = components({n: frozenset(b.touched) for n, b in built.items()}, {n: b.own.name for n, b in built.items()})
    titles: set[str] = set()
    for group in groups:
        if len(group) == 1 and len(tools) > 1 and not _stands_alone(built[group[0]]):
            lift.dropped.append(Dropped(group[0], "lonely"))
            continue
        spec = _world(server, category, tables, {n: built[n] for n in (*group, *_producers(group, built))}, titles)
        try:
            lift.worlds.append(World.load(apply_observed(spec, observed or {}), spec["world"]))
        except SpecError as error:
            lift.dropped += [Dropped(n, "inadmissible", str(error)) for n in group]
    return lift


def _placed(r: Reading) -> Reading:
    """A job works on the rows that stand for its work; the row it is done to is where they hang."""
    if r.kind != "job" or not r.table:
        return r
    roles = tuple(replace(b, role="parent") if b.role == "key" else b for b in r.roles)
    return replace(r, entity=r.table, roles=roles)


MAX_PRODUCERS = 5


def _producers(group: list[str], built: dict[str, Built]) -> list[str]:
    """Lists and searches of other worlds of this server that find the rows which `group` needs the keys of. A cut
    through a hub (projects, accounts) would otherwise leave only the user to know them."""
    found = {e for n in group for e, spec in operations(built[n]) if spec["op"] in ("list", "search")}
    needed: dict[str, None] = {}
    for n in group:
        for target in _required_rows(built[n]):
            needed.setdefault(target)
    out: list[str] = []
    for target in needed:
        if target in found or len(out) == MAX_PRODUCERS:
            continue
        fitting = [
            (sum(bool(p.get("required")) for p in b.spec["params"].values()), b.spec["op"] != "list", n)
            for n, b in built.items()
            if b.own.name == target and b.spec["op"] in ("list", "search") and set(_required_rows(b)) <= found
        ]
        if fitting and min(fitting)[0] <= 2:
            out.append(min(fitting)[2])
            found.add(target)
    return out


def _required_rows(built: Built) -> list[str]:
    """Entities whose keys a tool cannot do without."""
    own, spec, _ = built
    out = []
    for p in spec["params"].values():
        if not p.get("required"):
            continue
        target = own.spec(p["field"]) if p.get("field") else None
        if p.get("entity"):
            out.append(p["entity"])
        elif p["role"] == "key" and spec["op"] not in ("relate", "unrelate", "series"):
            out.append(own.name)
        elif target is not None and target["type"] == "ref":
            out.append(target["to"])
    return out


def _empty(r: Reading, spec: dict[str, Any]) -> bool:
    """A change that changes nothing: none of its parameters fills a field."""
    writes = r.kind in ("update", "upsert", "create", "send") or (r.kind == "setting")
    return writes and not spec.get("init") and not any(p["role"] == "field" for p in spec["params"].values())


def _stands_alone(built: Built) -> bool:
    """Whether one tool makes a world by itself: a list or search over something, a letter to send, all in one."""
    return built.spec["op"] in ("list", "search", "send", "get", "choose", "series", "job")


def _world(
    server: str,
    category: str,
    tables: Tables,
    tools: dict[str, Built],
    titles: set[str],
) -> dict[str, Any]:
    counts = Counter(e for b in tools.values() for e in dict.fromkeys(e for e, _ in operations(b)))
    by_name = {t.name: t for t in tables.by_noun.values()}
    wanted: list[str] = []
    for own, _, touched in tools.values():
        wanted += [own.name, *sorted(touched)]
    wanted = list(dict.fromkeys(wanted))
    names = set(wanted)
    entities: dict[str, Any] = {}
    changed = True
    while changed:  # references that cannot be left out bring their targets along
        changed = False
        for name in list(wanted):
            for _, s in by_name[name].fields.values():
                if s["type"] == "ref" and s["to"] not in names and _needed(by_name[name], s, counts):
                    names.add(s["to"])
                    wanted.append(s["to"])
                    changed = True
    single = [each for b in tools.values() for each in operations(b)]
    used = {(entity, p.get("field")) for entity, t in single for p in t["params"].values()}
    used |= {
        (entity, f)
        for entity, t in single
        for f in (*t.get("shows", ()), t.get("left"), t.get("right"), *t.get("init", ()))
    }
    for name in wanted:
        entities[name] = _entity(by_name[name], names, used, name in counts)
    main = min(counts, key=lambda n: (-counts[n], n))
    slug = "-".join(by_name[main].noun[:-1] if by_name[main].link else by_name[main].noun)
    title = f"{server}-{slug}"
    n = 2
    while title in titles:
        title, n = f"{server}-{slug}-{n}", n + 1
    titles.add(title)
    out_tools = {}
    for name, b in tools.items():
        out_tools[name] = _shown(b.own.name, b.spec, entities)
    moving = [e for name in wanted for e in events(by_name[name])]
    style = ("plain", "http", "coded")[draw(server, "errors", 3)]
    errors = (
        {"wrong_state": {"status": 409, "say": "not possible in its present state"}}
        if any(t.get("require") for _, t in single)
        else {}
    )
    return {
        "world": title, "title": f"{_service(server)} {spoken(by_name[main].noun)[1]}",
        "category": category, "domain": category, "server": server,
        "entities": entities, "tools": out_tools, "events": moving,
        "error_style": style, "errors": errors, "roots": [server],
    }  # fmt: skip


def _shown(own: str, spec: dict[str, Any], entities: dict[str, Any]) -> dict[str, Any]:
    """The spec without shown fields that its world does not hold."""
    if "cases" in spec:
        return {**spec, "cases": {n: _shown(c["of"], c, entities) for n, c in spec["cases"].items()}}
    kept = [f for f in spec.get("shows", ()) if f == entities[own]["key"] or f in entities[own]["fields"]]
    return {**spec, "shows": kept} if kept else spec


def _service(server: str) -> str:
    words = [w for w in server.replace("_", "-").split("-") if w not in ("ref", "mcp", "server")]
    return " ".join(w.capitalize() for w in (words[:1] if len(words) > 1 and len(words[0]) > 4 else words))


def _needed(table: Table, spec: dict[str, Any], counts: Counter[str]) -> bool:
    return table.name in counts and not spec.get("null")


def _entity(t: Table, names: set[str], used: set[tuple[str, str | None]], worked: bool) -> dict[str, Any]:
    """The spec of one table inside a world: references to tables outside it go, unless a tool uses them."""
    fields: dict[str, Any] = {}
    for name, spec in t.fields.values():
        target = (
            spec["to"]
            if spec["type"] == "ref"
            else spec["of"][4:]
            if str(spec.get("of", "")).startswith("ref ")
            else None
        )
        if target is not None and target not in names:
            continue
        if not worked and (t.name, name) not in used and spec["type"] in ("map", "record", "list"):
            continue
        clean = {k: v for k, v in spec.items() if not (k == "null" and not v)}
        if name == t.key or clean["type"] in ("list", "map", "record"):
            clean.pop("null", None)
        if clean["type"] == "list" and clean.get("fields"):
            clean.pop("of", None)
        fields[name] = clean
    out: dict[str, Any] = {"fields": fields, "key": [*t.parts, t.key] if t.virtual else t.key}
    if t.virtual:
        out |= {"virtual": True, "step": t.step, "ahead": t.ahead}
    if t.natural:
        fields[t.key] = {**fields[t.key], "unique": True}
    elif t.id and not t.virtual:
        out["id"] = t.id
    if t.singleton:
        out["singleton"] = True
    if t.lifecycle:
        out["lifecycle"] = t.lifecycle
    if t.label and t.label in fields:
        out["label"] = t.label
    noun = t.noun[:-1] if t.link else t.noun
    out["noun"], out["plural"] = spoken(noun)
    out["rows"] = (
        1
        if t.singleton
        else 6
        if any(s["type"] == "ref" and s.get("unique") for _, s in t.fields.values())
        else 8
        if not worked
        else 12
        if t.children > 2
        else 40
        if any(s["type"] == "ref" for _, s in t.fields.values())
        else 20
    )
    return out
