"""The rollout stage: one slot per task and attempt, failures classified, the same bytes each time."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import desk
import pytest

from synth.errors import UsageError
from synth.models.settings import K2Model, OpenAIModel, ScriptedModel
from synth.pipeline_stages import Beside, RolloutsSettings
from synth.records import TrajectoryRow
from synth.stage import Context, Output, Part
from synth.stages import rollouts

TASKS = list(desk.tasks().values())


def run(tasks: list[Any] = TASKS, seed: int = 7, **settings: Any) -> Output:
    backend = settings.pop("backend", None)
    made = RolloutsSettings(**settings).model_copy(update={"backend": backend})
    out = rollouts.run(Context(seed, made, desk.Inputs(tasks=tasks)), Part("rollouts", 0, 0, len(tasks)))
    out.check("rollouts")
    return out


def scripted(tmp_path: Path, *replies: dict[str, Any]) -> ScriptedModel:
    path = tmp_path / "script.json"
    path.write_text(json.dumps({"replies": list(replies)}))
    return ScriptedModel(kind="scripted", script=str(path))


def test_rows_point_to_their_task_and_are_the_same_twice() -> None:
    first, second = run(attempts=2), run(attempts=2)
    assert first.opened == 2 * len(TASKS) == len(first.rows)
    assert [r.model_dump_json() for r in first.rows] == [r.model_dump_json() for r in second.rows]
    assert len({r.trajectory_id for r in first.rows}) == len(first.rows)  # type: ignore[attr-defined]
    assert {r.task_id for r in first.rows} == {t.task_id for t in TASKS}  # type: ignore[attr-defined]
    assert {r.policy for r in first.rows} == {"expert"}  # type: ignore[attr-defined]
    assert [r.model_dump_json() for r in run(attempts=2, seed=8).rows] != [r.model_dump_json() for r in first.rows]


def test_policies_beside_the_first_play_their_share_and_change_nothing_of_it() -> None:
    tasks = [task.model_copy(update={"task_id": f"{task.task_id}{n}"}) for task in TASKS for n in range(40)]
    alone = run(tasks)
    beside = {"idle": Beside(share=0.25), "random": Beside(share=0.5, attempts=2, kinds=["single"])}
    out = run(tasks, beside=beside)
    by = {name: [r for r in out.rows if r.policy == name] for name in ("expert", "idle", "random")}  # type: ignore[attr-defined]
    assert [r.model_dump_json() for r in by["expert"]] == [r.model_dump_json() for r in alone.rows]
    assert 0.15 < len(by["idle"]) / len(tasks) < 0.35
    single = {t.task_id for t in tasks if t.kind == "single"}
    assert {r.task_id for r in by["random"]} < single and len(by["random"]) % 2 == 0  # type: ignore[attr-defined]
    assert 0.25 < len(by["random"]) / 2 / len(single) < 0.75
    assert out.opened == len(out.rows) == len({r.trajectory_id for r in out.rows})  # type: ignore[attr-defined]
    some = run(tasks[7:90], beside={"idle": Beside(share=0.25)}, attempts=3)  # other tasks, other company
    assert (
        {r.trajectory_id for r in some.rows if r.policy == "idle"}
        == {  # type: ignore[attr-defined]
            r.trajectory_id
            for r in by["idle"]
            if r.task_id in {t.task_id for t in tasks[7:90]}  # type: ignore[attr-defined]
        }
    )


def test_a_share_by_kind_draws_the_tasks_that_the_same_share_of_all_draws() -> None:
    tasks = [task.model_copy(update={"task_id": f"{task.task_id}{n}"}) for task in TASKS for n in range(40)]
    kind_of = {task.task_id: task.kind for task in tasks}

    def drawn(share: Any) -> set[str]:
        rows = run(tasks, beside={"idle": Beside(share=share)}).rows
        return {row.task_id for row in rows if isinstance(row, TrajectoryRow) and row.policy == "idle"}

    half = drawn(0.5)
    by_kind = drawn({"single": 0.5, "chain": 0.25})
    assert {task for task in half if kind_of[task] == "single"} == {t for t in by_kind if kind_of[t] == "single"}
    chains = {task for task in by_kind if kind_of[task] == "chain"}
    assert chains and chains < {task for task in half if kind_of[task] == "chain"}
    assert {kind_of[task] for task in by_kind} == {"single", "chain"}


def test_a_model_beside_the_expert_fails_alone(tmp_path: Path) -> None:
    core = Beside(share=1.0).model_copy(update={"backend": scripted(tmp_path, {"error": "malformed"})})
    out = run(TASKS, beside={"fake": core})
    assert out.opened == 2 * len(TASKS) and len(out.rows) == len(TASKS) == len(out.failed)
    assert {f.class_ for f in out.failed} == {"model"} and {u.role for u in out.usage} <= {"assistant"}


def test_messages_are_openai_style_with_ids_counted_over_the_conversation() -> None:
    for row in run(fault_rate=0.5).rows:
        assert isinstance(row, TrajectoryRow)
        ids = [c["id"] for m in row.messages for c in m.get("tool_calls") or ()]
        assert ids == [f"functions.{c.name}:{i}" for i, c in enumerate(row.calls)]
        assert [m["tool_call_id"] for m in row.messages if m["role"] == "tool"] == ids
        assert [m["role"] for m in row.messages[:2]] == ["system", "user"]
        assert row.messages[-1]["role"] == "assistant"
        assert all(isinstance(m["content"], str) for m in row.messages)
        assert row.stop_reason == "done"
        assert row.turns == sum(m["role"] == "assistant" for m in row.messages)


def test_a_broken_task_fails_alone() -> None:
    broken = TASKS[0].model_copy(update={"task_id": "task_broken", "plan": {"steps": [{"id": 0}]}})
    lost = TASKS[0].model_copy(update={"task_id": "task_lost", "agent_id": "agent_gone"})
    out = run([broken, lost, *TASKS])
    assert len(out.rows) == len(TASKS)
    assert {f.parent_id for f in out.failed} == {"task_broken", "task_lost"}
    assert {f.parent_id: f.class_ for f in out.failed}["task_lost"] == "task"


def test_a_scripted_model_plays(tmp_path: Path) -> None:
    key = desk.tasks()["single"].plan["steps"][0]["arguments"]["id"]
    call = {"content": "", "tool_calls": [{"name": "resolve_ticket", "arguments": {"id": key}}]}
    backend = scripted(tmp_path, call, {"content": "Ticket resolved."}, {"content": "Bye."})
    (row,) = run([desk.tasks()["single"]], policy="fake", backend=backend, fault_rate=0.0).rows
    assert isinstance(row, TrajectoryRow)
    assert row.policy == "scripted:fake"
    assert row.usage.requests == row.turns
    assert row.usage.completion_tokens > 0
    assert row.state_diff[0]["after"]["status"] == "resolved"


@pytest.mark.parametrize(("error", "class_"), [("unavailable", "infra"), ("refused", "model"), ("malformed", "model")])
def test_model_errors_are_failed_rows_of_their_class(tmp_path: Path, error: str, class_: str) -> None:
    out = run(TASKS[:2], policy="fake", backend=scripted(tmp_path, {"error": error}))
    assert [f.class_ for f in out.failed] == [class_, class_]


def test_a_model_that_never_ends_is_stopped(tmp_path: Path) -> None:
    backend = scripted(tmp_path, {"tool_calls": [{"name": "list_agents"}]})
    (row,) = run(TASKS[:1], policy="fake", backend=backend, max_turns=5).rows
    assert isinstance(row, TrajectoryRow)
    assert (row.stop_reason, row.turns, len(row.calls)) == ("max_turns", 5, 5)


def test_an_empty_reply_stops_and_a_question_without_end_loses_the_user(tmp_path: Path) -> None:
    (row,) = run(TASKS[:1], policy="fake", backend=scripted(tmp_path, {"content": " "})).rows
    assert isinstance(row, TrajectoryRow)
    assert (row.stop_reason, row.turns) == ("policy_stopped", 0)
    (row,) = run(TASKS[:1], policy="fake", backend=scripted(tmp_path, {"content": "Why?"})).rows
    assert isinstance(row, TrajectoryRow)
    assert row.stop_reason == "user_left"


def test_what_cannot_be_played_is_said_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    backend = OpenAIModel(kind="openai", base_url="http://127.0.0.1:1", model="m", api_key_env="NO_SUCH_KEY")
    with pytest.raises(UsageError, match="NO_SUCH_KEY"):
        run(TASKS[:1], policy="m", backend=backend)
    with pytest.raises(UsageError, match="cannot be read"):
        run(TASKS[:1], policy="m", backend=ScriptedModel(kind="scripted", script=str(tmp_path / "none.json")))
    with pytest.raises(UsageError, match="no policy"):
        run(TASKS[:1], policy="nobody")


def test_an_episode_costs_little() -> None:
    run()
    began = time.process_time()
    run(attempts=10)
    assert (time.process_time() - began) / (10 * len(TASKS)) < 0.045  # 2 ms measured; room for a busy machine


def test_what_a_policy_lacks_is_known_before_anything_is_played(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    endpoint = OpenAIModel(kind="openai", base_url="http://127.0.0.1:1", model="m", api_key_env="NO_SUCH_KEY")
    with pytest.raises(UsageError, match="NO_SUCH_KEY"):
        rollouts.ready(RolloutsSettings().model_copy(update={"backend": endpoint}))
    core = RolloutsSettings().model_copy(update={"backend": K2Model(kind="k2", checkpoint="nowhere")})
    assert [path for path, _ in rollouts.problems(core)] == ["policy"]
    beside = Beside().model_copy(update={"backend": K2Model(kind="k2", checkpoint="nowhere")})
    assert [path for path, _ in rollouts.problems(RolloutsSettings(beside={"k": beside}))] == ["beside.k"]
    rollouts.ready(RolloutsSettings())
    assert rollouts.problems(RolloutsSettings()) == []


def test_a_changed_script_is_another_policy(tmp_path: Path) -> None:
    first = RolloutsSettings().model_copy(update={"backend": scripted(tmp_path, {"content": "one"})})
    before = rollouts.depends(first)
    second = RolloutsSettings().model_copy(update={"backend": scripted(tmp_path, {"content": "two"})})
    assert first.covered() == second.covered()
    assert rollouts.depends(second) != before
    assert rollouts.depends(RolloutsSettings()) == {}
