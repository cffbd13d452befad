"""Seven small stages that obey the protocol in synth/stage.py, for tests of the engine. Fast, deterministic, lossy:
every stage drops some slots and fails others, so that the ledger has something to hold."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from synth.records import (
    AgentRow,
    Call,
    Criterion,
    DroppedRow,
    FailedRow,
    TaskRow,
    ToolRow,
    TrajectoryRow,
    Usage,
    VerdictRow,
    WorldRow,
    make_id,
    rng_for,
)
from synth.stage import Context, Output, Part
from synth.stages import shards

NAMES = ("worlds", "tools", "agents", "tasks", "rollouts", "judge")


def _slots(ctx: Context, part: Part, make: Any) -> Output:
    out = Output(opened=part.stop - part.start)
    for n in range(part.start, part.stop):
        _close(out, make(n))
    return out


def _close(out: Output, ended: Any) -> None:
    if isinstance(ended, DroppedRow):
        out.dropped.append(ended)
    elif isinstance(ended, FailedRow):
        out.failed.append(ended)
    else:
        out.rows.append(ended)
        out.closed_with_rows += 1


class Worlds:
    TABLE, VERSION = "worlds", "1"

    @staticmethod
    def waves(ctx: Context) -> list[list[Part]]:
        return [[Part("worlds", 0, 0, 4), Part("worlds", 1, 4, 8)], [Part("worlds", 2, 8, 12)]]

    @staticmethod
    def run(ctx: Context, part: Part) -> Output:
        before = ctx.inputs.table("worlds")
        assert len(before) == (0 if part.index < 2 else 8), "a wave sees all waves before it and nothing else"

        def make(n: int) -> WorldRow:
            split = "eval" if n == 3 else "validation" if n == 5 else "train"
            return WorldRow(
                world_id=make_id("world", ctx.seed, n),
                category="toy",
                domain=f"d{n}",
                origin="lifted",
                split=split,
                server=f"s{n}",
                parents=[],
                roots=[f"s{n}"],
                operators=[],
                spec={"entities": {"é": n}},
            )

        return _slots(ctx, part, make)


class Tools:
    TABLE, VERSION = "tools", "1"

    @staticmethod
    def waves(ctx: Context) -> list[list[Part]]:
        return [[Part("tools", i, 4 * i, 4 * i + 4) for i in range(3)]]

    @staticmethod
    def run(ctx: Context, part: Part) -> Output:
        worlds = ctx.inputs.table("worlds")

        def make(n: int) -> ToolRow:
            world = worlds[n]
            schema = {
                "type": "object",
                "properties": {f"p{n}": {"type": "string", "enum": ["a", None, 1]}},
                "required": [],
            }
            return ToolRow(
                tool_id=make_id("tool", world.world_id),
                world_id=world.world_id,
                origin="lifted",
                split=world.split,
                server=world.server,
                category="toy",
                domain=world.domain,
                name=f"get_{n}",
                description="Gets.",
                input_schema=schema,
                output_schema={},
                semantics=None if n % 2 else {"op": n},
                effect="read",
                annotations={},
                parents=[],
                provenance={"licence": "MIT"},
            )

        return _slots(ctx, part, make)


class Agents:
    TABLE, VERSION = "agents", "1"

    @staticmethod
    def waves(ctx: Context) -> list[list[Part]]:
        return [[Part("agents", 0, 0, ctx.settings.count)]]

    @staticmethod
    def run(ctx: Context, part: Part) -> Output:
        tools = ctx.inputs.table("tools")

        def make(n: int) -> AgentRow | DroppedRow:
            row_id = make_id("agent", ctx.seed, n)
            if n % 10 == 9:
                return DroppedRow(stage="agents", row_id=row_id, parent_id="", reason="too_plain", detail="")
            tool = tools[n % len(tools)]
            return AgentRow(
                agent_id=row_id,
                split=tool.split,
                world_ids=[tool.world_id],
                tool_ids=[tool.tool_id],
                system_prompt=f"You are {n}.",
                traits={"offered": {tool.name: tool.tool_id}},
            )

        return _slots(ctx, part, make)


class Tasks:
    TABLE, VERSION = "tasks", "1"

    @staticmethod
    def run(ctx: Context, part: Part) -> Output:
        agents = ctx.inputs.table("agents")

        def make(n: int) -> TaskRow | FailedRow:
            random = rng_for(ctx.seed, "tasks", n)
            row_id, agent = make_id("task", ctx.seed, n), agents[random.randrange(len(agents))]
            if random.random() < 0.05:
                return FailedRow(
                    stage="tasks",
                    row_id=row_id,
                    parent_id=agent.agent_id,
                    class_="task",
                    boundary="plan",
                    detail="no plan",
                    attempts=1,
                )
            kind = part.payload["kinds"][n - part.start]
            return TaskRow(
                task_id=row_id,
                agent_id=agent.agent_id,
                ordinal=n,
                split=agent.split,
                kind=kind,
                difficulty=1,
                user={"says": f"Please fetch item {n}"},
                goal={},
                start={},
                plan=[],
                rubric={},
            )

        return _slots(ctx, part, make)


class Rollouts:
    TABLE, VERSION = "trajectories", "1"

    @staticmethod
    def run(ctx: Context, part: Part) -> Output:
        out = Output(opened=0)
        for task in ctx.inputs.part("tasks", part.index):
            out.opened += 1
            _close(out, Rollouts.play(ctx, task))
        return out

    @staticmethod
    def play(ctx: Context, task: TaskRow) -> TrajectoryRow | FailedRow:
        row_id = make_id("traj", ctx.seed, task.task_id)
        if rng_for(row_id).random() < 0.02:
            return FailedRow(
                stage="rollouts",
                row_id=row_id,
                parent_id=task.task_id,
                class_="model",
                boundary="model",
                detail="malformed",
                attempts=1,
            )
        words = "the same thing" if task.ordinal % 7 == 0 else f"word{task.ordinal}"
        call = {
            "id": "functions.get:0",
            "type": "function",
            "function": {"name": "get", "arguments": {"x": words, "y": None}},
        }
        messages = [
            {"role": "system", "content": "You are."},
            {"role": "user", "content": words},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "functions.get:0", "content": '{"ok":true}'},
            {"role": "assistant", "content": f"Done: {words}"},
        ]
        made = Call(
            turn=0,
            id="functions.get:0",
            name="get",
            arguments={"x": words},
            executor="world",
            ok=True,
            error=None,
            result={"ok": True},
            effect="read",
            latency_ms=0.0,
            fault=None,
        )
        return TrajectoryRow(
            trajectory_id=row_id,
            task_id=task.task_id,
            agent_id=task.agent_id,
            attempt=0,
            policy="expert",
            messages=messages,
            calls=[made],
            state_diff={},
            end_state_sha256="0" * 64,
            stop_reason="user_done",
            turns=2,
            usage=Usage(requests=0, prompt_tokens=0, completion_tokens=0, cost_usd=0.0),
            seed=1,
        )


class Judge:
    TABLE, VERSION = "verdicts", "1"

    @staticmethod
    def run(ctx: Context, part: Part) -> Output:
        out = Output(opened=0)
        for row in ctx.inputs.part("trajectories", part.index):
            out.opened += 1
            draw = rng_for("judge", row.trajectory_id).random()
            passed = None if draw < 0.02 else draw > 0.15
            check = Criterion(
                id="end_state",
                part="success",
                passed=passed,
                score=None if passed is None else float(passed),
                evidence="state",
                judge="code",
            )
            _close(
                out,
                VerdictRow(
                    trajectory_id=row.trajectory_id,
                    task_id=row.task_id,
                    passed=passed,
                    score=check.score,
                    criteria=[check],
                    judge="code",
                    reasons=[],
                    rubric_sha256="0" * 64,
                ),
            )
        return out


def modules(**changed: Any) -> dict[Any, Any]:
    """The toy stages, with the real shards stage; `modules(judge=other)` replaces one."""
    toys: dict[Any, Any] = {
        "worlds": Worlds,
        "tools": Tools,
        "agents": Agents,
        "tasks": Tasks,
        "rollouts": Rollouts,
        "judge": Judge,
        "shards": shards,
    }
    return toys | changed


def altered(stage: type, **attributes: Any) -> Any:
    """A stage with some attributes replaced."""
    return SimpleNamespace(**{k: getattr(stage, k) for k in dir(stage) if not k.startswith("__")} | attributes)
