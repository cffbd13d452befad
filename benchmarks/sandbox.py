"""What a job in a sandbox costs: CPU milliseconds, which a busy machine hardly changes, and wall milliseconds.

    python benchmarks/sandbox.py                        # the local engine
    python benchmarks/sandbox.py --engines local docker # and the one that DOCKER_HOST names

The engines take turns. `client`: this process; `inside`: PID 1 of the sandbox and all it has reaped; `daemon`: all
dockerd and containerd processes of the machine. Sandboxes are warm but for the row `open and close`
(docker takes them from its warm pool).
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
    for engine in engines.values():
        engine.close()
    print(f"{'job':<38}{'engine':<8}{'client':>8}{'inside':>8}{'daemon':>8}{'CPU ms':>8}{'wall ms':>9}")
    for (job_name, name), several in costs.items():
        middle = [statistics.median(column) for column in zip(*several, strict=True)]
        print(
            f"{job_name:<38}{name:<8}" + "".join(f"{value:>8.1f}" for value in (*middle[:3], sum(middle[:3]))), end=""
        )
        print(f"{middle[3]:>9.1f}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
