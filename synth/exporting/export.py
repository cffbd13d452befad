"""`synth export`: the examples of a run in another trainer's format, proved row by row.

Each file is read back after it is written. A row that lost nothing must say the same conversation; one that lost
something named must still hold every call, argument and tool. Every example is also rendered through the chat templates
that ship here. A difference is an error and leaves no folder behind.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synth.errors import CorruptRun, UsageError
from synth.exporting.example import Example, Unsayable, called, examples, splits_of, told
from synth.exporting.files import rows_in, sink_for
from synth.exporting.rendering import FAMILIES, check
from synth.exporting.targets import FORMATS, Format
from synth.records import content_hash


@dataclass
class Report:
    """What became of the examples. `lossy` counts rows that were written without what is named."""

    format: str
    examples: int = 0
    rows: Counter[str] = field(default_factory=Counter)  # by split
    lossy: Counter[str] = field(default_factory=Counter)
    lossy_rows: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    rendered: Counter[str] = field(default_factory=Counter)  # by family of templates
    unrendered: dict[str, Counter[str]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)  # name: sha256

    def as_json(self) -> dict[str, Any]:
        made = {name: dict(sorted(v.items())) if isinstance(v, Counter) else v for name, v in vars(self).items()}
        made["unrendered"] = {family: dict(sorted(why.items())) for family, why in self.unrendered.items()}
        return made


def export(run_dir: Path, name: str, out: Path, strict: bool = False) -> Report:
    """Write the examples of a run under `out`, which must not exist yet or be empty. `strict`: what would be lossy is
    refused. Raises UsageError for an unknown format, a taken folder, a run without examples."""
    form = FORMATS.get(name)
    if form is None:
        raise UsageError(f"there is no format {name!r}; use one of {', '.join(FORMATS)}")
    splits = splits_of(run_dir / "sft")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is not empty; give another folder with --out")
    aside = out.parent / f".{out.name}-{uuid.uuid4().hex[:8]}"
    aside.mkdir(parents=True)
    try:
        report = _written(form, name, splits, aside, strict)
        if out.exists():
            out.rmdir()
        os.replace(aside, out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return report


def _written(form: Format, name: str, splits: dict[str, list[Path]], folder: Path, strict: bool) -> Report:
    report = Report(name)
    for split, sources in splits.items():
        sink, said = sink_for(form, folder, split), []
        for source in sources:
            for one in examples(source):
                report.examples += 1
                if isinstance(one, Unsayable):
                    report.refused[str(one)] += 1
                    continue
                _render(one, report)
                written = _row(form, one, report, strict)
                if written is not None:
                    row, expected = written
                    sink.add(row)
                    said.append(expected)
                    report.rows[split] += 1
        made = sink.close()
        _prove(form, made, said)
        report.files |= {str(path.relative_to(folder)): _sha256(path) for path in made}
    for beside, text in form.beside.items():
        (folder / beside).write_text(text, encoding="utf-8")
    (folder / "export.json").write_text(json.dumps(report.as_json(), indent=1) + "\n", encoding="utf-8")
    return report


def _row(form: Format, example: Example, report: Report, strict: bool) -> tuple[Any, tuple[bool, str]] | None:
    """The row, whether it is whole, and a hash of what must come back out of it; None where it is refused."""
    lossy: set[str] = set()
    try:
        row = form.target.write(example, lossy)
        if lossy and strict:
            raise Unsayable("+".join(sorted(lossy)))
    except Unsayable as reason:
        report.refused[str(reason)] += 1
        return None
    report.lossy.update(lossy)
    report.lossy_rows += bool(lossy)
    return row, (not lossy, content_hash((called if lossy else told)(example.messages, example.tools)))


def _render(example: Example, report: Report) -> None:
    for family in FAMILIES:
        try:
            check(family, example)
            report.rendered[family] += 1
        except Unsayable as reason:
            report.unrendered.setdefault(family, Counter())[str(reason)] += 1


def _prove(form: Format, made: list[Path], said: list[tuple[bool, str]]) -> None:
    """Read the files anew; raises CorruptRun where a row is not what was to be written."""
    found = 0
    for path in made:
        for row in rows_in(path, form):
            whole, wanted = said[found]
            if content_hash((told if whole else called)(*form.target.read(row))) != wanted:
                raise CorruptRun(f"row {found} of {path.name} does not say what its example says; please report this")
            found += 1
    if found != len(said):
        raise CorruptRun(f"{found} rows came back of {len(said)} that were written; is the disk full?")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
