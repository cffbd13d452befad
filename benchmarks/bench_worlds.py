"""Cost of the interpreter's parts on the help desk (620 rows): `make bench`.

Wall times on a shared machine are noisy; compare within one run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from synth.worlds import World, compile_world
from synth.worlds.admit import admit_world
from synth.worlds.expr import Scope
from synth.worlds.exprcompile import compile_expr
from synth.worlds.simulate import CompiledWorld, start_state
from synth.worlds.start import start_rows
from synth.worlds.state import State

SPEC = Path(__file__).parents[1] / "tests" / "worlds" / "data" / "helpdesk.yaml"


@pytest.fixture(scope="module")
def world() -> World:
    return World.load(yaml.safe_load(SPEC.read_text()))


@pytest.fixture(scope="module")
def compiled(world: World) -> CompiledWorld:
    return compile_world(world)


@pytest.fixture(scope="module")
def state(world: World) -> State:
    return start_state(world, 3)


def test_condition(benchmark: Any) -> None:
    run, _ = compile_expr("it.n > 2 && it.s == 'a'", Scope({"it": "any"}, {}))
    env = {"it": {"n": 3, "s": "a"}, "$fuel": [1 << 60]}
    assert benchmark(run, env) is True


def test_compile_world(benchmark: Any, world: World) -> None:
    assert len(benchmark(lambda: CompiledWorld(world).tools)) == len(world.tools)


def test_start_state(benchmark: Any, world: World) -> None:
    assert sum(len(r) for r in benchmark(start_rows, world, 3).values()) > 400


def test_get(benchmark: Any, compiled: CompiledWorld, state: State) -> None:
    key = next(iter(state.rows("Ticket")))
    assert benchmark(compiled.execute, state, "get_ticket", {"id": key})[0].ok


def test_list_through_an_index(benchmark: Any, compiled: CompiledWorld, state: State) -> None:
    assert benchmark(compiled.execute, state, "list_tickets", {"status": "open", "limit": 20})[0].ok


def test_search(benchmark: Any, compiled: CompiledWorld, state: State) -> None:
    name = next(iter(state.rows("Contact").values()))["name"]
    assert benchmark(compiled.execute, state, "search_contacts", {"query": name})[0].ok


def test_write(benchmark: Any, compiled: CompiledWorld, state: State) -> None:
    key = next(k for k, r in state.rows("Ticket").items() if r["status"] == "open")
    assert benchmark(compiled.execute, state, "resolve_ticket", {"id": key})[0].ok


def test_admission_of_a_world(benchmark: Any, world: World) -> None:
    assert all(a.ok for a in benchmark(admit_world, world).values())
