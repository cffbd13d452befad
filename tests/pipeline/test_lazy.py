"""Lazy assistants over every kind of task of a small run: none passes where laziness is not the right thing to do."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from synth.goals.kinds import BUILDERS
from synth.pipeline import BUILT_IN_POLICIES, JudgeSettings, RolloutsSettings
from synth.records import make_id
from synth.run import RunResult
from synth.sim.setup import Catalog
from synth.stages.judge import judge
from synth.stages.rollouts import Slot, play
from synth.store.views import open_run

LAZY = sorted(set(BUILT_IN_POLICIES) - {"expert"})
# a refusal is the whole of the right answer where no tool can do it
RIGHT = {("refuser", "no_tool")}


def test_every_kind_is_there(first: RunResult) -> None:
    assert {t.kind for t in open_run(first.run_dir).rows("tasks")} == set(BUILDERS) - {"code"}


@pytest.mark.parametrize("policy", LAZY)
def test_laziness_does_not_pass(first: RunResult, policy: str) -> None:
    run = open_run(first.run_dir)
    catalog = Catalog.of(run.rows("agents"), run.rows("tools"), run.rows("worlds"))
    tried: Counter[str] = Counter()
    passed: Counter[str] = Counter()
    for task in run.rows("tasks"):
        slot = Slot(make_id("traj", policy, task.task_id), task, 0)
        row = asyncio.run(play(slot, catalog, RolloutsSettings(policy=policy)))
        tried[task.kind] += 1
        passed[task.kind] += judge(row, task, catalog, JudgeSettings()).passed is True
    wrong = {k: f"{passed[k]} of {n}" for k, n in tried.items() if passed[k] > 0.02 * n and (policy, k) not in RIGHT}
    assert not wrong
    assert all(passed[k] for p, k in RIGHT if p == policy)
