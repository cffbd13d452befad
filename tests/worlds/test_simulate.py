"""The interpreter over a hand-written world: atomic calls, purity, errors, lifecycles, references, paging."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from synth.errors import SpecError
from synth.records import rng_for
from synth.worlds import Simulator, World, compile_world
from synth.worlds.admit import admit_world
from synth.worlds.draw import draw_arguments
from synth.worlds.simulate import fill, start_state
from synth.worlds.state import diff

HELPDESK = Path(__file__).parent / "data" / "helpdesk.yaml"


@pytest.fixture(scope="module")
def world() -> World:
    return World.load(yaml.safe_load(HELPDESK.read_text()))


@pytest.fixture
def sim(world: World) -> Simulator:
    return Simulator(world, seed=3)


def some(sim: Simulator, entity: str, **fields: Any) -> Any:
    return next(k for k, r in sim.state.rows(entity).items() if all(r[f] == v for f, v in fields.items()))


def test_a_failed_call_leaves_the_state_as_it_was(sim: Simulator) -> None:
    before = sim.state.digest()
    closed = some(sim, "Ticket", status="closed")
    result = sim.call("reopen_ticket", {"id": closed})
    assert (result.ok, result.error) == (False, "invalid_move")
    assert "closed" in result.message and "open" in result.message
    assert sim.state.digest() == before


def test_execute_is_pure(world: World) -> None:
    compiled, state = compile_world(world), start_state(world, 3)
    ticket = next(k for k, r in state.rows("Ticket").items() if r["status"] == "open")
    before = state.digest()
    result, after = compiled.execute(state, "resolve_ticket", {"id": ticket})
    assert result.ok and state.digest() == before != after.digest()
    (change,) = diff(state, after)
    assert (change.entity, change.key, change.after["status"]) == ("Ticket", ticket, "resolved")


def test_new_ids_cannot_be_guessed_and_are_the_same_on_replay(world: World) -> None:
    ids = []
    for seed in (3, 3, 4):
        sim = Simulator(world, seed=seed)
        requester = next(iter(sim.state.rows("Contact")))
        ids.append(
            [
                sim.call("create_ticket", {"subject": "x", "priority": "low", "requester": requester}).value["id"]
                for _ in range(3)
            ]
        )
    assert ids[0] == ids[1] != ids[2]
    assert len(set(ids[0])) == 3


def test_arguments_are_frozen_before_they_enter_a_row(sim: Simulator) -> None:
    tags = ["vip"]
    requester = next(iter(sim.state.rows("Contact")))
    made = sim.call("create_ticket", {"subject": "x", "priority": "low", "requester": requester, "tags": tags})
    tags.append("changed later")
    assert sim.call("get_ticket", {"id": made.value["id"]}).value["tags"] == ["vip"]
    made.value["tags"] = None
    assert sim.call("get_ticket", {"id": made.value["id"]}).value["tags"] == ["vip"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "required"),
        ({"id": 7}, "string"),
        ({"id": "x", "other": 1}, "unknown argument"),
        ([], "object"),
        (None, "object"),
    ],
)
def test_arguments_are_validated(sim: Simulator, arguments: Any, words: str) -> None:
    result = sim.call("get_ticket", arguments)
    assert result.error == "invalid_arguments" and words in result.message


def test_references_and_rules(sim: Simulator) -> None:
    ticket = next(iter(sim.state.rows("Ticket")))
    assert sim.call("assign_ticket", {"id": ticket, "agent": "nobody"}).error == "invalid_reference"
    assert (
        sim.call("assign_ticket", {"id": ticket, "agent": some(sim, "Agent", active=False)}).error == "agent_inactive"
    )
    assert sim.call("assign_ticket", {"id": ticket, "agent": some(sim, "Agent", active=True)}).ok


def test_paging_covers_every_row_once(sim: Simulator) -> None:
    seen: list[str] = []
    offset = 0
    while True:
        page = sim.call("list_tickets", {"limit": 50, "offset": offset}).value
        seen += [row["id"] for row in page["items"]]
        if not page["items"]:
            break
        offset += 50
    assert len(seen) == len(set(seen)) == page["total"] == 240


def test_filters_and_aggregates_agree(sim: Simulator) -> None:
    listed = sim.call("list_tickets", {"status": "open", "priority": "high"}).value["total"]
    counted = sim.call("count_tickets", {"status": "open", "priority": "high"}).value["count"]
    by_hand = sum(r["status"] == "open" and r["priority"] == "high" for r in sim.state.rows("Ticket").values())
    assert listed == counted == by_hand > 0


def test_reads_never_change_the_state_and_every_call_replays(world: World) -> None:
    compiled, state = compile_world(world), start_state(world, 5)
    rng = rng_for("walk")
    names = sorted(world.tools)
    recorded = []
    current = state
    for _ in range(300):
        name = rng.choice(names)
        arguments = draw_arguments(compiled, name, current, rng)
        if arguments is None:
            continue
        before = current.digest()
        result, current = compiled.execute(current, name, arguments)
        if compiled.tool(name).effect == "read" or not result.ok:
            assert current.digest() == before
        recorded.append((name, arguments, result.content))
    assert len(recorded) > 250
    again = start_state(world, 5)
    for name, arguments, content in recorded:
        result, again = compiled.execute(again, name, arguments)
        assert result.content == content
    assert again.digest() == current.digest()


def test_a_value_with_a_hole_pulls_nothing_in() -> None:
    assert fill("{a} and {b}", {"a": "{b}", "b": "x"}) == "{b} and x"


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"tools": {"t": {"op": "get", "of": "Nope"}}}, "world"),
        ({"tools": {"t": {"op": "get", "of": "Ticket", "shows": ["nope"]}}}, "world"),
        ({"tools": {"t": {"op": "fly", "of": "Ticket"}}}, "world.tools.t.op"),
        ({"surprise": 1}, "world.surprise"),
        ({"entities": {"Ticket": {"fields": {"a": "ref Nope"}}}}, "world"),
    ],
)
def test_a_wrong_world_names_the_place(world: World, change: dict[str, Any], path: str) -> None:
    with pytest.raises(SpecError) as caught:
        World.load({**world.dump(), **change})
    assert caught.value.path == path


def test_a_wrong_expression_names_tool_statement_and_column(world: World) -> None:
    spec = world.dump()
    spec["tools"]["get_ticket"] = {"op": "get", "of": "Ticket", "require": [{"that": "it.nope == 1", "else": "no"}]}
    bad = compile_world(World.load(spec)).check()
    assert list(bad) == ["get_ticket"]
    assert "tools.get_ticket.step[1].require, column 3" in str(bad["get_ticket"])


def test_dump_and_load_are_inverse(world: World) -> None:
    assert World.load(world.dump()) == world


def test_a_circle_of_cascades_ends() -> None:
    spec = {
        "world": "circle",
        "entities": {
            "A": {"fields": {"b": {"type": "ref", "to": "B", "null": 0.1, "on_delete": "cascade"}}, "rows": 6},
            "B": {"fields": {"a": {"type": "ref", "to": "A", "null": 0.1, "on_delete": "cascade"}}, "rows": 6},
        },
        "tools": {"drop": {"op": "delete", "of": "A"}},
    }
    sim = Simulator(World.load(spec), seed=1)
    key = next(iter(sim.state.rows("A")))
    assert sim.call("drop", {"id": key}).ok
    assert all(r["a"] in sim.state.rows("A") or r["a"] is None for r in sim.state.rows("B").values())


def test_a_wrong_schema_is_a_spec_error(world: World) -> None:
    spec = world.dump()
    spec["tools"]["get_ticket"]["input_schema"] = {"type": "object", "properties": {"id": {"type": "strin"}}}
    assert "is not a JSON Schema" in str(compile_world(World.load(spec)).check()["get_ticket"])


def test_a_policy_held_by_the_tool_fails_the_call_and_one_held_by_the_assistant_does_not(world: World) -> None:
    rule = {"id": "urgent_stays_open", "guards": ["resolve_ticket"], "when": "it.priority == 'urgent'"}
    rule |= {"allow_if": "has(it.agent)", "text": "An urgent ticket without an agent may not be resolved."}
    for held_by, error in (("tool", "urgent_stays_open"), ("assistant", None)):
        spec = world.dump() | {"policies": [rule | {"held_by": held_by}]}
        sim = Simulator(World.load(spec), seed=3)
        ticket = some(sim, "Ticket", status="open", priority="urgent", agent=None)
        result = sim.call("resolve_ticket", {"id": ticket})
        assert result.error == error
        assert ("An urgent ticket" in result.message) == (error is not None)
        assert admit_world(World.load(spec))["resolve_ticket"].ok


def test_a_policy_over_an_unknown_tool_is_refused(world: World) -> None:
    rule = {"id": "r", "guards": ["nope"], "allow_if": "true", "text": "t"}
    with pytest.raises(SpecError, match="no tool nope"):
        World.load(world.dump() | {"policies": [rule]})
