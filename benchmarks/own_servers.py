"""Real servers as if nobody knew them: each is installed, then given to a pipeline by its command alone, probed, asked,
played and replayed. Prints a line per server, and with `--tools` one per tool.

    python benchmarks/own_servers.py                         # three servers
    python benchmarks/own_servers.py ref-sqlite backlog-md   # others of the list, without network
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import anyio
import yaml

from synth import open_run
from synth.live.known import list_known
from synth.pipeline import load_pipeline
from synth.replaying import replay_sample
from synth.run import Options, run_pipeline
from tools_catalog.harvest.installed import installed
from tools_catalog.servers import load_servers

SERVERS = ("filesystem", "ref-memory", "taskmanager-kazuph")
TARGETS = {"single": 12, "chain": 8, "parallel": 6, "no_tool": 4}  # kinds that a server gives no task of stay short
REPLAYED = 10


def entry(name: str, courses: int) -> dict[str, Any]:
    """The server as a user would give it: its installed program, with the arguments and environment that it needs."""
    spec = load_servers()[name]
    at = anyio.run(installed, spec)
    one = list_known().get(name)
    args = one.command[1:] if one else [a for a in spec.args if "{dir}" not in a]
    env = one.env if one else {k: v for k, v in spec.env.items() if "{dir}" not in v}
    return {"id": f"own-{name}", "command": [*at.command(()), *args], "env": env, "probe": {"courses": courses}}


def measure(name: str, folder: Path, courses: int, shown: bool) -> str:
    stages = {"worlds": {"servers": []}, "agents": {"per_place": 4}, "tasks": {"part_size": 20},
              "shards": {"target": TARGETS, "max_rounds": 1}}  # fmt: skip
    executors = {"sandbox": "local", "concurrency": 4, "mcp": {"servers": [entry(name, courses)]}}
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump({"name": "own", "seed": 1, "executors": executors, "stages": stages}))
    began, cpu = time.monotonic(), _cpu()
    result = run_pipeline(load_pipeline(file), Options(out=folder / name, workers=0))
    run = open_run(folder / name)
    tools, verdicts = run.rows("tools"), run.rows("verdicts")
    probes = {t.name: t.provenance["probe"] for t in tools if "probe" in t.provenance}
    for tool, one in probes.items() if shown else ():
        print(f"  {tool}: {one['calls']} calls, {one['answered']} answered, {one['kept']} kept, {one['refused']}")
    refused: Counter[str] = Counter()
    for one in probes.values():
        refused += Counter(one["refused"])
    replays = replay_sample(folder / name, REPLAYED)
    kept = sum(one["kept"] for one in probes.values())
    of = sum(bool(one["kept"]) for one in probes.values())
    return (
        f"{name}: {sum(one['calls'] for one in probes.values())} calls on {len(probes)} tools, {kept} courses kept, "
        f"ending in {of} tools; {sum(v.passed for v in verdicts)} of {len(verdicts)} trajectories passed, "
        f"rows {result.rows}, "
        f"{len(run.rows('failed'))} failed slots; "
        f"{sum(r.equal for r in replays.values())} of {len(replays)} replays equal; "
        f"{_cpu() - cpu:.0f} s of CPU in this process, {time.monotonic() - began:.0f} s; refused {dict(refused)}"
    )


def _cpu() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("servers", nargs="*", default=SERVERS)
    parser.add_argument("--courses", type=int, default=36)
    parser.add_argument("--tools", action="store_true")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    folder = given.out or Path(tempfile.mkdtemp(prefix="own-servers-"))
    folder.mkdir(parents=True, exist_ok=True)
    for name in given.servers:
        print(measure(name, folder, given.courses, given.tools), flush=True)


if __name__ == "__main__":
    main()
