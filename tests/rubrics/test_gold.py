"""The judge agrees with the grade of every trajectory in rubrics/gold, and for the reader's reason.

rubrics/gold/README.md says how they were made and graded.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import rubrics

GOLD = sorted((Path(rubrics.__file__).parent / "gold").glob("*.json"))
KINDS = ("single", "parallel", "chain", "multi_turn", "clarify", "no_tool", "chat", "policy", "recover", "change",
         "dual", "injection", "long")  # fmt: skip


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_there_are_sixty_of_every_kind_and_both_outcomes() -> None:
    found = Counter((load(p)["kind"], load(p)["passed"]) for p in GOLD)
    assert len(GOLD) >= 60
    assert set(found) == {(kind, passed) for kind in KINDS for passed in (True, False)}


@pytest.mark.parametrize("path", GOLD, ids=lambda p: p.stem)
def test_the_judge_agrees_with_the_grader(path: Path) -> None:
    gold = load(path)
    assert len(gold["why"].split()) > 3
    results = rubrics.score({"criteria": [*gold["rubric"]["criteria"], *rubrics.standing()]}, gold["evidence"])
    verdict = rubrics.verdict(results)
    assert verdict.passed is gold["passed"], verdict.reasons
    found = {r.id: r.passed for r in results}
    assert gold["expected"], "no criterion decides"
    assert {name: found[name] for name in gold["expected"]} == gold["expected"]
