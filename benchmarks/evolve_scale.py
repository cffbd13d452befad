"""How evolving scales: `python benchmarks/evolve_scale.py --count 20000` evolves and admits that many synthetic tools
on one core, with the parts of the `worlds` stage, and prints CPU seconds, peak memory and how alike the tools are.

Lifting the parents is timed apart. Worlds stream through: only marks are kept, as in a run.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from synth.pipeline_stages import WorldsSettings
from synth.records import WorldRow, world_tool_id
from synth.stage import Context, Part
from synth.stages import worlds
from synth.store.inputs import CommittedInputs
from synth.worlds.admit import admit_world
from synth.worlds.evolve.twins import Marked, surplus
from synth.worlds.spec import World


class Lifted(CommittedInputs):
    """The first wave in memory."""

    rows: ClassVar[list[WorldRow]] = []

    def table(self, name: str) -> list[Any]:
        return self.rows


class Clock:
    """CPU seconds by step."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self.at = time.process_time()

    def __call__(self, step: str) -> None:
        now = time.process_time()
        self.spent[step] = self.spent.get(step, 0.0) + now - self.at
        self.at = now


class Scale:
    """One measurement: worlds evolved and admitted part by part, what came out counted."""

    def __init__(self, count: int, seed: int) -> None:
        self.clock = Clock()
        settings = WorldsSettings(synthetic=count)
        inputs = Lifted(Path(), {"worlds": {}})
        self.context = Context(seed, settings, inputs)
        lifting, self.parts = worlds.waves(self.context)
        inputs.rows.extend(row for part in lifting for row in worlds.run(self.context, part).rows)  # type: ignore[misc]
        self.marked = [Marked(r.world_id, r.origin, r.marks) for r in inputs.rows]
        self.clock("lift")
        self.refused: Counter[str] = Counter()
        self.where: dict[str, tuple[str, str, str]] = {}  # tool id -> category, domain, shape
        self.forms: Counter[str] = Counter()
        self.params: Counter[int] = Counter()

    def run(self, admit: bool) -> None:
        for part in self.parts:
            for row in self._evolved(part):
                world = World.load(row.spec, row.world_id)
                self.clock("load")
                if admit:
                    self._admit(row, world)
                self.clock("admit")

    def _evolved(self, part: Part) -> Iterator[WorldRow]:
        output = worlds.run(self.context, part)
        self.clock("evolve")
        self.refused.update(f"world: {d.reason}" for d in output.dropped)
        for row in output.rows:
            assert isinstance(row, WorldRow)
            self.marked.append(Marked(row.world_id, row.origin, row.marks))
            for name, tool in row.spec["tools"].items():
                place = (row.category, row.domain, row.marks[name][0] if name in row.marks else "")
                self.where[world_tool_id(row.world_id, name)] = place
                self.forms[tool["op"]] += 1
                self.params[len(tool.get("params") or {})] += 1
            yield row

    def _admit(self, row: WorldRow, world: World) -> None:
        for name, result in admit_world(world, split=row.split).items():
            if not result.ok:
                self.refused[f"{result.reason}: {result.detail[:50]}"] += 1
                del self.where[world_tool_id(row.world_id, name)]

    def figures(self) -> dict[str, Any]:
        made = sum(self.forms.values())
        twins = surplus(self.marked)
        self.clock("duplicates")
        dropped = Counter(s.reason for t, s in twins.items() if t in self.where)
        kept = [place for tool_id, place in self.where.items() if tool_id not in twins]
        shapes, domains = Counter(s for _, _, s in kept), Counter(d for _, d, _ in kept)
        categories = Counter(c for c, _, _ in kept)
        cpu = {k: round(v, 1) for k, v in self.clock.spent.items()}
        return {
            "evolved": made, "refused": dict(self.refused.most_common(12)), "surplus": dict(dropped),
            "kept": len(kept), "near_duplicate_share": round(dropped["near_duplicate"] / max(1, made), 4),
            "shapes": len(shapes), "largest_shape_share": round(max(shapes.values()) / len(kept), 5),
            "domains": len(domains), "domain_min_max": [min(domains.values()), max(domains.values())],
            "categories": dict(categories.most_common()), "operations": dict(self.forms.most_common()),
            "parameters": _spread(self.params),
            "cpu_seconds": cpu, "cpu_without_lift": round(sum(self.clock.spent.values()) - self.clock.spent["lift"], 1),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }  # fmt: skip


def _spread(counts: Counter[int]) -> dict[str, float]:
    values = sorted(counts.elements())
    n = len(values)
    return {"mean": round(sum(values) / n, 2), "none": round(counts[0] / n, 3), "median": values[n // 2],
            "p90": values[9 * n // 10]}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="synthetic tools wanted")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--no-admission", action="store_true")
    args = parser.parse_args()
    scale = Scale(args.count, args.seed)
    scale.run(not args.no_admission)
    print(json.dumps(scale.figures(), indent=1))


if __name__ == "__main__":
    main()
