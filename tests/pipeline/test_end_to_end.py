"""The whole chain on real tools, small: what a user is promised about what comes out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rubrics.normal import Text, mentions
from synth import open_run
from synth.records import STAGES
from synth.replaying import replay_sample
from synth.run import RunResult

NEEDS_NO_CALL = "no_tool"


def test_the_target_is_reached_and_nothing_is_lost(first: RunResult) -> None:
    assert first.exit_code == 0
    run = open_run(first.run_dir)
    for stage in STAGES:
        assert run.stages()[stage].complete, stage
    kinds = Counter(row["kind"] for row in sft_rows(first))
    assert kinds == {
        "single": 24,
        "parallel": 24,
        "chain": 24,
        "multi_turn": 24,
        "clarify": 24,
        "no_tool": 16,
        "recover": 24,
    }


def sft_rows(result: RunResult) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    return [
        row for file in sorted((result.run_dir / "sft").glob("*.parquet")) for row in pq.read_table(file).to_pylist()
    ]


def test_every_trajectory_replays(first: RunResult) -> None:
    reports = replay_sample(first.run_dir, 10_000)
    assert len(reports) == len(open_run(first.run_dir).rows("trajectories"))
    assert sum(r.calls for r in reports.values()) > 300
    assert {i: r.differences for i, r in reports.items() if not r.equal} == {}


def test_every_value_an_expert_sends_was_said_or_shown_before(first: RunResult) -> None:
    """Independent of the expert's own check: each key and text it sends occurs in an earlier message."""
    checked = 0
    for row in open_run(first.run_dir).rows("trajectories"):
        assert row.policy == "expert"
        sources = free_values(first, row.task_id)
        heard: list[str] = []
        for message in row.messages:
            for call in message.get("tool_calls") or []:
                for value in leaves(json.loads(call["function"]["arguments"])):
                    if (
                        isinstance(value, str | int | float)
                        and not isinstance(value, bool)
                        and json.dumps(value) not in sources
                    ):
                        checked += 1
                        assert mentions(value, Text("\n".join(heard))), (row.trajectory_id, value)
            heard.append(
                json.dumps(message, ensure_ascii=False) if message["role"] == "tool" else message.get("content") or ""
            )
    assert checked > 500


def free_values(result: RunResult, task_id: str) -> set[str]:
    """Values the plan declares to be free choices (page size, sort order) or to follow from others."""
    tasks = _tasks.setdefault(str(result.run_dir), {t.task_id: t for t in open_run(result.run_dir).rows("tasks")})
    out: set[str] = set()
    for step in tasks[task_id].plan["steps"]:
        for pointer, source in step["sources"].items():
            if source["kind"] == "free":
                node: Any = step["arguments"]
                for part in pointer.strip("/").split("/"):
                    part = part.replace("~1", "/").replace("~0", "~")
                    node = node[int(part)] if isinstance(node, list) else node[part]
                out |= {json.dumps(v) for v in leaves(node)}
    return out


_tasks: dict[str, dict[str, Any]] = {}


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [x for v in value.values() for x in leaves(v)]
    if isinstance(value, list):
        return [x for v in value for x in leaves(v)]
    return [value]


def test_a_second_run_does_nothing(again: Callable[..., RunResult]) -> None:
    result = again()
    assert result.made == 0
    assert "nothing to do" in result.text


def test_a_changed_judge_remakes_verdicts_and_shards_only(first: RunResult, again: Callable[..., RunResult]) -> None:
    result = again("stages.judge.economy=false")
    before, after = open_run(first.run_dir), open_run(result.run_dir)
    assert result.made == len(after.stages()["judge"].parts) + 1  # the verdict parts and the shards
    assert before.rows("trajectories") == after.rows("trajectories")
    assert len(after.rows("verdicts")) == len(before.rows("verdicts"))


@pytest.mark.parametrize(("policy", "limit"), [("idle", 0.0), ("random", 0.02)])
def test_a_policy_that_does_not_do_the_task_does_not_pass(
    again: Callable[..., RunResult], policy: str, limit: float
) -> None:
    result = again(f"stages.rollouts.policy={policy}", "stages.shards.max_rounds=1")
    run = open_run(result.run_dir)
    kinds = {t.task_id: t.kind for t in run.rows("tasks")}
    verdicts = [v for v in run.rows("verdicts") if kinds[v.task_id] != NEEDS_NO_CALL]
    assert len(verdicts) > 150
    assert {t.policy for t in run.rows("trajectories")} == {policy}
    passed = [v.trajectory_id for v in verdicts if v.passed]
    assert len(passed) / len(verdicts) <= limit, passed


def test_splits_share_no_server_and_no_domain(first: RunResult) -> None:
    worlds = open_run(first.run_dir).rows("worlds")
    for key in (lambda w: set(w.roots), lambda w: {w.domain}):
        seen: dict[str, set[str]] = {}
        for world in worlds:
            for name in key(world):
                seen.setdefault(name, set()).add(world.split)
        assert {name: splits for name, splits in seen.items() if len(splits) > 1} == {}
    split_of = {w.world_id: w.split for w in worlds}
    for agent in open_run(first.run_dir).rows("agents"):
        assert {split_of[w] for w in agent.world_ids} == {agent.split}


def test_every_tool_leads_back_to_a_real_one(first: RunResult) -> None:
    tools = {t.tool_id: t for t in open_run(first.run_dir).rows("tools")}
    counts = Counter(t.origin for t in tools.values())
    assert counts["lifted"] > 200 and counts["synthetic"] > 300
    for tool in tools.values():
        if tool.origin != "real":
            assert tool.parents, tool.name
            assert all(tools[p].origin == "real" for p in tool.parents), tool.name


def test_shards_load_and_equal_their_source_rows_deeply(first: RunResult, tmp_path: Path) -> None:
    """Through `datasets`: every tool definition and every argument object is what the tables say, nothing padded."""
    from datasets import load_dataset

    loaded = load_dataset("parquet", data_dir=str(first.run_dir / "sft"), cache_dir=str(tmp_path))
    run = open_run(first.run_dir)
    trajectories = {t.trajectory_id: t for t in run.rows("trajectories")}
    agents = {a.agent_id: a for a in run.rows("agents")}
    tools = {t.tool_id: t for t in run.rows("tools")}
    assert set(loaded) == {"train", "validation"}
    rows = [row for split in loaded.values() for row in split]
    assert len(rows) == 160
    for row in rows:
        source = trajectories[row["trajectory_id"]]
        offered = agents[source.agent_id].traits["offered"]
        shown = {t["function"]["name"]: t["function"]["parameters"] for t in json.loads(row["tools"])}
        moved = agents[source.agent_id].traits["surfaces"]
        plain = {name: tools[i].input_schema for name, i in offered.items() if name not in moved}
        assert list(shown) == list(offered)
        assert {name: shown[name] for name in plain} == plain
        said = [json.loads(c["function"]["arguments"]) for m in row["messages"] for c in m["tool_calls"] or []]
        assert said == [c.arguments for c in source.calls]
        assert [m["role"] for m in row["messages"]] == [m["role"] for m in source.messages]
        assert [m["content"] or "" for m in row["messages"]] == [m.get("content") or "" for m in source.messages]
        assert all(m["train"] == (m["role"] == "assistant") for m in row["messages"])
