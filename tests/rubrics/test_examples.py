"""The judge agrees with every hand-graded example, and a check cannot pass for want of evidence."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

import rubrics

EXAMPLES = sorted((Path(rubrics.__file__).parent / "examples").glob("*.json"))


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_there_are_examples_of_each_outcome() -> None:
    assert len(EXAMPLES) >= 12
    assert {load(p)["passed"] for p in EXAMPLES} == {True, False, None}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_the_judge_agrees(path: Path) -> None:
    example = load(path)
    results = rubrics.score(example["rubric"], example["evidence"])
    found = {r.id: r.passed for r in results}
    assert {k: found[k] for k in example["expected"]} == example["expected"], results
    assert rubrics.verdict(results).passed is example["passed"]
    assert all(r.evidence for r in results)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
@pytest.mark.parametrize("lost", ["messages", "calls", "state_diff", "goal", "plan", "user"])
def test_lost_evidence_never_turns_a_failure_into_a_pass(path: Path, lost: str) -> None:
    example = load(path)
    before = rubrics.verdict(rubrics.score(example["rubric"], example["evidence"])).passed
    evidence = copy.deepcopy(example["evidence"])
    evidence.pop(lost, None)
    after = rubrics.verdict(rubrics.score(example["rubric"], evidence)).passed
    assert after is not True or before is True


@pytest.mark.parametrize("check", sorted(rubrics.CHECKS))
@pytest.mark.parametrize(
    "evidence", [{}, {"messages": None}, {"messages": 3, "calls": "x", "state_diff": {}, "goal": []}]
)
def test_no_check_passes_on_no_evidence(check: str, evidence: dict[str, Any]) -> None:
    criterion = {"id": check, "part": "success", "check": check, "params": {}}
    (result,) = rubrics.score({"criteria": [criterion]}, evidence)
    assert result.passed is None
    assert rubrics.verdict([result]).passed is None


def test_wrong_parameters_cannot_be_told() -> None:
    example = load(EXAMPLES[0])
    criterion = {"id": "x", "part": "success", "check": "told", "params": {"tel": "due"}}
    (result,) = rubrics.score({"criteria": [criterion]}, example["evidence"])
    assert result.passed is None
