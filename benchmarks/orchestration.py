"""How busy an endpoint is kept, and what a model call costs on this side of it.

    python benchmarks/orchestration.py [--tasks N] [--concurrency 256] [--latency 1] [--trouble JSON]

The expert plays N tasks first; its messages are then what a fake endpoint (a process of its own, real HTTP) answers, so
that the episodes are real ones. Prints one JSON object. `ideal_s`: the least time in which these episodes can be played
in this order by so many at once, each call taking `latency`; `busy_share`: request-seconds in work over what an ideal
schedule would have in work in the time it took. `cpu_ms_per_call`: this process's CPU time, tools, users and rows
included, over the model calls.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import heapq
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fake_endpoint import key_of

from synth import open_run
from synth.models.session import Models
from synth.models.settings import OpenAIModel
from synth.pipeline import Pipeline
from synth.pipeline_stages import RolloutsSettings
from synth.records import TrajectoryRow
from synth.run import Options, run_pipeline
from synth.stage import Context, Output, Part
from synth.stages import rollouts
from synth.store.inputs import snapshot
from synth.store.run_store import read_stages

KINDS = ("single", "chain", "multi_turn")
HERE = Path(__file__).parent


def small(tasks: int, **models: Any) -> Pipeline:
    """A pipeline of a few worlds whose tasks the expert plays."""
    return Pipeline.model_validate({
        "name": "orchestration", "seed": 11, "models": models,
        "stages": {
            "worlds": {"servers": ["beads", "redis", "trello"], "synthetic": 300}, "agents": {"count": 120},
            "rollouts": {"fault_rate": 0.0},
            "shards": {"target": dict.fromkeys(KINDS, tasks // len(KINDS)), "max_rounds": 2},
        },
    })  # fmt: skip


def script_of(played: list[TrajectoryRow]) -> dict[str, list[dict[str, Any]]]:
    """What the endpoint has to say so that the same episodes come about again."""
    return {key_of(t.messages): [m for m in t.messages if m["role"] == "assistant"] for t in played}


@contextlib.contextmanager
def endpoint(script: dict[str, Any], latency: float, trouble: dict[str, Any]) -> Iterator[str]:
    """The fake endpoint in a process of its own; yields its base URL."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(script, file)
        file.flush()
        words = ["--latency", str(latency), "--script", file.name, "--trouble", json.dumps(trouble)]
        process = subprocess.Popen([sys.executable, str(HERE / "fake_endpoint.py"), *words],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # fmt: skip
        assert process.stdout is not None and process.stdin is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.stdin.close()
            process.wait(timeout=20)


def stats(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url.replace("/v1", "/stats"), timeout=10) as reply:  # noqa: S310 - loopback
        found: dict[str, Any] = json.load(reply)
        return found


def ideal(calls: list[int], at_once: int, latency: float) -> float:
    """Seconds of the list schedule: each of `at_once` players takes the next episode as soon as it is free."""
    free = [0.0] * at_once
    for n in calls:
        heapq.heapreplace(free, free[0] + n * latency)
    return max(free)


async def play(run_dir: Path, settings: RolloutsSettings, seed: int, outputs: list[Output]) -> None:
    """All parts of the run's tasks, side by side, as the driver plays them; fills `outputs`. (What `asyncio.run` is
    given back it writes out as text, every row of it, which is no part of a call.)"""
    states = read_stages(run_dir)
    inputs = snapshot(run_dir, states.values(), ("worlds", "tools", "agents", "tasks"))
    models = Models()
    try:
        parts = [Part("rollouts", i, 0, 0) for i in inputs.parts("tasks")]
        outputs += await asyncio.gather(*(rollouts.arun(Context(seed, settings, inputs), p, models) for p in parts))
    finally:
        await models.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tasks", type=int, default=1500)
    parser.add_argument("--concurrency", type=int, default=256)
    parser.add_argument("--latency", type=float, default=1.0)
    parser.add_argument("--timeout", type=float, default=30.0)
    parser.add_argument("--trouble", type=json.loads, default={})
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run_dir = Path(folder) / "run"
        pipeline = small(args.tasks)
        run_pipeline(pipeline, Options(out=run_dir, workers=0))
        expert = open_run(run_dir).rows("trajectories")
        with endpoint(script_of(expert), args.latency, args.trouble) as url:
            model = OpenAIModel(kind="openai", base_url=url, model="m", max_concurrency=args.concurrency,
                                timeout_s=args.timeout)  # fmt: skip
            base = pipeline.stage("rollouts")
            settings = base.model_copy(update={"policy": "m", "backend": model})
            outputs: list[Output] = []
            cpu = time.process_time()
            asyncio.run(play(run_dir, settings, pipeline.seed, outputs))  # type: ignore[arg-type]
            cpu = time.process_time() - cpu
            seen = stats(url)
    print(json.dumps(told(outputs, expert, seen, cpu, args)))


def told(
    outputs: list[Output], expert: list[TrajectoryRow], seen: dict[str, Any], cpu: float, args: Any
) -> dict[str, Any]:
    rows = [row for o in outputs for row in o.rows]
    failed = [row for o in outputs for row in o.failed]
    same = {t.task_id: t.messages for t in expert}
    wall = seen["last"] - seen["first"]
    best = ideal([t.turns for t in rows], args.concurrency, args.latency)  # type: ignore[attr-defined]
    return {
        "slots": sum(o.opened for o in outputs), "rows": len(rows), "failed": len(failed),
        "same_as_expert": sum(t.messages == same[t.task_id] for t in rows),  # type: ignore[attr-defined]
        "calls": seen["requests"], "by_status": seen["by_status"], "most_at_once": seen["peak"],
        "wall_s": round(wall, 2), "ideal_s": round(best, 2), "busy_share": round(best / wall, 3) if wall else None,
        "mean_at_once": round(seen["busy"] / wall, 1), "cpu_ms_per_call": round(cpu * 1000 / seen["requests"], 3),
        "failures": sorted({f"{f.class_}: {f.detail[:80]}" for f in failed})[:5],
    }  # fmt: skip


if __name__ == "__main__":
    main()
