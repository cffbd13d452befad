"""Stage `tasks` on rows in memory."""

from __future__ import annotations

import pytest
from rows import context, tool_rows, world_rows

from synth.records import TaskRow
from synth.stage import Context, Output, Part
from synth.stages import agents, tasks
from synth.taskspec import Goal, Plan, Rubric, Start, UserProfile

KINDS = ["single", "parallel", "chain", "multi_turn", "clarify", "no_tool", "recover"]


@pytest.fixture(scope="module")
def made() -> tuple[Context, Output]:
    worlds = world_rows()
    rows = tool_rows(worlds)
    ctx = context(worlds=worlds, tools=rows)
    ctx.inputs.tables["agents"] = [a for p in agents.waves(ctx)[0] for a in agents.run(ctx, p).rows]  # type: ignore[attr-defined]
    output = tasks.run(ctx, part(105))
    output.check("tasks")
    return ctx, output


def part(n: int, start: int = 0) -> Part:
    return Part("tasks", 0, start, start + n, {"kinds": [KINDS[(start + i) % 7] for i in range(n)]})


def test_most_slots_give_a_task_and_each_is_closed(made: tuple[Context, Output]) -> None:
    _, output = made
    assert len(output.rows) >= 0.9 * output.opened
    assert {f.class_ for f in output.failed} <= {"task"}
    assert {r.kind for r in output.rows if isinstance(r, TaskRow)} == set(KINDS)


def test_columns_read_back_as_what_they_are(made: tuple[Context, Output]) -> None:
    ctx, output = made
    by_id = {a.agent_id: a for a in ctx.inputs.table("agents")}
    for row in output.rows:
        assert isinstance(row, TaskRow)
        agent = by_id[row.agent_id]
        start, plan = Start.model_validate(row.start), Plan.model_validate(row.plan)
        Goal.model_validate(row.goal)
        Rubric.model_validate(row.rubric)
        UserProfile.model_validate(row.user)
        assert set(start.worlds) == set(agent.world_ids)
        assert row.split == agent.split
        assert {s.tool for s in plan.steps} <= set(agent.traits["offered"])
        assert {s.world_id for s in plan.steps} <= set(agent.traits["worlds"])


def test_a_slot_does_not_depend_on_its_part(made: tuple[Context, Output]) -> None:
    ctx, output = made
    again = tasks.run(ctx, part(20, start=35))
    assert [r for r in output.rows if 35 <= r.ordinal < 55] == again.rows  # type: ignore[attr-defined]


def test_a_slot_that_cannot_be_built_says_why(made: tuple[Context, Output]) -> None:
    ctx, _ = made
    output = tasks.run(ctx, Part("tasks", 0, 0, 2, {"kinds": ["code", "single"]}))
    output.check("tasks")
    (failed,) = output.failed
    assert failed.class_ == "task"
    assert "no builder for kind code" in failed.detail
    empty = context(worlds=[], tools=[], agents=[])
    (lost,) = tasks.run(empty, part(1)).failed
    assert "there are no agents" in lost.detail
