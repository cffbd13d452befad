"""What the engine costs beside the stages' own work; `make bench` shows the times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import toys
from conftest import pipeline

from synth.records import Call, TrajectoryRow, Usage
from synth.run import Options, run_pipeline
from synth.store.schema import from_arrow, to_arrow


def _rows(n: int) -> list[TrajectoryRow]:
    messages = [{"role": "user", "content": "words " * 40}, {"role": "assistant", "content": "more words " * 20}] * 5
    call = Call(
        turn=0, id="functions.get:0", name="get", arguments={"x": 1, "y": "two"}, executor="world", ok=True, error=None,
        result={"rows": [{"id": "a", "n": 1}] * 5}, effect="read", latency_ms=0.0, fault=None,
    )  # fmt: skip
    usage = Usage(requests=0, prompt_tokens=0, completion_tokens=0, cost_usd=0.0)
    return [
        TrajectoryRow(
            trajectory_id=f"traj_{i}",
            task_id=f"task_{i}",
            agent_id="a",
            attempt=0,
            policy="expert",
            messages=messages,
            calls=[call] * 5,
            state_diff={},
            end_state_sha256="0" * 64,
            stop_reason="done",
            turns=5,
            usage=usage,
            seed=i,
        )
        for i in range(n)
    ]


def test_encoding_500_trajectories(benchmark: Any) -> None:
    rows = _rows(500)
    assert len(benchmark(to_arrow, TrajectoryRow, rows)) == 500


def test_decoding_500_trajectories(benchmark: Any) -> None:
    rows = _rows(500)
    assert benchmark(from_arrow, TrajectoryRow, to_arrow(TrajectoryRow, rows)) == rows


def test_a_run_over_toy_stages(benchmark: Any, tmp_path: Path) -> None:
    number = [0]

    def once() -> int:
        number[0] += 1
        return run_pipeline(pipeline(), Options(out=tmp_path / str(number[0]), workers=0), toys.modules()).exit_code

    assert benchmark.pedantic(once, rounds=3) == 0
