"""Lazy assistants over every kind of task of a small run: none passes where laziness is not the right thing to do."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from small_recipe import small

from synth.goals.kinds import BUILDERS
from synth.pipeline_stages import BUILT_IN_POLICIES, JudgeSettings, Player, RolloutsSettings
from synth.records import make_id
from synth.run import Options, RunResult, run_pipeline
from synth.sim.setup import Catalog
from synth.stages.judge import judge
from synth.stages.rollouts import Slot, play
from synth.store.views import open_run

LAZY = sorted(set(BUILT_IN_POLICIES) - {"expert"})
# a refusal is the whole of the right answer where no tool can do it
RIGHT = {("refuser", "no_tool")}


KINDS = sorted(set(BUILDERS) - {"code"})


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A run with every kind."""
    target = ", ".join(f"{kind}: 12" for kind in KINDS)
    out = tmp_path_factory.mktemp("runs") / "every"
    return run_pipeline(small(f"stages.shards.target={{{target}}}"), Options(out=out, workers=0))


def test_every_kind_is_there(every: RunResult) -> None:
    assert {t.kind for t in open_run(every.run_dir).rows("tasks")} == set(KINDS)


@pytest.mark.parametrize("policy", LAZY)
def test_laziness_does_not_pass(every: RunResult, policy: str) -> None:
    run = open_run(every.run_dir)
    catalog = Catalog.of(run.rows("agents"), run.rows("tools"), run.rows("worlds"))
    tried: Counter[str] = Counter()
    passed: Counter[str] = Counter()
    for task in run.rows("tasks"):
        slot = Slot(make_id("traj", policy, task.task_id), task, 0, Player(policy, None))
        row = asyncio.run(play(slot, catalog, RolloutsSettings(policy=policy)))
        tried[task.kind] += 1
        passed[task.kind] += judge(row, task, catalog, JudgeSettings()).passed is True
    wrong = {k: f"{passed[k]} of {n}" for k, n in tried.items() if passed[k] > 0.02 * n and (policy, k) not in RIGHT}
    assert not wrong
    assert all(passed[k] for p, k in RIGHT if p == policy)
