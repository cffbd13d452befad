"""Rollouts: every task played by the policy, `attempts` times. A slot is one (task, attempt)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from synth.errors import TaskFailure, UsageError, classify
from synth.models import clients
from synth.models.protocol import ModelClient, Sampling
from synth.records import AgentRow, FailedRow, TaskRow, TrajectoryRow, make_id, rng_for
from synth.sim.environment import Environment
from synth.sim.episode import Episode, Policy, run_episode
from synth.sim.expert import Expert
from synth.sim.policies import Endpoint, Idle, Random
from synth.sim.setup import Catalog, catalog_for, environment
from synth.sim.user import SimulatedUser
from synth.stage import Context, Output, Part
from synth.taskspec import Goal, Plan, Start, UserProfile

TABLE = "trajectories"
VERSION = "5"
ASSETS = [
    "synth/sim/data/expert.json",
    "synth/sim/data/user.json",
]  # part of the fingerprint

# (task, profile, environment, episode seed) -> the assistant of that episode
Cast = Callable[[TaskRow, UserProfile, Environment, int], Policy]


def depends(settings: Any) -> dict[str, Any]:
    """What lies outside the package and changes what is played: the script of a scripted model."""
    return clients.outside(settings.backend)


def problems(settings: Any) -> list[tuple[str, str]]:
    """What is wrong with a policy before anything is played, as (path in the stage, sentence)."""
    return [("policy", sentence) for sentence in clients.problems(settings.backend)]


def ready(settings: Any) -> None:
    """Raises UsageError where a run that is about to start could not play: the key of its endpoint is missing."""
    clients.ready(settings.backend)


def run(ctx: Context, part: Part) -> Output:
    """Play the tasks of one part. An exception of an episode ends its slot as a failed row."""
    tasks: list[TaskRow] = ctx.inputs.part("tasks", part.index)
    catalog = catalog_for(ctx.inputs)
    backend = ctx.settings.backend
    client = None if backend is None else clients.client_of(backend)
    cast = casting(ctx.settings, client)
    slots = [(task, attempt) for task in tasks for attempt in range(ctx.settings.attempts)]
    ended = asyncio.run(_play_all(ctx, catalog, cast, client, slots))
    output = Output(opened=len(slots))
    for row in ended:
        if isinstance(row, TrajectoryRow):
            output.rows.append(row)
            output.closed_with_rows += 1
        else:
            output.failed.append(row)
    return output


def policy_name(settings: Any) -> str:
    """What goes into `trajectories.policy`: `expert`, `endpoint:<model>`, `scripted:<script>`."""
    return str(settings.policy) if settings.backend is None else clients.said_by(settings.backend, settings.policy)


def casting(settings: Any, client: ModelClient | None) -> Cast:
    """The function that gives each episode its assistant."""
    name = policy_name(settings)
    if client is not None:
        return lambda task, profile, env, seed: Endpoint(name, client, Sampling(seed=seed % 2**31))
    if name == "expert":
        return lambda task, profile, env, seed: Expert(
            profile, Goal.model_validate(task.goal), Plan.model_validate(task.plan), env, rng_for(seed, "expert")
        )
    if name == "random":
        return lambda task, profile, env, seed: Random(env, rng_for(seed, "random"), task.split)
    if name == "idle":
        return lambda task, profile, env, seed: Idle()
    raise UsageError(f"there is no policy {name!r}; use expert, idle, random or the name of a model")


async def _play_all(
    ctx: Context, catalog: Catalog, cast: Cast, client: ModelClient | None, slots: list[tuple[TaskRow, int]]
) -> list[TrajectoryRow | FailedRow]:
    if client is None:  # nothing to wait for: one after another
        return [await _slot(ctx, catalog, cast, task, attempt) for task, attempt in slots]
    try:
        return list(await asyncio.gather(*(_slot(ctx, catalog, cast, task, attempt) for task, attempt in slots)))
    finally:
        await client.close()


async def _slot(ctx: Context, catalog: Catalog, cast: Cast, task: TaskRow, attempt: int) -> TrajectoryRow | FailedRow:
    trajectory_id = make_id("traj", ctx.seed, "rollouts", task.task_id, attempt)
    try:
        return await play(trajectory_id, catalog, cast, task, attempt, ctx.settings)
    except Exception as error:  # noqa: BLE001 - the boundary of a slot: classified and kept as a failed row
        class_, detail = classify(error)
        boundary = error.boundary if isinstance(error, TaskFailure) else "stages.rollouts"
        return FailedRow(stage="rollouts", row_id=trajectory_id, parent_id=task.task_id, class_=class_,
                         boundary=boundary, detail=detail[:2000], attempts=1)  # fmt: skip


async def play(
    trajectory_id: str, catalog: Catalog, cast: Cast, task: TaskRow, attempt: int, settings: Any
) -> TrajectoryRow:
    """Play one task once. Everything random hangs on the trajectory's id."""
    seed = int(trajectory_id.rsplit("_", 1)[1], 16) >> 1  # fits a signed 64-bit column
    profile = UserProfile.model_validate(task.user)
    env = environment(catalog, task, seed, settings.fault_rate)
    policy = cast(task, profile, env, seed)
    agent: AgentRow = catalog.agents[task.agent_id]
    user = SimulatedUser(profile, rng_for(seed, "user"))
    prompt = prompt_of(agent, Start.model_validate(task.start))
    episode = await run_episode(prompt, env, user, policy, settings.max_turns)
    return row_of(trajectory_id, task, attempt, policy.name, episode, seed)


def prompt_of(agent: AgentRow, start: Start) -> str:
    """The agent's system prompt, with the task's own rules under it."""
    rules = [r.text for r in start.rules]
    return "\n\n".join([agent.system_prompt, "\n".join(rules)]) if rules else agent.system_prompt


def row_of(trajectory_id: str, task: TaskRow, attempt: int, policy: str, episode: Episode, seed: int) -> TrajectoryRow:
    return TrajectoryRow(
        trajectory_id=trajectory_id, task_id=task.task_id, agent_id=task.agent_id, attempt=attempt, policy=policy,
        messages=episode.messages, calls=episode.calls, state_diff=episode.state_diff,
        end_state_sha256=episode.end_state_sha256, stop_reason=episode.stop_reason, turns=episode.turns,
        usage=episode.usage, seed=seed,
    )  # fmt: skip
