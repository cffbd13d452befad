"""The trial as a table for a terminal and as one HTML file with a plot, beside the run's report."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

WIDE = 360  # pixels of a full bar
GOAL_ALL, GOAL_WAY, GOAL_FALSE = 0.99, 0.95, 0.01


def table(figures: dict[str, Any]) -> Iterator[str]:
    """Lines for a terminal."""
    untouched = figures["untouched_rejected"]
    yield f"{figures['trajectories']:,} passed trajectories, {untouched:,} of them rejected untouched"
    if figures["left_out"]:
        yield f"{figures['left_out']:,} more were played in real places and are left out: there a test run decides"
    yield f"{'broken':<24}{'n':>7}{'killed':>9}{'rate':>9}  unnoticed"
    for name, way in figures["ways"].items():
        yield f"{name:<24}{way['n']:>7,}{way['killed']:>9,}{_share(way['killed'], way['n']):>9}  {way['unnoticed']:>9,}"
    yield f"{'all ways':<33}{'':>7}{figures['kill_rate']:>9.2%}"
    yield f"{'varied harmlessly':<24}{'n':>7}{'rejected':>9}{'rate':>9}"
    for name, way in figures["harmless"].items():
        yield f"{name:<24}{way['n']:>7,}{way['rejected']:>9,}{_share(way['rejected'], way['n']):>9}"
    yield f"{'all variations':<33}{'':>7}{figures['false_reject_rate']:>9.2%}"


def _share(part: int, of: int) -> str:
    return f"{part / of:.2%}" if of else "-"


def write_files(run_dir: Path, figures: dict[str, Any]) -> list[Path]:
    """`judge_trial.json` and `judge_trial.html` in the run folder."""
    as_json, page = run_dir / "judge_trial.json", run_dir / "judge_trial.html"
    as_json.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    page.write_text(_page(figures), encoding="utf-8")
    return [page, as_json]


def _page(figures: dict[str, Any]) -> str:
    broken = [(n, w["n"], w["killed"], w["unnoticed"], w["survivors"]) for n, w in figures["ways"].items()]
    varied = [(n, w["n"], w["rejected"], 0, w["examples"]) for n, w in figures["harmless"].items()]
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>The judge on trial</title>
<style>body{{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:62em;padding:0 1em;color:#222}}
table{{border-collapse:collapse}}td,th{{padding:.15em .7em;text-align:right}}
td:first-child,th:first-child{{text-align:left}}
details{{font-size:13px;text-align:left;max-width:40em}}.bad{{color:#b00020}}svg{{vertical-align:middle}}</style>
<h1>The judge on trial</h1>
<p>{figures["trajectories"]:,} passed trajectories, {figures["untouched_rejected"]:,} of them rejected untouched.
Of all broken ones <b>{figures["kill_rate"]:.2%}</b> are rejected (goal: {GOAL_ALL:.0%}, each way {GOAL_WAY:.0%}).
Of the harmless variations <b>{figures["false_reject_rate"]:.2%}</b> (goal: at most {GOAL_FALSE:.0%}).
Changes that nobody could notice are not counted.</p>
<h2>Broken</h2>{_rows(broken, "killed", GOAL_WAY, True)}
<h2>Varied harmlessly</h2>{_rows(varied, "rejected", GOAL_FALSE, False)}</html>
"""


def _rows(rows: list[tuple[str, int, int, int, list[dict[str, str]]]], word: str, goal: float, high: bool) -> str:
    out = [f"<table><tr><th>way<th>n<th>{word}<th>rate<th><th>unnoticed<th></tr>"]
    for name, n, hit, unnoticed, examples in rows:
        rate = hit / n if n else 0.0
        fine = not n or (rate >= goal if high else rate <= goal)
        shade = ("#2e7d32" if high else "#90a4ae") if fine else "#b00020"
        bar = (
            f'<svg width="{WIDE}" height="14"><rect width="{WIDE}" height="14" fill="#eee"/>'
            f'<rect width="{rate * WIDE:.1f}" height="14" fill="{shade}"/>'
            f'<line x1="{goal * WIDE:.1f}" x2="{goal * WIDE:.1f}" y1="0" y2="14" stroke="#222"/></svg>'
        )
        told = "".join(f"<p>{html.escape(json.dumps(e, ensure_ascii=False))}</p>" for e in examples)
        more = f"<details><summary>{len(examples)} examples</summary>{told}</details>" if examples else ""
        mark = "" if fine else ' class="bad"'
        out.append(
            f"<tr{mark}><td>{html.escape(name)}<td>{n:,}<td>{hit:,}<td>{rate:.2%}<td>{bar}<td>{unnoticed:,}<td>{more}</tr>"
        )
    return "\n".join([*out, "</table>"])
