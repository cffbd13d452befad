"""Criteria as data, scoring as pure functions, hand-graded examples that keep the judge honest."""

from rubrics.checks import CHECKS, Result, Verdict, score, standing, verdict
from rubrics.evidence import Evidence, Missing

__all__ = ["CHECKS", "Evidence", "Missing", "Result", "Verdict", "score", "standing", "verdict"]
