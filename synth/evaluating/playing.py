"""An evaluation: a policy plays tasks of a run's eval split to the end, judged as the run was; and where the run has a
passed episode of the task, the policy is asked for the first calls of it.

Nothing is written to the run. The worlds, tools, value pools and agents of the eval split were kept out of the shards.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema_rs

from synth.errors import ModelError, UsageError, classify
from synth.evaluating.figures import Attempt, Guess, summed
from synth.models.protocol import Sampling
from synth.models.session import Models, with_models
from synth.pipeline_stages import JudgeSettings, Player, RolloutsSettings
from synth.records import TaskRow, TrajectoryRow, canonical, make_id
from synth.replaying import executors_of, judge_settings, turns_of
from synth.sim.setup import Catalog
from synth.stages.judge import judge
from synth.stages.rollouts import Slot, check_player, play
from synth.store.views import Run, open_run
from synth.surface import functions_of


@dataclass(frozen=True)
class Plan:
    """What is evaluated. `tasks`: of each kind, the lowest ordinals; `kinds` empty: all. `backend`: a model of the
    pipeline (settings), None for a built-in policy. `calls`: also ask for single calls. `max_turns`: assistant messages
    of an episode, as many as in the run where it is None."""

    policy: str
    backend: Any = None
    tasks: int = 100
    kinds: tuple[str, ...] = ()
    attempts: int = 1
    split: str = "eval"
    calls: bool = True
    max_turns: int | None = None


@dataclass(frozen=True)
class Ground:
    """The rows of a run that an evaluation reads."""

    tasks: list[TaskRow]
    catalog: Catalog
    passed: dict[str, TrajectoryRow]  # by task: an episode of the run that the judge passed
    judge: JudgeSettings
    seed: int

    @staticmethod
    def of(run: Run, plan: Plan) -> Ground:
        """Raises UsageError where the run has no such task."""
        chosen: dict[str, list[TaskRow]] = {}
        for task in sorted(run.iter_rows("tasks"), key=lambda t: t.ordinal):
            wanted = task.split == plan.split and (not plan.kinds or task.kind in plan.kinds)
            if wanted and len(chosen.setdefault(task.kind, [])) < plan.tasks:
                chosen[task.kind].append(task)
        tasks = [task for kind in sorted(chosen) for task in chosen[kind]]
        if not tasks:
            what = f" of {', '.join(plan.kinds)}" if plan.kinds else ""
            raise UsageError(f"{run.run_dir} has no task{what} in the split {plan.split}; make a larger run first")
        ids = {task.task_id for task in tasks}
        good = {v.trajectory_id for v in run.iter_rows("verdicts") if v.passed and v.task_id in ids}
        passed = {t.task_id: t for t in run.iter_rows("trajectories") if t.trajectory_id in good}
        catalog = Catalog.of(run.rows("agents"), run.rows("tools"), run.rows("worlds"))
        return Ground(tasks, catalog, passed, judge_settings(run.run_dir), _seed_of(run))


def _seed_of(run: Run) -> int:
    return int(json.loads((run.run_dir / "run.json").read_text())["pipeline"]["seed"])


def evaluate(run_dir: Path, plan: Plan) -> dict[str, Any]:
    """The figures of one policy on a run's tasks."""
    return told(run_dir, plan, *played(run_dir, plan))


def told(run_dir: Path, plan: Plan, attempts: list[Attempt], guesses: list[Guess]) -> dict[str, Any]:
    """What was played as figures."""
    tasks = len({attempt.task_id for attempt in attempts})
    return {
        "policy": plan.policy, "run": str(run_dir), "split": plan.split, "tasks": tasks, "attempts": plan.attempts,
        **summed(attempts, guesses),
    }  # fmt: skip


def played(run_dir: Path, plan: Plan) -> tuple[list[Attempt], list[Guess]]:
    """Every episode of one policy on a run's tasks, and its first calls where the plan asks for them."""
    ground = Ground.of(open_run(run_dir), plan)
    settings = RolloutsSettings(fault_rate=0.0, max_turns=plan.max_turns or turns_of(run_dir)).model_copy(
        update={"executors": executors_of(run_dir)}
    )
    player = Player(plan.policy, plan.backend)
    check_player(player)
    slots = [
        Slot(make_id("traj", ground.seed, "eval", task.task_id, number), task, number, player)
        for task in ground.tasks for number in range(plan.attempts)
    ]  # fmt: skip
    return with_models(lambda models: _all(ground, plan, settings, slots, models))


async def _all(
    ground: Ground, plan: Plan, settings: RolloutsSettings, slots: list[Slot], models: Models
) -> tuple[list[Attempt], list[Guess]]:
    if plan.backend is None:
        return [await attempt(ground, settings, None, slot) for slot in slots], []
    models.client(plan.backend)  # one that cannot be made stops the evaluation, not each episode
    attempts = await models.side_by_side(
        [plan.backend], [partial(attempt, ground, settings, models, slot) for slot in slots]
    )
    asked: list[Any] = [partial(guess, ground, plan, models, t) for t in ground.tasks if _first_calls(ground, t)]
    guesses: list[Guess] = await models.side_by_side([plan.backend], asked if plan.calls else [])
    return attempts, guesses


async def attempt(ground: Ground, settings: RolloutsSettings, models: Models | None, slot: Slot) -> Attempt:
    """One episode, judged. One that a model's errors end has not passed."""
    task = slot.task
    open_one = Attempt(task.task_id, task.kind, slot.attempt, False)
    try:
        row = await play(slot, ground.catalog, settings, models)
    except ModelError as error:
        class_, detail = classify(error)
        return replace(_spent(open_one, slot), why=f"{class_}: {detail}"[:400])
    verdict = judge(row, task, ground.catalog, ground.judge)
    valid = sum(_valid(ground, task, call.name, call.arguments) for call in row.calls)
    why = "" if verdict.passed else " | ".join(verdict.reasons)[:400]
    done = replace(open_one, passed=verdict.passed, why=why, calls=len(row.calls), valid=valid)
    return _spent(done, slot)


def _spent(one: Attempt, slot: Slot) -> Attempt:
    return replace(one, requests=sum(r.usage.requests for r in slot.roles),
                   completion_tokens=sum(r.usage.completion_tokens for r in slot.roles))  # fmt: skip


def _valid(ground: Ground, task: TaskRow, name: str, arguments: Any) -> bool:
    """Whether the tool was offered and its schema, as the assistant reads it, takes the arguments."""
    offered = functions_of(ground.catalog.agents[task.agent_id], ground.catalog.tools)
    schemas = [f["function"]["parameters"] for f in offered if f["function"]["name"] == name]
    return bool(schemas) and jsonschema_rs.validator_for(schemas[0]).is_valid(arguments)


def _first_calls(ground: Ground, task: TaskRow) -> int:
    """Where the first message with calls stands in the recorded episode; 0 where there is none."""
    row = ground.passed.get(task.task_id)
    places = (i for i, m in enumerate(row.messages) if m.get("tool_calls")) if row is not None else iter(())
    return next(places, 0)


async def guess(ground: Ground, plan: Plan, models: Models, task: TaskRow) -> Guess:
    """What the model calls where the recorded episode made its first calls."""
    row, at = ground.passed[task.task_id], _first_calls(ground, task)
    agent = ground.catalog.agents[task.agent_id]
    role = models.role("assistant", plan.backend, plan.policy, Sampling(seed=task.ordinal))
    try:
        reply = await role.complete(row.messages[:at], functions_of(agent, ground.catalog.tools))
    except ModelError:
        return Guess(task.kind, False, False)  # no call that could be read
    made, right = _calls(reply.message), _calls(row.messages[at])
    return Guess(task.kind, [n for n, _ in made] == [n for n, _ in right], made == right)


def _calls(message: dict[str, Any]) -> list[tuple[str, str]]:
    """Name and canonical arguments of each call, in no order."""
    functions: Iterable[dict[str, Any]] = (call["function"] for call in message.get("tool_calls") or ())
    return sorted((f["name"], _plain(f["arguments"])) for f in functions)


def _plain(arguments: str) -> str:
    try:
        return canonical(json.loads(arguments))
    except json.JSONDecodeError:
        return arguments
