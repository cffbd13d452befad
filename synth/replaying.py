"""Replay: the recorded calls once more on the recorded start state; every result and the end state must be equal."""

from __future__ import annotations

import asyncio
import json
import random
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast, get_args

from synth.executors.masking import masked
from synth.pipeline_executors import Executors
from synth.pipeline_stages import JudgeSettings, RolloutsSettings
from synth.places.hands import Hands, hands_of
from synth.records import Call, TaskRow, TrajectoryRow, VerdictRow, canonical
from synth.sim.environment import Environment, act_of
from synth.sim.faults import FAULTS, Fault, Shape, fault
from synth.sim.foreign import answer_as_recorded
from synth.sim.setup import Catalog, environment
from synth.stages.judge import judge
from synth.store.files import read_json
from synth.taskspec import FaultKind, Recover

SHOWN = 160  # characters of a value in a difference


@dataclass(frozen=True)
class ReplayReport:
    """`differences` has one line per result, end state or verdict that did not come out equal; empty where `equal`.
    `again`: the trajectory as the replay made it."""

    equal: bool
    calls: int
    differences: list[str]
    again: TrajectoryRow


class RecordedFaults:
    """Strikes the calls that were struck when they were recorded, and no other."""

    def __init__(self) -> None:
        self.present: FaultKind | None = None  # the fault of the call under way
        self.recover: Recover | None = None

    def strike(self, kind: str | None, recover: str | None) -> None:
        """What befalls the next call. A kind that nobody knows strikes nothing: the replay then differs."""
        self.present = cast(FaultKind, kind) if kind in FAULTS else None
        self.recover = cast(Recover, recover) if recover in get_args(Recover) else None

    def next(self, tool: str, shape: Shape) -> Fault | None:
        return None if self.present is None else fault(self.present, self.recover)


def replay_trajectory(run_dir: Path, trajectory_id: str) -> ReplayReport:
    """Replay one trajectory of a run. Raises UsageError where the run has no such row."""
    from synth.view.lookup import find, one

    trajectory: TrajectoryRow = one(run_dir, "trajectories", trajectory_id)
    task: TaskRow = one(run_dir, "tasks", trajectory.task_id)
    agent = one(run_dir, "agents", trajectory.agent_id)
    worlds = find(run_dir, "worlds", [*task.start["worlds"], *task.start.get("places", ())])
    tools = find(run_dir, "tools", agent.traits["offered"].values())
    verdicts = find(run_dir, "verdicts", [trajectory_id])
    catalog = Catalog.of([agent], tools, worlds)
    again = replay_rows(trajectory, task, catalog, hands_for(run_dir))
    return judged_again(again, task, catalog, verdicts, judge_settings(run_dir))


def replay_sample(run_dir: Path, count: int, seed: int = 0) -> dict[str, ReplayReport]:
    """Replay `count` random trajectories of a run (all where it has fewer), drawn by `seed`; by trajectory id."""
    from synth.store.views import open_run

    run = open_run(run_dir)
    rows = run.rows("trajectories")
    chosen = random.Random(seed).sample(rows, min(count, len(rows)))
    tasks = {t.task_id: t for t in run.rows("tasks")}
    catalog = Catalog.of(run.rows("agents"), run.rows("tools"), run.rows("worlds"))
    verdicts = {v.trajectory_id: [v] for v in run.rows("verdicts")}
    settings, hands, out = judge_settings(run_dir), hands_for(run_dir), {}
    for t in chosen:
        task, before = tasks[t.task_id], verdicts.get(t.trajectory_id, [])
        out[t.trajectory_id] = judged_again(replay_rows(t, task, catalog, hands), task, catalog, before, settings)
    return out


def judge_settings(run_dir: Path) -> JudgeSettings:
    """The settings under which the run's verdicts were given; the usual ones where the folder does not say."""
    pipeline = (read_json(run_dir / "run.json") or {}).get("pipeline")
    return JudgeSettings() if pipeline is None else JudgeSettings.model_validate(pipeline["stages"]["judge"])


def turns_of(run_dir: Path) -> int:
    """The most messages of the assistant that the run's episodes had; the usual bound where the folder does not say."""
    pipeline = (read_json(run_dir / "run.json") or {}).get("pipeline")
    return RolloutsSettings().max_turns if pipeline is None else int(pipeline["stages"]["rollouts"]["max_turns"])


def executors_of(run_dir: Path) -> Executors:
    """Where the run's calls are really run, by its pipeline file."""
    pipeline = (read_json(run_dir / "run.json") or {}).get("pipeline") or {}
    return Executors.model_validate(pipeline.get("executors") or {})


def hands_for(run_dir: Path) -> Hands | None:
    """What runs the calls of the run's places again, in fresh ones; None where it has none."""
    executors = executors_of(run_dir)
    return hands_of(executors) if executors.real else None


def judged_again(
    report: ReplayReport, task: TaskRow, catalog: Catalog, before: list[VerdictRow], settings: JudgeSettings
) -> ReplayReport:
    """The report with the verdict on the replayed trajectory compared to the one given before, criterion by criterion
    of those that code decides."""
    if not before:
        return report
    was = _by_code(before[0])
    now = _by_code(judge(report.again, task, catalog, settings))
    out = [f"verdict: {name} was {_brief(was.get(name))}, is {_brief(now.get(name))}"
           for name in sorted({*was, *now}) if was.get(name) != now.get(name)]  # fmt: skip
    return replace(report, equal=report.equal and not out, differences=[*report.differences, *out])


def _by_code(verdict: VerdictRow) -> dict[str, Any]:
    return {c.id: [c.passed, c.evidence] for c in verdict.criteria if c.judge == "code"}


def replay_rows(trajectory: TrajectoryRow, task: TaskRow, catalog: Catalog, hands: Hands | None = None) -> ReplayReport:
    """The same over rows at hand; `hands` run the calls of places, in fresh ones."""
    env = environment(catalog, task, trajectory.seed, 0.0, hands)
    answer_as_recorded(env, trajectory)
    faults = RecordedFaults()
    env.faults = faults
    masks = [re.compile(p) for w in task.start.get("places", ()) for p in catalog.worlds[w].spec.get("volatile", ())]
    return asyncio.run(_replay(trajectory, env, faults, masks))


async def _replay(
    trajectory: TrajectoryRow, env: Environment, faults: RecordedFaults, masks: list[re.Pattern[str]]
) -> ReplayReport:
    try:
        return await _again(trajectory, env, faults, masks)
    finally:
        await env.close()


async def _again(
    trajectory: TrajectoryRow, env: Environment, faults: RecordedFaults, masks: list[re.Pattern[str]]
) -> ReplayReport:
    said = _said(trajectory)
    shown = {m["tool_call_id"]: m["content"] for m in trajectory.messages if m["role"] == "tool"}
    out: list[str] = []
    made: list[Call] = []
    contents: dict[str, str] = {}
    if list(said) != [c.id for c in trajectory.calls]:
        out.append("the calls in the messages are not the recorded calls")
    own = _Own(trajectory)
    for call in trajectory.calls:
        out += await own.until(env, call.turn)
        faults.strike(call.fault, call.recover)
        again, content = await env.call(call.turn, call.id, call.name, said.get(call.id, _text(call)))
        out += _differences(call, again, masks)
        made.append(again)
        contents[call.id] = content
        if _masked(shown.get(call.id), masks) != _masked(content, masks):
            out.append(f"{call.id}: the tool message was {_brief(shown.get(call.id))}, is {_brief(content)}")
    out += await own.until(env, None)
    if canonical(env.diff()) != canonical(trajectory.state_diff):
        out.append(f"state_diff: was {_brief(trajectory.state_diff)}, is {_brief(env.diff())}")
    if env.digest() != trajectory.end_state_sha256:
        out.append(f"end state: was {trajectory.end_state_sha256}, is {env.digest()}")
    checks = await env.checked()
    out += [f"check {was.id}: was {_brief(was.model_dump())}, is {_brief(now.model_dump())}"
            for was, now in zip(trajectory.checks, checks, strict=False) if was != now]  # fmt: skip
    if len(checks) != len(trajectory.checks):
        out.append(f"{len(trajectory.checks)} checks were recorded, {len(checks)} were made")
    row = trajectory.model_copy(update={
        "messages": _with_results(trajectory.messages, contents), "calls": made, "state_diff": env.diff(),
        "end_state_sha256": env.digest(), "checks": checks,
    })  # fmt: skip
    return ReplayReport(not out, len(trajectory.calls), out, row)


def _with_results(messages: list[dict[str, Any]], contents: dict[str, str]) -> list[dict[str, Any]]:
    return [m | {"content": contents.get(m["tool_call_id"], "")} if m["role"] == "tool" else m for m in messages]


class _Own:
    """The user's own calls of a trajectory, made again in their place among the assistant's."""

    def __init__(self, trajectory: TrajectoryRow) -> None:
        self._left = list(trajectory.user_calls)

    async def until(self, env: Environment, turn: int | None) -> list[str]:
        """Make those that came before assistant message `turn`, all that are left for None; the differences."""
        out: list[str] = []
        while self._left and (turn is None or self._left[0].turn < turn):
            was = self._left.pop(0)
            out += _differences(was, await env.user_call(was.turn, act_of(was)), [])
        return out


def _said(trajectory: TrajectoryRow) -> dict[str, str]:
    calls = [c for m in trajectory.messages for c in m.get("tool_calls") or ()]
    return {c["id"]: c["function"]["arguments"] for c in calls}


def _text(call: Call) -> str:
    return call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments, ensure_ascii=False)


def _differences(was: Call, again: Call, masks: list[re.Pattern[str]]) -> list[str]:
    names = [n for n in Call.model_fields if n != "latency_ms"
             and _masked(getattr(was, n), masks) != _masked(getattr(again, n), masks)]  # fmt: skip
    return [f"{was.id}: {n} was {_brief(getattr(was, n))}, is {_brief(getattr(again, n))}" for n in names]


def _masked(value: Any, masks: list[re.Pattern[str]]) -> Any:
    """The value without what differs from run to run on a live server: its place's own patterns, in its text."""
    if not masks or value is None:
        return value
    return masked(value if isinstance(value, str) else canonical(value), masks)


def _brief(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
