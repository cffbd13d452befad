"""One evolved world per ordinal: which parent, which domain, which operators, and the guards at the end.

Everything is decided by (seed, ordinal) and the list of parents. Parents, domains and operators are taken in turn from
shuffled rounds, so that each is used about as often as any other (drawing by inverse use, without shared state).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from synth.errors import SpecError
from synth.records import Split, WorldRow, make_id, rng_for
from synth.worlds.evolve import behave, grow, reshape
from synth.worlds.evolve.describe import draw_habits
from synth.worlds.evolve.draft import Draft, DTool, read_world
from synth.worlds.evolve.hosts import Host, load_hosts, weights
from synth.worlds.evolve.render import Renderer
from synth.worlds.evolve.repair import make_room, repair
from synth.worlds.evolve.style import draw_style
from synth.worlds.evolve.transplant import transplant
from synth.worlds.evolve.widen import fit_sizes
from synth.worlds.spec import World
from tools_catalog.taxonomy import Domain, Taxonomy

MAX_DEPTH = 4  # generations from a lifted world
MIN_TOOLS = 4
MAX_TOOLS = 16
_GRAFT_EVERY = 7
_RESTYLED = 0.45  # of the worlds, besides those whose turn it is

Operator = Callable[[Draft, random.Random], bool]
OPERATORS: dict[str, Operator] = {
    "extend_lifecycle": grow.extend_lifecycle,
    "add_report": grow.add_report,
    "enrich_parameters": reshape.enrich,
    "restructure_payload": reshape.restructure,
    "split": reshape.split,
    "merge": reshape.merge,
    "change_keying": reshape.change_keying,
    "add_rule": reshape.add_rule,
    "batch": behave.batch,
    "idempotency": behave.idempotent,
    "defer": behave.defer,
    "measure": behave.measure,
    "transfer": behave.transfer,
    "compose": behave.compose,
    "scope": behave.scope,
    "add_fee": behave.add_fee,
    "add_policy": behave.add_policy,
}
TURN = (*OPERATORS, "add_entity", "restyle", "add_rule", "enrich_parameters")  # one round


ORDER = (  # structure first, form after, rules last
    "graft", "add_entity", "defer", "measure", "transfer", "add_report", "extend_lifecycle", "change_keying", "split",
    "compose", "restructure_payload", "enrich_parameters", "scope", "add_fee", "idempotency", "batch", "add_rule",
    "add_policy", "merge", "restyle",
)  # fmt: skip


@dataclass(frozen=True)
class Evolved:
    """A grown world with where it came from. `parents` are world ids."""

    world: World
    split: Split
    parents: list[str]


@dataclass(frozen=True)
class Rejected:
    """Why an ordinal gave no world."""

    reason: str
    detail: str = ""
    parent_id: str = ""


def evolve(
    ordinal: int, seed: int, parents: Sequence[WorldRow], taxonomy: Taxonomy, split_of_domain: Callable[[str], Split]
) -> Evolved | Rejected:
    """The `ordinal`-th evolved world. Same arguments, same world."""
    rows = pick_parents(ordinal, seed, parents)
    if not rows:
        return Rejected("no_parent", f"none of {len(parents)} worlds has {MIN_TOOLS} tools and depth to spare")
    first = rows[0]
    domain = _domain(ordinal, seed, first, parents, taxonomy, split_of_domain)
    if domain is None:
        return Rejected("no_domain", f"the taxonomy has no domain in the {first.split} split", first.world_id)
    rng = rng_for("evolve", seed, ordinal)
    draft = read_world(_load(first))
    draft.roots = list(dict.fromkeys(first.roots))
    if not transplant(draft, domain, taxonomy, rng) or not draft.tools:
        return Rejected("nothing_to_transplant", f"{first.domain} into {domain.name}", first.world_id)
    draft.operators = [*first.operators, "transplant"]
    repair(draft, rng)
    if not draft.tools:
        return Rejected("nothing_to_transplant", f"{first.domain} into {domain.name}", first.world_id)
    if rng.random() < 0.75 and grow.use_lifecycle(draft, rng):
        repair(draft, rng)
    reshape.furnish(draft, rng)
    wanted = _operators(ordinal, seed, rng)
    styled = "restyle" in wanted
    host = _host(first, styled, rng)
    for name in list(draft.entities):
        if rng.random() < host.by_name:
            reshape.key_by_name(draft, name)
    inherited = list(draft.tools)
    _apply(draft, wanted, rows, domain, taxonomy, rng)
    _fill(draft, rows, domain, taxonomy, rng)
    _trim(draft, inherited)
    fit_sizes(draft, host, rng)
    if rng.random() < host.nests:
        reshape.nest(draft, host.words.get("data", "data"))
    repair(draft, rng)
    make_room(draft)
    refusal = _refused(draft)
    if refusal:
        return Rejected(refusal, domain.name, first.world_id)
    habit = f"{seed}/{ordinal}" if styled else host.server
    style = draw_style(habit, domain.name, host)
    world_id = make_id("evolved", seed, ordinal, first.world_id, domain.name)
    try:
        world = Renderer(draft, style, draw_habits(habit, domain.name), host, world_id).world()
    except SpecError as error:
        return Rejected("does_not_render", str(error), first.world_id)
    return Evolved(world, first.split, [r.world_id for r in rows[: 2 if "graft" in draft.operators else 1]])


def _host(first: WorldRow, styled: bool, rng: random.Random) -> Host:
    """The real server whose habits of form a world takes: the root of its lineage, or another where it is restyled."""
    hosts = load_hosts()
    root = first.roots[0] if first.roots else ""
    if not styled and root in hosts:
        return hosts[root]
    return hosts[rng.choices(*weights())[0]]


def _apply(
    draft: Draft, wanted: list[str], rows: list[WorldRow], domain: Domain, taxonomy: Taxonomy, rng: random.Random
) -> None:
    """Apply operators, recording those that changed something. A restyled world is written as another host writes."""
    for name in wanted:
        if name == "restyle":
            done = True
        elif name == "add_entity":
            done = grow.add_entity(draft, domain, taxonomy, rng)
        elif name == "graft":
            done = _graft(draft, rows, domain, taxonomy, rng)
        else:
            done = OPERATORS[name](draft, rng)
        if done:
            draft.operators.append(name)
            if name != "restyle":
                repair(draft, rng)


def _trim(draft: Draft, inherited: list[DTool]) -> None:
    """At most MAX_TOOLS: inherited ones give way to what the operators made of them."""
    own = {id(t) for t in inherited}
    while len(draft.tools) > MAX_TOOLS:
        spare = [t for t in draft.tools if id(t) in own] or draft.tools
        draft.tools = [t for t in draft.tools if t is not spare[-1]]


def _graft(draft: Draft, rows: list[WorldRow], domain: Domain, taxonomy: Taxonomy, rng: random.Random) -> bool:
    if len(rows) < 2 or not grow.graft(draft, read_world(_load(rows[1])), domain, taxonomy, rng):
        return False
    draft.roots = list(dict.fromkeys([*draft.roots, *rows[1].roots]))
    return True


def _fill(draft: Draft, rows: list[WorldRow], domain: Domain, taxonomy: Taxonomy, rng: random.Random) -> None:
    """Small parents grow until there is something to connect: by a graft or by an entity of the domain."""
    for _ in range(4):
        if grow.enough(draft):
            return
        if "graft" not in draft.operators and rng.random() < 0.5 and _graft(draft, rows, domain, taxonomy, rng):
            draft.operators.append("graft")
        elif grow.add_entity(draft, domain, taxonomy, rng):
            draft.operators.append("add_entity")
        else:
            return
        repair(draft, rng)


def _operators(ordinal: int, seed: int, rng: random.Random) -> list[str]:
    """One to four operators besides the transplant, taken in turn; structure first, form after, rules last."""
    count = rng.choice((2, 3, 3, 4, 4, 5))
    start = sum(rng_for("count", seed, ordinal - k).randrange(4) for k in range(3)) + ordinal * 3
    turn = list(TURN)
    rng_for("turn", seed, start // len(turn)).shuffle(turn)
    chosen = list(dict.fromkeys(turn[(start + i) % len(turn)] for i in range(count + 2)))[:count]
    if rng.random() < _RESTYLED and "restyle" not in chosen:
        chosen.append("restyle")
    if ordinal % _GRAFT_EVERY == 3:
        chosen.append("graft")
    return sorted(chosen, key=ORDER.index)


def _refused(draft: Draft) -> str:
    if len(draft.tools) < MIN_TOOLS:
        return "too_few_tools"
    if not any(t.op not in ("get", "exists", "list", "search", "aggregate") for t in draft.tools):
        return "nothing_to_do"
    return ""


def pick_parents(ordinal: int, seed: int, parents: Sequence[WorldRow]) -> list[WorldRow]:
    """The parent of an ordinal, and a second of the same split that an entity may be grafted from. Servers take turns,
    then the worlds of a server: a server with many worlds is no more often a root than one with few."""
    servers = _servers(seed, parents)
    if not servers:
        return []
    own = servers[ordinal % len(servers)]
    first = own[ordinal // len(servers) % len(own)]
    mates = [w[0] for w in servers if w is not own and w[0].split == first.split]
    if not mates:
        return [first]
    return [first, mates[rng_for("mate", seed, ordinal).randrange(len(mates))]]


_grouped: dict[tuple[int, int], tuple[Sequence[WorldRow], list[list[WorldRow]]]] = {}


def _servers(seed: int, parents: Sequence[WorldRow]) -> list[list[WorldRow]]:
    """Parents that may be used, grouped by root server and split, in the order they take turns. Remembered for the list
    at hand: it is asked for with every ordinal."""
    known = _grouped.get((seed, id(parents)))
    if known is None or known[0] is not parents:
        groups: dict[tuple[str, str], list[WorldRow]] = {}
        for row in sorted((p for p in parents if _fit(p)), key=lambda p: make_id("turn", seed, p.world_id)):
            groups.setdefault((row.roots[0] if row.roots else "", row.split), []).append(row)
        _grouped.clear()
        known = _grouped[seed, id(parents)] = (parents, list(groups.values()))
    return known[1]


def _fit(row: WorldRow) -> bool:
    return row.operators.count("transplant") < MAX_DEPTH and len((row.spec or {}).get("tools", {})) >= MIN_TOOLS


@lru_cache(maxsize=256)
def _by_split(seed: int, taxonomy: Taxonomy, split_of: Callable[[str], Split], split: str) -> list[Domain]:
    fit = [d for d in taxonomy.domains if split_of(d.name) == split]
    return sorted(fit, key=lambda d: make_id("domain", seed, d.name))


def _domain(
    ordinal: int,
    seed: int,
    parent: WorldRow,
    parents: Sequence[WorldRow],
    taxonomy: Taxonomy,
    split_of: Callable[[str], Split],
) -> Domain | None:
    """Domains of the split in turn: this ordinal counts those before it that belong to the same split."""
    fit = [d for d in _by_split(seed, taxonomy, split_of, parent.split) if d.name != parent.domain]
    if not fit:
        return None
    splits = [w[0].split == parent.split for w in _servers(seed, parents)]
    turn, place = divmod(ordinal, len(splits))
    return fit[(turn * sum(splits) + sum(splits[:place])) % len(fit)]


_loaded: dict[str, tuple[object, World]] = {}


def _load(row: WorldRow) -> World:
    found = _loaded.get(row.world_id)
    if found is None or found[0] is not row.spec:  # ids are made before specs: another run may use the same
        if len(_loaded) > 512:
            _loaded.clear()
        found = _loaded[row.world_id] = (row.spec, World.load(row.spec, row.world_id))
    return found[1]
