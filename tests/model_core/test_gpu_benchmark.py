"""The GPU measurement runs to its end on a CPU with a tiny model, so that a lent card is not needed to trust it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "model_core_gpu.py"


@pytest.mark.slow
def test_the_gpu_measurement_rehearses_on_a_cpu(tmp_path: Path) -> None:
    small = [
        "--device",
        "cpu",
        "--config",
        "tiny",
        "--batches",
        "1,3",
        "--context",
        "16",
        "--steps",
        "2",
        "--prompt",
        "16",
        "--rows",
        "2",
    ]
    subprocess.run([sys.executable, SCRIPT, *small, "--out", tmp_path], check=True, cwd=SCRIPT.parents[1], timeout=300)
    found = json.loads((tmp_path / "model_core_gpu.json").read_text())
    assert found["correctness"]["fp32_cached_vs_cpu"] < 1e-4
    assert found["graph_tokens_equal_eager"] == 1.0
    one, three = found["decode"]
    assert one["experts_per_layer"] == 2.0
    assert 2.0 < three["experts_per_layer"] <= 6.0
    assert three["gb_read_at_least"] > one["gb_read_at_least"]
    assert found["prefill"][0]["tokens_per_s"] > 0
