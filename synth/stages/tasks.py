"""Stage `tasks`: each slot draws an agent and builds a task of its kind on a world the agent works in.

A slot whose agent allows no such task tries a few more agents; one that still fails is a failed row of class `task`.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from synth.goals.build import BuildFailed, Built, build
from synth.goals.desk import Desk
from synth.records import AgentRow, FailedRow, Kind, TaskRow, ToolRow, WorldRow, make_id, rng_for
from synth.sim.setup import compiled
from synth.stage import Context, Inputs, Output, Part
from synth.surface import surfaces_of
from synth.taskspec import WorldStart

TABLE = "tasks"
VERSION = "10"
ASSETS = [
    "synth/sim/data/userside.yaml",
    "synth/goals/data/changes.yaml",
    "synth/goals/data/chat.yaml",
    "synth/goals/data/attacks.yaml",
    "synth/goals/data/grammar.yaml",
    "synth/goals/data/personas.yaml",
    "synth/goals/data/rules.yaml",
    "synth/goals/data/verbs.yaml",
]  # part of the fingerprint
AGENTS_TRIED = 4
AGENTS_TRIED_AIMING = 24  # where the task must have one difficulty
VARIANTS = 2  # start states per world
_DESKS = 512


@dataclass(frozen=True)
class Rows:
    """The tables a task reads, by id."""

    agents: list[AgentRow]
    tools: dict[str, ToolRow]
    worlds: dict[str, WorldRow]


_rows: list[tuple[tuple[Any, ...], Rows]] = []
_desks: OrderedDict[tuple[str, str, int], Desk] = OrderedDict()


def rows_of(inputs: Inputs) -> Rows:
    """Indexed once per process while the tables stay the same."""
    tables = (inputs.table("agents"), inputs.table("tools"), inputs.table("worlds"))
    if not _rows or any(a is not b for a, b in zip(_rows[0][0], tables, strict=True)):
        agents, tools, worlds = tables
        _rows[:] = [(tables, Rows(agents, {t.tool_id: t for t in tools}, {w.world_id: w for w in worlds}))]
        _desks.clear()
    return _rows[0][1]


def run(ctx: Context, part: Part) -> Output:
    """Build the tasks of a part; `part.payload["kinds"]` holds one kind per slot, `difficulty` is 1 to 5 where the
    part is of one difficulty."""
    out = Output(opened=part.stop - part.start)
    rows = rows_of(ctx.inputs)
    for ordinal in range(part.start, part.stop):
        kind: Kind = part.payload["kinds"][ordinal - part.start]
        made = make_task(ctx.seed, rows, ordinal, kind, part.payload.get("difficulty", 0))
        if isinstance(made, TaskRow):
            out.rows.append(made)
            out.closed_with_rows += 1
        else:
            out.failed.append(made)
    return out


def make_task(seed: int, rows: Rows, ordinal: int, kind: Kind, difficulty: int = 0) -> TaskRow | FailedRow:
    """The task of a slot, or why there is none. `difficulty` 0 is any."""
    rng = rng_for(seed, "tasks", ordinal)
    reasons: list[str] = []
    agent_id = ""
    tries = AGENTS_TRIED_AIMING if difficulty else AGENTS_TRIED
    for _ in range(tries if rows.agents else 0):
        agent = rng.choice(rows.agents)
        agent_id = agent.agent_id
        desk = desk_of(seed, rows, agent, rng.choice(agent.traits["worlds"]), rng.randrange(VARIANTS))
        try:
            built = build(desk, kind, rng)
            if difficulty in (0, built.difficulty):
                return row_of(seed, agent, ordinal, kind, built)
            reasons.append(f"{desk.world.world}: of difficulty {built.difficulty}, not {difficulty}")
        except BuildFailed as failed:
            reasons.append(f"{desk.world.world}: {failed}")
    detail = " | ".join(reasons) or "there are no agents"
    slot = make_id("task", seed, "tasks", agent_id, ordinal)
    return FailedRow(stage="tasks", row_id=slot, parent_id=agent_id, class_="task", boundary="goals.build",
                     detail=f"{kind}: {detail}"[:2000], attempts=max(1, len(reasons)))  # fmt: skip


def row_of(seed: int, agent: AgentRow, ordinal: int, kind: Kind, built: Built) -> TaskRow:
    starts = {w: WorldStart(seed=world_seed(seed, w, 0)) for w in agent.world_ids} | built.start.worlds
    start = built.start.model_copy(update={"worlds": starts})
    return TaskRow(
        task_id=make_id("task", seed, "tasks", agent.agent_id, ordinal), agent_id=agent.agent_id, ordinal=ordinal,
        split=agent.split, kind=kind, difficulty=built.difficulty, user=built.user.model_dump(mode="json"),
        goal=built.goal.model_dump(mode="json"), start=start.model_dump(mode="json"),
        plan=built.plan.model_dump(mode="json"), rubric=built.rubric.model_dump(mode="json"),
        parallel_safe=built.parallel_safe,
    )  # fmt: skip


def world_seed(seed: int, world_id: str, variant: int) -> int:
    """The seed of a start state: few per world, so that states are shared by tasks."""
    return zlib.crc32(f"{seed} {world_id} {variant}".encode())


def desk_of(seed: int, rows: Rows, agent: AgentRow, world_id: str, variant: int) -> Desk:
    """The agent's desk on one start state of a world it works in."""
    at = (agent.agent_id, world_id, variant)
    found = _desks.get(at)
    if found is None:
        offered: dict[str, str] = {}
        foreign: list[str] = []
        shown = surfaces_of(agent)
        for name, tool_id in agent.traits["offered"].items():
            tool = rows.tools[tool_id]
            if tool.world_id == world_id and tool.semantics is not None:
                offered[name] = tool.name
            else:
                foreign.append(name)
        found = _desks[at] = Desk(
            world_id, compiled(rows.worlds[world_id]).world, offered, world_seed(seed, world_id, variant), agent.split,
            agent.system_prompt, len(agent.tool_ids), tuple(foreign),
            str(agent.traits.get("signed_in", "")),
            {k: str(agent.traits[k]) for k in ("organisation", "date") if k in agent.traits},
            {offered[n]: s for n, s in shown.items() if n in offered},
        )  # fmt: skip
        if len(_desks) > _DESKS:
            _desks.popitem(last=False)
    else:
        _desks.move_to_end(at)
    return found
