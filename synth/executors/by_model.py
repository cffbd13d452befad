"""Tools without semantics, answered by a model that is shown the state and has to return it.

The state is plain JSON, `{collection: {key: record}}`, one per service and episode. What a read brings to light was
there all along: it becomes part of the start as well, so that `diff` holds what the caller changed, no more.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

import jsonschema_rs

from synth.executors.protocol import Outcome
from synth.models.prompts import fill
from synth.models.roles import Judged, Role
from synth.records import ToolRow, canonical, content_hash
from synth.worlds.simulate import render

NAME = "model"  # in `calls.executor`
PREFIX = "model:"  # of a world id in the state difference; the server's id follows
MAX_STATE, MAX_RESULT = 40_000, 20_000  # characters of JSON
MAX_OTHERS = 24  # functions of the service that the prompt names
State = dict[str, dict[str, dict[str, Any]]]

REPLY: dict[str, Any] = {
    "type": "object", "additionalProperties": False, "required": ["thought", "ok", "result", "state"],
    "properties": {
        "thought": {"type": "string", "maxLength": 2_000},
        "ok": {"type": "boolean"},
        "result": {"type": ["object", "array", "string", "number", "boolean", "null"]},
        "state": {
            "type": "object", "maxProperties": 40,
            "additionalProperties": {"type": "object", "additionalProperties": {"type": "object"}},
        },
    },
}  # fmt: skip


class ModelExecutor:
    """One service during one episode. Raises TaskFailure("model") where the model gives no usable answer."""

    name = NAME
    latency_is_real = False

    def __init__(self, server: str, tools: Mapping[str, ToolRow], role: Role) -> None:
        self.world_id, self._tools, self._role = PREFIX + server, tools, role
        self._start: State = {}
        self._state: State = {}
        self._validators = {name: jsonschema_rs.validator_for(row.input_schema) for name, row in tools.items()}

    async def call(self, tool: str, arguments: dict[str, Any]) -> Outcome:
        row = self._tools[tool]
        wrong = next(iter(self._validators[tool].iter_errors(arguments)), None)
        if wrong is not None:
            at = ".".join(str(p) for p in wrong.instance_path) or "arguments"
            return self.error("invalid_arguments", 400, f"{at}: {wrong.message}"[:400])
        answer = await self._role.ask(self._prompt(row, arguments), REPLY, lambda raw: self._check(row, raw))
        reply = answer.must("executors.by_model")
        if reply["ok"]:
            if row.effect == "read":
                self._uncover(reply["state"])
            self._state = reply["state"]
        return Outcome(reply["ok"], reply["result"], None if reply["ok"] else "failed", render(reply["result"]))

    def error(self, code: str, status: int, message: str) -> Outcome:
        value = {"error": message}
        return Outcome(False, value, code, render(value))

    def diff(self) -> list[dict[str, Any]]:
        return [
            _entry(self.world_id, name, key, old.get(key), new.get(key))
            for name in sorted({*self._start, *self._state})
            for old, new in [(self._start.get(name, {}), self._state.get(name, {}))]
            for key in sorted({*old, *new})
            if old.get(key) != new.get(key)
        ]

    def digest(self) -> str:
        """Hash of what was changed; empty where nothing was."""
        return digest_of(self.diff())

    async def close(self) -> None:
        self._state = self._start = {}

    def _prompt(self, row: ToolRow, arguments: dict[str, Any]) -> str:
        others = [name for name in self._tools if name != row.name][:MAX_OTHERS]
        return fill(
            "tools.j2", function=row.name, effect=row.effect, description=row.description,
            parameters=json.dumps(row.input_schema, ensure_ascii=False), others=", ".join(others),
            state=json.dumps(self._state, ensure_ascii=False), arguments=json.dumps(arguments, ensure_ascii=False),
        )  # fmt: skip

    def _check(self, row: ToolRow, reply: dict[str, Any]) -> Judged[dict[str, Any]]:
        wrong = []
        if len(canonical(reply["state"])) > MAX_STATE or len(canonical(reply["result"])) > MAX_RESULT:
            wrong.append("state and result are too large; keep to a few records")
        if not reply["ok"] and reply["state"] != self._state:
            wrong.append("the call failed, so the state must be exactly what it was")
        if reply["ok"] and row.effect == "read":
            wrong += [
                f"state.{name}.{key}: a read must leave what is there as it was"
                for name, records in self._state.items()
                for key, record in records.items()
                if reply["state"].get(name, {}).get(key) != record
            ]
        if not reply["ok"] and not reply["result"]:
            wrong.append("the call failed, so `result` must hold an error message")
        return Judged(None, reason="not_consistent", sentences=wrong) if wrong else Judged(reply)

    def _uncover(self, state: State) -> None:
        """Records that a read has shown for the first time were there from the start."""
        for name, records in state.items():
            for key, record in records.items():
                if key not in self._state.get(name, {}) and key not in self._start.get(name, {}):
                    self._start.setdefault(name, {})[key] = copy.deepcopy(record)


class RecordedExecutor:
    """The same service when an episode is replayed: recorded outcomes in order, and the recorded difference."""

    name = NAME
    latency_is_real = False

    def __init__(self, world_id: str, outcomes: list[Outcome], entries: list[dict[str, Any]]) -> None:
        self.world_id, self._outcomes, self._entries = world_id, outcomes, entries

    async def call(self, tool: str, arguments: dict[str, Any]) -> Outcome:
        return self._outcomes.pop(0) if self._outcomes else self.error("not_recorded", 404, "nothing was recorded")

    def error(self, code: str, status: int, message: str) -> Outcome:
        value = {"error": message}
        return Outcome(False, value, code, render(value))

    def diff(self) -> list[dict[str, Any]]:
        return self._entries

    def digest(self) -> str:
        return digest_of(self._entries)

    async def close(self) -> None:
        return None


def digest_of(entries: list[dict[str, Any]]) -> str:
    return content_hash(entries) if entries else ""


def _entry(world_id: str, name: str, key: str, before: Any, after: Any) -> dict[str, Any]:
    kind = "insert" if before is None else "delete" if after is None else "update"
    old, new = before or {}, after or {}
    changed = [f for f in {**old, **new} if old.get(f) != new.get(f)] if kind == "update" else []
    return {"world_id": world_id, "entity": name, "kind": kind, "key": key, "before": before, "after": after,
            "changed": changed, "stamped": []}  # fmt: skip
