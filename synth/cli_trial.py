"""Behind the verb judge-trial."""

from __future__ import annotations

import json
from pathlib import Path

from synth.trial.page import table, write_files
from synth.trial.running import hold_trial


def judge_trial(run_dir: Path, limit: int, seed: int, as_json: bool) -> None:
    """Hold the trial, write its two files and print one JSON object, or a table."""
    figures = hold_trial(run_dir, limit, seed).figures()
    files = write_files(run_dir, figures)
    if as_json:
        print(json.dumps(figures, ensure_ascii=False))
        return
    for line in table(figures):
        print(line)
    print(f"look: {', '.join(str(f) for f in files)}")
