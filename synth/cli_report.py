"""Behind the verb report."""

from __future__ import annotations

import json
from pathlib import Path

from synth.reports.building import build


def report(run_dir: Path, as_json: bool, harvest: Path | None, sample: int, with_map: bool) -> None:
    """Build the report and print its figures as one JSON object, or in a few lines with the files."""
    figures = build(run_dir, harvest=harvest, count=sample, with_map=with_map)
    if as_json:
        print(json.dumps(figures))
        return
    twins, tests, near = figures["duplicates"], figures["two_sample"], figures["nearest"]
    shapes, same, domains = twins["shapes"], twins["near_duplicates"], figures["domains"]["domains"]
    print(f"{twins['tools']:,} synthetic tools: {shapes:,} shapes, {same:,} near-duplicates, {domains:,} domains")
    if tests:
        best = tests[0]["giveaways"][0]["feature"]
        print(f"two-sample AUC {tests[0]['auc']:.3f} ({tests[0]['name']}; most by {best})")
    if near:
        ours, theirs = near["synthetic"]["clones"], near["real"]["clones"]
        print(f"clones of real tools: {ours:.2%} (real tools of other servers: {theirs:.2%})")
    files = ["report.html", *(figures["map"]["files"] if figures["map"] else [])]
    if (said := figures["variety"])["conversations"]:
        both = ", ".join(f"{side} {said[side]['distinct_2']:.3f}" for side in ("user", "assistant"))
        print(f"distinct-2 of the words in {said['conversations']:,} conversations: {both}")
    print(f"look: {', '.join(str(run_dir / name) for name in files)}")
