"""What a run would do and cost, without touching anything (`synth plan`), and what it has done (`synth status`)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synth.cells import cells
from synth.fingerprints import fingerprints
from synth.issuing import prior_price
from synth.measured import read_rates
from synth.models.settings import OpenAIModel
from synth.pipeline import Pipeline
from synth.pipeline_stages import WorldsSettings
from synth.place_rates import agents_by_origin, k2_seconds, with_places
from synth.places.rows import places_of
from synth.policies import policies
from synth.records import STAGES, StageName
from synth.rounds import Plan, simulated, split_cell
from synth.stage import Context
from synth.store.files import is_locked, read_json
from synth.store.inputs import CommittedInputs
from synth.store.parts import STAGE_TABLE
from synth.store.run_store import StageState, read_stages


def plan(pipeline: Pipeline, run_dir: Path, modules: Mapping[StageName, Any]) -> dict[str, Any]:
    """Slots, rows, model calls, tokens, cost, disk and time of each stage, and whether it is kept or made.

    Estimates come from `measured.json`, or from this run folder where it has measured itself (`source`)."""
    prints, states = fingerprints(pipeline, modules), read_stages(run_dir)
    rates, source = _rates(pipeline, run_dir, states)
    coming = _coming(pipeline, run_dir, states, rates)
    slots = _slots(pipeline, run_dir, modules, rates, sum(line["slots"] for line in coming))
    current = {
        stage for stage in STAGES if states[stage].fingerprint == prints[stage].digest and states[stage].complete
    }
    lines = []
    for stage in STAGES:
        same = states[stage].fingerprint == prints[stage].digest
        done = states[stage].count("opened") if same else 0
        if stage in current and (stage in ("worlds", "tools", "agents") or len(current) == len(STAGES)):
            slots[stage] = done  # made, so no estimate is needed
        left = max(0, slots[stage] - done)
        rate = rates[stage]
        line = {
            "stage": stage, "table": STAGE_TABLE[stage], "slots": slots[stage],
            "rows": round(slots[stage] * rate["rows_per_slot"]), "kept_slots": min(done, slots[stage]),
            "slots_to_make": left,
            "action": "keep" if not left else "go on" if done else "make",
            "put_aside_parts": 0 if same else len(states[stage].parts),
            "seconds": round(left * rate["seconds_per_slot"], 1),
            "bytes": round(slots[stage] * rate["rows_per_slot"] * rate["bytes_per_row"]),
            "model_calls": 0, "prompt_tokens": 0, "completion_tokens": 0, "cost_usd": 0.0, "model_seconds": 0.0,
        }  # fmt: skip
        if stage == "rollouts":
            line |= _model_use(pipeline, left, rates["model"])
            line["model_seconds"] = round(k2_seconds(pipeline, left, rates["k2"]), 1)
            line["seconds"] = round(line["seconds"] + line["model_seconds"] / 2, 1)
        if stage == "worlds":
            line |= _proposals(pipeline, left / max(1, slots[stage]), rates["propose"])
        lines.append(line)
    sums = {
        k: round(sum(line[k] for line in lines), 4)
        for k in (
            "seconds", "bytes", "model_calls", "prompt_tokens", "completion_tokens", "cost_usd", "model_seconds",
        )
    }  # fmt: skip
    if any(line["slots_to_make"] for line in lines):
        sums["seconds"] += rates["startup_seconds"]
    return {
        "run_dir": str(run_dir),
        "source": source,
        "asked_rows": sum(pipeline.stages.shards.target.values()),
        "rows": sum(line["rows"] for line in coming),
        "rounds": max(line["rounds"] for line in coming),
        "cells": coming,
        "capped": any(line["capped"] for line in coming),
        "stages": lines,
        "total": sums,
    }


def _coming(
    pipeline: Pipeline, run_dir: Path, states: Mapping[StageName, StageState], rates: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Per cell: target, yield expected, and the rounds, slots, rows, calls, tokens and money to get there. A cell that
    this run has opened goes by its own yield."""
    wanted, tasks = pipeline.stages.shards, pipeline.stages.tasks
    own = {line["cell"]: line["yield"] for line in status(run_dir)["cells"] if line["slots"] >= tasks.part_size}
    price = prior_price(pipeline, rates["model"])
    plan = Plan(tasks.part_size, tasks.oversample, wanted.target)
    caps = [(wanted.caps.calls, price.calls), (wanted.caps.tokens, price.tokens), (wanted.caps.usd, price.usd)]
    left = min([cap / each for cap, each in caps if cap and each], default=math.inf)
    lines = []
    for cell, want in wanted.target.items():
        if not want:
            continue
        known = rates["yields"].get(split_cell(cell)[0], rates["yields"]["other"])
        share = max(0.001, own.get(cell) or known)
        rounds, slots, rows = simulated(plan, want, share, wanted.max_rounds)
        bought = slots if slots <= left else math.floor(left)
        left -= bought
        lines.append({
            "cell": cell, "target": want, "yield": round(share, 4), "measured_here": cell in own, "rounds": rounds,
            "slots": bought, "rows": min(rows, int(bought * share)) if bought < slots else rows,
            "capped": bought < slots, "calls": round(bought * price.calls), "tokens": round(bought * price.tokens),
            "usd": round(bought * price.usd, 4),
        })  # fmt: skip
    return lines


def _rates(pipeline: Pipeline, run_dir: Path, states: Mapping[StageName, StageState]) -> tuple[dict[str, Any], str]:
    rates = with_places(read_rates(), pipeline)
    seconds = (read_json(run_dir / "run.json") or {}).get("seconds", {})
    measured = []
    for stage in STAGES:
        state = states[stage]
        opened, rows = state.count("opened"), state.count("rows" if stage != "shards" else "closed_with_rows")
        if opened and rows and stage in seconds:
            size = sum(file.bytes for file in state.files(STAGE_TABLE[stage])) / rows or rates[stage]["bytes_per_row"]
            rates[stage] |= {
                "rows_per_slot": rows / opened,
                "seconds_per_slot": seconds[stage] / opened / 2,
                "bytes_per_row": size,
            }
            measured.append(stage)
    return rates, f"this run ({', '.join(measured)})" if measured else "measured on two cores"


def _slots(
    pipeline: Pipeline, run_dir: Path, modules: Mapping[StageName, Any], rates: Mapping[str, Any], slots: int
) -> dict[StageName, int]:
    nothing = CommittedInputs(run_dir, {"worlds": {}})
    waves = modules["worlds"].waves(Context(pipeline.seed, pipeline.stage("worlds"), nothing))
    worlds = sum(part.stop - part.start for wave in waves for part in wave)
    played = round(slots * rates["tasks"]["rows_per_slot"] * sum(n for _, n in pipeline.episodes_per_task()))
    judged = round(played * rates["rollouts"]["rows_per_slot"])
    chosen, rate = pipeline.stages.worlds.servers, rates["tools"]
    servers = rate["servers"] if chosen == "all" else len(chosen)
    world_rows = (
        servers * rates["worlds"]["rows_per_server"] + max(0, worlds - servers) * rates["worlds"]["rows_per_slot"]
    )
    of_places = sum(rates["places"][place.origin]["tools_of_one"] for place in places_of(pipeline.executors))
    tools = round(rate["real"] * servers / rate["servers"] + world_rows * rate["per_world"] + of_places)
    return {"worlds": worlds, "tools": tools, "agents": sum(agents_by_origin(pipeline).values()), "tasks": slots,
            "rollouts": played, "judge": judged, "shards": judged}  # fmt: skip


def _model_use(pipeline: Pipeline, trajectories: int, rate: Mapping[str, float]) -> dict[str, Any]:
    playing = pipeline.episodes_per_task()
    total: Counter[str] = Counter()
    for player, episodes in playing:
        if player.backend is None:
            continue  # a built-in policy asks no model
        share = episodes / sum(n for _, n in playing)
        calls = round(trajectories * share * rate["requests_per_trajectory"])
        prompt, completion = calls * rate["prompt_tokens_per_request"], calls * rate["completion_tokens_per_request"]
        total.update(_cost(player.backend, calls, prompt, completion))
    return dict(total)


def _proposals(pipeline: Pipeline, share: float, rate: Mapping[str, Any]) -> dict[str, Any]:
    """What `stages.worlds.propose` asks for, of the share of the stage that is still to make."""
    settings = pipeline.stage("worlds")
    asked = settings.propose if isinstance(settings, WorldsSettings) else None
    if asked is None or not isinstance(settings, WorldsSettings):
        return {}
    evolved = settings.synthetic / rate["tools_per_world"]
    wanted = {"world": asked.worlds, "tools": evolved * asked.new_tools, "words": evolved * asked.rewrite_descriptions}
    calls = {kind: count * share * rate[kind]["requests"] for kind, count in wanted.items()}
    prompt = sum(calls[kind] * rate[kind]["prompt_tokens_per_request"] for kind in calls)
    completion = sum(calls[kind] * rate[kind]["completion_tokens_per_request"] for kind in calls)
    return _cost(asked.backend, round(sum(calls.values())), prompt, completion)


def _cost(backend: Any, calls: int, prompt: float, completion: float) -> dict[str, Any]:
    cost = 0.0
    if isinstance(backend, OpenAIModel):
        cost = (prompt * backend.usd_per_mtoken_in + completion * backend.usd_per_mtoken_out) / 1e6
    return {"model_calls": calls, "prompt_tokens": round(prompt), "completion_tokens": round(completion),
            "cost_usd": round(cost, 4)}  # fmt: skip


def status(run_dir: Path) -> dict[str, Any]:
    """What the manifests and run.json say: one object, ready for JSON."""
    run = read_json(run_dir / "run.json") or {}
    stages, states = {}, read_stages(run_dir)
    for stage, state in states.items():
        today = run.get("stages", {}).get(stage, {}).get("fingerprint")
        dropped: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        for entry in state.parts.values():
            dropped.update(entry.dropped)
            failed.update(entry.failed)
        stages[stage] = {
            "state": _state(state, today), "parts": len(state.parts), "opened": state.count("opened"),
            "closed_with_rows": state.count("closed_with_rows"),
            "rows": state.count("rows") if stage != "shards" else state.count("closed_with_rows"),
            "extra_drops": state.count("extra_drops"), "dropped": dict(sorted(dropped.items())),
            "failed": dict(sorted(failed.items())),
            "fingerprint": state.fingerprint,
        }  # fmt: skip
    if run.get("status") == "running" and not is_locked(run_dir):
        run["status"] = "stopped"  # its driver was killed: the same command goes on
    keys = (
        "status",
        "exit_code",
        "started",
        "ended",
        "rows",
        "seconds",
        "cpu",
        "usage",
        "code_version",
        "schema_version",
    )
    return {
        "run_dir": str(run_dir),
        "name": run.get("pipeline", {}).get("name"),
        **{k: run.get(k) for k in keys},
        "stages": stages,
        "cells": _cells(run_dir, states, run.get("cells"), run.get("status") in ("done", "short")),
        "policies": policies(run_dir, states),
        "forecast": run.get("forecast"),
        "short": run.get("short") or {},
    }


def _cells(
    run_dir: Path, states: Mapping[StageName, StageState], known: Mapping[str, Any] | None, ended: bool
) -> list[dict[str, Any]]:
    """Empty until a round has ended. The shards of a run at work are those of an earlier one: until it ends, what the
    newest round accepted counts."""
    if not known:
        return []
    lines = cells(run_dir, states, {name: own["target"] for name, own in known.items()})
    for line in lines:
        if not ended and line["slots"]:
            line["accepted"] = known[line["cell"]]["accepted"] if line["cell"] in known else 0
            line["yield"] = round(line["accepted"] / line["slots"], 4)
    return lines


def _state(state: StageState, today: str | None) -> str:
    if not state.parts:
        return "empty"
    if state.fingerprint != today:
        return "stale"
    return "complete" if state.complete else "partial"
