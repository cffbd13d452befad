"""Figures of the tasks of a finished run: `python benchmarks/task_figures.py runs/tooluse`."""

from __future__ import annotations

import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

from synth import open_run


def percent(counts: Counter[int], of: int) -> str:
    return ", ".join(f"{value}: {100 * n / of:.0f} %" for value, n in sorted(counts.items()))


def main(run_dir: Path) -> None:
    """Print yield, plan lengths, difficulty, lengths and variety of what users say, and what the judge passed."""
    run = open_run(run_dir)
    tasks = run.rows("tasks")
    failed = run.sql("select count(*) from failed where stage = 'tasks'").fetchall()[0][0]
    passed = Counter(v.passed for v in run.rows("verdicts"))
    openings = [t.user["turns"][0] for t in tasks]
    lengths = sorted(map(len, openings))
    said = [" ".join(t.user["turns"]).lower().split() for t in tasks]
    pairs = [pair for words in said for pair in pairwise(words)]
    starts = Counter(tuple(text.split()[:4]) for text in openings)
    calls = Counter(min(len(t.plan["steps"]), 5) for t in tasks)
    print(f"slots that gave a task: {len(tasks)} of {len(tasks) + failed}")
    print(f"planned calls (5 = five and more): {percent(calls, len(tasks))}")
    print(f"difficulty: {percent(Counter(t.difficulty for t in tasks), len(tasks))}")
    print(f"minimal: {dict(Counter(t.plan['minimal'] for t in tasks))}")
    print("opening, characters: " + ", ".join(f"p{q} {lengths[len(lengths) * q // 100]}" for q in (50, 90, 95, 99)))
    print(f"distinct-2 of the users' words: {len(set(pairs)) / len(pairs):.3f}")
    print(f"most common opening (four words): {100 * starts.most_common(1)[0][1] / len(tasks):.1f} %")
    print(f"verdicts: {dict(passed)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
