"""The tools an assistant holds during one episode, and what becomes of its calls."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

from synth.executors.protocol import Executor, Outcome, PlaceExecutor
from synth.executors.world import WorldExecutor
from synth.records import Call, Checked, ToolRow, canonical
from synth.sim.faults import SHAPED, Fault, Shape, shaped
from synth.sim.userside import PREFIX, places
from synth.taskspec import PlaceCheck, UserAct
from synth.worlds.simulate import render


class Faults(Protocol):
    """Says for each call that could run whether it is struck instead."""

    def next(self, tool: str, shape: Shape) -> Fault | None: ...


@dataclass(frozen=True)
class Offered:
    """A tool under the name the assistant knows. `function` is what it reads, in the OpenAI form; `executor` None: a
    real tool without semantics, which cannot run."""

    name: str
    row: ToolRow
    function: dict[str, Any]
    executor: Executor | None


@dataclass
class Environment:
    """Executes tool calls of one episode; everything a caller does wrong comes back as an error result."""

    offered: dict[str, Offered]
    executors: dict[str, Executor]  # by world id
    faults: Faults
    checks: list[PlaceCheck] = field(default_factory=list)  # of places, for the end
    records: list[Call] = field(default_factory=list)
    user_records: list[Call] = field(default_factory=list)

    def functions(self) -> list[dict[str, Any]]:
        return [tool.function for tool in self.offered.values()]

    async def call(self, turn: int, call_id: str, name: str, arguments: str) -> tuple[Call, str]:
        """Run one call given as JSON text; returns its record and the text of the tool message."""
        tool = self.offered.get(name)
        executor = tool.executor if tool is not None else None
        parsed = _parse(arguments)
        began = time.perf_counter()
        outcome, struck = await self._run(tool, executor, name, parsed)
        real = executor is not None and executor.latency_is_real
        record = Call(
            turn=turn, id=call_id, name=name, arguments=parsed if isinstance(parsed, dict) else arguments,
            executor=executor.name if executor is not None else "none", ok=outcome.ok, error=outcome.error,
            result=outcome.value, effect=tool.row.effect if tool is not None else "read",
            latency_ms=round((time.perf_counter() - began) * 1000, 3) if real else 0.0,
            fault=struck.kind if struck else None, recover=struck.recover if struck else None,
        )  # fmt: skip
        self.records.append(record)
        return record, outcome.content

    async def user_call(self, turn: int, act: UserAct) -> Call:
        """What the user does with a tool of their own after assistant message `turn`. No fault strikes it."""
        executor = self.executors[act.world_id]
        outcome = await executor.call(act.tool, act.arguments)
        tool = executor.compiled.tool(act.tool) if isinstance(executor, WorldExecutor) else None
        record = Call(
            turn=turn, id=f"user.{act.tool}:{len(self.user_records)}", name=act.tool, arguments=act.arguments,
            executor=PREFIX + act.world_id.removeprefix(PREFIX), ok=outcome.ok, error=outcome.error,
            result=outcome.value, effect=tool.effect if tool is not None else "write", latency_ms=0.0, fault=None,
        )  # fmt: skip
        self.user_records.append(record)
        return record

    async def _run(
        self, tool: Offered | None, executor: Executor | None, name: str, arguments: Any
    ) -> tuple[Outcome, Fault | None]:
        if tool is None:
            return self._plain("unknown_tool", f"There is no tool named {name[:120]}"), None
        if executor is None:
            return self._plain("not_connected", f"{name} is not connected"), None
        if not isinstance(arguments, dict):
            return executor.error("malformed_arguments", 400, "The arguments are not a JSON object"), None
        fault = self.faults.next(name, shape_of(tool))
        if fault is None:
            return await executor.call(tool.row.name, arguments), None
        if fault.kind in SHAPED:
            return await _shaped(executor, tool.row.name, arguments, fault), fault
        if fault.kind == "lost_answer":
            await executor.call(tool.row.name, arguments)
        return executor.error(fault.code, fault.status, fault.message), fault

    @staticmethod
    def _plain(code: str, message: str) -> Outcome:
        value = {"error": message}
        return Outcome(False, value, code, render(value))

    def diff(self) -> list[dict[str, Any]]:
        return [entry for _, executor in sorted(self.executors.items()) for entry in executor.diff()]

    def digest(self) -> str:
        """SHA-256 over the digests of all states."""
        found = {world_id: executor.digest() for world_id, executor in self.executors.items()}
        states = {world_id: digest for world_id, digest in found.items() if digest}
        return hashlib.sha256(canonical(states).encode()).hexdigest()

    async def checked(self) -> list[Checked]:
        """What the postconditions come to now. Raises TaskFailure("infra") where a place broke."""
        out = []
        for check in self.checks:
            place = self.executors[check.world_id]
            assert isinstance(place, PlaceExecutor)
            out.append(await place.check(check))
        return out

    async def close(self) -> None:
        """Give back everything; twice is fine."""
        for executor in self.executors.values():
            await executor.close()


def act_of(call: Call) -> UserAct:
    """The act behind a recorded call of the user."""
    name = call.executor.removeprefix(PREFIX)
    return UserAct(id=call.id, world_id=call.executor if name in places() else name, tool=call.name,
                   arguments=call.arguments)  # fmt: skip


def shape_of(tool: Offered) -> Shape:
    """What could go wrong with a call of the tool."""
    if tool.row.effect == "write":
        return "write"
    op = tool.row.semantics.get("op") if isinstance(tool.row.semantics, dict) else None
    return "list" if op in ("list", "search") else "read"


async def _shaped(executor: Executor, tool: str, arguments: dict[str, Any], fault: Fault) -> Outcome:
    """A read that ran, and what is shown of it; an error is shown as it is."""
    old = executor.before(tool, arguments) if fault.kind == "stale" and isinstance(executor, WorldExecutor) else None
    outcome = await executor.call(tool, arguments)
    outcome = old or outcome
    if not outcome.ok:
        return outcome
    value = shaped(fault.kind, outcome.value)
    return Outcome(True, value, None, render(value))


def _parse(arguments: str) -> Any:
    """The arguments object, or None where the text is not one (NaN and doubled keys included)."""
    try:
        value = json.loads(arguments, object_pairs_hook=_no_doubles, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise ValueError("a key is written twice")
    return out


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")
