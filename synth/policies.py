"""How often each policy of a run passes, by kind: from committed parts alone, so right while a run is at work too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from synth.evaluating.figures import share
from synth.records import StageName
from synth.rounds import KINDS
from synth.store.inputs import snapshot
from synth.store.parts import read_columns
from synth.store.run_store import StageState

ALL = "all"


def policies(run_dir: Path, states: Mapping[StageName, StageState]) -> list[dict[str, Any]]:
    """An entry per policy and kind, and one of kind `all` per policy: `n` episodes the judge looked at or the model's
    own fault ended (class `model`), `right` those that passed, `rate` with its 95 % interval `low` to `high`, and under
    `held_out` the same of the worlds of the split eval. What is not judged yet does not count."""
    inputs = snapshot(run_dir, [states["tasks"], states["rollouts"], states["judge"]],
                      ("tasks", "trajectories", "verdicts"))  # fmt: skip
    tasks = {row["task_id"]: row for row in inputs.columns("tasks", ["task_id", "kind", "split"])}
    passed = {row["trajectory_id"]: row["passed"] for row in inputs.columns("verdicts", ["trajectory_id", "passed"])}
    ended: Counter[tuple[str, str, bool, bool]] = Counter()  # policy, kind, held out, passed
    for row in inputs.columns("trajectories", ["trajectory_id", "task_id", "policy"]):
        if row["trajectory_id"] in passed and row["task_id"] in tasks:
            task = tasks[row["task_id"]]
            right = passed[row["trajectory_id"]] is True
            ended[row["policy"], task["kind"], task["split"] == "eval", right] += 1
    for policy, task_id in _broken(run_dir, states["rollouts"]):
        if task_id in tasks:
            ended[policy, tasks[task_id]["kind"], tasks[task_id]["split"] == "eval", False] += 1
    return [line for policy in sorted({key[0] for key in ended}) for line in _lines(policy, ended)]


def _broken(run_dir: Path, rollouts: StageState) -> Iterable[tuple[str, str]]:
    """(policy, task) of the episodes that a model's fault ended. Who played stands in the ledger of usage."""

    def columns(table: str, fields: list[str]) -> Iterable[dict[str, Any]]:
        return (row for file in rollouts.files(table) for row in read_columns(run_dir, file, fields))

    asked = columns("usage", ["row_id", "role", "model"])
    who = {row["row_id"]: row["model"] for row in asked if row["role"] == "assistant"}
    for row in columns("failed", ["row_id", "parent_id", "class_"]):
        if row["class_"] == "model" and row["row_id"] in who:
            yield who[row["row_id"]], row["parent_id"]


def _lines(policy: str, ended: Counter[tuple[str, str, bool, bool]]) -> Iterable[dict[str, Any]]:
    own = {key[1:]: count for key, count in ended.items() if key[0] == policy}
    kinds = sorted({kind for kind, _, _ in own}, key=KINDS.index)
    for kind, of in [*((kind, {kind}) for kind in kinds), (ALL, set(kinds))]:
        yield {"policy": policy, "kind": kind, **_share(own, of, (False, True)), "held_out": _share(own, of, (True,))}


def _share(own: Mapping[tuple[str, bool, bool], int], kinds: set[str], held: tuple[bool, ...]) -> dict[str, Any]:
    chosen = {key: count for key, count in own.items() if key[0] in kinds and key[1] in held}
    return share(sum(count for key, count in chosen.items() if key[2]), sum(chosen.values()))


def summary(lines: list[dict[str, Any]]) -> list[str]:
    """A line per policy."""
    return [f"{line['policy']}: {_said(line)}" for line in lines if line["kind"] == ALL]


def table(lines: list[dict[str, Any]]) -> list[str]:
    """Kinds by policy."""
    if not lines:
        return []
    names = list(dict.fromkeys(line["policy"] for line in lines))
    by = {(line["policy"], line["kind"]): line for line in lines}
    kinds = [kind for kind in (*KINDS, ALL) if any((name, kind) in by for name in names)]
    width = max(24, *(len(name) + 2 for name in names))
    out = [f"{'passed':<12}" + "".join(f"{name:>{width}}" for name in names)]
    for kind in kinds:
        out.append(f"{kind:<12}" + "".join(f"{_cell(by.get((name, kind))):>{width}}" for name in names))
    return out


def _said(line: Mapping[str, Any]) -> str:
    held = line["held_out"]
    more = f"; on held-out worlds {held['right']:,} of {held['n']:,}" if held["n"] else ""
    return (
        f"passed {line['right']:,} of {line['n']:,} ({line['rate']:.1%}, 95 % interval {line['low']:.1%} to "
        f"{line['high']:.1%}){more}"
    )


def _cell(line: Mapping[str, Any] | None) -> str:
    return f"{line['right']:,} of {line['n']:,} ({line['rate']:.0%})" if line else "-"
