"""An evaluation of a policy on a run's tasks: whole episodes under the run's judge, and first calls compared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from synth.errors import ModelMalformed, UsageError
from synth.evaluating import playing
from synth.evaluating.figures import Attempt, Guess, pass_at, summed, table
from synth.evaluating.playing import Plan, evaluate
from synth.models.protocol import Reply
from synth.models.session import Models
from synth.models.settings import ScriptedModel
from synth.records import Usage
from synth.replaying import turns_of
from synth.run import RunResult
from synth.store.views import open_run

SPENT = Usage(requests=1, prompt_tokens=10, completion_tokens=5, cost_usd=0.0)


def test_the_expert_passes_and_the_idle_does_not(first: RunResult) -> None:
    plan = Plan("expert", tasks=3, split="train")
    expert, idle = evaluate(first.run_dir, plan), evaluate(first.run_dir, Plan("idle", tasks=3, split="train"))
    assert expert["all"]["rate"] > 0.8 and expert["calls"]["made"] == expert["calls"]["valid"] > 0
    assert idle["kinds"]["single"]["rate"] == 0.0 and idle["calls"]["made"] == 0
    assert max(one["n"] for one in expert["kinds"].values()) == 3
    assert evaluate(first.run_dir, plan) == expert


def test_an_episode_has_no_more_messages_than_in_the_run_or_as_asked(
    first: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan("expert", tasks=3, split="train", kinds=("single",))
    assert evaluate(first.run_dir, plan)["all"]["rate"] > 0.6
    assert evaluate(first.run_dir, replace(plan, max_turns=1))["all"]["rate"] == 0.0
    assert turns_of(first.run_dir) == 120
    monkeypatch.setattr(playing, "turns_of", lambda run_dir: 1)
    assert evaluate(first.run_dir, plan)["all"]["rate"] == 0.0


def test_a_kind_that_is_not_there_is_refused(first: RunResult) -> None:
    with pytest.raises(UsageError, match="no task of code in the split train"):
        evaluate(first.run_dir, Plan("expert", kinds=("code",), split="train"))


class Recalls:
    """A model that knows the run's episodes by heart, but answers every other conversation with a broken reply."""

    def __init__(self, run: RunResult) -> None:
        self._told = {str(t.messages[:i]): m for t in open_run(run.run_dir).iter_rows("trajectories")
                      for i, m in enumerate(t.messages) if m["role"] == "assistant"}  # fmt: skip

    async def complete(self, messages: list[Any], tools: list[Any], sampling: Any, schema: Any = None) -> Reply:
        found = self._told.get(str(messages))
        if found is None or tools == []:
            raise ModelMalformed("nothing comes to mind", "?")
        return Reply(found, "stop", SPENT)

    async def close(self) -> None: ...


def test_first_calls_are_compared_and_tokens_counted(first: RunResult, monkeypatch: pytest.MonkeyPatch) -> None:
    knows = Recalls(first)
    monkeypatch.setattr(Models, "client", lambda self, backend: knows)
    plan = Plan("model", ScriptedModel(kind="scripted", script="unread"), tasks=2, split="train")
    found = evaluate(first.run_dir, plan)
    exact = found["call_accuracy"]["all"]["exact"]
    assert exact["right"] == exact["n"] > 0
    assert found["requests_per_episode"] > 0 and found["tokens_per_pass"] is not None


def test_calls_are_compared_in_no_order_and_by_value() -> None:
    def said(*calls: tuple[str, str]) -> dict[str, Any]:
        return {"tool_calls": [{"function": {"name": n, "arguments": a}} for n, a in calls]}

    one = playing._calls(said(("b", '{"x": 1, "y": 2}'), ("a", "{}")))
    assert one == playing._calls(said(("a", "{ }"), ("b", '{"y":2,"x":1}')))
    assert one != playing._calls(said(("a", "{}"), ("b", '{"x": 1, "y": 3}')))
    assert playing._calls(said(("a", "{no json"))) == [("a", "{no json")]


def test_figures() -> None:
    tried = [Attempt("t1", "single", 0, True, completion_tokens=10), Attempt("t1", "single", 1, False),
             Attempt("t2", "single", 0, False, completion_tokens=10), Attempt("t2", "single", 1, None)]  # fmt: skip
    found = summed(tried, [Guess("single", True, False)])
    single = found["kinds"]["single"]
    assert (single["n"], single["right"], single["rate"]) == (2, 1, 0.5) and 0.09 < single["low"] < single[
        "high"
    ] < 0.91
    assert single["pass_at"] == {"1": 0.25, "2": 0.5} and found["tokens_per_pass"] == 20
    assert found["call_accuracy"]["single"]["named"]["rate"] == 1.0
    assert pass_at(1, 1, 4) == 0.25 and pass_at(4, 1, 4) == 1.0 and pass_at(2, 0, 4) == 0.0
    assert any("50.0%" in line for line in table(found | {"policy": "p", "tasks": 2, "split": "eval", "attempts": 2}))
