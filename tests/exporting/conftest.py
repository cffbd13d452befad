from __future__ import annotations

from pathlib import Path

import pytest
from hard_rows import ROWS, run_with

from synth.exporting.example import Example, Unsayable, examples


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return run_with(tmp_path / "run", ROWS)


@pytest.fixture
def three(run_dir: Path) -> list[Example]:
    found = [e for e in examples(run_dir / "sft" / "train-00000.parquet") if not isinstance(e, Unsayable)]
    assert len(found) == 3
    return found
