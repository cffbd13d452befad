"""Offered tools without semantics: answered by a model, or as a model answered them when the episode was recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from synth.executors.by_model import NAME as MODEL
from synth.executors.by_model import PREFIX, ModelExecutor, RecordedExecutor
from synth.executors.protocol import Executor, Outcome
from synth.models.roles import Role
from synth.records import ToolRow, TrajectoryRow
from synth.sim.environment import Environment


def unanswered(env: Environment) -> dict[str, dict[str, ToolRow]]:
    """{server: {name: tool}} of the offered tools that nothing executes."""
    found: dict[str, dict[str, ToolRow]] = {}
    for tool in env.offered.values():
        if tool.executor is None:
            found.setdefault(tool.row.server or "none", {})[tool.row.name] = tool.row
    return found


def answer(env: Environment, executors: Mapping[str, Executor]) -> None:
    """Let executors, by server, run what nothing else does."""
    for name, tool in env.offered.items():
        executor = executors.get(tool.row.server or "none") if tool.executor is None else None
        if executor is not None:
            env.offered[name] = replace(tool, executor=executor)
    env.executors.update({PREFIX + server: executor for server, executor in executors.items()})


def answer_by_model(env: Environment, role: Role) -> None:
    """Let a model answer the tools without semantics, one state per server."""
    answer(env, {server: ModelExecutor(server, tools, role) for server, tools in unanswered(env).items()})


def answer_as_recorded(env: Environment, trajectory: TrajectoryRow) -> None:
    """Let those tools answer what a model answered when the trajectory was made."""
    shown = {m["tool_call_id"]: m["content"] for m in trajectory.messages if m["role"] == "tool"}
    made: dict[str, Executor] = {}
    for server, tools in unanswered(env).items():
        names = {name for name, tool in env.offered.items() if tool.row in tools.values()}
        outcomes = [Outcome(c.ok, c.result, c.error, str(shown.get(c.id, ""))) for c in trajectory.calls
                    if c.executor == MODEL and c.name in names and c.fault is None]  # fmt: skip
        entries = [entry for entry in trajectory.state_diff if entry["world_id"] == PREFIX + server]
        made[server] = RecordedExecutor(PREFIX + server, outcomes, entries)
    if any(c.executor == MODEL for c in trajectory.calls):
        answer(env, made)
