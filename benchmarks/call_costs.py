"""What simulated calls cost: `python benchmarks/call_costs.py [--servers N]` prints the microseconds of CPU of random
valid calls on hand-written and on lifted worlds (median, mean, 90th percentile, medians by operation), and of a state
snapshot with its first write at 1,000 rows.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml

from synth.records import rng_for
from synth.worlds import World
from synth.worlds.draw import draw_arguments
from synth.worlds.lift.build import lift_server
from synth.worlds.simulate import CompiledWorld, fresh_state
from synth.worlds.state import State, Table
from tools_catalog import load_catalog

WRITTEN = sorted((Path(__file__).parents[1] / "tests" / "worlds").glob("d*/*.yaml"))
_CALLS = 40  # per tool


def costs(worlds: Iterable[World]) -> dict[str, list[float]]:
    """CPU microseconds of calls by operation; each call is made once before it is timed."""
    spent: dict[str, list[float]] = defaultdict(list)
    for world in worlds:
        compiled = CompiledWorld(world)
        bad = compiled.check()
        state = fresh_state(compiled, 3)
        for name in world.tools:
            if name not in bad:
                _tool(compiled, state, name, spent[world.tools[name].op])
    return spent


def _tool(compiled: CompiledWorld, state: State, name: str, out: list[float]) -> None:
    rng = rng_for("call costs", name)
    for _ in range(_CALLS):
        arguments = draw_arguments(compiled, name, state, rng)
        if arguments is None:
            continue
        compiled.execute(state, name, arguments)
        begun = time.process_time_ns()
        compiled.execute(state, name, arguments)
        out.append((time.process_time_ns() - begun) / 1000)


def first_write() -> Callable[[], None]:
    """A snapshot of 1,000 rows with three indexes, and one row changed on it."""
    table = Table("Row")
    for i in range(1000):
        table.put(f"k{i}", {"id": f"k{i}", "kind": i % 7, "owner": f"o{i % 40}", "name": f"n{i}"})
    for field in ("kind", "owner", "name"):
        table.by(field, None)
    base = State({"Row": table})

    def run() -> None:
        base.snapshot().put("Row", "k5", {"id": "k5", "kind": 3, "owner": "o9", "name": "n5"})

    return run


def timed(run: Callable[[], None], times: int = 4000) -> float:
    """Microseconds of CPU per run."""
    run()
    begun = time.process_time()
    for _ in range(times):
        run()
    return (time.process_time() - begun) / times * 1e6


def summary(spent: dict[str, list[float]]) -> dict[str, Any]:
    every = sorted(x for xs in spent.values() for x in xs)
    medians = {op: round(statistics.median(xs), 1) for op, xs in spent.items() if xs}
    return {
        "calls": len(every), "median_us": round(statistics.median(every), 1),
        "mean_us": round(statistics.fmean(every), 1), "p90_us": round(every[9 * len(every) // 10], 1),
        "median_us_by_operation": dict(sorted(medians.items(), key=lambda p: p[1])),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=int, default=25, help="real servers whose lifted worlds are called")
    args = parser.parse_args()
    written = [World.load(yaml.safe_load(path.read_text())) for path in WRITTEN]
    catalog = load_catalog()
    step = max(1, len(catalog.servers) // args.servers)
    lifted = [w for s in catalog.servers[::step] for w in lift_server(s.id, s.category, catalog.tools_of(s.id)).worlds]
    print(json.dumps({
        "hand_written": {"worlds": [w.world for w in written], **summary(costs(written))},
        "lifted": {"worlds": len(lifted), **summary(costs(lifted))},
        "snapshot_and_first_write_1000_rows_us": round(timed(first_write()), 1),
    }, indent=1))  # fmt: skip


if __name__ == "__main__":
    main()
