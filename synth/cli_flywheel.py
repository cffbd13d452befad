"""Behind the verb flywheel."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

from synth.errors import UsageError


def flywheel(file: str, sets: list[str], out: Path | None, workers: int | None, as_json: bool) -> int:
    """Turn and print; returns the exit code."""
    if find_spec("torch") is None:
        raise UsageError("a flywheel trains and needs torch, which is not installed; pip install '.[model]' brings it")
    from model_core.errors import ModelError
    from synth.flywheel.file import load_flywheel_file
    from synth.flywheel.turning import Stopped, turn

    told = load_flywheel_file(file, sets)
    folder = out or Path("runs") / told.name
    try:
        made = turn(told, folder, (lambda line: None) if as_json else _say, workers)
    except Stopped:
        print("stopped; what is finished is kept, the same command goes on from here")
        return 130
    except ModelError as error:
        raise UsageError(f"{file}: {error}") from error
    if as_json:
        print(json.dumps(made))
        return 0
    print((folder / "flywheel.md").read_text(encoding="utf-8"), end="")
    print(f"look: {folder / 'flywheel.md'}, {folder / 'flywheel.json'}")
    return 0


def _say(line: str) -> None:
    print(line, flush=True)
