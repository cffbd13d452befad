"""Stage `tasks`: each slot draws an agent and builds a task of its kind on a world the agent works in.

A slot whose agent allows no such task tries a few more agents; one that still fails is a failed row of class `task`.
"""

from __future__ import annotations

import random
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, get_args

from synth.errors import ModelMalformed, ModelRefused, classify
from synth.goals.build import BuildFailed, Built, build
from synth.goals.desk import Desk
from synth.goals.wording import PROMPT, reworded
from synth.models import clients
from synth.models.prompts import digests
from synth.models.protocol import Sampling
from synth.models.roles import REPAIR, Role, RoleName
from synth.models.session import Models, usage_rows, with_models
from synth.places import making
from synth.records import AgentRow, FailedRow, Kind, TaskRow, ToolRow, WorldRow, make_id, rng_for
from synth.sim.setup import compiled
from synth.stage import Context, Inputs, Output, Part
from synth.surface import surfaces_of
from synth.taskspec import Goal, UserProfile, WorldStart

TABLE = "tasks"
VERSION = "18"
ASSETS = [
    "synth/sim/data/userside.yaml",
    "synth/sim/data/eval/userside.yaml",
    "synth/goals/data/changes.yaml",
    "synth/goals/data/eval/changes.yaml",
    "synth/goals/data/chat.yaml",
    "synth/goals/data/eval/chat.yaml",
    "synth/goals/data/attacks.yaml",
    "synth/goals/data/eval/attacks.yaml",
    "synth/goals/data/forms.yaml",
    "synth/goals/data/grammar.yaml",
    "synth/goals/data/eval/grammar.yaml",
    "synth/goals/data/personas.yaml",
    "synth/goals/data/eval/personas.yaml",
    "synth/goals/data/rules.yaml",
    "synth/goals/data/eval/rules.yaml",
    "synth/goals/data/verbs.yaml",
    "synth/live/data/elsewhere.yaml",
]  # part of the fingerprint
ROLES: tuple[RoleName, ...] = ("writer", "paraphraser")  # in this order
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

    @cached_property
    def by_kind(self) -> dict[str, list[AgentRow]]:
        """The agents that a kind of task can be made for, in the order of the table. Agents of simulated worlds take
        any kind but `code`, those of places what their place has."""
        places = [a for a in self.agents if "kinds" in a.traits]
        plain = [a for a in self.agents if "kinds" not in a.traits] if places else self.agents
        kinds = get_args(Kind)
        return {k: [a for a in self.agents if k in a.traits.get("kinds", kinds)] if places else plain for k in kinds}


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
    """The tasks of a part, in the words of models where there are any."""
    if asks(ctx.settings):
        return with_models(lambda models: arun(ctx, part, models))
    return _built(ctx, part)


def _built(ctx: Context, part: Part) -> Output:
    """Build the tasks of a part; `part.payload["kinds"]` holds one kind per slot, `difficulty` is 1 to 5 where the
    part is of one difficulty."""
    out = Output(opened=part.stop - part.start)
    rows = rows_of(ctx.inputs)
    for ordinal in range(part.start, part.stop):
        kind: Kind = part.payload["kinds"][ordinal - part.start]
        made = make_task(ctx.seed, rows, ordinal, kind, part.payload.get("difficulty", 0), ctx.settings.variant)
        if isinstance(made, TaskRow):
            out.rows.append(made)
            out.closed_with_rows += 1
        else:
            out.failed.append(made)
    return out


def asks(settings: Any) -> bool:
    return bool(settings.backends)


def depends(settings: Any) -> dict[str, Any]:
    """Prompts and scripts of the models that word the turns."""
    if not asks(settings):
        return {}
    return clients.outside_of(settings.backends) | digests(REPAIR, *(PROMPT[role] for role in settings.backends))


def problems(settings: Any) -> list[tuple[str, str]]:
    """What is wrong with these models, as (path in the stage, sentence)."""
    return [(role, text) for role, backend in settings.backends.items() for text in clients.problems(backend)]


def ready(settings: Any) -> None:
    """Raises UsageError where the key of an endpoint is missing."""
    for backend in settings.backends.values():
        clients.ready(backend)


async def arun(ctx: Context, part: Part, models: Models) -> Output:
    """Build the tasks, then have their turns worded by models, side by side."""
    out = _built(ctx, part)
    if not asks(ctx.settings):
        return out
    backends = ctx.settings.backends
    jobs = [partial(_worded, ctx, models, row) for row in out.rows if isinstance(row, TaskRow)]
    for backend in backends.values():
        models.client(backend)  # one that cannot be made stops the run, not each slot
    ended = await models.side_by_side(backends.values(), jobs)
    out.rows = [row for row, _ in ended if isinstance(row, TaskRow)]
    out.failed += [row for row, _ in ended if isinstance(row, FailedRow)]
    out.closed_with_rows = len(out.rows)
    for row, roles in ended:
        out.usage += usage_rows("tasks", row.task_id if isinstance(row, TaskRow) else row.row_id, roles)
    return out


async def _worded(ctx: Context, models: Models, task: TaskRow) -> tuple[TaskRow | FailedRow, list[Role]]:
    """The task in the words of the writer, then of the paraphraser. Words that break a rule leave the turns as they
    are, and the row says so; an endpoint that is gone fails the slot, so that it can be asked again."""
    roles: list[Role] = []
    said: dict[str, Any] = {}
    profile, goal = UserProfile.model_validate(task.user), Goal.model_validate(task.goal)
    seed = int(task.task_id.rsplit("_", 1)[1], 16) % 2**31
    try:
        for name in ROLES:
            if name not in ctx.settings.backends:
                continue
            role = models.role(name, ctx.settings.backends[name], getattr(ctx.settings, name), Sampling(seed=seed))
            roles.append(role)
            try:
                answer = await reworded(role, profile, goal)
                profile, why = answer.value or profile, "" if answer.value else f"{answer.reason}: {answer.detail}"
            except (ModelRefused, ModelMalformed) as error:
                why = classify(error)[1]
            said[name] = {"name": role.model, "taken": not why, "why": why[:400]}
    except Exception as error:  # noqa: BLE001 - the boundary of a slot: classified and kept as a failed row
        class_, detail = classify(error)
        return FailedRow(stage="tasks", row_id=task.task_id, parent_id=task.agent_id, class_=class_,
                         boundary="goals.wording", detail=detail[:2000], attempts=1), roles  # fmt: skip
    return task.model_copy(update={"user": profile.model_dump(mode="json"), "model": said}), roles


def make_task(
    seed: int, rows: Rows, ordinal: int, kind: Kind, difficulty: int = 0, variant: int = 0
) -> TaskRow | FailedRow:
    """The task of a slot, or why there is none. `difficulty` 0 is any; `variant` as in the settings."""
    drawn = (ordinal, variant) if variant else (ordinal,)
    rng = rng_for(seed, "tasks", *drawn)
    of_places = rng_for(seed, "variant", variant).getrandbits(62) if variant else seed
    agents = rows.by_kind[kind]
    reasons: list[str] = []
    agent_id = ""
    tries = AGENTS_TRIED_AIMING if difficulty else AGENTS_TRIED
    for turn in range(tries if agents else 0):
        agent = rng.choice(agents)
        agent_id = agent.agent_id
        if "kinds" in agent.traits:
            made = _of_place(of_places, rows, agent, ordinal, kind, turn, difficulty, rng)
            if isinstance(made, TaskRow):
                return made
            reasons.append(made)
            continue
        desk = desk_of(seed, rows, agent, rng.choice(agent.traits["worlds"]), rng.randrange(VARIANTS))
        try:
            built = build(desk, kind, rng)
            if difficulty in (0, built.difficulty):
                return row_of(seed, agent, ordinal, kind, built, drawn)
            reasons.append(f"{desk.world.world}: of difficulty {built.difficulty}, not {difficulty}")
        except BuildFailed as failed:
            reasons.append(f"{desk.world.world}: {failed}")
    detail = " | ".join(reasons) or "there are no agents for it"
    slot = make_id("task", seed, "tasks", agent_id, *drawn)
    return FailedRow(stage="tasks", row_id=slot, parent_id=agent_id, class_="task", boundary="goals.build",
                     detail=f"{kind}: {detail}"[:2000], attempts=max(1, len(reasons)))  # fmt: skip


def _of_place(
    seed: int, rows: Rows, agent: AgentRow, ordinal: int, kind: Kind, turn: int, difficulty: int, rng: random.Random
) -> TaskRow | str:
    """A task of a place, or why there is none. No two slots and tries have the same number."""
    world, tools = rows.worlds[agent.traits["world_id"]], [rows.tools[t] for t in agent.tool_ids]
    try:
        task = making.make_task(seed, world, tools, kind, ordinal * AGENTS_TRIED_AIMING + turn, rng)
    except BuildFailed as failed:
        return f"{world.server or world.origin}: {failed}"
    if difficulty not in (0, task.difficulty):
        return f"{world.server or world.origin}: of difficulty {task.difficulty}, not {difficulty}"
    return making.task_row(seed, agent, world, ordinal, task)


def row_of(seed: int, agent: AgentRow, ordinal: int, kind: Kind, built: Built, drawn: tuple[int, ...]) -> TaskRow:
    starts = {w: WorldStart(seed=world_seed(seed, w, 0)) for w in agent.world_ids} | built.start.worlds
    start = built.start.model_copy(update={"worlds": starts})
    return TaskRow(
        task_id=make_id("task", seed, "tasks", agent.agent_id, *drawn), agent_id=agent.agent_id, ordinal=ordinal,
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
