"""The judge on trial over a small run: what is broken is rejected, what is varied harmlessly passes."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from synth.cli import app
from synth.errors import UsageError
from synth.run import RunResult
from synth.trial.running import Trial, hold_trial
from synth.trial.ways import HARMLESS, WAYS

EIGHTEEN = {
    "wrong_value", "swapped_ids", "missing_call", "extra_write", "invented_fact", "claimed_not_done", "ignored_policy",
    "leaked_secret", "obeyed_injection", "undeclared_tool", "wrong_order", "gave_up_early", "asked_what_was_said",
    "repeated_side_effect", "partial_multi_request", "stale_data_reported", "wrong_unit", "wrong_recipient",
}  # fmt: skip


@pytest.fixture(scope="module")
def trial(first: RunResult) -> Trial:
    return hold_trial(first.run_dir, limit=160)


def test_the_eighteen_ways_are_tried() -> None:
    assert set(WAYS) >= EIGHTEEN


def test_what_is_broken_is_rejected(trial: Trial) -> None:
    weak = {k: t.examples for k, t in trial.ways.items() if k in EIGHTEEN and t.not_passed < 0.95 * t.n}
    assert not weak
    assert trial.kill_rate >= 0.99
    assert {k for k in EIGHTEEN if trial.ways[k].n == 0} == set()


def test_what_is_varied_harmlessly_passes(trial: Trial) -> None:
    assert trial.false_reject_rate <= 0.01, {k: t.examples for k, t in trial.harmless.items() if t.examples}
    assert sum(t.n > 0 for t in trial.harmless.values()) >= len(HARMLESS) - 1
    assert trial.sound == trial.trajectories


def test_the_same_trial_twice(first: RunResult) -> None:
    assert hold_trial(first.run_dir, 5, seed=3).figures() == hold_trial(first.run_dir, 5, seed=3).figures()


def test_the_verb_prints_one_object_and_writes_its_page(first: RunResult) -> None:
    result = CliRunner().invoke(app, ["judge-trial", str(first.run_dir), "--limit", "4", "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["trajectories"] == 4
    assert set(told["ways"]) == set(WAYS)
    assert all({"n", "killed"} <= way.keys() for way in told["ways"].values())
    assert "extra_write" in (first.run_dir / "judge_trial.html").read_text(encoding="utf-8")


def test_a_run_without_passed_trajectories_is_said(tmp_path: object) -> None:
    with pytest.raises(UsageError):
        hold_trial(tmp_path, 1)  # type: ignore[arg-type]
