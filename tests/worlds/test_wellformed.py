"""Whatever a person or a model writes: a world is refused with a SpecError, or it runs. Nothing else is raised."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from synth.errors import SpecError
from synth.worlds import World
from synth.worlds.admit import admit_world
from synth.worlds.simulate import compile_world
from synth.worlds.wellformed import wellformed

DESK: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "data" / "helpdesk.yaml").read_text())
FREE = {"set": "t", "of": "Ticket", "to": {"agent": "null"}}
BODY = [
    {"let": {"mine": "by(Ticket, agent, it.id)"}},
    {"require": "size(mine) > 0", "else": "idle", "with": {"id": "it.id"}},
    {"each": "t", "in": "mine", "do": [{"when": "t.status == 'open'", "do": [FREE]}]},
    {"return": "{freed: size(mine)}"},
]  # fmt: skip
SMALL: dict[str, Any] = {
    "world": "small",
    "entities": {n: {**e, "rows": 12} for n, e in DESK["entities"].items()},
    "errors": {"idle": {"say": "agent {id} has no tickets"}},
    "tools": {
        "free_agent": {"op": "do", "of": "Agent", "do": BODY},
        **{n: DESK["tools"][n] for n in ("list_tickets", "create_ticket", "assign_ticket", "close_ticket")},
        "search_contacts": DESK["tools"]["search_contacts"],
    },
}


def tried(spec: Any) -> str:
    """`refused`, or `ran`. Anything raised but SpecError fails the test."""
    try:
        world = World.load(spec)
        wellformed(world)
    except SpecError:
        return "refused"
    admit_world(world, tries=6)
    return "ran"


def with_field(**field: Any) -> dict[str, Any]:
    spec = copy.deepcopy(SMALL)
    spec["entities"]["Agent"]["fields"]["odd"] = field
    return spec


@pytest.mark.parametrize(
    "field",
    [
        {"type": "text", "gen": "no_such_generator"},
        {"type": "code", "pattern": "[A-"},
        {"type": "code", "pattern": "a{65}"},
        {"type": "code", "pattern": "((a{60}){60}){60}"},
        {"type": "time", "within": ["x", "y"]},
        {"type": "time", "within": ["-" + "9" * 400 + "y", "0d"]},
        {"type": "int", "range": [5, 1]},
        {"type": "int", "range": [float("nan"), 1]},
        {"type": "number", "range": [0, 1e300]},
        {"type": "list", "of": "text", "range": [0, 100_000]},
        {"type": "list", "of": "nonsense"},
        {"type": "enum", "of": ["a", "b"], "weights": [0, 0]},
        {"type": "enum", "of": ["a", "b"], "weights": [1]},
        {"type": "enum", "of": ["a", "a"]},
        {"type": "record", "fields": {"deep": {"type": "record", "fields": {"x": {"type": "text", "gen": "none"}}}}},
    ],
)
def test_a_field_that_cannot_be_drawn_is_refused(field: Any) -> None:
    with pytest.raises(SpecError, match=r"entities\.Agent\.fields\.odd"):
        wellformed(World.load(with_field(**field)))


@pytest.mark.parametrize("change", [{"clock": "abc"}, {"tables": {"fee": {"a": float("inf")}}}])
def test_numbers_and_moments(change: Any) -> None:
    with pytest.raises(SpecError, match=next(iter(change))):
        wellformed(World.load(SMALL | change))


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda w: w.update(shared={"b": [{"when": "true", "do": [{"load": "x"}]}]}), r"shared\.b\[0\]\.do\[0\]"),
        (lambda w: w["tools"]["create_ticket"].update(then=[{"retrun": "1"}]), r"tools\.create_ticket\.then\[0\]"),
        (lambda w: w["tools"]["create_ticket"].update(takes={"n": {"type": "int", "range": [2, 1]}}), "takes.n.range"),
        (lambda w: w["tools"]["list_tickets"].update(sort="-nothing"), "list_tickets.sort"),
        (lambda w: w["tools"]["list_tickets"].update(op="aggregate", measure="sum of x"), "list_tickets.measure"),
        (lambda w: w["tools"]["list_tickets"].update(op="aggregate", group="nothing"), "list_tickets.group"),
        (lambda w: w["entities"]["Ticket"]["lifecycle"].update(moves={}), "lifecycle.moves"),
        (lambda w: w["entities"]["Ticket"]["lifecycle"].update(start="nowhere"), "lifecycle.start"),
    ],
)
def test_statements_and_lifecycles(change: Any, path: str) -> None:
    spec = copy.deepcopy(SMALL)
    change(spec)
    with pytest.raises(SpecError, match=path):
        wellformed(World.load(spec))


def test_a_parameter_inside_one_that_is_taken_whole() -> None:
    spec = copy.deepcopy(SMALL)
    spec["tools"]["create_ticket"] = {
        "op": "create", "of": "Ticket",
        "params": {
            "data": {"role": "ignored", "schema": {"type": "object"}},
            "subject": {"role": "field", "field": "subject", "at": ["data", "subject"], "required": True},
        },
    }  # fmt: skip
    with pytest.raises(SpecError, match=r"params\.subject\.at: lies inside 'data'"):
        compile_world(World.load(spec)).tool("create_ticket")


def test_a_virtual_entity_without_a_key() -> None:
    spec = copy.deepcopy(SMALL)
    spec["entities"]["Note"] |= {"virtual": True, "key": []}
    with pytest.raises(SpecError, match="last key part"):
        World.load(spec)


JUNK: list[Any] = [
    None, True, -1, 0, 3, 1e308, "", "x", "it", "now", "rows(Ticket)", "args.", "ref Ticket", "list of ref Agent",
    "a | b", [], {}, ["name"], {"a": "b"}, [{"return": "1"}], "{id}", "status", "it.name.name", "Ticket", "pending",
]  # fmt: skip


def mutated(spec: Any, rng: random.Random) -> Any:
    """One to three places of a world changed: replaced by junk, removed, or exchanged with another place's value."""
    out = copy.deepcopy(spec)
    for _ in range(rng.randint(1, 3)):
        places: list[tuple[Any, Any]] = []
        stack = [out]
        while stack:
            node = stack.pop()
            pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
            for key, value in pairs:
                places.append((node, key))
                stack.append(value)
        if not places:
            return out
        node, key = rng.choice(places)
        what = rng.random()
        if what < 0.2 and isinstance(node, dict):
            del node[key]
        elif what < 0.5:
            other, where = rng.choice(places)
            node[key] = copy.deepcopy(other[where])
        else:
            node[key] = copy.deepcopy(rng.choice(JUNK))
    return out


@pytest.mark.parametrize("seed", range(8))
def test_mutated_worlds_are_refused_or_run(seed: int) -> None:
    rng = random.Random(seed)
    ends = [tried(mutated(SMALL, rng)) for _ in range(60)]
    assert {"refused", "ran"} <= set(ends)


HARBOUR: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "data" / "harbour.yaml").read_text())


@pytest.mark.parametrize("seed", range(4))
def test_mutated_worlds_of_every_construct_are_refused_or_run(seed: int) -> None:
    rng = random.Random(seed)
    ends = [tried(mutated(HARBOUR, rng)) for _ in range(60)]
    assert {"refused", "ran"} <= set(ends)


@pytest.mark.parametrize("change", [{"when": "it.nope"}, {"when": "{id}"}, {"to": {"url": "rows(Nope)"}}])
def test_a_wrong_event_is_refused(change: dict[str, Any]) -> None:
    spec = copy.deepcopy(HARBOUR)
    spec["events"][1].update(change)
    with pytest.raises(SpecError, match=r"events\[1\]"):
        wellformed(World.load(spec))
