"""The trial: every way on every passed trajectory of a sample, judged as the run was."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from synth.errors import UsageError
from synth.pipeline_stages import JudgeSettings
from synth.records import TaskRow, TrajectoryRow
from synth.sim.setup import Catalog
from synth.stages.judge import judge
from synth.store.views import open_run
from synth.trial.performing import Way, changed, changed_words, unnoticed
from synth.trial.ways import HARMLESS, ORDERS, WAYS

LIMIT = 2000
KEPT = 3  # examples of wrong verdicts kept per way


@dataclass
class Tally:
    """`n` judged, `rejected` of them, `unnoticed`: changes that nobody could tell from the original, not counted."""

    n: int = 0
    rejected: int = 0
    unnoticed: int = 0
    could_not_tell: int = 0
    examples: list[dict[str, str]] = field(default_factory=list)

    def add(self, passed: bool | None) -> None:
        self.n += 1
        self.rejected += passed is False
        self.could_not_tell += passed is None

    @property
    def not_passed(self) -> int:
        return self.rejected + self.could_not_tell


@dataclass(frozen=True)
class Trial:
    trajectories: int
    sound: int  # of them pass the judge untouched
    ways: dict[str, Tally]
    harmless: dict[str, Tally]
    left_out: int = 0  # passed trajectories of places

    @property
    def kill_rate(self) -> float:
        n = sum(t.n for t in self.ways.values())
        return sum(t.not_passed for t in self.ways.values()) / n if n else 0.0

    @property
    def false_reject_rate(self) -> float:
        n = sum(t.n for t in self.harmless.values())
        return sum(t.not_passed for t in self.harmless.values()) / n if n else 0.0

    def figures(self) -> dict[str, Any]:
        """What `--json` prints. A trajectory that the judge cannot tell about is kept out of the data: killed."""
        return {
            "trajectories": self.trajectories,
            "left_out": self.left_out,
            "untouched_rejected": self.trajectories - self.sound,
            "kill_rate": round(self.kill_rate, 6),
            "false_reject_rate": round(self.false_reject_rate, 6),
            "ways": {k: {"n": t.n, "killed": t.not_passed, "unnoticed": t.unnoticed,
                         "could_not_tell": t.could_not_tell, "survivors": t.examples} for k, t in self.ways.items()},
            "harmless": {k: {"n": t.n, "rejected": t.not_passed, "could_not_tell": t.could_not_tell,
                             "examples": t.examples} for k, t in self.harmless.items()},
        }  # fmt: skip


def hold_trial(run_dir: Path, limit: int = LIMIT, seed: int = 0) -> Trial:
    """Try the judge on at most `limit` passed trajectories of a run, drawn by `seed`. Raises UsageError where the run
    has none."""
    run = open_run(run_dir)
    passed = {v["trajectory_id"] for v in _passed(run)}
    rows = [t for t in run.rows("trajectories") if t.trajectory_id in passed]
    if not rows:
        raise UsageError(f"{run.run_dir} has no passed trajectory to break; run the pipeline through its judge first")
    everything, tasks = rows, {t.task_id: t for t in run.rows("tasks")}
    rows = [t for t in everything if not tasks[t.task_id].start.get("places")]
    if not rows:
        raise UsageError(
            f"every passed trajectory of {run.run_dir} was played in a real place, where a test run decides; the trial"
            " breaks those of simulated worlds"
        )
    left_out = len(everything) - len(rows)
    if len(rows) > limit:
        rows = random.Random(seed).sample(rows, limit)
    catalog = Catalog.of(run.rows("agents"), run.rows("tools"), run.rows("worlds"))
    return replace(try_judge(rows, tasks, catalog, seed=seed), left_out=left_out)


def _passed(run: Any) -> list[dict[str, Any]]:
    found = run.sql("select trajectory_id from verdicts where passed")
    return [] if found is None else [{"trajectory_id": r[0]} for r in found.fetchall()]


def try_judge(
    rows: list[TrajectoryRow],
    tasks: Mapping[str, TaskRow],
    catalog: Catalog,
    *,
    seed: int = 0,
    ways: Mapping[str, Way] = WAYS,
    harmless: Mapping[str, Way] = HARMLESS,
) -> Trial:
    """The same over rows at hand. A trajectory that the judge rejects untouched is counted and left out."""
    settings = JudgeSettings()
    trial = Trial(len(rows), 0, {k: Tally() for k in ways}, {k: Tally() for k in harmless})
    sound = 0
    for row in rows:
        task = tasks[row.task_id]
        if judge(row, task, catalog, settings).passed is not True:
            continue
        sound += 1
        for name, way in ways.items():
            _try(trial.ways[name], name, way, row, task, catalog, seed, settings, broken=True)
        for name, way in harmless.items():
            _try(trial.harmless[name], name, way, row, task, catalog, seed, settings, broken=False)
    return Trial(len(rows), sound, trial.ways, trial.harmless)


def _try(
    tally: Tally, name: str, way: Way, row: TrajectoryRow, task: TaskRow, catalog: Catalog, seed: int,
    settings: JudgeSettings, *, broken: bool,
) -> None:  # fmt: skip
    new = changed(name, way, row, task, catalog, seed)
    if new is None:
        return
    if broken and name not in ORDERS and unnoticed(row, new):
        tally.unnoticed += 1
        return
    verdict = judge(new, task, catalog, settings)
    tally.add(verdict.passed)
    wrong = verdict.passed is True if broken else verdict.passed is not True
    if wrong and len(tally.examples) < KEPT:
        tally.examples.append({
            "trajectory_id": row.trajectory_id,
            "kind": task.kind,
            "change": changed_words(row, new)[:400],
            "reason": "; ".join(verdict.reasons)[:300],
        })  # fmt: skip
