"""How many slots of a kind give a task on the agents of a run, and how many of those the expert passes.

python benchmarks/kind_yield.py runs/tooluse recover dual injection --slots 300 [--faults 0.05] [--show]
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections import Counter
from pathlib import Path

from synth import open_run
from synth.errors import classify
from synth.pipeline_stages import JudgeSettings, Player, RolloutsSettings
from synth.records import TaskRow, make_id
from synth.replaying import replay_rows
from synth.sim.setup import Catalog
from synth.stages import judge, rollouts, tasks

SEED = 5


def measure(run_dir: Path, kind: str, slots: int, rate: float, show: bool) -> None:
    """Print one line per kind, and every reason that lost something."""
    run = open_run(run_dir)
    agents, tools, worlds = run.rows("agents"), run.rows("tools"), run.rows("worlds")
    rows = tasks.Rows(agents, {t.tool_id: t for t in tools}, {w.world_id: w for w in worlds})
    catalog = Catalog.of(agents, tools, worlds)
    settings = RolloutsSettings(policy="expert", fault_rate=rate, max_turns=120)
    lost: Counter[str] = Counter()
    made: list[TaskRow] = []
    began = time.process_time()
    for n in range(slots):
        task = tasks.make_task(SEED, rows, n, kind)  # type: ignore[arg-type]
        if isinstance(task, TaskRow):
            made.append(task)
        else:
            lost[f"not built: {task.detail[:200]}"] += 1
    building = time.process_time() - began
    passed = calls = struck = 0
    faults: Counter[str] = Counter()
    began = time.process_time()
    for task in made:
        try:
            name = make_id("traj", task.task_id)
            row = asyncio.run(rollouts.play(rollouts.Slot(name, task, 0, Player("expert", None)), catalog, settings))
        except Exception as error:  # noqa: BLE001 - a slot's boundary, as in the stage: counted with its reason
            lost[f"not played: {classify(error)}"] += 1
            continue
        verdict = judge.judge(row, task, catalog, JudgeSettings(economy=False))
        calls, struck = calls + len(row.calls), struck + sum(c.fault is not None for c in row.calls)
        faults.update(f"{c.fault}/{c.recover}" for c in row.calls if c.fault)
        passed += verdict.passed is True
        if verdict.passed is not True:
            lost[f"not passed: {verdict.reasons} {task.task_id}"] += 1
        if show:
            print(f"\n=== {task.task_id} {task.difficulty} {task.goal['text'][:200]}")
            for m in row.messages[1:]:
                called = [(c["function"]["name"], c["function"]["arguments"]) for c in m.get("tool_calls") or ()]
                print(f"{m['role']:>9}: {m['content'][:500]} {called or ''}")
        report = replay_rows(row, task, catalog)
        if not report.equal:
            lost[f"not replayed: {report.differences[:1]}"] += 1
    playing = time.process_time() - began
    levels = Counter(t.difficulty for t in made)
    print(f"{kind}: built {len(made)} of {slots} ({1000 * building / slots:.1f} ms), passed {passed}, "
          f"{1000 * playing / max(1, len(made)):.1f} ms played, judged and replayed; "
          f"difficulty {sorted(levels.items())}; "
          f"{struck} of {calls} calls struck {dict(faults)}")  # fmt: skip
    for reason, n in lost.most_common(12):
        print(f"  {n} x {reason}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("kinds", nargs="+")
    parser.add_argument("--slots", type=int, default=300)
    parser.add_argument("--faults", type=float, default=0.05)
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    for each in options.kinds:
        measure(options.run, each, options.slots, options.faults, options.show)
