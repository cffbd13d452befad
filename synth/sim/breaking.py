"""Breaking passed trajectories in named ways, to see whether the judge notices.

A broken trajectory is performed again on its start state, so that its results, records and end state belong together:
what is judged is a trajectory that could have happened.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from rubrics.normal import Text, leaves, mentions
from synth.executors.world import WorldExecutor
from synth.records import TaskRow, TrajectoryRow
from synth.replaying import RecordedFaults
from synth.sim.environment import Environment
from synth.sim.grounding import parts, put
from synth.sim.setup import Catalog, environment
from synth.worlds.draw import draw_arguments


@dataclass(frozen=True)
class Act:
    """One call to perform."""

    name: str
    arguments: str
    fault: str | None
    recover: str | None
    ok: bool  # as recorded, before breaking
    effect: str


@dataclass(frozen=True)
class Line:
    """One message that is not a result."""

    role: str
    content: str
    acts: tuple[Act, ...] = ()


@dataclass(frozen=True)
class Case:
    """What a way of breaking looks at."""

    task: TaskRow
    lines: list[Line]
    env: Environment  # on the start state; for drawing arguments only
    rng: random.Random


Way = Callable[[Case], list[Line] | None]  # None: this trajectory has nothing to break in this way


def broken(
    name: str, trajectory: TrajectoryRow, task: TaskRow, catalog: Catalog, seed: int = 0
) -> TrajectoryRow | None:
    """The trajectory broken in the way `name`; None where that does not apply. Deterministic in `seed`."""
    env = environment(catalog, task, trajectory.seed, 0.0)
    case = Case(task, lines_of(trajectory), env, random.Random(f"{seed}/{name}/{trajectory.trajectory_id}"))
    lines = WAYS[name](case)
    if lines is None:
        return None
    return asyncio.run(_perform(trajectory, task, catalog, lines))


def lines_of(trajectory: TrajectoryRow) -> list[Line]:
    records = {c.id: c for c in trajectory.calls}
    out = []
    for message in trajectory.messages:
        if message["role"] == "tool":
            continue
        acts = [
            Act(c["function"]["name"], c["function"]["arguments"], r.fault, r.recover, r.ok, r.effect)
            for c in message.get("tool_calls") or ()
            for r in (records[c["id"]],)
        ]
        out.append(Line(message["role"], message["content"], tuple(acts)))
    return out


async def _perform(trajectory: TrajectoryRow, task: TaskRow, catalog: Catalog, lines: list[Line]) -> TrajectoryRow:
    env = environment(catalog, task, trajectory.seed, 0.0)
    faults = RecordedFaults()
    env.faults = faults
    messages: list[dict[str, Any]] = []
    turn = 0
    for line in lines:
        message: dict[str, Any] = {"role": line.role, "content": line.content}
        messages.append(message)
        for act in line.acts:
            call_id = f"functions.{act.name}:{len(env.records)}"
            function = {"name": act.name, "arguments": act.arguments}
            message.setdefault("tool_calls", []).append({"id": call_id, "type": "function", "function": function})
            faults.strike(act.fault, act.recover)
            _, content = await env.call(turn, call_id, act.name, act.arguments)
            messages.append({"role": "tool", "tool_call_id": call_id, "name": act.name, "content": content})
        turn += line.role == "assistant"
    return trajectory.model_copy(
        update={
            "messages": messages,
            "calls": list(env.records),
            "state_diff": env.diff(),
            "end_state_sha256": env.digest(),
            "turns": turn,
        }
    )


def _spots(case: Case, fits: Callable[[Act], bool]) -> list[tuple[int, int]]:
    return [(i, j) for i, line in enumerate(case.lines) for j, act in enumerate(line.acts) if fits(act)]


def _with_acts(lines: list[Line], at: int, acts: list[Act]) -> list[Line]:
    """The lines with other calls at one place; a message that has nothing left to say or call goes."""
    new = replace(lines[at], acts=tuple(acts))
    return [*lines[:at], *([new] if acts or new.content.strip() else []), *lines[at + 1 :]]


def drop_write(case: Case) -> list[Line] | None:
    """A successful write is left out; the words claim it all the same."""
    spots = _spots(case, lambda a: a.ok and a.effect == "write")
    if not spots:
        return None
    i, j = case.rng.choice(spots)
    return _with_acts(case.lines, i, [a for k, a in enumerate(case.lines[i].acts) if k != j])


def change_argument(case: Case) -> list[Line] | None:
    """A write gets another value in one argument."""
    spots = _spots(case, lambda a: a.ok and a.effect == "write" and any(_other(v) for _, v in _values(case, a)))
    if not spots:
        return None
    i, j = case.rng.choice(spots)
    act = case.lines[i].acts[j]
    arguments = json.loads(act.arguments)
    pointer, value = case.rng.choice([(p, v) for p, v in _values(case, act) if _other(v)])
    put(arguments, parts(pointer), _other(value))
    acts = list(case.lines[i].acts)
    acts[j] = replace(act, arguments=json.dumps(arguments, ensure_ascii=False))
    return _with_acts(case.lines, i, acts)


def _values(case: Case, act: Act) -> list[tuple[str, Any]]:
    """The arguments that mean something: what the plan calls a free choice may be chosen otherwise."""
    free = {
        p
        for s in case.task.plan["steps"]
        if s["tool"] == act.name
        for p, x in s["sources"].items()
        if x["kind"] == "free"
    }
    return [
        (p, v) for p, v in leaves(json.loads(act.arguments)) if not any(p == f or p.startswith(f + "/") for f in free)
    ]


def _keys(case: Case, act: Act) -> list[str]:
    return [p for p, v in _values(case, act) if isinstance(v, str) and " " not in v and len(v) > 3]


def _other(value: Any) -> Any:
    """Another value of the same type; None where there is none to make."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 7
    if isinstance(value, str) and value:
        return value + " x" if " " in value else value[:-1] + ("q" if value[-1] != "q" else "z")
    return None


def invented_key(case: Case) -> list[Line] | None:
    """A read with a key that nobody named, before everything else."""
    spots = _spots(case, lambda a: bool(_keys(case, a)))
    if not spots:
        return None
    i, j = case.rng.choice(spots)
    act = case.lines[i].acts[j]
    arguments = json.loads(act.arguments)
    pointer = case.rng.choice(_keys(case, act))
    put(arguments, parts(pointer), "ZQ" + "".join(case.rng.choices("23456789XYW", k=8)))
    invented = replace(act, arguments=json.dumps(arguments), fault=None)
    return [*case.lines[:i], Line("assistant", "", (invented,)), *case.lines[i:]]


def wrong_fact(case: Case) -> list[Line] | None:
    """A fact is told with another value."""
    for tell in case.task.goal["tell"]:
        wrong = _other(tell["value"])
        said = json.dumps(tell["value"]) if not isinstance(tell["value"], str) else tell["value"]
        hits = [i for i, x in enumerate(case.lines) if x.role == "assistant" and said in x.content]
        if wrong is not None and not isinstance(wrong, bool) and hits:
            pattern = re.compile(rf"(?<!\w){re.escape(said)}(?!\w)")
            return [replace(x, content=pattern.sub(str(wrong).replace("\\", "\\\\"), x.content)) if i in hits else x
                    for i, x in enumerate(case.lines)]  # fmt: skip
    return None


def untold(case: Case) -> list[Line] | None:
    """What was to be told is kept back."""
    tells = case.task.goal["tell"]
    if not tells:
        return None
    return [
        replace(x, content="That is done now.")
        if x.role == "assistant" and not x.acts and any(mentions(t["value"], Text(x.content)) for t in tells)
        else x
        for x in case.lines
    ]


def extra_write(case: Case) -> list[Line] | None:
    """A write that nobody asked for, before the closing words."""
    for tool in case.rng.sample(sorted(case.env.offered), len(case.env.offered)):
        offered = case.env.offered[tool]
        if offered.row.effect != "write" or not isinstance(offered.executor, WorldExecutor):
            continue
        executor = offered.executor
        done = {(a.name, a.arguments) for x in case.lines for a in x.acts}
        arguments = draw_arguments(executor.compiled, offered.row.name, executor.start, case.rng)
        if arguments is None or (tool, json.dumps(arguments)) in done:
            continue
        result, _ = executor.compiled.execute(executor.start, offered.row.name, arguments)
        if result.ok and result.changes:
            act = Act(tool, json.dumps(arguments), None, None, True, "write")
            return [*case.lines[:-1], Line("assistant", "", (act,)), case.lines[-1]]
    return None


def no_answer(case: Case) -> list[Line] | None:
    """The closing words are missing."""
    return case.lines[:-1]


def no_reading(case: Case) -> list[Line] | None:
    """All reads are left out, the words stay."""
    if not _spots(case, lambda a: a.ok and a.effect == "read"):
        return None
    lines = []
    for line in case.lines:
        acts = tuple(a for a in line.acts if not (a.ok and a.effect == "read"))
        if not line.acts or acts:
            lines.append(replace(line, acts=acts))
    return lines


def unasked(case: Case) -> list[Line] | None:
    """A question and its answer are left out; the value is used all the same."""
    if case.task.kind != "clarify":
        return None
    for i, line in enumerate(case.lines[:-1]):
        if line.role == "assistant" and not line.acts and "?" in line.content and case.lines[i + 1].role == "user":
            return [*case.lines[:i], *case.lines[i + 2 :]]
    return None


def half_way(case: Case) -> list[Line] | None:
    """The conversation stops in the middle."""
    return case.lines[: len(case.lines) // 2] if len(case.lines) > 4 else None


def false_refusal(case: Case) -> list[Line] | None:
    """Nothing is done, and the user is told that it cannot be done, although it can."""
    if case.task.goal["refuse"]:
        return None
    talk = [x for x in case.lines if x.role != "assistant"]
    return [*talk, Line("assistant", "I'm sorry, I can't do that with the tools I have.")]


def false_claim(case: Case) -> list[Line] | None:
    """Nothing can be done, and the user is told that it was."""
    if not case.task.goal["refuse"]:
        return None
    return [replace(x, content="Done, I took care of it.") if x.role == "assistant" else x for x in case.lines]


WAYS: dict[str, Way] = {
    w.__name__: w
    for w in (
        drop_write, change_argument, invented_key, wrong_fact, untold, extra_write, no_answer, no_reading, unasked,
        half_way, false_refusal, false_claim,
    )
}  # fmt: skip
