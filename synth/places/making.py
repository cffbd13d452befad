"""The tasks of places as rows, and the rows as what an episode needs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from synth.places import code, live
from synth.places.task import PlaceTask
from synth.records import AgentRow, Kind, TaskRow, ToolRow, WorldRow, make_id
from synth.taskspec import Start


def make_task(
    seed: int, world: WorldRow, tools: Sequence[ToolRow], kind: Kind, number: int, rng: random.Random
) -> PlaceTask:
    """A task of a kind for an agent of a place that has these `tools`. `number` tells one from another.
    Raises BuildFailed where there is none."""
    if world.origin == "workspace":
        return code.make(world, seed, number, rng)
    return live.make(world, tools, kind, seed, number)


def task_row(seed: int, agent: AgentRow, world: WorldRow, ordinal: int, task: PlaceTask) -> TaskRow:
    """The row: what was made for a place without an id now names this one."""
    mine = world.world_id
    start = Start(worlds={}, places={mine: task.start}, notes=task.notes)
    return TaskRow(
        task_id=make_id("task", seed, "tasks", agent.agent_id, ordinal), agent_id=agent.agent_id, ordinal=ordinal,
        split=agent.split, kind=task.kind, difficulty=task.difficulty, user=task.user.model_dump(mode="json"),
        goal=_at(mine, task.goal.model_dump(mode="json")), start=start.model_dump(mode="json"),
        plan=_at(mine, task.plan.model_dump(mode="json")), rubric=task.rubric.model_dump(mode="json"),
    )  # fmt: skip


def _at(world_id: str, column: dict[str, Any]) -> dict[str, Any]:
    """A goal or plan whose changes, checks and steps are of this place."""
    out = dict(column)
    for part in ("changes", "checks", "steps"):
        if part in out:
            out[part] = [{**one, "world_id": world_id} for one in out[part]]
    if "allowed_extra" in out:
        out["allowed_extra"] = [f"{world_id}/{one.rpartition('/')[2]}" for one in out["allowed_extra"]]
    return out
