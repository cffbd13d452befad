"""How distinct the agents of a run are: prompts, tool sets, sizes, and what varies between them.

    python -m synth.reports.agents RUN [--json]

Two prompts are near-duplicates where the Jaccard similarity of their 5-word shingles is at least `NEAR`: candidates
come from a MinHash (bands of `ROWS` minima), each is then compared exactly. Tool sets are compared by tool: the closest
other agent of each agent (exact), and random pairs.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from synth.records import AgentRow, rng_for
from synth.store.views import open_run
from synth.worlds.evolve.hashes import minhash

NEAR = 0.8
SHINGLE = 5  # words
ROWS = 4  # minima per band: pairs of 0.8 meet in one of 16 bands with probability 0.9998
PAIRS = 20_000
SIZES = ((2, 3), (4, 7), (8, 15), (16, 31), (32, 64), (65, 128))
_WORD = re.compile(r"\w+")


def of_run(run_dir: Path) -> dict[str, Any]:
    """The figures as JSON; empty for a run without agents."""
    return measure(open_run(run_dir).rows("agents"))


def measure(agents: Sequence[AgentRow]) -> dict[str, Any]:
    if not agents:
        return {}
    prompts = [a.system_prompt for a in agents]
    sets = [frozenset(a.tool_ids) for a in agents]
    traits = [a.traits for a in agents]
    return {
        "agents": len(agents),
        "distinct_prompts": len(set(prompts)),
        "near_duplicate_prompts": round(len(near_duplicates(prompts)) / len(agents), 4),
        "distinct_tool_sets": len(set(sets)),
        "nearest_tool_set": quantiles(nearest_overlaps(sets)),
        "random_tool_sets": quantiles(random_overlaps(sets)),
        "sizes": {f"{low}-{high}": n for low, high in SIZES if (n := sum(low <= len(s) <= high for s in sets))},
        "worlds": counted(str(len(a.world_ids)) for a in agents),
        "works_in": counted(str(len(t.get("worlds", ()))) for t in traits),
        "look_alikes": counted(why for t in traits for why in t.get("distractors", {}).values()),
        "manners": counted(t["manner"] for t in traits if "manner" in t),
        "templates": counted(t["template"] for t in traits if "template" in t),
        "signed_in": round(sum(bool(t.get("signed_in")) for t in traits) / len(agents), 4),
        "surfaces": round(sum(bool(t.get("surfaces")) for t in traits) / len(agents), 4),
        "ways_of_showing": ways_of_showing(agents),
    }  # fmt: skip


def counted(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def shingles(text: str) -> frozenset[str]:
    words = _WORD.findall(text.lower())
    return frozenset(" ".join(words[i : i + SHINGLE]) for i in range(max(1, len(words) - SHINGLE + 1)))


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / len(a | b) if a or b else 1.0


def near_duplicates(texts: Sequence[str]) -> set[int]:
    """Indexes of texts that are nearly the same as an earlier one."""
    cut = [shingles(t) for t in texts]
    seen: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    out: set[int] = set()
    for i, parts in enumerate(cut):
        minima = minhash(parts)
        keys = [(at, minima[at : at + ROWS].tobytes()) for at in range(0, len(minima), ROWS)]
        if any(jaccard(parts, cut[j]) >= NEAR for j in {j for key in keys for j in seen[key]}):
            out.add(i)
        for key in keys:
            seen[key].append(i)
    return out


def nearest_overlaps(sets: Sequence[frozenset[str]]) -> list[float]:
    """The Jaccard similarity of each tool set and the closest other one."""
    holders: dict[str, list[int]] = defaultdict(list)
    for i, tools in enumerate(sets):
        for tool in tools:
            holders[tool].append(i)
    out = []
    for i, tools in enumerate(sets):
        shared = Counter(j for tool in tools for j in holders[tool] if j != i)
        out.append(max((n / (len(tools) + len(sets[j]) - n) for j, n in shared.items()), default=0.0))
    return out


def random_overlaps(sets: Sequence[frozenset[str]]) -> list[float]:
    if len(sets) < 2:
        return []
    rng = rng_for("agents report")
    return [jaccard(*rng.sample(sets, 2)) for _ in range(PAIRS)]


def quantiles(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {}
    ranked = sorted(values)
    at = {"p10": 0.1, "p50": 0.5, "p90": 0.9, "p99": 0.99}
    return {"mean": round(sum(ranked) / len(ranked), 4)} | {
        name: round(ranked[min(len(ranked) - 1, int(q * len(ranked)))], 4) for name, q in at.items()
    }


def ways_of_showing(agents: Sequence[AgentRow]) -> dict[str, int]:
    """Agents that see at least one tool in this way."""
    found: Counter[str] = Counter()
    for agent in agents:
        faces = agent.traits.get("surfaces") or {}
        found.update({"renamed" for n, s in faces.items() if n != s["tool"]})
        found.update({"parameters renamed" for s in faces.values() if s.get("params")})
        found.update({"wrapped" for s in faces.values() if s.get("wrap")})
        found.update(
            {f"description {s['description']}" for s in faces.values() if s.get("description", "own") != "own"}
        )
        found.update({"parameters not described" for s in faces.values() if s.get("notes") is False})
        found.update({"types withheld" for s in faces.values() if s.get("types") is False})
    return dict(sorted(found.items()))


def lines(found: dict[str, Any]) -> list[str]:
    out = []
    for name, value in found.items():
        shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        out.append(f"{name.replace('_', ' '):24} {shown}")
    return out


def main(arguments: list[str]) -> None:
    """Print the figures of a run."""
    found = of_run(Path(arguments[0]))
    print(json.dumps(found, indent=1) if "--json" in arguments else "\n".join(lines(found)))


if __name__ == "__main__":
    main(sys.argv[1:])
