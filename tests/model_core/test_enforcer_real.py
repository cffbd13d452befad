"""Five thousand calls of a random model over the schemas of real tools, each checked by another validator."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.enforcer import random_calls, real_tools

FULL = Path(__file__).parents[3] / "shared" / "data" / "mcp" / "tools.jsonl.xz"


def check(tools: list[dict[str, object]], calls: int, schemas: int) -> None:
    seen = random_calls(tools, calls)
    assert seen["calls"] >= calls and seen["schemas"] >= schemas
    assert [seen[wrong] for wrong in ("not closed", "malformed", "undeclared", "invalid")] == [0, 0, 0, 0]
    assert seen["refused"] <= 0.02 * (seen["replies"] + seen["refused"])


def test_calls_of_a_random_model_are_valid_for_the_shipped_catalog() -> None:
    check(real_tools(None)[::271], 12, 10)


@pytest.mark.slow
def test_five_thousand_calls_of_a_random_model_are_valid() -> None:
    if not FULL.is_file():
        pytest.skip("the full schemas of real tools are not here")
    check(real_tools(FULL)[::19], 5_000, 300)
