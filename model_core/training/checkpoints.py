"""Checkpoints of a run under way: whole or absent, and enough to go on to the bit.

`OUT/checkpoints/step-0000200.pt` holds weights, balancing biases, the optimizer's state and the position in the data.
Nothing in a run draws random numbers while it goes on (the order of the data is a function of seed and position), so
there is no generator to keep.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from model_core.errors import ModelError

KEPT = 2


def newest(out: Path) -> Path | None:
    """The last checkpoint of a run, if there is one."""
    return max((out / "checkpoints").glob("step-*.pt"), default=None)


def write(out: Path, step: int, state: Mapping[str, Any]) -> None:
    """Write aside, then rename: a kill leaves the earlier checkpoint. The last two stay."""
    folder = out / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / ".writing.pt"
    with aside.open("wb") as file:
        torch.save(dict(state), file)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(folder / f"step-{step:07d}.pt")
    for old in sorted(folder.glob("step-*.pt"))[:-KEPT]:
        old.unlink()


def read(path: Path, binding: Mapping[str, Any], device: torch.device) -> dict[str, Any]:
    """The state in `path`. Raises `ModelError` naming what changed if it belongs to a run with another `binding`."""
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    then, now = json.loads(state["binding"]), json.loads(json.dumps(binding))
    changed = sorted(key for key in then.keys() | now.keys() if then.get(key) != now.get(key))
    if changed:
        told = ", ".join(f"{key} ({then.get(key)!r} then, {now.get(key)!r} now)" for key in changed)
        raise ModelError(
            f"{path.parent.parent} holds a run with other settings: {told}; give another folder with --out"
        )
    return state
