"""What the property tests draw: worlds of all kinds, small generated ones, and sequences of calls on them."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import strategies as st

from synth.records import WorldRow
from synth.worlds import Simulator, World
from synth.worlds.draw import draw_arguments
from synth.worlds.evolve import Rejected, evolve
from synth.worlds.lift import lift_server
from synth.worlds.real import catalog_of
from synth.worlds.written import read_world
from tools_catalog.taxonomy import load_taxonomy

HERE = Path(__file__).parent
WRITTEN = sorted([*(HERE / "domains").glob("*.yaml"), *(HERE / "data").glob("*.yaml"),
                  HERE.parents[1] / "pipelines" / "worlds" / "gear_rental.yaml"])  # fmt: skip
SERVERS = ("trello", "paddle", "redis", "zabbix")
JUNK: list[Any] = [None, "", "zz-none", -1, 0, 1, 10**30, 1.5, True, [], {}, ["x"], {"x": 1}, "x" * 70_000,
                   "2026-03-01", "\ud800", float("nan"), float("inf"), "a\x00b", [[1]], {"id": {"id": 1}}]  # fmt: skip


@cache
def written() -> dict[str, World]:
    return {file.stem: read_world(file) for file in WRITTEN}


@cache
def lifted() -> dict[str, World]:
    catalog, out = catalog_of(False), {}
    for server in SERVERS:
        tools = catalog.tools_of(server)
        for i, world in enumerate(lift_server(server, tools[0].category, tools).worlds[:3]):
            out[f"{server} {i}"] = world
    return out


@cache
def evolved() -> dict[str, World]:
    """A few worlds grown from the lifted ones."""
    parents = [
        WorldRow(
            world_id=name, category=w.category, domain=w.domain, origin="lifted", split="train", server=name.split()[0],
            parents=[], roots=[name.split()[0]], operators=[], spec=w.dump(),
        )
        for name, w in lifted().items()
    ]  # fmt: skip
    grown = [evolve(i, 1, parents, load_taxonomy(), split_of_domain=lambda _: "train") for i in range(12)]
    return {f"evolved {i}": g.world for i, g in enumerate(grown) if not isinstance(g, Rejected)}


def known() -> st.SearchStrategy[World]:
    """Written, lifted and evolved worlds, made when they are first drawn."""
    return st.deferred(lambda: st.sampled_from([w for many in known_worlds().values() for w in many.values()]))


def worlds() -> st.SearchStrategy[World]:
    return st.one_of(known(), small_worlds())


@cache
def known_worlds() -> dict[str, dict[str, World]]:
    return {"written": written(), "lifted": lifted(), "evolved": evolved()}


# --- small worlds ---

NAMES = ("Ant", "Bee", "Cat")
PLAIN = ["text", "int", "number", "money", "bool", "date", "time", "text?", "int?", "red | green", "list of text"]


@st.composite
def small_worlds(draw: st.DrawFn) -> World:
    """One to three entities that refer to each other in every way, with the surface operations over them."""
    names = NAMES[: draw(st.integers(1, 3))]
    entities = {name: draw(entity_specs(names, i)) for i, name in enumerate(names)}
    tools: dict[str, Any] = {}
    for name, e in entities.items():
        given_later = [f for f in e["fields"] if f not in (e.get("key"), "made")]
        tools |= {
            f"get_{name}": {"op": "get", "of": name},
            f"list_{name}": {"op": "list", "of": name, "paging": draw(st.sampled_from(["offset", "page", "cursor"]))},
            f"search_{name}": {"op": "search", "of": name, "in": ["label"]},
            f"exists_{name}": {"op": "exists", "of": name},
            f"create_{name}": {"op": "create", "of": name, "needs": [f for f in e["fields"] if f != "made"]},
            f"update_{name}": {"op": "update", "of": name, "may": given_later},
            f"upsert_{name}": {"op": "upsert", "of": name, "may": given_later},
            f"delete_{name}": {"op": "delete", "of": name},
            f"count_{name}": {"op": "aggregate", "of": name, "filters": ["state"]},
            f"move_{name}": {"op": "move", "of": name, "to": "shut"},
            f"drop_{name}": {"op": "delete", "of": name, "batch_over": "keys", "batch": draw(BATCH)},
            f"give_{name}": {"op": "transfer", "of": name, "field": "score"},
        }
        if "key" not in e:
            tools[f"copy_{name}"] = {"op": "copy", "of": name, "may": ["label"]}
    first, last = names[0], names[-1]
    entities["Link"] = {
        "key": ["left", "right"], "rows": 3,
        "fields": {"left": {"type": "ref", "to": first, "on_delete": "cascade"},
                   "right": {"type": "ref", "to": last, "on_delete": draw(st.sampled_from(["cascade", "restrict"]))}},
    }  # fmt: skip
    tools["link"] = {"op": "relate", "of": "Link", "left": "left", "right": "right"}
    tools["unlink"] = {"op": "unrelate", "of": "Link", "left": "left", "right": "right"}
    return World.load({"world": "small", "entities": entities, "tools": tools})


BATCH = st.sampled_from(["all_or_nothing", "skip", "stop"])


@st.composite
def entity_specs(draw: st.DrawFn, names: tuple[str, ...], at: int) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "label": {"type": "text", "gen": "label", "unique": draw(st.booleans())},
        "state": "open | shut | gone",
        "score": {"type": "int", "range": [0, 50]},
        "made": {"type": "time", "set_by": "system"},
    }
    for i, kind in enumerate(draw(st.lists(st.sampled_from(PLAIN), max_size=3))):
        fields[f"f{i}"] = kind
    for i, target in enumerate(draw(st.lists(st.sampled_from(names), max_size=2))):
        rule = draw(st.sampled_from(["restrict", "cascade", "clear"]))
        hard = names.index(target) < at and rule != "clear"
        shape = draw(st.sampled_from(["ref", "ref", "list", "lines"]))
        fields[f"r{i}"] = {
            "ref": {"type": "ref", "to": target, "null": 0 if hard else 0.4, "on_delete": rule},
            "list": f"list of ref {target}",
            "lines": {"type": "list", "fields": {"to": f"ref {target}", "n": "int"}},
        }[shape]
    out: dict[str, Any] = {
        "rows": draw(st.integers(1, 6)), "fields": fields, "label": "label",
        "lifecycle": {"field": "state", "moves": {"open": ["shut"], "shut": ["open", "gone"], "gone": []}},
    }  # fmt: skip
    if draw(st.integers(0, 3)) == 0:
        fields["label"]["unique"] = False
        fields["code"] = {"type": "text", "gen": "slug"}
        out["key"] = "code"
    else:
        out["id"] = {"kind": draw(st.sampled_from(["code", "int", "uuid"]))}
    return out


# --- calls ---


class Move(NamedTuple):
    """One call to be made: which tool (modulo their number), how its arguments are spoiled, and the seed of both."""

    tool: int
    spoil: str
    seed: int


MOVES = st.lists(
    st.builds(Move, st.integers(0, 400), st.sampled_from(["no", "no", "no", "no", "drop", "junk", "stale", "extra"]),
              st.integers(0, 10_000)),
    min_size=1, max_size=14,
)  # fmt: skip


def call_of(sim: Simulator, move: Move, stale: list[dict[str, Any]]) -> tuple[str, Any]:
    """The call a move stands for, on the current state. `stale` holds arguments of earlier calls, which may name rows
    that are gone."""
    names = list(sim.compiled.world.tools)
    name = names[move.tool % len(names)]
    rng = random.Random(move.seed)
    arguments: dict[str, Any] = draw_arguments(sim.compiled, name, sim.state, rng) or {}
    if move.spoil == "drop" and arguments:
        del arguments[rng.choice(list(arguments))]
    elif move.spoil == "junk":
        arguments[rng.choice([*arguments, *sim.compiled.tool(name).params] or ["x"])] = rng.choice(JUNK)
    elif move.spoil == "stale" and stale:
        old = rng.choice(stale)
        arguments |= {k: v for k, v in old.items() if k in arguments}
    elif move.spoil == "extra":
        return name, rng.choice([None, [], "x", {**arguments, "surely not": 1}])
    stale.append(arguments)
    return name, arguments
