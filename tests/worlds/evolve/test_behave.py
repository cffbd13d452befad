"""Operators that add behaviour: each is used, leaves what it says, and its tools run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from synth.records import WorldRow
from synth.worlds.admit import admit_world
from synth.worlds.evolve import Evolved, evolve
from synth.worlds.evolve.hosts import load_hosts, measure
from synth.worlds.simulate import Simulator
from synth.worlds.spec import FieldSpec, ToolSpec, World
from tools_catalog import load_catalog
from tools_catalog.taxonomy import load_taxonomy

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="module")
def grown() -> list[World]:
    rows = [
        WorldRow(
            world_id=name, category="c", domain="d", origin="lifted", split="train", server=name, parents=[],
            roots=[name], operators=[], spec=World.load(yaml.safe_load((DATA / f"{name}.yaml").read_text())).dump(),
        )
        for name in ("helpdesk", "library")
    ]  # fmt: skip
    made = [evolve(i, 11, rows, load_taxonomy(), lambda _: "train") for i in range(170)]
    return [e.world for e in made if isinstance(e, Evolved)]


def tools(world: World, fit: Callable[[ToolSpec], object]) -> list[str]:
    return [n for n, t in world.tools.items() if fit(t)]


LEFT: dict[str, Callable[[World], object]] = {
    "batch": lambda w: tools(w, lambda t: t.batch_over),
    "idempotency": lambda w: tools(w, lambda t: t.idempotent_by),
    "defer": lambda w: w.events and tools(w, lambda t: t.op == "job"),
    "measure": lambda w: tools(w, lambda t: t.op == "series") and any(e.virtual for e in w.entities.values()),
    "transfer": lambda w: tools(w, lambda t: t.op == "transfer"),
    "compose": lambda w: tools(w, lambda t: t.joins or (t.op == "create" and t.init)),
    "add_policy": lambda w: w.policies,
}


@pytest.mark.parametrize("operator", [*LEFT, "scope", "add_fee"])
def test_an_operator_leaves_tools_that_run(grown: list[World], operator: str) -> None:
    used = [w for w in grown if operator in w.operators]
    assert used
    kept = [w for w in used if LEFT.get(operator, bool)(w)]
    assert len(kept) >= 0.7 * len(used)  # a tool may give way to the limit of tools or to another of its name
    for world in kept[:3]:
        refused = {a.tool: (a.reason, a.detail) for a in admit_world(world).values() if not a.ok}
        assert refused == {}


def test_a_transfer_keeps_the_sum(grown: list[World]) -> None:
    world = next(w for w in grown if tools(w, lambda t: t.op == "transfer"))
    name = tools(world, lambda t: t.op == "transfer")[0]
    tool = world.tools[name]
    entity, field = str(tool.of), str(tool.field)
    sim = Simulator(world, seed=3)
    rows = dict(sim.state.rows(entity))
    giver = max(rows, key=lambda k: rows[k][field] or 0)
    taker = next(k for k in rows if k != giver and rows[k][field] is not None)
    amount = next(n for n, p in (tool.params or {}).items() if p.role == "amount")
    result = sim.call(name, {str(tool.left): giver, str(tool.right): taker, amount: 1})
    assert result.ok, result.message
    after = sim.state.rows(entity)
    assert sum(r[field] or 0 for r in after.values()) == sum(r[field] or 0 for r in rows.values())
    assert after[giver][field] == rows[giver][field] - 1


def some(sim: Simulator, spec: FieldSpec) -> Any:
    if spec.type == "ref":
        return next(iter(sim.state.rows(str(spec.to))))
    return spec.of[0] if spec.type == "enum" and spec.of else True if spec.type == "bool" else "some text"


def test_a_job_ends_by_itself(grown: list[World]) -> None:
    world = next(w for w in grown if tools(w, lambda t: t.op == "job"))
    job = tools(world, lambda t: t.op == "job")[0]
    of = str(world.tools[job].of)
    sim = Simulator(world, seed=3)
    before = set(sim.state.rows(of))
    fields = world.entities[of].fields
    asked = {n: fields[str(p.field)] for n, p in (world.tools[job].params or {}).items() if p.required}
    result = sim.call(job, {n: some(sim, spec) for n, spec in asked.items()})
    assert result.ok, result.message
    (key,) = set(sim.state.rows(of)) - before
    assert sim.state.rows(of)[key]["status"] == "queued"
    reader = next(n for n, t in world.tools.items() if t.op == "list" and t.of == of)
    for _ in range(6):
        sim.call(reader, {})
    assert sim.state.rows(of)[key]["status"] == "done"


def test_hosts_are_measured_from_facts() -> None:
    catalog = load_catalog()
    hosts = load_hosts()
    assert set(hosts) == {t.server for t in catalog.tools}
    for server in ("trello", "zabbix"):
        facts = list(catalog.tools_of(server))
        host = measure(server, facts)
        assert host == hosts[server]
        assert host.tools == len(facts) == sum(len(v) for v in host.counts.values())
    assert len({h.case for h in hosts.values()}) >= 4
    assert 10 <= sum(h.closed for h in hosts.values()) <= len(hosts) - 10
