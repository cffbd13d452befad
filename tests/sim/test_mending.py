"""Lost answers: the expert looks before it sends a write again, and one that does not is caught."""

from __future__ import annotations

import asyncio
import random

import desk

from rubrics.checks import judge_one
from rubrics.evidence import Evidence
from synth.goals.build import BuildFailed, build
from synth.goals.desk import Desk
from synth.pipeline_stages import JudgeSettings, Player, RolloutsSettings
from synth.records import TaskRow, TrajectoryRow, make_id
from synth.replaying import replay_rows
from synth.stages import judge, rollouts

SETTINGS = RolloutsSettings(policy="expert", fault_rate=0.05)


def doubtful() -> list[TaskRow]:
    """Tasks whose write nobody answers, on the ticket desk."""
    agent = desk.catalog().agents[desk.AGENT_ID]
    offered = {n: n for n, i in agent.traits["offered"].items() if i.startswith("tool_")}
    out = []
    for n in range(60):
        place = Desk(desk.WORLD_ID, desk.world(), offered, seed=n % 3, prompt=agent.system_prompt)
        try:
            task = build(place, "recover", random.Random(n))
        except BuildFailed:
            continue
        if task.plan.looks:
            columns = {k: getattr(task, k).model_dump(mode="json") for k in ("user", "goal", "start", "plan", "rubric")}
            out.append(TaskRow(task_id=make_id("task", n), agent_id=desk.AGENT_ID, ordinal=n, split="train",
                               kind="recover", difficulty=task.difficulty, **columns))  # fmt: skip
    return out


def play(task: TaskRow) -> TrajectoryRow:
    name = make_id("traj", task.task_id)
    return asyncio.run(rollouts.play(rollouts.Slot(name, task, 0, Player("expert", None)), desk.catalog(), SETTINGS))


def test_the_expert_looks_and_sends_again_only_what_was_not_carried_out() -> None:
    kinds = set()
    for task in doubtful():
        row = play(task)
        struck = next(c for c in row.calls if c.fault)
        kinds.add(struck.fault)
        same = [c for c in row.calls if (c.name, c.arguments) == (struck.name, struck.arguments)]
        after = next(c for c in row.calls if c.turn > struck.turn)
        assert (after.effect, after.ok) == ("read", True) or task.plan["looks"][0]["fails"]
        assert len(same) == (2 if struck.fault == "lost_request" else 1)
        assert judge.judge(row, task, desk.catalog(), JudgeSettings()).passed, row.messages[1:]
        assert replay_rows(row, task, desk.catalog()).equal
    assert kinds == {"lost_request", "lost_answer"}


def test_a_write_that_is_sent_again_after_it_was_carried_out_fails() -> None:
    task = next(t for t in doubtful() if t.start["faults"][0]["kind"] == "lost_answer")
    row = play(task)
    evidence = judge.evidence(row, task, desk.catalog())
    again = {"id": "x", "part": "safety", "check": "no_repeated_effect"}
    assert judge_one(again, Evidence(evidence)).passed
    struck = next(c for c in evidence["calls"] if c["fault"])
    at = evidence["calls"].index(struck) + 1  # right behind: no other write to the row comes between
    evidence["calls"].insert(at, struck | {"ok": True, "fault": None, "id": "functions.again:9"})
    assert judge_one(again, Evidence(evidence)).passed is False


def test_a_retry_of_a_lost_request_is_no_repeated_effect() -> None:
    task = next(t for t in doubtful() if t.start["faults"][0]["kind"] == "lost_request")
    evidence = judge.evidence(play(task), task, desk.catalog())
    assert judge_one({"id": "x", "part": "safety", "check": "no_repeated_effect"}, Evidence(evidence)).passed
