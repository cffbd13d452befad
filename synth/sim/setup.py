"""From rows to a ready episode: compiled worlds and start states, cached per process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from synth.errors import TaskFailure
from synth.executors.protocol import Executor
from synth.executors.world import WorldExecutor
from synth.places.hands import Hands
from synth.records import AgentRow, TaskRow, ToolRow, WorldRow, canonical, rng_for
from synth.sim.environment import Environment, Offered
from synth.sim.faults import FaultPlan
from synth.sim.userside import compiled_side
from synth.stage import Inputs
from synth.surface import functions_of, schemas_of, shown_world, surfaces_of
from synth.taskspec import Goal, Start, WorldStart
from synth.worlds.simulate import CompiledWorld, compile_world, start_state
from synth.worlds.spec import World
from synth.worlds.state import State, planted

CACHED_WORLDS = 512
CACHED_STATES = 512


@dataclass(frozen=True)
class Catalog:
    """The rows that episodes point to, by id."""

    agents: Mapping[str, AgentRow]
    tools: Mapping[str, ToolRow]
    worlds: Mapping[str, WorldRow]

    @classmethod
    def of(cls, agents: list[AgentRow], tools: list[ToolRow], worlds: list[WorldRow]) -> Catalog:
        return cls(
            {a.agent_id: a for a in agents}, {t.tool_id: t for t in tools}, {w.world_id: w for w in worlds}
        )  # fmt: skip


_catalogs: dict[tuple[int, int, int], tuple[tuple[list[Any], ...], Catalog]] = {}
_worlds: OrderedDict[str, tuple[WorldRow, CompiledWorld]] = OrderedDict()
_seen: OrderedDict[tuple[str, str], tuple[AgentRow, CompiledWorld, CompiledWorld]] = OrderedDict()
_tools: OrderedDict[str, Seen] = OrderedDict()
_states: OrderedDict[tuple[str, int, str], tuple[CompiledWorld, State]] = OrderedDict()


def catalog_for(inputs: Inputs) -> Catalog:
    """The agents, tools and worlds of a run, indexed once per process while their tables stay the same."""
    tables = (inputs.table("agents"), inputs.table("tools"), inputs.table("worlds"))
    key = (id(tables[0]), id(tables[1]), id(tables[2]))
    found = _catalogs.get(key)
    if found is None or any(a is not b for a, b in zip(found[0], tables, strict=True)):
        _catalogs.clear()
        found = _catalogs[key] = (tables, Catalog.of(*tables))
    return found[1]


def compiled(row: WorldRow) -> CompiledWorld:
    """The world of a row, loaded and compiled once per process while it is in use."""
    found = _worlds.get(row.world_id)
    if found is None or (found[0] is not row and found[0].spec != row.spec):
        found = (row, compile_world(World.load(row.spec, row.world_id)))
        _worlds[row.world_id] = found
        while len(_worlds) > CACHED_WORLDS:
            _worlds.popitem(last=False)
    _worlds.move_to_end(row.world_id)
    return found[1]


def seen_world(agent: AgentRow, tools: Mapping[str, ToolRow], row: WorldRow) -> CompiledWorld:
    """The world of a row as an agent sees it, its own tools shown as the agent's traits say."""
    base = compiled(row)
    if not agent.traits.get("surfaces"):
        return base
    at = (agent.agent_id, row.world_id)
    found = _seen.get(at)
    if found is None or found[0] is not agent or found[1] is not base:
        offered: dict[str, str] = agent.traits["offered"]
        mine = {s.tool: s for n, s in surfaces_of(agent).items() if tools[offered[n]].world_id == row.world_id}
        found = _seen[at] = (agent, base, shown_world(base, mine))
        while len(_seen) > CACHED_WORLDS:
            _seen.popitem(last=False)
    _seen.move_to_end(at)
    return found[2]


class Seen:
    """What an agent reads of its tools, and what its arguments are checked against, by shown name."""

    def __init__(self, agent: AgentRow, tools: Mapping[str, ToolRow]) -> None:
        self.agent, self._tools = agent, tools

    @cached_property
    def functions(self) -> list[dict[str, Any]]:
        return functions_of(self.agent, self._tools)

    @cached_property
    def schemas(self) -> dict[str, Any]:
        return schemas_of(self.agent, self._tools)


def seen_tools(agent: AgentRow, tools: Mapping[str, ToolRow]) -> Seen:
    """The tools as the agent sees them, once per process while it is in use."""
    found = _tools.get(agent.agent_id)
    if found is None or found.agent is not agent:
        found = _tools[agent.agent_id] = Seen(agent, tools)
        while len(_tools) > CACHED_WORLDS:
            _tools.popitem(last=False)
    _tools.move_to_end(agent.agent_id)
    return found


def begin(world_id: str, world: CompiledWorld, start: WorldStart, split: str) -> State:
    """The start state of one world: its base, cached, with the planted rows on top."""
    at = (world_id, start.seed, split)
    found = _states.get(at)
    if found is None or found[0] is not world:
        found = _states[at] = (world, start_state(world.world, start.seed, split))
        while len(_states) > CACHED_STATES:
            _states.popitem(last=False)
    return planted(found[1], start.plant)


def environment(
    catalog: Catalog, task: TaskRow, seed: int, fault_rate: float, hands: Hands | None = None
) -> Environment:
    """The tools of the task's agent on the task's start state; `hands` run the calls of places. Raises
    TaskFailure("task") where rows do not fit. No fault is made up where calls really run."""
    agent = catalog.agents.get(task.agent_id)
    if agent is None:
        raise TaskFailure("task", "sim.setup", f"there is no agent {task.agent_id}")
    start = Start.model_validate(task.start)
    executors: dict[str, Executor] = {}
    for world_id, begun in start.worlds.items():
        executors[world_id] = _executor(catalog, agent, _find(catalog.worlds, world_id, "world"), begun)
    for world_id, place in start.places.items():
        if hands is None:
            raise TaskFailure("infra", "sim.setup", "the task needs a place, and nothing here can run its calls")
        executors[world_id] = hands.open(_find(catalog.worlds, world_id, "world"), place)
    for world_id, begun in start.sides.items():
        executors[world_id] = side_of(world_id, begun, task.split)
    offered: dict[str, Offered] = {}
    names: dict[str, Any] = agent.traits["offered"]
    rows = {tool_id: _find(catalog.tools, tool_id, "tool") for tool_id in names.values()}
    for (name, tool_id), function in zip(names.items(), seen_tools(agent, rows).functions, strict=True):
        row = rows[tool_id]
        runs = row.world_id is not None and row.semantics is not None
        if runs and row.world_id not in executors:
            raise TaskFailure("task", "sim.setup", f"the task has no start for world {row.world_id} of tool {name}")
        offered[name] = Offered(name, row, function, executors[row.world_id] if runs and row.world_id else None)
    rate = 0.0 if task.kind == "recover" or start.places else fault_rate
    checks = Goal.model_validate(task.goal).checks if start.places else []
    return Environment(offered, executors, FaultPlan(list(start.faults), rate, rng_for(seed, "faults")), checks)


def side_of(world_id: str, begun: WorldStart, split: str) -> WorldExecutor:
    """A world of the user's own on a start state."""
    origin = f"{split} {canonical(begun.model_dump(mode='json'))}"
    return WorldExecutor(world_id, origin, partial(compiled_side, world_id),
                         lambda: begin(world_id, compiled_side(world_id), begun, split))  # fmt: skip


def _executor(catalog: Catalog, agent: AgentRow, row: WorldRow, begun: WorldStart) -> WorldExecutor:
    """The world of a row on a start state, made ready when it is first called."""
    origin = f"{agent.split} {canonical(begun.model_dump(mode='json'))}"
    return WorldExecutor(row.world_id, origin, partial(seen_world, agent, catalog.tools, row),
                         lambda: begin(row.world_id, compiled(row), begun, agent.split))  # fmt: skip


def _find(rows: Mapping[str, Any], row_id: str, what: str) -> Any:
    row = rows.get(row_id)
    if row is None:
        raise TaskFailure("task", "sim.setup", f"there is no {what} {row_id}")
    return row
