"""`python -m synth.worlds.evolve --count N`: a sample of evolved worlds and statistics. Parents are lifted first."""

from __future__ import annotations

import argparse
import statistics
import time
from collections import Counter

from synth.records import Split, WorldRow, make_id
from synth.worlds.admit import admit_world
from synth.worlds.evolve.evolving import Rejected, evolve
from synth.worlds.evolve.hashes import fingerprint
from synth.worlds.evolve.twins import near_duplicates
from synth.worlds.lift import lift_server
from synth.worlds.spec import World
from tools_catalog import load_catalog
from tools_catalog.taxonomy import load_taxonomy


def lifted_rows(servers: int) -> list[WorldRow]:
    """Worlds of the first `servers` servers of the catalog, as rows of the train split."""
    catalog = load_catalog()
    rows = []
    for server in sorted({t.server for t in catalog.tools})[:servers]:
        tools = catalog.tools_of(server)
        for i, world in enumerate(lift_server(server, tools[0].category, tools).worlds):
            rows.append(
                WorldRow(world_id=make_id("world", 0, server, i), category=world.category,
                         domain=world.domain or world.category,
                         origin="lifted", split="train", server=server, parents=[], roots=[server], operators=[],
                         spec=world.dump())
            )  # fmt: skip
    return rows


def all_train(_: str) -> Split:
    return "train"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m synth.worlds.evolve", description=__doc__)
    parser.add_argument("--count", type=int, default=50, help="worlds to evolve")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--servers", type=int, default=1000, help="real servers to lift parents from")
    parser.add_argument("--admit", action="store_true", help="run admission too")
    parser.add_argument("--show", type=int, default=1, help="worlds to print")
    args = parser.parse_args()
    parents, taxonomy = lifted_rows(args.servers), load_taxonomy()
    begin = time.perf_counter()
    made = [(i, evolve(i, args.seed, parents, taxonomy, all_train)) for i in range(args.count)]
    spent = time.perf_counter() - begin
    rejected = Counter(e.reason for _, e in made if isinstance(e, Rejected))
    rows = [
        WorldRow(world_id=make_id("world", args.seed, i), category=e.world.category, domain=e.world.domain,
                 origin="synthetic", split=e.split, server=None, parents=e.parents, roots=e.world.roots,
                 operators=e.world.operators,
                 spec=e.world.dump())
        for i, e in made if not isinstance(e, Rejected)
    ]  # fmt: skip
    worlds = [World.load(r.spec, r.world_id) for r in rows]
    for world in worlds[: args.show]:
        show(world)
    report(worlds, rows, parents, rejected, spent / max(1, args.count))
    if args.admit:
        results = [a for w in worlds for a in admit_world(w).values()]
        missed = Counter(f"{a.reason} {a.detail[:40]}" for a in results if not a.ok)
        print(f"admitted {sum(a.ok for a in results)} of {len(results)}; missed: {dict(missed.most_common(8))}")


def show(world: World) -> None:
    print(f"{world.world}  {world.category} / {world.domain}  roots {world.roots}  operators {world.operators}")
    for name, entity in world.entities.items():
        print(f"  {name}: {', '.join(f'{f} {s.to or s.type}' for f, s in entity.fields.items())}")
    for name, tool in world.tools.items():
        print(f"  - {name}({', '.join(tool.params or {})}): {tool.description}")


def report(
    worlds: list[World], rows: list[WorldRow], parents: list[WorldRow], rejected: Counter[str], seconds: float
) -> None:
    tools = [t for w in worlds for t in w.tools.values()]
    per_tool = 1 / max(1, len(tools))
    shapes = Counter(fingerprint(w, n).shape for w in worlds for n in w.tools)
    twins = near_duplicates([*parents, *rows])
    params = [len(t.params or {}) for t in tools] or [0]
    domains = len({w.domain for w in worlds})
    print(f"worlds {len(worlds)}, rejected {dict(rejected)}, {1000 * seconds:.1f} ms a world, domains {domains}")
    print(f"tools {len(tools)}, {len(tools) / max(1, len(worlds)):.1f} a world")
    print(f"operations {dict(Counter(t.op for t in tools))}")
    print(f"parameters: mean {statistics.mean(params):.1f}, median {statistics.median(params)}")
    print(f"operators {dict(Counter(o for w in worlds for o in w.operators))}")
    print(f"shapes per 1,000 tools {1000 * len(shapes) * per_tool:.0f}, near-duplicates {len(twins) * per_tool:.2%}")


if __name__ == "__main__":
    main()
