"""What slots cost whose calls are really run: CPU seconds of the whole tree of processes, by stage, for `synth plan`.

    python benchmarks/place_rates.py pipelines/code.yaml --tasks 20
    python benchmarks/place_rates.py pipelines/mcp_live.yaml --tasks 20 --set 'executors.mcp.servers=[filesystem, time]'

One process plays part after part, with the local sandbox; what runs in it counts with its parents, that have waited for
it. `synth/measured.json` holds half of these figures: seconds on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from synth.pipeline import load_pipeline
from synth.run import Options, run_pipeline

TICK = os.sysconf("SC_CLK_TCK")


def tree_seconds(root: int) -> float:
    """CPU seconds of a process, of those below it, and of their children that have ended."""
    parents: dict[int, int] = {}
    spent: dict[int, float] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        pid = int(entry.parent.name)
        parents[pid], spent[pid] = int(fields[1]), sum(map(int, fields[11:15])) / TICK

    def below(pid: int) -> bool:
        while pid != root and pid in parents:
            pid = parents[pid]
        return pid == root

    return sum(seconds for pid, seconds in spent.items() if below(pid))


class Meter:
    """A face that gives what was spent since the last event to the stage of the part that ended."""

    def __init__(self) -> None:
        self.cpu, self.opened, self.rows = defaultdict[str, float](float), Counter[str](), Counter[str]()
        self._before = tree_seconds(os.getpid())

    def show(self, event: dict[str, Any]) -> None:
        now = tree_seconds(os.getpid())
        if event["event"] == "part":
            stage = event["stage"]
            self.cpu[stage] += now - self._before
            self.opened[stage] += event["opened"]
            self.rows[stage] += event["rows"]
        self._before = now

    def close(self) -> None:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file")
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--set", action="append", default=[], dest="sets")
    args = parser.parse_args()
    first = load_pipeline(args.file, args.sets).stages.shards.target
    each = max(1, args.tasks // len(first))
    few = json.dumps(dict.fromkeys(first, each))
    sets = [f"stages.shards.target={few}", f"stages.tasks.part_size={each}", "stages.shards.max_rounds=1",
            "stages.tasks.oversample=1", "executors.sandbox=local"]  # fmt: skip
    meter = Meter()
    with tempfile.TemporaryDirectory() as folder:
        pipeline = load_pipeline(args.file, [*args.sets, *sets])
        run_pipeline(pipeline, Options(out=Path(folder) / "run", workers=0), face=meter)
    told = {
        stage: {"slots": meter.opened[stage], "rows": meter.rows[stage], "cpu_seconds": round(cpu, 2),
                "cpu_seconds_per_slot": round(cpu / max(1, meter.opened[stage]), 4)}
        for stage, cpu in meter.cpu.items()
    }  # fmt: skip
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
