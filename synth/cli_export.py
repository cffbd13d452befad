"""Behind the verb export."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from synth.exporting import export as write
from synth.exporting.export import Report


def export(run_dir: Path, name: str, out: Path, strict: bool, as_json: bool) -> None:
    """Write the files and print what became of the examples."""
    report = write(run_dir, name, out, strict)
    if as_json:
        print(json.dumps(report.as_json()))
        return
    for line in _lines(report, out):
        print(line)


def _lines(report: Report, out: Path) -> list[str]:
    rows = ", ".join(f"{n:,} {split}" for split, n in report.rows.items()) or "none"
    lines = [f"{report.format}: {sum(report.rows.values()):,} of {report.examples:,} examples ({rows}) in {out}"]
    if report.lossy_rows:
        lines.append(f"  {report.lossy_rows:,} rows without what the format cannot say: {_counts(report.lossy)}")
    if report.refused:
        lines.append(f"  {sum(report.refused.values()):,} refused: {_counts(report.refused)}")
    for family, n in report.rendered.items():
        other = report.unrendered.get(family)
        lines.append(f"  {n:,} rendered as {family}, loss on exactly what the assistant says"
                     + (f"; not {_counts(other)}" if other else ""))  # fmt: skip
    return lines


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{n:,} {reason}" for reason, n in sorted(counts.items()))
