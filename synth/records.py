"""The rows of the seven tables (plus `dropped`, `failed` and `usage`), frozen and typed, and how ids and random
streams are made.

Columns are the public contract: adding one is fine, renaming one needs a changelog line. A field annotated with
`Json` is stored as canonical JSON text in Parquet because its shape varies per row (a nested Arrow struct would leak
foreign keys into every row as nulls); in Python it is the parsed value.
"""

from __future__ import annotations

import hashlib
import json
import random
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict

SCHEMA_VERSION = 1


class _JsonText:
    """Marker: stored as JSON text."""


Json = Annotated[Any, _JsonText()]

# written: by a person, in a file of the pipeline; workspace, live: calls are really run, in a sandbox or by a server
Origin = Literal["real", "lifted", "synthetic", "written", "workspace", "live"]
Split = Literal["train", "validation", "eval"]
Kind = Literal[
    "single", "parallel", "chain", "multi_turn", "clarify", "no_tool", "chat", "policy", "recover", "change", "long",
    "dual", "injection", "code",
]  # fmt: skip
StageName = Literal["worlds", "tools", "agents", "tasks", "rollouts", "judge", "shards"]


def canonical(value: Any) -> str:
    """Canonical JSON: sorted keys, no spaces, NaN refused. Equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def json_text(value: Any) -> str:
    """JSON as rows and shards keep it: compact, NaN refused, keys in the order in which they were made. The order of
    parameters is part of how a tool reads, to a person and to a model."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def make_id(prefix: str, *parts: object) -> str:
    """`prefix_` + 16 hex digits of SHA-256 over the parts; `make_id("task", run_seed, "tasks", agent_id, ordinal)`."""
    digest = hashlib.sha256(canonical([str(p) for p in parts]).encode()).hexdigest()
    return f"{prefix}_{digest[:16]}"


def world_tool_id(world_id: str, name: str) -> str:
    """Id of a tool of a world; a tool's id includes its world's."""
    return make_id("tool", world_id, name)


def rng_for(*parts: object) -> random.Random:
    """A random stream keyed by the same parts that name a row, so that worker count and order do not matter."""
    return random.Random(
        int.from_bytes(hashlib.sha256(canonical([str(p) for p in parts]).encode()).digest()[:16], "big")
    )


def content_hash(value: Any) -> str:
    """SHA-256 (hex) of the canonical JSON of `value`; serves deduplication, never identity."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


class Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class WorldRow(Row):
    """One application domain. `spec` is a `synth.worlds.World` in surface form, tools included."""

    world_id: str
    category: str
    domain: str
    origin: Origin
    split: Split
    server: str | None  # root server of a lifted world; the first root of an evolved one; null for a written one
    parents: list[str]
    roots: list[str]  # real servers at the end of every lineage path
    operators: list[str]  # evolution operators applied, oldest first; empty when lifted or written
    spec: Json
    marks: Json = None  # {tool: [shape, named, text]}: the three hashes that tell near-duplicates apart
    model: Json = None  # what a model wrote: {name, tools, descriptions, replies, usage}; null where none was asked


class ToolRow(Row):
    """One tool. `real` rows are facts seen on a live server; the others run on their world."""

    tool_id: str
    world_id: str | None
    origin: Origin
    split: Split
    server: str | None
    category: str
    domain: str
    name: str
    description: str
    input_schema: Json
    output_schema: Json
    semantics: Json  # surface form of the tool, null for real rows
    effect: Literal["read", "write"]
    annotations: Json
    parents: list[str]  # tool ids; a lifted tool's parent is its real row
    provenance: Json  # server, package, version, licence, hash of the original; admission record


class AgentRow(Row):
    agent_id: str
    split: Split
    world_ids: list[str]
    tool_ids: list[str]
    system_prompt: str
    traits: Json


class TaskRow(Row):
    task_id: str
    agent_id: str
    ordinal: int  # global slot number: the order in which acceptance counts
    split: Split
    kind: Kind
    difficulty: int
    user: Json
    goal: Json
    start: Json
    plan: Json
    rubric: Json
    # the calls its plan makes together give the same results and state in any order; null where it makes none together
    parallel_safe: bool | None = None
    model: Json = None  # {writer or paraphraser: {name, taken, why}} of models that worded the turns; null without one


class Call(Row):
    """One executed call. `turn` counts assistant messages from 0; `id` is `functions.NAME:IDX`."""

    turn: int
    id: str
    name: str
    arguments: Json
    executor: str
    ok: bool
    error: str | None
    result: Json
    effect: str
    latency_ms: float
    fault: str | None  # a kind of synth.taskspec.FaultKind
    recover: str | None = None  # what mends the fault: retry, other_way, look, visible, none


class Checked(Row):
    """What a postcondition (`synth.taskspec.PlaceCheck`) came to, on the place the episode left behind. `evidence` is
    the same in every run: no times, no paths of the machine."""

    id: str
    passed: bool
    score: float  # 0 to 1, the share of hidden tests that pass
    evidence: str


class Usage(Row):
    requests: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float


class TrajectoryRow(Row):
    trajectory_id: str
    task_id: str
    agent_id: str
    attempt: int
    policy: str
    messages: Json
    calls: list[Call]
    user_calls: list[Call] = []  # of the user's own tools; `turn`: the assistant message that asked for it
    state_diff: Json
    end_state_sha256: str
    stop_reason: str
    turns: int
    usage: Usage
    seed: int
    played_user: Json = None  # of a model: {by, turns_at, replies, refused}; null where the user spoke from templates
    checks: list[Checked] = []  # of places: what was found there after the episode


class Criterion(Row):
    id: str
    part: Literal["success", "pattern", "checkpoint", "safety", "style"]
    passed: bool | None
    score: float | None
    evidence: str
    judge: str


class VerdictRow(Row):
    trajectory_id: str
    task_id: str
    passed: bool | None
    score: float | None
    criteria: list[Criterion]
    judge: str
    reasons: list[str]
    rubric_sha256: str


class DroppedRow(Row):
    stage: StageName
    row_id: str
    parent_id: str
    reason: str
    detail: str


class UsageRow(Row):
    """What one slot spent on one model in one role, failed requests included; written whatever became of the slot."""

    row_id: str  # the row of the stage, or the slot that failed or was dropped
    stage: StageName
    role: str
    model: str
    requests: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float


class FailedRow(Row):
    stage: StageName
    row_id: str
    parent_id: str
    class_: Literal["infra", "model", "task", "judge", "budget"]  # column name in Parquet: `class`
    boundary: str
    detail: str
    attempts: int


TABLES: dict[str, type[Row]] = {
    "worlds": WorldRow,
    "tools": ToolRow,
    "agents": AgentRow,
    "tasks": TaskRow,
    "trajectories": TrajectoryRow,
    "verdicts": VerdictRow,
    "dropped": DroppedRow,
    "failed": FailedRow,
    "usage": UsageRow,
}
STAGES: tuple[StageName, ...] = ("worlds", "tools", "agents", "tasks", "rollouts", "judge", "shards")
