"""What a probe found, as it stands in the rows of the server's tools."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from synth.records import Kind
from synth.taskspec import GoalChange, PlaceStart


class Found(BaseModel):
    """An argument that an earlier call of the same course shows, at `path` of its result; `path` None: somewhere in
    its text. `label` and `value`: what else the same item of the result shows, by which a person can name it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    call: int
    path: list[str | int] | None
    label: str = ""
    value: Any = None


class ProbedCall(BaseModel):
    """One call that worked. `found` by JSON pointer into the arguments; the other values are the user's to say.
    `writes`: it changed something that could be seen."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    tool: str
    arguments: dict[str, Any]
    found: dict[str, Found] = {}
    result: Any = None
    writes: bool = False


class ReadBack(BaseModel):
    """A call that gives this after the course, and something else without it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    tool: str
    arguments: dict[str, Any]
    value: Any


class Course(BaseModel):
    """Calls that came out the same in two fresh instances from the same start: what a task is made of. `changes` is
    what the work folder differed in afterwards; `read_backs` show what stands in no file."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: Kind
    start: PlaceStart
    calls: list[ProbedCall]
    changes: list[GoalChange] = []
    read_backs: list[ReadBack] = []


class ToolProbe(BaseModel):
    """How one tool did. `calls` of the walks, how many of them were `answered`, the courses that it ends and that were
    `kept`; of the rest, how many were `refused` for which reason (`docs/live_servers.md`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    calls: int = 0
    answered: int = 0
    kept: int = 0
    refused: dict[str, int] = {}
    courses: list[Course] = []
