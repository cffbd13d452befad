"""The report of one run: all figures as one object, and the three files that show them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from synth.planning import status
from synth.reports import diversity, maps, measures, nearest, probes, twosample, variety
from synth.reports.needs import check_installed
from synth.reports.page import write_map_page, write_report_page
from synth.reports.tools import Tool, of_origin, own_texts, read_tools
from synth.store.views import open_run


def build(
    run_dir: Path, *, harvest: Path | None = None, count: int = twosample.SAMPLE, with_map: bool = True
) -> dict[str, Any]:
    """Measure a run and write `report.html`, and `map.png` and `map.html` where there is a map; returns the figures.

    Raises UsageError where a library, the run, its tools or the harvest are missing."""
    check_installed()
    started = time.process_time()
    run_dir = open_run(run_dir).run_dir
    tools = read_tools(run_dir)
    figures = {"run": _run(run_dir), **_figures(run_dir, tools)}
    texts = own_texts(harvest)
    figures["two_sample"] = [asdict(t) for t in twosample.battery(tools, texts, count)]
    figures["own_texts"] = {"servers": len({t.server for t in texts}), "tools": len(texts)}
    figures |= _space(run_dir, of_origin(tools, "real", "synthetic"), with_map)
    figures["cpu_seconds"] = round(time.process_time() - started, 1)
    write_report_page(run_dir, figures)
    return figures


def _run(run_dir: Path) -> dict[str, Any]:
    """What the manifests say, and whether each stage adds up: opened = closed with rows + dropped + failed."""
    told = status(run_dir)
    for line in told["stages"].values():
        ended = (
            line["closed_with_rows"]
            + sum(line["dropped"].values())
            - line["extra_drops"]
            + sum(line["failed"].values())
        )
        line["conserved"] = line["opened"] == ended
    return told


def _figures(run_dir: Path, tools: Sequence[Tool]) -> dict[str, Any]:
    by = measures.measure(tools)
    return {
        "duplicates": diversity.duplicates(tools, diversity.marks_of_run(run_dir)),
        "categories": diversity.categories(tools),
        "domains": diversity.domains(tools),
        "operations": diversity.operations(tools),
        "verbs": diversity.verbs(tools),
        "measures": measures.table(by),
        "histograms": measures.histograms(by),
        "variety": variety.of_run(run_dir),
        "probed": probes.of_run(run_dir),
    }


def _space(run_dir: Path, tools: Sequence[Tool], with_map: bool) -> dict[str, Any]:
    """Distances to the nearest real tool, and the map."""
    if len(tools) < 10:
        return {"nearest": {}, "map": None}
    vectors = nearest.embed(tools)
    near = nearest.distances(tools, vectors)
    if not with_map:
        return {"nearest": near, "map": None}
    drawn = maps.draw_map(tools, vectors)
    maps.write_png(drawn, run_dir / "map.png")
    write_map_page(run_dir, maps.page_data(drawn))
    return {"nearest": near, "map": {"tools": len(drawn.tools), "of": drawn.of, "files": ["map.png", "map.html"]}}
