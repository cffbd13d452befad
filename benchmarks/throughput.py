"""CPU per verified trajectory: the expert plays, the judge judges, on one core.

    python benchmarks/throughput.py RUN [--tasks N] [--kinds a,b] [--cold] [--profile FILE]
    python benchmarks/throughput.py RUN --memory 100000

RUN is a run folder with worlds, tools and agents. Parts of tasks are built, then played and judged as the stages do,
without files, first in the order of a run, then again with every world in memory, kind by kind. Parquet (typed rows to
committed files and back) is timed apart, and so is Ray (the CPU of driver and workers for parts that do nothing).
`--memory` plays and judges until that many have passed, over many worlds, in one process, and prints the resident
memory as it goes.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from synth.pipeline_stages import DEFAULT_TARGET, JudgeSettings, RolloutsSettings
from synth.records import TaskRow
from synth.sim.setup import catalog_for
from synth.stage import Output, Part
from synth.stages import judge, rollouts, tasks
from synth.store.inputs import CommittedInputs, snapshot
from synth.store.parts import read_rows, write_part
from synth.store.run_store import read_stages

SEED = 7
MEMORY_TASKS = 2000


class Held:
    """The inputs of a stage, with one part of tasks (and trajectories) in memory."""

    def __init__(self, inputs: CommittedInputs) -> None:
        self.inputs = inputs
        self.parts: dict[str, list[Any]] = {}

    def table(self, name: str) -> list[Any]:
        return self.inputs.table(name)

    def part(self, name: str, index: int) -> list[Any]:
        return self.parts[name]


def committed(run_dir: Path) -> CommittedInputs:
    states = read_stages(run_dir)
    return snapshot(run_dir, [states[s] for s in ("worlds", "tools", "agents")], ("worlds", "tools", "agents"))


def built(inputs: CommittedInputs, kinds: list[str], count: int) -> Iterator[TaskRow]:
    """`count` tasks of each kind, kinds in turn."""
    rows = tasks.rows_of(inputs)
    for n in range(count):
        for k, kind in enumerate(kinds):
            made = tasks.make_task(SEED, rows, 10_000_000 + n * 64 + k, kind)  # type: ignore[arg-type]
            if isinstance(made, TaskRow):
                yield made


def built_elsewhere(run_dir: Path, kinds: list[str], count: int) -> tuple[float, list[TaskRow]]:
    """The same in a process of its own, so that this one has seen no world; with the CPU seconds it took."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_build, run_dir, kinds, count).result()


def _build(run_dir: Path, kinds: list[str], count: int) -> tuple[float, list[TaskRow]]:
    inputs = committed(run_dir)
    return cpu(lambda: list(built(inputs, kinds, count)))


def in_order(bench: Bench, kinds: list[str], count: int, size: int) -> list[TaskRow]:
    """Part by part as a run on one core goes: tasks of one kind built, played, judged. Prints the CPU of each stage
    per passed trajectory; returns the tasks."""
    spent: Counter[str] = Counter()
    some: list[TaskRow] = []
    passed = 0
    for n in range(-(-count // size)):
        for kind in kinds:
            first = 10_000_000 + size * (n * 64 + kinds.index(kind))
            rows = tasks.rows_of(bench.inputs)
            took, made = cpu(
                lambda: [tasks.make_task(SEED, rows, o, kind) for o in range(first, first + min(size, count))]  # type: ignore[arg-type]  # noqa: B023
            )
            part = [task for task in made if isinstance(task, TaskRow)]
            own, (_, weighed) = cpu(partial(bench.both, part))
            if kind != "long":
                spent["tasks"] += took
                spent["rollouts and judge"] += own
                passed += sum(v.passed is True for v in weighed.rows)
            some += part
    told = ", ".join(f"{name} {seconds * 1e3 / max(1, passed):.2f}" for name, seconds in spent.items())
    print(f"as a run goes, `long` apart, {passed:,} passed: {told} ms of CPU per passed trajectory")
    return some


class Bench:
    def __init__(self, run_dir: Path) -> None:
        self.inputs = committed(run_dir)
        self.held = Held(self.inputs)
        self.play = SimpleNamespace(seed=SEED, settings=RolloutsSettings(), inputs=self.held)
        self.weigh = SimpleNamespace(seed=SEED, settings=JudgeSettings(), inputs=self.held)

    def both(self, some: list[TaskRow]) -> tuple[Output, Output]:
        """The two stages over one part."""
        part = Part("rollouts", 0, 0, len(some))
        self.held.parts["tasks"] = some
        played = rollouts.run(self.play, part)  # type: ignore[arg-type]
        self.held.parts["trajectories"] = played.rows
        return played, judge.run(self.weigh, part)  # type: ignore[arg-type]


def cpu(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.process_time()
    made = work()
    return time.process_time() - began, made


def timed(bench: Bench, some: list[TaskRow], size: int) -> dict[str, Any]:
    """CPU milliseconds per passed trajectory, warm: the best of three passes over the same tasks."""
    best: dict[str, float] = {}
    passed = failed = 0
    parts = [some[at : at + size] for at in range(0, len(some), size)]
    for _ in range(3):
        play = weigh = 0.0
        passed = failed = 0
        for part in parts:
            bench.held.parts["tasks"] = part
            spent, played = cpu(lambda: rollouts.run(bench.play, Part("rollouts", 0, 0, 0)))  # type: ignore[arg-type]
            play += spent
            bench.held.parts["trajectories"] = played.rows
            spent, weighed = cpu(lambda: judge.run(bench.weigh, Part("judge", 0, 0, 0)))  # type: ignore[arg-type]
            weigh += spent
            passed += sum(v.passed is True for v in weighed.rows)
            failed += len(played.failed) + sum(v.passed is not True for v in weighed.rows)
        now = {"rollouts": play * 1e3 / max(1, passed), "judge": weigh * 1e3 / max(1, passed)}
        best = {k: min(v, best.get(k, v)) for k, v in now.items()}
    both = sum(best.values())
    return {"tasks": len(some), "passed": passed, "not_passed": failed, **best, "both": both}


def parquet(bench: Bench, some: list[TaskRow], size: int) -> dict[str, float]:
    """CPU milliseconds per trajectory of writing and reading tasks, trajectories and verdicts as parts."""
    spent: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        for at in range(0, len(some), size):
            part = some[at : at + size]
            played, weighed = bench.both(part)
            task_rows = Output(opened=len(part), rows=list(part), closed_with_rows=len(part))
            for stage, table, out in (("tasks", "tasks", task_rows), ("rollouts", "trajectories", played),
                                      ("judge", "verdicts", weighed)):  # fmt: skip
                job = Part(stage, at // size, 0, 0)  # type: ignore[arg-type]
                took, entry = cpu(partial(write_part, where, job, out, "", 1))
                spent["write"] += took
                for file in entry.files:
                    if file.table == table:
                        (where / table / "_tmp" / file.tmp).rename(where / table / file.name)
                        spent["read"] += cpu(partial(read_rows, where, file))[0]
    return {name: seconds * 1e3 / len(some) for name, seconds in spent.items()}


def ray_overhead(parts: int, size: int) -> float:
    """CPU milliseconds per slot of driver and workers for parts that do nothing."""
    from synth import ray_exec
    from synth.work import Job

    executor = ray_exec.RayExecutor(ray_exec.Cluster(1))

    with tempfile.TemporaryDirectory() as folder:
        inputs = CommittedInputs(Path(folder), {})
        jobs = [Job(Nothing, Part("tasks", n, 0, 0), 0, None, inputs, "") for n in range(parts + 1)]
        executor.submit(jobs[0])
        while executor.wait(1.0) is None:
            pass
        before = family_cpu()
        for job in jobs[1:]:
            executor.submit(job)
        done = 0
        while done < parts:
            done += executor.wait(1.0) is not None
        spent = family_cpu() - before
    executor.close()
    return spent * 1e3 / (parts * size)


def family_cpu() -> float:
    """CPU seconds so far of this process and all its living descendants."""
    parents, seconds = {}, {}
    tick = os.sysconf("SC_CLK_TCK")
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        parents[int(stat.parent.name)] = int(fields[1])
        seconds[int(stat.parent.name)] = (int(fields[11]) + int(fields[12])) / tick

    def mine(pid: int) -> bool:
        return pid == os.getpid() or (pid in parents and mine(parents[pid]))

    return sum(own for pid, own in seconds.items() if mine(pid))


class Nothing:
    TABLE, VERSION = "tasks", "1"

    @staticmethod
    def run(ctx: Any, part: Part) -> Output:
        return Output(opened=0)


def resident() -> float:
    """MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise OSError("no VmRSS in /proc/self/status")


def memory(bench: Bench, kinds: list[str], wanted: int, size: int) -> None:
    """Play and judge until `wanted` trajectories have passed, over and over the same tasks of many worlds with other
    seeds; print memory ten times."""
    some = list(built(bench.inputs, kinds, MEMORY_TASKS // len(kinds)))
    worlds = {w for task in some for w in task.start["worlds"]}
    print(f"{len(some):,} tasks over {len(worlds):,} worlds built  {resident():8.1f} MiB", flush=True)
    passed = 0
    step = max(1, wanted // 10)
    while passed < wanted:
        bench.play.seed += 1
        for at in range(0, len(some), size):
            _, weighed = bench.both(some[at : at + size])
            before, passed = passed, passed + sum(v.passed is True for v in weighed.rows)
            if before // step != passed // step:
                seconds = time.process_time()
                print(f"{passed:>9,} passed  {resident():8.1f} MiB  {seconds:,.0f} s of CPU", flush=True)


def main() -> None:
    """Print the figures; one JSON object at the end."""
    ask = argparse.ArgumentParser()
    ask.add_argument("run", type=Path)
    ask.add_argument("--tasks", type=int, default=60, help="per kind")
    ask.add_argument("--kinds", default="")
    ask.add_argument("--part", type=int, default=50)
    ask.add_argument("--profile", type=Path)
    ask.add_argument("--memory", type=int, default=0)
    ask.add_argument("--cold", action="store_true", help="tasks built elsewhere: no world seen before")
    ask.add_argument("--no-ray", action="store_true")
    given = ask.parse_args()
    kinds: list[str] = given.kinds.split(",") if given.kinds else list(DEFAULT_TARGET)
    bench = Bench(given.run)
    if given.memory:
        memory(bench, kinds, given.memory, given.part)
        return
    by_kind: dict[str, list[TaskRow]] = defaultdict(list)
    catalog_for(bench.inputs)  # tables are decoded once per process, whatever is played
    if given.cold:
        spent, some = built_elsewhere(given.run, kinds, given.tasks)
        if not given.profile:
            spent, (_, weighed) = cpu(lambda: bench.both(some))
            passed = sum(v.passed is True for v in weighed.rows)
            print(f"no world seen before: {spent * 1e3 / max(1, passed):.2f} ms of CPU per passed trajectory")
    else:
        some = in_order(bench, kinds, given.tasks, given.part)
    for task in some:
        by_kind[task.kind].append(task)
    if given.profile:
        profile = cProfile.Profile()
        profile.runcall(lambda: [bench.both(some[at : at + given.part]) for at in range(0, len(some), given.part)])
        profile.dump_stats(given.profile)
        pstats.Stats(profile).sort_stats("tottime").print_stats(45)
        return
    lines = {kind: timed(bench, own, given.part) for kind, own in by_kind.items()}
    lines["all but long"] = timed(bench, [t for t in some if t.kind != "long"], given.part)
    print(
        f"{'kind':<14}{'tasks':>6}{'passed':>7}{'rollouts':>10}{'judge':>8}{'both':>8}  ms of CPU per passed trajectory"
    )
    for kind, line in lines.items():
        print(f"{kind:<14}{line['tasks']:>6}{line['passed']:>7}{line['rollouts']:>10.2f}{line['judge']:>8.2f}"
              f"{line['both']:>8.2f}")  # fmt: skip
    files = parquet(bench, some, given.part)
    print(f"Parquet: {files['write']:.2f} ms to write, {files['read']:.2f} ms to read, per trajectory")
    told: dict[str, Any] = {"kinds": lines, "parquet": files}
    if not given.no_ray:
        told["ray"] = ray_overhead(100, given.part)
        print(f"Ray: {told['ray']:.2f} ms per trajectory in parts of {given.part}")
    print(json.dumps(told))


if __name__ == "__main__":
    main()
