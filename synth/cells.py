"""What became of each cell (a kind, or a kind at one difficulty) of a run: slots, rows, yield, cost, failures.

Read from committed parts alone, so it is right while a run is at work, after it and after a crash.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from synth.records import StageName
from synth.rounds import KINDS, cell_of, split_cell
from synth.store.inputs import CommittedInputs, snapshot
from synth.store.parts import sum_usage
from synth.store.run_store import StageState

STREAM: tuple[StageName, ...] = ("tasks", "rollouts", "judge")
SHOWN = 3  # reasons and failures named per cell


def cells(run_dir: Path, states: Mapping[StageName, StageState], target: Mapping[str, int]) -> list[dict[str, Any]]:
    """One entry per cell that is asked for or was opened: `target`, `slots`, `tasks`, `trajectories`, `passed` (tasks),
    `accepted`, `yield` (accepted of slots), `dropped` (reason -> trajectories), `failed` (class -> slots), `why` (the
    commonest reasons of failed slots and failed verdicts), `calls`, `tokens`, `usd`, `seconds`, and `difficulties`
    (1 to 5 -> tasks, passed, accepted)."""
    inputs = snapshot(run_dir, [states[stage] for stage in STREAM], ("tasks", "trajectories", "verdicts"))
    ended = _ended(run_dir, states)
    seconds = _seconds(run_dir)
    by_cell: dict[str, list[int]] = {cell: [] for cell in target}
    for index in sorted(states["tasks"].parts):
        by_cell.setdefault(cell_of(index), []).append(index)
    return [
        _cell(cell, target.get(cell, 0), by_cell[cell], states, inputs, ended, seconds)
        for cell in sorted(by_cell, key=lambda cell: (KINDS.index(split_cell(cell)[0]), cell))
    ]


def _cell(
    cell: str, target: int, indexes: list[int], states: Mapping[StageName, StageState], inputs: CommittedInputs,
    ended: Mapping[str, str], seconds: Mapping[int, float],
) -> dict[str, Any]:  # fmt: skip
    tasks = {row["task_id"]: row["difficulty"] for row in inputs.columns("tasks", ["task_id", "difficulty"], indexes)}
    played = inputs.columns("trajectories", ["trajectory_id", "task_id", "turns", "usage"], indexes)
    said = sum(row["turns"] for row in played if not row["usage"].requests)  # by built-in policies
    verdicts = {
        row["trajectory_id"]: row for row in inputs.columns("verdicts", ["trajectory_id", "passed", "reasons"], indexes)
    }
    entries = {stage: [states[stage].parts[i] for i in indexes if i in states[stage].parts] for stage in STREAM}
    roles = sum_usage(*(entry.usage for own in entries.values() for entry in own))
    spent = list(roles.values())
    ends = Counter(ended[row["trajectory_id"]] for row in played if row["trajectory_id"] in ended)
    accepted = ends.pop("accepted", 0)
    slots = sum(entry.opened for entry in entries["tasks"])
    failed: Counter[str] = Counter()
    for own in entries.values():
        for entry in own:
            failed.update(entry.failed)
    passed = {row["task_id"] for row in played if (verdicts.get(row["trajectory_id"]) or {}).get("passed") is True}
    grades: dict[str, dict[str, int]] = {}
    for rows, name in (
        (list(tasks.values()), "tasks"),
        ([tasks[task_id] for task_id in passed], "passed"),
        ([tasks[row["task_id"]] for row in played if ended.get(row["trajectory_id"]) == "accepted"], "accepted"),
    ):
        for difficulty, count in sorted(Counter(rows).items()):
            grades.setdefault(str(difficulty), {"tasks": 0, "passed": 0, "accepted": 0})[name] = count
    kind, difficulty = split_cell(cell)
    return {
        "cell": cell, "kind": kind, "difficulty": difficulty or None, "target": target, "slots": slots,
        "tasks": len(tasks), "trajectories": len(played), "passed": len(passed), "accepted": accepted,
        "yield": round(accepted / slots, 4) if slots else None, "dropped": dict(sorted(ends.items())),
        "failed": dict(sorted(failed.items())),
        "why": _why(verdicts.values()),
        "calls": round(sum(own["requests"] for own in spent) + said),
        "tokens": round(sum(own["prompt_tokens"] + own["completion_tokens"] for own in spent)),
        "usd": round(sum(own["cost_usd"] for own in spent), 6),
        "seconds": round(sum(seconds.get(i, 0.0) for i in indexes), 2),
        "difficulties": grades,
    }  # fmt: skip


def _why(verdicts: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """The commonest reasons of verdicts that did not pass, by what stands before the first colon."""
    found = Counter(
        reason.partition(":")[0] for row in verdicts if row["passed"] is not True for reason in row["reasons"][:1]
    )
    return dict(found.most_common(SHOWN))


def _ended(run_dir: Path, states: Mapping[StageName, StageState]) -> dict[str, str]:
    """How each trajectory ended in the newest shards: "accepted", or the reason of its drop."""
    import pyarrow.parquet as pq

    ended: dict[str, str] = {}
    for file in states["shards"].files("dropped"):
        path = run_dir / "dropped" / file.name
        if path.is_file():  # put aside while a run is at work
            table = pq.ParquetFile(path).read(columns=["row_id", "reason"])
            ended |= dict(zip(table.column("row_id").to_pylist(), table.column("reason").to_pylist(), strict=True))
    for path in sorted((run_dir / "sft").glob("*.parquet")):
        kept = pq.ParquetFile(path).read(columns=["trajectory_id"]).column("trajectory_id").to_pylist()
        ended |= dict.fromkeys(kept, "accepted")
    return ended


def _seconds(run_dir: Path) -> dict[int, float]:
    """Seconds of work (on one worker) per part index, over tasks, rollouts and verdicts, remade parts included."""
    spent: dict[int, float] = {}
    path = run_dir / "events.jsonl"
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            event = json.loads(line)
        except json.JSONDecodeError:  # the last line of a run that was killed
            continue
        if event.get("event") == "part" and event["stage"] in STREAM:
            spent[event["part"]] = spent.get(event["part"], 0.0) + event["seconds"]
    return spent


def table(lines: list[dict[str, Any]]) -> list[str]:
    """The cells as lines of text: first the cells, then kinds by difficulty."""
    head = f"{'cell':<14}{'target':>8}{'accepted':>9}{'slots':>8}{'tasks':>8}{'passed':>8}{'yield':>7}"
    out = [f"{head}{'calls':>10}{'tokens':>11}{'USD':>9}{'seconds':>9}  not kept"]
    for line in lines:
        ends = {**line["dropped"], **{f"failed: {name}": n for name, n in line["failed"].items()}}
        share = f"{line['yield']:.0%}" if line["yield"] is not None else "-"
        out.append(
            f"{line['cell']:<14}{line['target']:>8,}{line['accepted']:>9,}{line['slots']:>8,}{line['tasks']:>8,}"
            f"{line['passed']:>8,}{share:>7}{line['calls']:>10,}{line['tokens']:>11,}{line['usd']:>9,.2f}"
            f"{line['seconds']:>9,.1f}  {', '.join(f'{n:,} {name}' for name, n in ends.items())}"
        )
    if any(line["difficulties"] for line in lines):
        out += ["", f"{'accepted / passed / tasks':<26}" + "".join(f"{f'difficulty {d}':>18}" for d in range(1, 6))]
    for line in lines:
        grades = [line["difficulties"].get(str(d)) for d in range(1, 6)]
        cells = [f"{g['accepted']:,} / {g['passed']:,} / {g['tasks']:,}" if g else "-" for g in grades]
        if any(grades):
            out.append(f"{line['cell']:<26}" + "".join(f"{cell:>18}" for cell in cells))
    return out
