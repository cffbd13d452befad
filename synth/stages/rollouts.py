"""Rollouts: every task played by the first policy, and some of them by those beside it. A slot is one (task, policy,
attempt)."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from synth.errors import TaskFailure, UsageError, classify
from synth.models import clients
from synth.models.prompts import digests
from synth.models.protocol import Sampling
from synth.models.roles import REPAIR, Role, RoleName
from synth.models.session import Models, usage_rows, with_models
from synth.pipeline_stages import BUILT_IN_POLICIES, Player
from synth.places.hands import Hands, hands_of, sweep
from synth.records import AgentRow, FailedRow, TaskRow, TrajectoryRow, make_id, rng_for
from synth.sim.environment import Environment
from synth.sim.episode import Episode, Policy, run_episode
from synth.sim.expert import Expert
from synth.sim.foreign import answer_by_model
from synth.sim.model_user import PROMPTS as PROMPTS_OF_USER
from synth.sim.model_user import ModelUser
from synth.sim.policies import Asker, Endpoint, FirstTool, Idle, Parrot, Random, Refuser
from synth.sim.setup import Catalog, catalog_for, environment
from synth.sim.user import SimulatedUser
from synth.stage import Context, Output, Part
from synth.taskspec import Goal, Plan, Start, UserProfile

TABLE = "trajectories"
VERSION = "12"
ASSETS = [
    "synth/sim/data/userside.yaml",
    "synth/sim/data/expert.json",
    "synth/sim/data/user.json",
    "synth/sim/data/eval/user.json",
    "synth/goals/data/eval/personas.yaml",  # whose users speak as which split
]  # part of the fingerprint

PROMPTS = {"tools": ("tools.j2", REPAIR), "user": PROMPTS_OF_USER}  # by role; in the fingerprint where the role is cast


@dataclass
class Slot:
    """One (task, policy, attempt) while it is played. `roles` fill as models are cast, so that what a failed slot spent
    is known as well."""

    trajectory_id: str
    task: TaskRow
    attempt: int
    player: Player
    roles: list[Role] = field(default_factory=list)

    @property
    def seed(self) -> int:
        """Everything random of the episode hangs on the trajectory's id; fits a signed 64-bit column."""
        return int(self.trajectory_id.rsplit("_", 1)[1], 16) >> 1


def backends(settings: Any) -> dict[str, Any]:
    """{role: model} of everybody that a model plays here."""
    policies = {_path(player): player.backend for player in settings.players() if player.backend is not None}
    return policies | settings.backends


def _path(player: Player) -> str:
    """Where the stage's settings name a player."""
    return "policy" if player.first else f"beside.{player.name}"


def asks(settings: Any) -> bool:
    return bool(backends(settings))


def mixed(settings: Any) -> bool:
    """Whether models play beside built-in policies. A model as the user or as tools is asked in every slot."""
    return not settings.backends and len({player.backend is None for player in settings.players()}) == 2


def depends(settings: Any) -> dict[str, Any]:
    """What decides what is played besides settings: scripts of scripted models, prompts of the roles that are cast."""
    prompts = [name for role in settings.backends for name in PROMPTS.get(role, ())]
    return clients.outside_of(backends(settings)) | digests(*prompts)


def problems(settings: Any) -> list[tuple[str, str]]:
    """What is wrong with models before anything is played, as (path in the stage, sentence)."""
    return [(role, text) for role, backend in backends(settings).items() for text in clients.problems(backend)]


def ready(settings: Any) -> None:
    """Raises UsageError where a run that is about to start could not play: the key of an endpoint is missing, there is
    no sandbox. What a killed run left of sandboxes is removed."""
    for backend in backends(settings).values():
        clients.ready(backend)
    if settings.places:
        sweep(settings.places)


def run(ctx: Context, part: Part) -> Output:
    """Play the tasks of one part. An exception of an episode ends its slot as a failed row."""
    if asks(ctx.settings):
        return with_models(lambda models: arun(ctx, part, models))
    return finish(ctx, part, Output(opened=0))


async def arun(ctx: Context, part: Part, models: Models) -> Output:
    """The same with models whose clients are shared: slots of many parts wait for them side by side."""
    return await _finished(ctx, part, await begin(ctx, part, models))


async def begin(ctx: Context, part: Part, models: Models) -> Output:
    """The slots of a part in which a model is asked."""
    slots, catalog = [slot for slot in _slots(ctx, part) if _asking(ctx.settings, slot)], catalog_for(ctx.inputs)
    asked = backends(ctx.settings).values()
    for backend in asked:
        models.client(backend)  # one that cannot be made stops the run, not each slot
    return _output(slots, await models.side_by_side(asked, (partial(_slot, ctx, catalog, models, s) for s in slots)))


def finish(ctx: Context, part: Part, begun: Output) -> Output:
    """The other slots of a part, and all in order, as if they had been played together."""
    work = _finished(ctx, part, begun)
    return asyncio.run(work) if ctx.settings.places else _unwaiting(work)


async def _finished(ctx: Context, part: Part, begun: Output) -> Output:
    slots, catalog = _slots(ctx, part), catalog_for(ctx.inputs)
    left = [slot for slot in slots if not _asking(ctx.settings, slot)]
    if ctx.settings.places:  # the gate of the places bounds how many play at once
        played = await asyncio.gather(*(_slot(ctx, catalog, None, slot) for slot in left))
    else:  # nothing to wait for: one after another
        played = [await _slot(ctx, catalog, None, slot) for slot in left]
    ended = {slot.trajectory_id: row for slot, row in zip(left, played, strict=True)}
    ended |= {row.trajectory_id: row for row in begun.rows if isinstance(row, TrajectoryRow)}
    ended |= {row.row_id: row for row in begun.failed}
    return replace(_output(slots, [ended[slot.trajectory_id] for slot in slots]), usage=begun.usage)


def _unwaiting(work: Coroutine[Any, Any, Output]) -> Output:
    """Run a coroutine that never waits for anything: an event loop costs more than a short episode."""
    try:
        work.send(None)
    except StopIteration as end:
        made: Output = end.value
        return made
    raise AssertionError("a built-in policy on simulated worlds waited for something")


def _slots(ctx: Context, part: Part) -> list[Slot]:
    """The slots of a part in order. Raises UsageError for a policy that is neither built in nor a model."""
    tasks: list[TaskRow] = ctx.inputs.part("tasks", part.index)
    players = ctx.settings.players()
    for player in players:
        check_player(player)
    return [slot for task in tasks for player in players for slot in slots_of(ctx.seed, task, player)]


def _asking(settings: Any, slot: Slot) -> bool:
    return bool(settings.backends) or slot.player.backend is not None


def _output(slots: list[Slot], ended: list[TrajectoryRow | FailedRow]) -> Output:
    output = Output(opened=len(slots))
    for slot, row in zip(slots, ended, strict=True):
        output.usage += usage_rows("rollouts", slot.trajectory_id, slot.roles)
        if isinstance(row, TrajectoryRow):
            output.rows.append(row)
            output.closed_with_rows += 1
        else:
            output.failed.append(row)
    return output


def slots_of(seed: int, task: TaskRow, player: Player) -> list[Slot]:
    """A player's attempts at a task. Whether a policy beside the first plays it depends on the two alone, not on what
    else plays or is opened."""
    if player.first:
        named: tuple[str, ...] = ()
    elif rng_for(seed, "beside", player.name, task.task_id).random() >= player.share_of(task.kind):
        return []
    else:
        named = (player.name,)
    return [
        Slot(make_id("traj", seed, "rollouts", task.task_id, attempt, *named), task, attempt, player)
        for attempt in range(player.attempts)
    ]


async def _slot(ctx: Context, catalog: Catalog, models: Models | None, slot: Slot) -> TrajectoryRow | FailedRow:
    try:
        return await play(slot, catalog, ctx.settings, models)
    except Exception as error:  # noqa: BLE001 - the boundary of a slot: classified and kept as a failed row
        class_, detail = classify(error)
        boundary = error.boundary if isinstance(error, TaskFailure) else "stages.rollouts"
        return FailedRow(stage="rollouts", row_id=slot.trajectory_id, parent_id=slot.task.task_id, class_=class_,
                         boundary=boundary, detail=detail[:2000], attempts=1)  # fmt: skip


async def play(slot: Slot, catalog: Catalog, settings: Any, models: Models | None = None) -> TrajectoryRow:
    """Play one task once. So many episodes hold a place at once as the pipeline file says."""
    if not slot.task.start.get("places"):
        return await _played(slot, catalog, settings, models, None)
    if settings.places is None:
        raise TaskFailure("infra", "stages.rollouts", "the task needs a place, and `executors` names none")
    hands = hands_of(settings.places)
    async with hands.gate():
        return await _played(slot, catalog, settings, models, hands)


async def _played(
    slot: Slot, catalog: Catalog, settings: Any, models: Models | None, hands: Hands | None
) -> TrajectoryRow:
    """What the episode held is given back, however it ends."""
    env = environment(catalog, slot.task, slot.seed, settings.fault_rate, hands)
    try:
        return await _in(env, slot, catalog, settings, models)
    finally:
        await env.close()


async def _in(env: Environment, slot: Slot, catalog: Catalog, settings: Any, models: Models | None) -> TrajectoryRow:
    task, seed = slot.task, slot.seed
    profile = UserProfile.model_validate(task.user)
    if models is not None and "tools" in settings.backends:
        answer_by_model(env, _cast(slot, models, settings, "tools"))
    agent: AgentRow = catalog.agents[task.agent_id]
    policy = assistant(slot, agent, profile, env, models)
    user = player(slot, profile, settings, models)
    prompt = prompt_of(agent, Start.model_validate(task.start))
    episode = await run_episode(prompt, env, user, policy, min(settings.max_turns, slot.player.max_turns))
    row = row_of(slot.trajectory_id, task, slot.attempt, policy.name, episode, seed)
    return row.model_copy(update={"played_user": user.trace()}) if isinstance(user, ModelUser) else row


def player(slot: Slot, profile: UserProfile, settings: Any, models: Models | None) -> SimulatedUser | ModelUser:
    """Who plays the user. Small talk and acts of the user's own stay with the templates."""
    if models is None or "user" not in settings.backends or profile.talk or profile.acts:
        return SimulatedUser(profile, rng_for(slot.seed, "user"))
    return ModelUser(profile, Goal.model_validate(slot.task.goal), _cast(slot, models, settings, "user"))


LAZY: dict[str, type[Idle]] = {p.name: p for p in (Idle, Refuser, Asker, Parrot)}


def check_player(player: Player) -> None:
    """Raises UsageError for a policy that is neither built in nor a model."""
    if player.backend is None and player.name not in BUILT_IN_POLICIES:
        known = f"{', '.join(BUILT_IN_POLICIES)} or the name of a model"
        raise UsageError(f"there is no policy {player.name!r}; use {known}")


def assistant(slot: Slot, agent: AgentRow, profile: UserProfile, env: Environment, models: Models | None) -> Policy:
    """Who plays the assistant of an episode."""
    task, seed, name = slot.task, slot.seed, slot.player.name
    if slot.player.backend is not None:
        assert models is not None
        role = models.role("assistant", slot.player.backend, name, Sampling(seed=seed % 2**31))
        slot.roles.append(role)
        return Endpoint(role)
    if name == "random":
        return Random(env, rng_for(seed, "random"), task.split)
    if name == "first_tool":
        return FirstTool(env)
    if name in LAZY:
        return LAZY[name]()
    goal, plan = Goal.model_validate(task.goal), Plan.model_validate(task.plan)
    cautious = agent.traits.get("manner") == "cautious"
    return Expert(profile, goal, plan, env, rng_for(seed, "expert"), cautious)


def _cast(slot: Slot, models: Models, settings: Any, name: RoleName) -> Role:
    """A model in a role of this episode."""
    sampling = Sampling(seed=(slot.seed ^ zlib.crc32(name.encode())) % 2**31)
    role = models.role(name, settings.backends[name], getattr(settings, name), sampling)
    slot.roles.append(role)
    return role


def prompt_of(agent: AgentRow, start: Start) -> str:
    """The agent's system prompt, with the task's own notes and rules under it."""
    rules = [*start.notes, *(r.text for r in start.rules)]
    return "\n\n".join([agent.system_prompt, "\n".join(rules)]) if rules else agent.system_prompt


def row_of(trajectory_id: str, task: TaskRow, attempt: int, policy: str, episode: Episode, seed: int) -> TrajectoryRow:
    return TrajectoryRow(
        trajectory_id=trajectory_id, task_id=task.task_id, agent_id=task.agent_id, attempt=attempt, policy=policy,
        messages=episode.messages, calls=episode.calls, user_calls=episode.user_calls, state_diff=episode.state_diff,
        end_state_sha256=episode.end_state_sha256, stop_reason=episode.stop_reason, turns=episode.turns,
        usage=episode.usage, seed=seed, checks=episode.checks,
    )  # fmt: skip
