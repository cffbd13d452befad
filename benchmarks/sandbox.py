"""What a job in a sandbox costs: CPU milliseconds, which a busy machine hardly changes, and wall milliseconds.

    python benchmarks/sandbox.py                        # the local engine
    python benchmarks/sandbox.py --engines local docker # and the one that DOCKER_HOST names

The engines take turns. `client`: this process; `inside`: PID 1 of the sandbox and all it has reaped; `daemon`: all
dockerd and containerd processes of the machine. Sandboxes are warm but for the row `open and close`
(docker takes them from its warm pool).

The second table: what the tool `run_tests` costs on generated packages beside what its tests cost themselves, which is
to find, import and run them with `unittest`, told by the job's own clock of CPU. Load is that of the last minute.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from synth.code import make, solved_files, start_files
from synth.executors.workspace import WorkspaceExecutor
from synth.sandbox import Engine, Limits, Sandbox, open_engine

TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
LIMITS = Limits(seconds=60)
PACKAGE: dict[str, bytes | None] = {
    "shop/__init__.py": b"",
    "shop/prices.py": b"def total(lines):\n    return sum(price * count for price, count in lines)\n",
    "tests/__init__.py": b"",
    "tests/test_prices.py": b"""import unittest
from shop.prices import total

class Total(unittest.TestCase):
    def test_empty(self):
        self.assertEqual(total([]), 0)

    def test_many(self):
        for count in range(200):
            self.assertEqual(total([(2, count)] * 50), 100 * count)
""",
}
UNITTEST = "import unittest; unittest.main(module=None, argv=['unittest'])"
TESTS_ALONE = """
import io, sys, time, unittest
sys.path.insert(0, "")
began = time.process_time()
suite = unittest.TestLoader().discover("tests", top_level_dir=".")
unittest.TextTestRunner(stream=io.StringIO(), buffer=True).run(suite)
print(time.process_time() - began)
"""
PACKAGES = {  # name -> files; the last one has tests that work a little
    "text_steps": lambda: solved_files(make("text_steps", 1, 0)),
    "bug_stock": lambda: solved_files(make("bug_stock", 1, 0)),
    "feature_tracker": lambda: start_files(make("feature_tracker", 1, 0)),
    "of 60 ms": lambda: {**PACKAGE, "tests/test_more.py": MORE},
}
MORE = b"""import unittest
from shop.prices import total

class More(unittest.TestCase):
    def test_much(self):
        for count in range(8000):
            self.assertEqual(total([(2, count)] * 50), 100 * count)
"""
JOBS: dict[str, Callable[[Sandbox], object]] = {
    "python: print(1)": lambda box: box.python("print(1)"),
    "run: true": lambda box: box.run(["true"]),
    "run: python3 -c pass": lambda box: box.run(["python3", "-c", "pass"]),
    "python: unittest of a small package": lambda box: box.python(UNITTEST),
    "run: python3 -m unittest of it": lambda box: box.run(["python3", "-m", "unittest"]),
    "put and get of its 4 files": lambda box: (box.put(PACKAGE), box.get()),
}


class Cost(NamedTuple):
    client: float
    inside: float
    daemon: float
    wall: float


def cpu_ms(pids: list[int]) -> dict[int, float]:
    """User and system time of processes and of the children they have reaped; those that ended are left out."""
    found = {}
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found[pid] = sum(map(int, fields[11:15])) * TICK_MS
    return found


def since(before: dict[int, float]) -> float:
    """What those that still live have used since."""
    now = cpu_ms(list(before))
    return sum(now[pid] - before[pid] for pid in now)


def daemons(engine: str) -> list[int]:
    if engine != "docker":
        return []
    found = []
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            if path.read_text().startswith(("dockerd", "containerd")):
                found.append(int(path.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def servers() -> set[int]:
    """PID 1 of every sandbox, as seen from here: the command line that starts the fork server."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
            inner = (path.parent / "status").read_text().split("NSpid:")[1].split("\n")[0].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if words[0].endswith(b"python3") and any(b"inside.forkserver" in word for word in words) and inner[-1] == "1":
            found.add(int(path.parent.name))
    return found


def measure(box: Sandbox, server: list[int], job: Callable[[Sandbox], object], times: int, engine: str) -> Cost:
    """Milliseconds of one job, over `times` of them."""
    before = cpu_ms(server), cpu_ms(daemons(engine)), time.process_time(), time.perf_counter()
    for _ in range(times):
        job(box)
    inside, daemon = since(before[0]), since(before[1])
    client, wall = (time.process_time() - before[2]) * 1000, (time.perf_counter() - before[3]) * 1000
    return Cost(*(value / times for value in (client, inside, daemon, wall)))


def opening(engine: Engine, times: int) -> Cost:
    """Milliseconds to open and close one. Inside counts what PID 1 had used when it was ready."""
    costs = []
    for _ in range(times):
        known = servers()
        before = cpu_ms(daemons(engine.name)), time.process_time(), time.perf_counter()
        box = engine.open(LIMITS)
        client, wall = time.process_time() - before[1], time.perf_counter() - before[2]
        inside = sum(cpu_ms(list(servers() - known)).values())
        start = time.process_time(), time.perf_counter()
        box.close()
        client += time.process_time() - start[0]
        wall += time.perf_counter() - start[1]
        costs.append(Cost(client * 1000, inside, since(before[0]), wall * 1000))
    return Cost(*(statistics.mean(column) for column in zip(*costs, strict=True)))


def tests_costs(boxes: dict[str, tuple[Sandbox, list[int]]], rounds: int, times: int) -> list[str]:
    """Lines: milliseconds of CPU of `run_tests`, of the tests alone, and the difference."""
    lines = [f"{'run_tests of':<18}{'engine':<8}{'tests':>6}{'CPU ms':>8}{'tests alone':>13}{'beyond':>8}{'share':>7}"]
    for package, files in PACKAGES.items():
        for name, (box, server) in boxes.items():
            box.put(dict.fromkeys(box.get()))
            place = WorkspaceExecutor("place", Given(box), files())
            ran = place.call_now("run_tests", {}).value["ran"]
            whole, alone = [], []
            for _ in range(rounds):
                cost = measure(box, server, lambda _, at=place: at.call_now("run_tests", {}), times, name)
                whole.append(cost.client + cost.inside + cost.daemon)
                alone.append(1000 * statistics.mean(float(box.python(TESTS_ALONE).stdout) for _ in range(times)))
            all_ms, own_ms = statistics.median(whole), statistics.median(alone)
            lines.append(f"{package:<18}{name:<8}{ran:>6}{all_ms:>8.1f}{own_ms:>13.1f}{all_ms - own_ms:>8.1f}"
                         f"{own_ms / all_ms:>7.0%}")  # fmt: skip
    return lines


class Given:
    """An engine that gives this one sandbox."""

    name = "given"

    def __init__(self, box: Sandbox) -> None:
        self._box = box

    def open(self, limits: Limits, **_: object) -> Sandbox:
        return self._box


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--engines", nargs="+", default=["local"], choices=["local", "docker"])
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--times", type=int, default=20, help="jobs of one kind, engine and round")
    given = asked.parse_args()
    engines = {name: open_engine(name) for name in given.engines}
    boxes: dict[str, tuple[Sandbox, list[int]]] = {}
    for name, engine in engines.items():
        known = servers()
        box = engine.open(LIMITS)
        boxes[name] = box, list(servers() - known)
        box.put(PACKAGE)
        for job in JOBS.values():
            job(box)
    costs: dict[tuple[str, str], list[Cost]] = defaultdict(list)
    for _ in range(given.rounds):
        for name, engine in engines.items():
            costs["open and close", name].append(opening(engine, max(1, given.times // 10)))
        for job_name, job in JOBS.items():
            for name, (box, server) in boxes.items():
                costs[job_name, name].append(measure(box, server, job, given.times, name))
    tests = tests_costs(boxes, given.rounds, given.times)
    for engine in engines.values():
        engine.close()
    print(f"load {os.getloadavg()[0]:.1f}")
    print(f"{'job':<38}{'engine':<8}{'client':>8}{'inside':>8}{'daemon':>8}{'CPU ms':>8}{'wall ms':>9}")
    for (job_name, name), several in costs.items():
        middle = [statistics.median(column) for column in zip(*several, strict=True)]
        print(
            f"{job_name:<38}{name:<8}" + "".join(f"{value:>8.1f}" for value in (*middle[:3], sum(middle[:3]))), end=""
        )
        print(f"{middle[3]:>9.1f}")
    print("\n" + "\n".join(tests))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
