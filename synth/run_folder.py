"""Whose a run folder is, before anything is written into it."""

from __future__ import annotations

import shutil
from pathlib import Path

from synth.errors import RefusedError, UsageError
from synth.pipeline import Pipeline
from synth.records import SCHEMA_VERSION
from synth.store.files import locked, read_json


def check_owner(run_dir: Path, pipeline: Pipeline) -> None:
    """Refuse a folder that is something else, or that another pipeline made."""
    if run_dir.exists() and not run_dir.is_dir():
        raise UsageError(f"{run_dir} is a file, not a run folder; give another folder with --out")
    known = read_json(run_dir / "run.json")
    if known is None:
        strangers = (
            sorted(p.name for p in run_dir.iterdir() if p.name not in (".lock", "events.jsonl"))
            if run_dir.is_dir()
            else []
        )
        if strangers and not (run_dir / "worlds" / "_manifest").is_dir():
            raise RefusedError(f"{run_dir} is not a run folder (it holds {strangers[0]}); give another one with --out")
        return
    made_by = known.get("pipeline", {})
    changed = [f"{key} ({made_by.get(key)!r} there, {getattr(pipeline, key)!r} now)" for key in ("name", "seed")
               if made_by.get(key) != getattr(pipeline, key)]  # fmt: skip
    if known.get("schema_version") != SCHEMA_VERSION:
        changed.append(f"schema version ({known.get('schema_version')} there, {SCHEMA_VERSION} now)")
    if changed:
        raise RefusedError(
            f"{run_dir} belongs to another run: {', '.join(changed)} changed; "
            "--fresh moves it aside, --out gives another folder"
        )


def move_aside(run_dir: Path) -> None:
    """Give the place of a run to a new one. Raises RefusedError for a folder that is no run."""
    if not run_dir.is_dir():
        return
    if read_json(run_dir / "run.json") is None:
        raise RefusedError(f"{run_dir} is not a run folder, so --fresh does not touch it; give another one with --out")
    with locked(run_dir):
        number = 1
        while (aside := run_dir.with_name(f"{run_dir.name}.old-{number}")).exists():
            number += 1
        shutil.move(run_dir, aside)
