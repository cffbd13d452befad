"""Judge: each trajectory against its task's rubric and the standing criteria, by code, with evidence."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import rubrics
from synth.errors import FailureClass, ModelError, TaskFailure, classify
from synth.models import clients
from synth.models.prompts import digests
from synth.models.roles import REPAIR
from synth.models.session import Models, usage_rows, with_models
from synth.places.rows import is_place
from synth.places.schemas import schema_roles
from synth.records import Criterion, FailedRow, TaskRow, TrajectoryRow, UsageRow, VerdictRow, content_hash
from synth.sim import questions
from synth.sim.roles import param_roles
from synth.sim.setup import Catalog, catalog_for, seen_tools, seen_world
from synth.stage import Context, Output, Part

TABLE = "verdicts"
VERSION = "17"
ASSETS = [
    "rubrics/data/standing.json",
    "rubrics/data/words.json",
]  # part of the fingerprint
JUDGE = "code"


def asks(settings: Any) -> bool:
    return bool(settings.backends)


def depends(settings: Any) -> dict[str, Any]:
    """What decides verdicts besides settings and assets, where a model is asked: its script, the prompts."""
    if not asks(settings):
        return {}
    return clients.outside_of(settings.backends) | digests(questions.PROMPT, REPAIR)


def problems(settings: Any) -> list[tuple[str, str]]:
    """What is wrong with the model before anything is judged, as (path in the stage, sentence)."""
    return [(role, text) for role, backend in settings.backends.items() for text in clients.problems(backend)]


def ready(settings: Any) -> None:
    """Raises UsageError where the key of the endpoint is missing."""
    for backend in settings.backends.values():
        clients.ready(backend)


def run(ctx: Context, part: Part) -> Output:
    """Judge the trajectories of one part. A judge that breaks gives a failed row of class `judge`, never a score."""
    if asks(ctx.settings):
        return with_models(lambda models: arun(ctx, part, models))
    return _output([row for _, _, row in _by_code(ctx, part)], [])


async def arun(ctx: Context, part: Part, models: Models) -> Output:
    """The same where a model is configured: it answers its questions on what code found nothing wrong with."""
    backend, spent = ctx.settings.backends["model"], list[UsageRow]()
    models.client(backend)  # one that cannot be made stops the run, not each slot

    async def asked(trajectory: TrajectoryRow, task: TaskRow | None, row: VerdictRow | FailedRow) -> Ended:
        if task is None or isinstance(row, FailedRow) or row.passed is not True:
            return row
        role = models.role("judge", backend, ctx.settings.model)
        try:
            return with_answers(row, await questions.ask(role, trajectory, task), role.model)
        except Exception as error:  # noqa: BLE001 - the boundary of a slot, as in _by_code
            return _failed(trajectory, error)
        finally:
            spent.extend(usage_rows("judge", trajectory.trajectory_id, [role]))

    by_code = _by_code(ctx, part)
    return _output(await models.side_by_side([backend], [partial(asked, *one) for one in by_code]), spent)


Ended = VerdictRow | FailedRow


def _by_code(ctx: Context, part: Part) -> list[tuple[TrajectoryRow, TaskRow | None, Ended]]:
    tasks: dict[str, TaskRow] = {t.task_id: t for t in ctx.inputs.part("tasks", part.index)}
    trajectories: list[TrajectoryRow] = ctx.inputs.part("trajectories", part.index)
    catalog = catalog_for(ctx.inputs)

    def ended(trajectory: TrajectoryRow) -> Ended:
        try:
            task = tasks.get(trajectory.task_id)
            if task is None:
                why = f"there is no task {trajectory.task_id} in part {part.index}"
                raise TaskFailure("judge", "stages.judge", why)
            return judge(trajectory, task, catalog, ctx.settings)
        except Exception as error:  # noqa: BLE001 - the boundary of a slot: kept as a failed row of class judge
            return _failed(trajectory, error)

    return [(trajectory, tasks.get(trajectory.task_id), ended(trajectory)) for trajectory in trajectories]


def _failed(trajectory: TrajectoryRow, error: Exception) -> FailedRow:
    class_: FailureClass
    class_, detail = classify(error) if isinstance(error, ModelError) else ("judge", _detail(error))
    return FailedRow(
        stage="judge", row_id=trajectory.trajectory_id, parent_id=trajectory.trajectory_id, class_=class_,
        boundary="stages.judge", detail=detail[:2000], attempts=1,
    )  # fmt: skip


def _detail(error: Exception) -> str:
    return error.detail if isinstance(error, TaskFailure) else f"{type(error).__name__}: {error}"


def _output(ended: list[Ended], spent: list[UsageRow]) -> Output:
    output = Output(opened=len(ended))
    for row in ended:
        if isinstance(row, FailedRow):
            output.failed.append(row)
        else:
            output.rows.append(row)
            output.closed_with_rows += 1
    order = {row.row_id if isinstance(row, FailedRow) else row.trajectory_id: at for at, row in enumerate(ended)}
    output.usage = sorted(spent, key=lambda row: order[row.row_id])
    return output


def with_answers(row: VerdictRow, answers: list[rubrics.Result], model: str) -> VerdictRow:
    """A passed verdict with a model's answers: a no fails it, a "cannot tell" leaves it open."""
    more = [Criterion(id=r.id, part="style", passed=r.passed, score=r.score, evidence=r.evidence, judge=model)
            for r in answers]  # fmt: skip
    failed, open_ = [r for r in answers if r.passed is False], [r for r in answers if r.passed is None]
    update: dict[str, Any] = {"criteria": [*row.criteria, *more], "judge": f"{row.judge}+{model}"}
    if failed or open_:
        update["passed"] = False if failed else None
        update["score"] = row.score if failed else None
        update["reasons"] = [f"{r.id}: {r.evidence}" for r in failed or open_]
    return row.model_copy(update=update)


def judge(trajectory: TrajectoryRow, task: TaskRow, catalog: Catalog, settings: Any) -> VerdictRow:
    """One verdict. `passed` and `score` are null where the judge could not tell."""
    rubric = full_rubric(task)
    results = rubrics.score(rubric, evidence(trajectory, task, catalog), economy=settings.economy)
    found = rubrics.verdict(results, settings.min_score)
    return VerdictRow(
        trajectory_id=trajectory.trajectory_id, task_id=task.task_id, passed=found.passed, score=found.score,
        criteria=[  # made here, so not checked again: a verdict has dozens
            Criterion.model_construct(id=r.id, part=cast(Any, r.part), passed=r.passed, score=r.score,
                                      evidence=r.evidence, judge=JUDGE)
            for r in results
        ],
        judge=JUDGE, reasons=list(found.reasons), rubric_sha256=content_hash(rubric),
    )  # fmt: skip


def full_rubric(task: TaskRow) -> dict[str, Any]:
    """The task's criteria and the standing ones that fit it."""
    waived = set(task.rubric.get("waives") or ())
    standing = [c for c in rubrics.standing() if c["id"] not in waived]
    return {"criteria": [*(task.rubric.get("criteria") or ()), *standing]}


def user_of(trajectory: TrajectoryRow, task: TaskRow) -> dict[str, Any]:
    """The task's user; where a model played it, with the requests as they were worded."""
    if not trajectory.played_user:
        return dict(task.user)
    said = [m["content"] for m in trajectory.messages if m["role"] == "user"]
    spoken = [said[i] for i in trajectory.played_user["turns_at"]]
    return task.user | {"turns": [*spoken, *task.user["turns"][len(spoken) :]]}


def evidence(trajectory: TrajectoryRow, task: TaskRow, catalog: Catalog) -> dict[str, Any]:
    """Everything the checks look at, as plain JSON."""
    return {
        "messages": trajectory.messages,
        "calls": [c.model_dump(mode="json") for c in trajectory.calls],
        "user_calls": [c.model_dump(mode="json") for c in trajectory.user_calls],
        "state_diff": trajectory.state_diff,
        "checks": [c.model_dump(mode="json") for c in trajectory.checks],
        "stop_reason": trajectory.stop_reason,
        "user": user_of(trajectory, task),
        "goal": task.goal,
        "plan": task.plan,
        "tools": shown_tools(task, catalog),
        "params": params_of(task, catalog, {c.name for c in trajectory.calls}),
    }


def shown_tools(task: TaskRow, catalog: Catalog) -> dict[str, Any]:
    """The schemas of the offered tools as the agent sees them: {offered name: input schema}."""
    agent = catalog.agents.get(task.agent_id)
    return seen_tools(agent, catalog.tools).schemas if agent is not None else {}


def params_of(task: TaskRow, catalog: Catalog, names: set[str]) -> dict[str, Any]:
    """What the parameters of the called tools are for: {offered name: {"/pointer": {role, enum, default}}}."""
    agent = catalog.agents.get(task.agent_id)
    out: dict[str, Any] = {}
    if agent is None:
        return out
    offered: dict[str, str] = agent.traits["offered"]
    for name in sorted(names & offered.keys()):
        row = catalog.tools[offered[name]]
        if is_place(row):
            out[name] = schema_roles(row.input_schema)
        elif row.world_id is not None and row.semantics is not None:
            out[name] = param_roles(seen_world(agent, catalog.tools, catalog.worlds[row.world_id]).tool(row.name))
    return out
