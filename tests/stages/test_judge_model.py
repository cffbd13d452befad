"""Rubric questions to a model: what its answers do to a verdict that code had passed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import desk
import pytest
from test_judge import played

from synth.models.settings import ScriptedModel
from synth.pipeline_stages import JudgeSettings
from synth.sim.questions import QUESTIONS
from synth.stage import Context, Output, Part
from synth.stages import judge


def settings(tmp_path: Path, replies: list[str]) -> JudgeSettings:
    """A model that gives the replies, the last of them again for a repair."""
    script = tmp_path / "judge.json"
    rules = [{"when": "does not work yet", "reply": {"content": replies[-1]}},
             {"when": "QUESTIONS", "reply": {"content": replies[0]}}]  # fmt: skip
    script.write_text(json.dumps({"rules": rules}), encoding="utf-8")
    backend = ScriptedModel(kind="scripted", script=str(script))
    return JudgeSettings(model="grader").model_copy(update={"backends": {"model": backend}})


def answers(**other: str) -> str:
    given = [{"id": q, "reason": "[2] says so", "verdict": other.get(q.split(".")[1], "yes")} for q in QUESTIONS]
    return json.dumps({"answers": given})


def judged(tmp_path: Path, *replies: str, kind: str = "single", policy: str = "expert") -> tuple[Any, Output]:
    task = desk.tasks()[kind]
    rows = desk.Inputs(tasks=[task], trajectories=played(task, policy=policy))
    out = judge.run(Context(7, settings(tmp_path, list(replies)), rows), Part("judge", 0, 0, 1))
    assert not out.failed, out.failed
    return out.rows[0], out


@pytest.mark.parametrize(("other", "passed"), [({}, True), ({"true": "no"}, False), ({"clear": "cannot tell"}, None)])
def test_answers_decide_over_what_code_passed(tmp_path: Path, other: dict[str, str], passed: bool | None) -> None:
    row, out = judged(tmp_path, answers(**other))
    assert row.passed is passed
    assert {c.id for c in row.criteria} >= set(QUESTIONS)
    assert (row.score is None) == (passed is None)
    assert bool(row.reasons) == (passed is not True)
    assert [(u.stage, u.role, u.requests) for u in out.usage] == [("judge", "judge", 1)]


def test_a_question_answered_twice_is_asked_again_once(tmp_path: Path) -> None:
    twice = json.loads(answers())
    twice["answers"][1]["id"] = twice["answers"][0]["id"]
    row, out = judged(tmp_path, json.dumps(twice), answers())
    assert row.passed is True
    assert out.usage[0].requests == 2


def test_an_answer_that_stays_unusable_cannot_tell(tmp_path: Path) -> None:
    row, _ = judged(tmp_path, "yes to all of it")
    assert row.passed is None
    assert row.reasons


def test_what_code_rejects_is_not_asked_about(tmp_path: Path) -> None:
    row, out = judged(tmp_path, answers(), policy="idle")
    assert row.passed is False
    assert not out.usage
