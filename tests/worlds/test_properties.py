"""What holds for any calls on any world: nothing raises, no reference dangles, transfers conserve, replays are equal,
failed calls and snapshots stay as they were, the JSON form is the world."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from world_strategies import JUNK, MOVES, Move, call_of, evolved, lifted, small_worlds, worlds, written

from synth.careful_yaml import load_yaml
from synth.worlds import Simulator, World
from synth.worlds.lower import lower
from synth.worlds.simulate import Result, compile_world, start_state
from synth.worlds.spec import FieldSpec
from synth.worlds.state import MODULUS, State, row_digest

few = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
SEEDS = st.integers(0, 3)


def play(world: World, seed: int, moves: list[Move]) -> list[tuple[str, Any, Result, State, State]]:
    """(tool, arguments, result, state before, state after) of every call."""
    sim, stale = Simulator(world, seed=seed), []  # type: ignore[var-annotated]
    out = []
    for move in moves:
        name, arguments = call_of(sim, move, stale)
        before = sim.state
        result = sim.call(name, arguments)
        out.append((name, arguments, result, before, sim.state))
    return out


def dangling(world: World, state: State) -> list[str]:
    """References to rows that are not there, at any depth."""
    out: list[str] = []

    def look(spec: FieldSpec, value: Any, where: str) -> None:
        if value is None:
            return
        if spec.type == "ref":
            if (tuple(value) if isinstance(value, list) else value) not in state.rows(str(spec.to)):
                out.append(f"{where} -> {spec.to} {value!r}")
        elif spec.type in ("list", "map"):
            inner = None if spec.fields else FieldSpec.model_validate(spec.of)
            for v in value.values() if isinstance(value, dict) else value:
                for n, f in (spec.fields or {}).items() if isinstance(v, dict) else ():
                    look(f, v.get(n), f"{where}.{n}")
                if inner is not None:
                    look(inner, v, where)
        elif spec.type == "record" and isinstance(value, dict):
            for n, f in (spec.fields or {}).items():
                look(f, value.get(n), f"{where}.{n}")

    for name, entity in world.entities.items():
        for key, row in state.rows(name).items():
            for f, spec in entity.fields.items():
                look(spec, row.get(f), f"{name}[{key!r}].{f}")
    return out


def recomputed(state: State) -> int:
    """The digest from the rows alone."""
    rows = [(t.entity, k, r) for t in state.tables.values() for k, r in t.rows.items()]
    return sum(row_digest(e, k, dict(r)) for e, k, r in rows) % MODULUS


@few
@given(worlds(), SEEDS, MOVES)
def test_calls_never_raise_and_leave_no_reference_dangling(world: World, seed: int, moves: list[Move]) -> None:
    assert dangling(world, start_state(world, seed)) == []
    cw = compile_world(world)
    for name, arguments, result, before, after in play(world, seed, moves):
        if result.ok:
            assert dangling(world, after) == [], (name, arguments)
            assert json.loads(result.content) == result.value or "NaN" in result.content
        else:
            assert result.error and result.message
            # The clock moves on in a failed call too, and what is due by then happens: a queued job runs.
            assert after.digest() == cw.tick(before).digest() and not result.changes, (name, arguments)


@few
@given(worlds(), SEEDS, MOVES)
def test_replays_are_equal_and_states_once_seen_never_change(world: World, seed: int, moves: list[Move]) -> None:
    played = play(world, seed, moves)
    seen = [(state, state.digest()) for *_, before, after in played for state in (before, after)]
    state = start_state(World.load(json.loads(json.dumps(world.dump()))), seed)
    cw = compile_world(World.load(world.dump()))
    for name, arguments, result, _, after in played:
        again, state = cw.execute(state, name, arguments)
        assert (again.content, again.error, again.ok) == (result.content, result.error, result.ok), (name, arguments)
        assert state.digest() == after.digest()
    for state, digest in seen:
        assert state.digest() == digest == recomputed(state)


@few
@given(worlds(), SEEDS, MOVES, st.data())
def test_branches_of_one_state_do_not_touch_each_other(world: World, seed: int, moves: list[Move], data: Any) -> None:
    trunk = play(world, seed, moves)[-1][-1]
    digest = trunk.digest()
    left, right = Simulator(world, state=trunk), Simulator(world, state=trunk)
    for sim in (left, right):
        for move in data.draw(MOVES):
            sim.call(*call_of(sim, move, []))
    assert trunk.digest() == digest == recomputed(trunk)
    assert right.state.digest() == recomputed(right.state)


TRANSFERS = st.one_of(st.sampled_from(["trading", "harbour"]).map(lambda n: written()[n]), small_worlds())


@few
@given(TRANSFERS, SEEDS, st.lists(st.tuples(st.integers(0, 9), st.integers(0, 10_000)), min_size=1, max_size=10))
def test_transfers_conserve_what_they_move(world: World, seed: int, moves: list[tuple[int, int]]) -> None:
    tools = [n for n, t in world.tools.items() if t.op == "transfer"]
    sim, moved = Simulator(world, seed=seed), 0

    def total(tool: str) -> Any:
        spec = world.tools[tool]
        return sum(r[str(spec.field)] or 0 for r in sim.state.rows(str(spec.of)).values())

    for pick, draw in moves:
        tool = tools[pick % len(tools)]
        before = total(tool)
        name, arguments = call_of(sim, Move(list(world.tools).index(tool), "no", draw), [])
        result = sim.call(name, arguments)
        moved += result.ok
        assert total(tool) == pytest.approx(before)
        assert result.ok == bool(result.changes)


def test_transfers_of_the_property_do_happen() -> None:
    world, moved = written()["harbour"], 0
    tool = next(i for i, t in enumerate(world.tools.values()) if t.op == "transfer")
    for seed in range(20):
        sim = Simulator(world, seed=1)
        moved += sim.call(*call_of(sim, Move(tool, "no", seed), [])).ok
    assert moved >= 5


@few
@given(worlds())
def test_the_json_form_is_the_world(world: World) -> None:
    spec = world.dump()
    for form in (json.loads(json.dumps(spec)), load_yaml(yaml.safe_dump(spec, sort_keys=False), "world")):
        again = World.load(form)
        assert again == world and again.dump() == spec and again.fingerprint == world.fingerprint
    one, two = compile_world(world), compile_world(World.load(spec))
    for name, tool in world.tools.items():
        assert lower(world, tool, name).body == lower(two.world, two.world.tools[name], name).body
        assert one.tool(name).input_schema == two.tool(name).input_schema


def test_there_are_worlds_of_every_kind() -> None:
    assert len(written()) >= 11 and len(lifted()) >= 4 and len(evolved()) >= 4
    assert len(JUNK) > 15
