"""Tasks whose turns a model words: taken where the rules hold, left where not, and the row says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from synth import open_run
from synth.pipeline import Pipeline
from synth.run import Options, run_pipeline
from synth.store.views import Run


def run(out: Path, replies: list[dict[str, Any]], role: str) -> Run:
    script = out.with_suffix(".json")
    script.write_text(json.dumps({"replies": replies}))
    made = Pipeline.model_validate({
        "name": "worded", "seed": 3, "models": {"pen": {"kind": "scripted", "script": str(script)}},
        "stages": {
            "worlds": {"servers": ["beads"], "synthetic": 60}, "agents": {"count": 10}, "tasks": {role: "pen"},
            "shards": {"target": {"chat": 3}, "max_rounds": 1, "max_infra_share": 1.0},
        },
    })  # fmt: skip
    run_pipeline(made, Options(out=out, workers=0))
    return open_run(out)


@pytest.mark.parametrize("role", ["writer", "paraphraser"])
def test_words_that_break_a_rule_leave_the_template(tmp_path: Path, role: str) -> None:
    found = run(tmp_path / "run", [{"content": '{"turns": ["Order 66 now."]}'}], role)
    tasks = found.rows("tasks")
    assert tasks and all(set(t.model) == {role} and not t.model[role]["taken"] for t in tasks)
    assert {t.model[role]["name"] for t in tasks} == {"scripted:pen"} and all(t.model[role]["why"] for t in tasks)
    assert not any(turn == "Order 66 now." for t in tasks for turn in t.user["turns"])
    usage = {u.row_id: u for u in found.rows("usage")}
    assert {(u.role, u.stage, u.requests) for u in usage.values()} == {(role, "tasks", 2)}
    assert set(usage) == {t.task_id for t in tasks}


def test_an_endpoint_that_is_gone_fails_its_slots(tmp_path: Path) -> None:
    found = run(tmp_path / "run", [{"error": "unavailable"}], "paraphraser")
    failed = [f for f in found.rows("failed") if f.boundary == "goals.wording"]
    assert found.rows("tasks") == [] and failed and {f.class_ for f in failed} == {"infra"}
