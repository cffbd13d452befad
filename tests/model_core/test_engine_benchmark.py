"""The engine's benchmark runs to its end with small numbers, and its counts are right."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "model_core_engine.py"


def found(*arguments: str) -> Any:
    ran = subprocess.run([sys.executable, SCRIPT, *arguments], check=True, capture_output=True, text=True, timeout=300)
    return json.loads(ran.stdout)


def test_calls_take_at_most_half_the_steps_under_the_enforcer() -> None:
    counts = found("forced", "--calls", "8")
    assert counts["model_steps"] * 2 <= counts["tokens"]


@pytest.mark.slow
def test_tools_are_computed_once_for_all_conversations() -> None:
    counts = found("shared", "--conversations", "5", "--tools", "3")["tools_shared"]
    one = counts["prompt_tokens"] / 5
    assert one < counts["computed_of_them"] < 1.5 * one


@pytest.mark.slow
def test_the_engine_agrees_with_transformers() -> None:
    assert found("decode", "--contexts", "24", "--batch", "3", "--rounds", "1")["tokens_per_cpu_second"]["engine"] > 0
