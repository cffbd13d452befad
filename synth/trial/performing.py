"""A changed trajectory is performed again on its start state, so that its results, records and end state belong
together: what is judged is a trajectory that could have happened."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from rubrics.normal import flat_text, leaves, squash
from synth.records import TaskRow, TrajectoryRow, canonical
from synth.replaying import RecordedFaults
from synth.sim.environment import Environment, act_of
from synth.sim.setup import Catalog, environment
from synth.taskspec import UserAct


@dataclass(frozen=True)
class Act:
    """One call to perform. `ok`, `effect`, `result` are as recorded, before the change."""

    name: str
    arguments: str
    fault: str | None = None
    recover: str | None = None
    ok: bool = True
    effect: str = "read"
    result: Any = None
    id: str | None = None  # set: this id, whatever the native one would be
    fake: str | None = None  # set: nothing is executed, and this is shown as the result

    @property
    def values(self) -> dict[str, Any]:
        found = json.loads(self.arguments)
        return found if isinstance(found, dict) else {}

    def sending(self, arguments: Any) -> Act:
        return replace(self, arguments=json.dumps(arguments, ensure_ascii=False))


@dataclass(frozen=True)
class Line:
    """One message that is not a result."""

    role: str
    content: str
    acts: tuple[Act, ...] = ()
    did: tuple[UserAct, ...] = ()  # of a user's message: what they did with tools of their own before saying it

    @property
    def talks(self) -> bool:
        """Words of the assistant to the user."""
        return self.role == "assistant" and not self.acts and bool(self.content.strip())


@dataclass
class Case:
    """What a way of changing looks at."""

    task: TaskRow
    trajectory: TrajectoryRow
    lines: list[Line]
    env: Environment  # on the start state; for drawing arguments only
    rng: random.Random

    def spots(self, fits: Callable[[Act], bool]) -> list[tuple[int, int]]:
        """(line, act) of the calls that fit."""
        return [(i, j) for i, line in enumerate(self.lines) for j, act in enumerate(line.acts) if fits(act)]

    def act(self, spot: tuple[int, int]) -> Act:
        return self.lines[spot[0]].acts[spot[1]]

    @cached_property
    def writes(self) -> list[tuple[int, int]]:
        return self.spots(lambda a: (a.ok or a.fault == "lost_answer") and a.effect == "write")

    @cached_property
    def reads(self) -> list[tuple[int, int]]:
        return self.spots(lambda a: a.ok and a.effect == "read")

    @cached_property
    def reports(self) -> list[int]:
        """Lines in which the assistant talks to the user, small talk after the thanks aside."""
        thanks = str(self.task.user.get("thanks") or "")
        over = next((i for i, x in enumerate(self.lines)
                     if x.role == "user" and thanks and x.content == thanks and i > 1), len(self.lines))  # fmt: skip
        return [i for i, x in enumerate(self.lines) if x.talks and i < over]

    def with_act(self, spot: tuple[int, int], act: Act | None) -> list[Line]:
        """The lines with another call at one place; None takes it out, and a message that is then empty."""
        i, j = spot
        acts = [a for k, a in enumerate(self.lines[i].acts) if k != j or act is not None]
        if act is not None:
            acts[j] = act
        new = replace(self.lines[i], acts=tuple(acts))
        return [*self.lines[:i], *([new] if acts else []), *self.lines[i + 1 :]]

    def with_text(self, at: int, content: str) -> list[Line]:
        return [replace(x, content=content) if i == at else x for i, x in enumerate(self.lines)]

    def inserted(self, at: int, *lines: Line) -> list[Line]:
        return [*self.lines[:at], *lines, *self.lines[at:]]

    def shown_before(self, line: int) -> list[Any]:
        """The results of the calls before a line."""
        return [a.result for x in self.lines[:line] for a in x.acts if a.ok]

    def free(self, act: Act) -> set[str]:
        """Pointers of the arguments that the plan calls a free choice."""
        return {p for s in self.task.plan["steps"] if s["tool"] == act.name
                for p, x in s["sources"].items() if x["kind"] == "free"}  # fmt: skip

    def meant(self, act: Act) -> list[tuple[str, Any]]:
        """The arguments that mean something: what the plan calls a free choice may be chosen otherwise."""
        free = self.free(act)
        return [(p, v) for p, v in leaves(act.values) if not any(p == f or p.startswith(f + "/") for f in free)]


Way = Callable[[Case], list[Line] | None]  # None: this trajectory has nothing to change in this way


def case_of(name: str, trajectory: TrajectoryRow, task: TaskRow, catalog: Catalog, seed: int) -> Case:
    rng = random.Random(f"{seed}/{name}/{trajectory.trajectory_id}")
    return Case(task, trajectory, lines_of(trajectory), environment(catalog, task, trajectory.seed, 0.0), rng)


def changed(
    name: str, way: Way, trajectory: TrajectoryRow, task: TaskRow, catalog: Catalog, seed: int = 0
) -> TrajectoryRow | None:
    """The trajectory changed in one way; None where that does not apply. Deterministic in `seed`."""
    lines = way(case_of(name, trajectory, task, catalog, seed))
    return None if lines is None else asyncio.run(perform(trajectory, task, catalog, lines))


def lines_of(trajectory: TrajectoryRow) -> list[Line]:
    records = {c.id: c for c in trajectory.calls}
    out = []
    own, turn = list(trajectory.user_calls), -1
    for message in trajectory.messages:
        if message["role"] == "tool":
            continue
        did = []
        while message["role"] == "user" and own and own[0].turn <= turn:
            did.append(act_of(own.pop(0)))
        turn += message["role"] == "assistant"
        acts = [
            Act(c["function"]["name"], c["function"]["arguments"], r.fault, r.recover, r.ok, r.effect, r.result)
            for c in message.get("tool_calls") or ()
            for r in (records[c["id"]],)
        ]
        out.append(Line(message["role"], message["content"], tuple(acts), tuple(did)))
    return out


async def perform(trajectory: TrajectoryRow, task: TaskRow, catalog: Catalog, lines: list[Line]) -> TrajectoryRow:
    """Play the lines on the task's start state."""
    env = environment(catalog, task, trajectory.seed, 0.0)
    faults = RecordedFaults()
    env.faults = faults
    messages: list[dict[str, Any]] = []
    turn = 0
    for line in lines:
        message: dict[str, Any] = {"role": line.role, "content": line.content}
        messages.append(message)
        for done in line.did:
            await env.user_call(turn - 1, done)
        for act in line.acts:
            call_id = act.id or f"functions.{act.name}:{len(env.records)}"
            function = {"name": act.name, "arguments": act.arguments}
            message.setdefault("tool_calls", []).append({"id": call_id, "type": "function", "function": function})
            faults.strike(act.fault, act.recover)
            _, content = await env.call(turn, call_id, act.name, act.arguments)
            content = content if act.fake is None else act.fake
            messages.append({"role": "tool", "tool_call_id": call_id, "name": act.name, "content": content})
        turn += line.role == "assistant"
    return trajectory.model_copy(
        update={
            "messages": messages,
            "calls": list(env.records),
            "user_calls": list(env.user_records),
            "state_diff": env.diff(),
            "end_state_sha256": env.digest(),
            "turns": turn,
        }
    )


def unnoticed(before: TrajectoryRow, after: TrajectoryRow) -> bool:
    """Whether a user, and whoever reads the log, would find the same: the same words in the same places, the same tools
    called, as often and with the same success, and the same rows at the end (new ones may have got other ids) or the
    very same calls in another order."""
    (rows, *rest), (other_rows, *other_rest) = _traces(before), _traces(after)
    return rest == other_rest and (rows == other_rows or _calls(before) == _calls(after))


def _calls(row: TrajectoryRow) -> Counter[str]:
    return Counter(canonical([c.name, c.arguments, c.ok]) for c in row.calls)


def _traces(row: TrajectoryRow) -> tuple[Any, ...]:
    new = {squash(str(d["key"])) for d in row.state_diff if d["kind"] == "insert"}
    rows = Counter(canonical([d["world_id"], d["entity"], d["kind"], None if d["kind"] == "insert" else d["key"],
                              _without(d["after"], new)]) for d in row.state_diff)  # fmt: skip
    spoken = [(m["role"], m["content"]) for m in row.messages if m["role"] != "tool"]
    forged = [m["content"] for m, c in zip(_results(row), row.calls, strict=True) if c.ok and not _same(m, c.result)]
    return rows, forged, spoken, Counter((c.name, c.ok) for c in row.calls), Counter(c.id for c in row.calls)


def _results(row: TrajectoryRow) -> list[dict[str, Any]]:
    return [m for m in row.messages if m["role"] == "tool"]


def _same(message: dict[str, Any], result: Any) -> bool:
    try:
        return bool(json.loads(message["content"]) == result)
    except ValueError:
        return bool(message["content"] == result)


def _without(value: Any, new: set[str]) -> Any:
    """The row without the ids that were made for new rows."""
    if not isinstance(value, dict):
        return value
    return {k: None if squash(str(v)) in new else v for k, v in value.items()}


def changed_words(before: TrajectoryRow, after: TrajectoryRow) -> str:
    """The first thing that differs, for a person."""
    had = [_shown(m) for m in before.messages]
    for m in after.messages:
        if _shown(m) not in had:
            return _shown(m)
    return "something is missing or moved"


def _shown(message: dict[str, Any]) -> str:
    calls = [f"{c['function']['name']}({c['function']['arguments']})" for c in message.get("tool_calls") or ()]
    return " ".join([message["role"], message["content"], *calls])


def seen(case: Case, line: int) -> str:
    """Everything that was said and shown before a line, in its normal form; the assistant's words aside."""
    said = [x.content for x in case.lines[:line] if x.role != "assistant"]
    return squash("\n".join([*said, *(flat_text(r) for r in case.shown_before(line))]))
