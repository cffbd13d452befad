"""What became of a flywheel: each round's rollouts, training and evaluation, and what it changed, as JSON and Markdown.
Read from the folders of the rounds, so it can be written again at any time."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

from synth.policies import policies
from synth.store.files import read_json, write_json
from synth.store.run_store import read_stages

RECORD = "flywheel"


def record(out: Path, rounds: int) -> dict[str, Any]:
    """The record of the rounds up to `rounds`, round 0 being the core that plays first."""
    made = [_round(out, number) for number in range(rounds + 1)]
    for before, after in pairwise(made):
        after["against_before"] = changes(before["episodes"], after["episodes"])
        after["against_first"] = changes(made[0]["episodes"], after["episodes"])
    for one in made:
        del one["episodes"]
    return {"rounds": made}


def write_record(out: Path, rounds: int) -> list[str]:
    """Write `flywheel.json` and `flywheel.md`; returns the lines that tell the newest round."""
    told = record(out, rounds)
    write_json(out / f"{RECORD}.json", told)
    (out / f"{RECORD}.md").write_text("\n".join(markdown(told)) + "\n", encoding="utf-8")
    newest = told["rounds"][-1]
    every = newest["evaluation"]["all"]
    lines = [f"round {newest['round']}: {newest['model']} passes {_share(every)} of the held-out tasks"]
    if change := newest.get("against_before", {}).get("all"):
        lines.append(f"round {newest['round']}: {_change(change)} against round {newest['round'] - 1}")
    return lines


def _round(out: Path, number: int) -> dict[str, Any]:
    at = out / f"round-{number}"
    seen = json.loads((at / "evaluation.json").read_text(encoding="utf-8"))
    figures = seen["figures"]
    made: dict[str, Any] = {
        "round": number, "model": seen["model"], "evaluation": {**figures["kinds"], "all": figures["all"]},
        "calls": figures["calls"], "tokens_per_episode": figures["tokens_per_episode"],
        "evaluation_seconds": seen["seconds"], "episodes": seen["episodes"],
    }  # fmt: skip
    if number == 0:
        return made
    run = read_json(at / "run" / "run.json") or {}
    usage = (run.get("usage") or {}).get("assistant", {})
    return made | {
        "rollouts": policies(at / "run", read_stages(at / "run")),
        "generated_tokens": usage.get("completion_tokens", 0),
        "kept": run.get("rows", {}),
        "mix": read_json(at / "mix" / "about.json"),
        "tokens": _tokens(at / "training"),
        "training": _training(at / "training"),
    }


def _tokens(training: Path) -> dict[str, Any]:
    """Of the training rows as they were encoded."""
    for folder in sorted((training / "tokens").glob("*-train")):
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        return {key: about[key] for key in ("documents", "tokens", "learnt_tokens", "dropped")}
    return {}


def _training(training: Path) -> dict[str, Any]:
    from model_core.training.metrics import read

    rows = read(training)
    held = [row["held_out_loss"] for row in rows if "held_out_loss" in row]
    last = rows[-1] if rows else {}
    return {
        "steps": last.get("step"), "tokens": last.get("tokens"), "seconds": last.get("seconds"),
        "learnt_loss": last.get("learnt_loss"), "held_out_loss": held[-1] if held else None,
        "first_learnt_loss": rows[0].get("learnt_loss") if rows else None,
    }  # fmt: skip


def changes(before: list[list[Any]], after: list[list[Any]]) -> dict[str, dict[str, Any]]:
    """What changed on the same tasks, by kind and in all: tasks `gained` and `lost`, the difference of the pass rates
    with its 95 % interval for paired shares (Agresti and Min 2005: half a task is added to each of the four counts)."""
    first = {task: passed is True for task, _, passed, *_ in before}
    pairs = [(kind, first[task], passed is True) for task, kind, passed, *_ in after if task in first]
    out = {}
    for kind in [*dict.fromkeys(kind for kind, _, _ in pairs), "all"]:
        own = [(was, now) for of, was, now in pairs if kind in (of, "all")]
        gained, lost = sum(now and not was for was, now in own), sum(was and not now for was, now in own)
        out[kind] = {"n": len(own), "gained": gained, "lost": lost, **_difference(len(own), gained, lost)}
    return out


def _difference(n: int, gained: int, lost: int) -> dict[str, float]:
    up, down, of = gained + 0.5, lost + 0.5, n + 2.0
    middle = (up - down) / of
    spread = 1.96 * math.sqrt(up + down - (up - down) ** 2 / of) / of
    return {
        "difference": round((gained - lost) / n, 4) if n else 0.0,
        "low": round(max(-1.0, middle - spread), 4), "high": round(min(1.0, middle + spread), 4),
    }  # fmt: skip


def markdown(told: dict[str, Any]) -> list[str]:
    """The record for people."""
    rounds = told["rounds"]
    kinds = list(rounds[0]["evaluation"])
    lines = ["# Flywheel", "", "Held-out tasks passed, greedy, one episode each (95 % interval):", ""]
    lines += _rows(["round", "model", *kinds],
                   [[one["round"], one["model"], *(_share(one["evaluation"][kind]) for kind in kinds)]
                    for one in rounds])  # fmt: skip
    later = rounds[1:]
    if later:
        lines += ["", "Difference on the same tasks against the round before (95 % interval; gained, lost):", ""]
        lines += _rows(["round", *kinds], [[one["round"], *(_change(one["against_before"][kind]) for kind in kinds)]
                                           for one in later])  # fmt: skip
        lines += ["", "What each round did:", ""]
        head = ["round", "rollouts passed", "tokens generated", "rows trained on (own, replayed)", "tokens trained",
                "steps", "seconds", "learnt loss, first to last", "held-out loss"]  # fmt: skip
        lines += _rows(head, [_did(one) for one in later])
    return lines


def _did(one: dict[str, Any]) -> list[Any]:
    mix, training = one["mix"], one["training"]
    passed = "; ".join(
        f"{line['policy']} {line['right']:,} of {line['n']:,}" for line in one["rollouts"] if line["kind"] == "all"
    )
    return [
        one["round"], passed, f"{one['generated_tokens']:,.0f}",
        f"{mix['rows']:,} ({mix['rows'] - mix['replayed']:,}, {mix['replayed']:,})", f"{training['tokens']:,}",
        training["steps"], f"{training['seconds']:.0f}",
        f"{training['first_learnt_loss']:.3f} to {training['learnt_loss']:.3f}",
        "-" if training["held_out_loss"] is None else f"{training['held_out_loss']:.4f}",
    ]  # fmt: skip


def _rows(head: list[Any], rows: list[list[Any]]) -> list[str]:
    return [f"| {' | '.join(str(cell) for cell in row)} |" for row in [head, ["---"] * len(head), *rows]]


def _share(one: dict[str, Any]) -> str:
    if one["rate"] is None:
        return "-"
    return f"{one['right']} of {one['n']}, {one['rate']:.1%} ({one['low']:.1%} to {one['high']:.1%})"


def _change(one: dict[str, Any]) -> str:
    return f"{one['difference']:+.1%} ({one['low']:+.1%} to {one['high']:+.1%}; +{one['gained']} -{one['lost']})"
