"""What the bundled model's episodes cost in a run: CPU seconds by kind, tokens, what the cache saved.

    python benchmarks/k2_beside.py runs/tooluse                       # 12 tasks of each kind, as the recipe plays them
    python benchmarks/k2_beside.py runs/tooluse --kinds chain --tasks 40 --batch 64 --cache 131072

All episodes are open at once and share one engine in this process, on one thread; so CPU seconds are those of model and
episodes together, and `model` is the thread of the engine alone. Shares by kind are by tokens said and computed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from synth.models.clients import inline
from synth.models.k2.client import K2Client
from synth.models.session import Models
from synth.models.settings import K2Model
from synth.pipeline_stages import JudgeSettings, Player, RolloutsSettings
from synth.records import TaskRow, make_id
from synth.sim.setup import catalog_for
from synth.stages.judge import judge
from synth.stages.rollouts import Slot, play
from synth.store.inputs import CommittedInputs, snapshot
from synth.store.run_store import read_stages

KINDS = ["single", "parallel", "chain", "clarify", "no_tool", "chat", "policy", "multi_turn"]
JUDGE = JudgeSettings()


class Watched(Models):
    """Keeps its clients in sight."""

    def watched(self, backend: K2Model) -> tuple[K2Client, Any]:
        """The client, and its pool's engine once something was asked."""
        client = self.client(backend)
        assert isinstance(client, K2Client)
        return client, client._pool._worker  # type: ignore[attr-defined]


def chosen(inputs: CommittedInputs, kinds: list[str], count: int) -> list[TaskRow]:
    """The first tasks of each kind, those of one part spread over its worlds."""
    found: dict[str, list[TaskRow]] = defaultdict(list)
    for index in inputs.parts("tasks"):
        for task in inputs.part("tasks", index):
            if task.kind in kinds:
                found[task.kind].append(task)
    return [task for kind in kinds for task in found[kind][:: max(1, len(found[kind]) // count)][:count]]


async def measured(inputs: CommittedInputs, tasks: list[TaskRow], backend: K2Model, at_once: int) -> dict[str, Any]:
    """Play the tasks, all at once as far as `at_once` allows."""
    catalog, settings, models = catalog_for(inputs), RolloutsSettings(), Watched(inline)
    client, worker = models.watched(backend)
    await client._started()
    engine = worker._loop.engine
    gate, per_kind, ended = asyncio.Semaphore(at_once), defaultdict(Counter), Counter[str]()  # type: ignore[var-annotated]

    async def one(task: TaskRow) -> None:
        slot = Slot(make_id("traj", 7, "bench", task.task_id), task, 0, Player("core", backend, 1, {task.kind: 1.0}))
        async with gate:
            try:
                row: Any = await play(slot, catalog, settings, models)
            except Exception as error:  # noqa: BLE001 - counted; the run keeps it as a failed row
                row = type(error).__name__
        usage = slot.roles[0].usage if slot.roles else None
        per_kind[task.kind].update(
            episodes=1, requests=usage.requests if usage else 0, prompt=usage.prompt_tokens if usage else 0,
            said=usage.completion_tokens if usage else 0,
            passed=not isinstance(row, str) and judge(row, task, catalog, JUDGE).passed is True,
        )  # fmt: skip
        ended[row if isinstance(row, str) else "played"] += 1

    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(one(task) for task in tasks))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    counts = vars(engine.counts)
    await models.close()
    return {
        "episodes": len(tasks), "cpu_seconds": round(cpu, 1), "cpu_per_episode": round(cpu / len(tasks), 3),
        "wall": round(wall, 1), "engine": counts, "ended": dict(ended),
        "rows_a_step": round(counts["generated_tokens"] / max(1, counts["steps"]), 1),
        "by_kind": {kind: {**one, "prompt_per_request": round(one["prompt"] / max(1, one["requests"]))}
                    for kind, one in per_kind.items()},
    }  # fmt: skip


def main() -> None:
    import torch

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--kinds", nargs="+", default=KINDS)
    parser.add_argument("--tasks", type=int, default=12)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--at-once", type=int, default=0)
    parser.add_argument("--cache", type=int, default=65_536)
    args = parser.parse_args()
    torch.set_num_threads(1)
    inputs = snapshot(args.run_dir, read_stages(args.run_dir).values(), ("worlds", "tools", "agents", "tasks"))
    backend = K2Model(kind="k2", temperature=0, workers=0, max_batch=args.batch, cache_tokens=args.cache)
    tasks = chosen(inputs, args.kinds, args.tasks)
    print(json.dumps(asyncio.run(measured(inputs, tasks, backend, args.at_once or args.batch)), indent=1))


if __name__ == "__main__":
    main()
