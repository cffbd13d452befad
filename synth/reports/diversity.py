"""How different the tools of a run are from each other, and how they are spread: duplicates, categories, domains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from pydantic_core import from_json

from synth.errors import UsageError
from synth.records import world_tool_id
from synth.reports.tools import Tool, of_origin
from synth.store.views import open_run
from synth.worlds.evolve.hashes import Mark
from synth.worlds.evolve.twins import Index
from tools_catalog.taxonomy import load_taxonomy
from tools_catalog.words import find_verb, split_words

K2_CATEGORIES = 16  # the taxonomy begins with the named labels of K2's Figure 9 (b)
VERBS_SHOWN = 20


def marks_of_run(run_dir: str | Path) -> dict[str, Mark]:
    """{tool id: its three hashes} of all worlds, lifted ones first, as the stage `tools` takes them."""
    table = open_run(run_dir).table("worlds")
    if "marks" not in table.columns:
        raise UsageError(f"{run_dir} was made before worlds carried their hashes; `synth run` makes it anew")
    rows = sorted(table.select("world_id, origin, marks").fetchall(), key=lambda row: row[1] == "synthetic")
    return {
        world_tool_id(world_id, name): Mark(*mark)
        for world_id, _, text in rows
        for name, mark in (from_json(text) if text else {}).items()
    }


def duplicates(tools: Sequence[Tool], marks: dict[str, Mark]) -> dict[str, Any]:
    """Near-duplicates among synthetic tools, counted afresh over the table: the same *named* hash as an earlier
    tool that runs, or the same *shape* and a text similarity of at least 0.7. And how many shapes there are."""
    here = {t.tool_id: t.origin for t in tools if t.world_id}
    index, twins, shapes = Index(), 0, Counter[str]()
    for tool_id, mark in marks.items():
        if tool_id not in here:
            continue
        if here[tool_id] == "synthetic":
            shapes[mark.shape] += 1
            twins += index.twin(mark) is not None
        index.add(tool_id, mark)
    n = sum(shapes.values())
    largest = max(shapes.values(), default=0)
    return {
        "tools": n, "near_duplicates": twins, "near_duplicate_share": _share(twins, n), "shapes": len(shapes),
        "shapes_per_1000": round(1000 * len(shapes) / n, 1) if n else 0.0, "largest_shape": largest,
        "largest_shape_share": _share(largest, n),
    }  # fmt: skip


def _share(part: float, whole: float) -> float:
    return round(part / whole, 5) if whole else 0.0


def categories(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """Tools per category: first the K2 labels in their order, then the others by size."""
    named = load_taxonomy().categories()[:K2_CATEGORIES]
    counts = {
        origin: Counter(t.category for t in of_origin(tools, origin)) for origin in ("real", "lifted", "synthetic")
    }
    rest = sorted(
        {c for by in counts.values() for c in by} - set(named), key=lambda c: (-sum(by[c] for by in counts.values()), c)
    )
    return [
        {"category": c, "k2": c in named, **{origin: by[c] for origin, by in counts.items()}} for c in (*named, *rest)
    ]


def domains(tools: Sequence[Tool]) -> dict[str, Any]:
    """How synthetic tools spread over application domains."""
    sizes = Counter(t.domain for t in of_origin(tools, "synthetic"))
    values = sorted(sizes.values())
    most = sizes.most_common(1)[0][0] if sizes else None
    return {
        "domains": len(sizes), "taxonomy": len(load_taxonomy()), "min": values[0] if values else 0,
        "median": median(values) if values else 0, "max": values[-1] if values else 0, "largest": most,
    }  # fmt: skip


def operations(tools: Iterable[Tool]) -> dict[str, dict[str, int]]:
    """Operations of the tools that run, by origin; real tools have none."""
    out: dict[str, Counter[str]] = {}
    for t in tools:
        if t.op is not None:
            out.setdefault(t.origin, Counter())[t.op] += 1
    return {origin: dict(sorted(by.items(), key=lambda p: (-p[1], p[0]))) for origin, by in sorted(out.items())}


def verbs(tools: Iterable[Tool]) -> list[dict[str, Any]]:
    """The verbs that names use, as shares of each origin's tools; the ones most used by real tools first."""
    by: dict[str, Counter[str]] = {}
    for t in tools:
        words = split_words(t.name)
        at = find_verb(words)
        by.setdefault(t.origin, Counter())["(none)" if at is None else words[at]] += 1
    first = by.get("real") or next(iter(by.values()), Counter())
    chosen = [verb for verb, _ in sorted(first.items(), key=lambda p: (-p[1], p[0]))[:VERBS_SHOWN]]
    return [{"verb": v, **{o: _share(c[v], sum(c.values())) for o, c in sorted(by.items())}} for v in chosen]
