"""The run's figures: one JSON object per line in `metrics.jsonl`, and a picture of them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from model_core.errors import ModelError

FILE, PICTURE = "metrics.jsonl", "metrics.png"


class Metrics:
    """Appends to `metrics.jsonl`. After a resume at `step`, lines of later steps go: they will be made again."""

    def __init__(self, out: Path, step: int = 0) -> None:
        self._path = out / FILE
        kept = [row for row in read(out) if row["step"] <= step]
        out.mkdir(parents=True, exist_ok=True)
        self._path.write_text("".join(json.dumps(row) + "\n" for row in kept))

    def add(self, **figures: float) -> None:
        """One line. Raises `ModelError` if the loss is no number: the run has diverged."""
        if not math.isfinite(figures.get("loss", 0.0)):
            raise ModelError(
                f"the loss at step {figures['step']:.0f} is {figures['loss']}; lower the learning rate and "
                "begin anew in another folder"
            )
        with self._path.open("a") as file:
            file.write(json.dumps({k: round(v, 6) if isinstance(v, float) else v for k, v in figures.items()}) + "\n")


def read(out: Path) -> list[dict[str, Any]]:
    """All lines so far; a line that a kill cut short is left out."""
    path = out / FILE
    rows: list[dict[str, Any]] = []
    for line in path.read_text().splitlines() if path.is_file() else ():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows


def draw(out: Path) -> Path:
    """Loss, largest attention logit, expert load, learning rate and speed over tokens, as `metrics.png`."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = read(out)
    panels = [("loss", ("learnt_loss", "held_out_loss")), ("largest attention logit", ("max_logit",)),
              ("busiest expert / mean", ("expert_load",)), ("learning rate", ("lr",)),
              ("tokens per second", ("tokens_per_s",))]  # fmt: skip
    figure, axes = pyplot.subplots(len(panels), 1, figsize=(8, 2.2 * len(panels)), sharex=True)
    for axis, (title, names) in zip(axes, panels, strict=True):
        for name in names:
            points = [(row["tokens"], row[name]) for row in rows if name in row]
            if points:
                axis.plot(*zip(*points, strict=True), label=name, linewidth=1)
        axis.set_title(title, fontsize=9, loc="left")
        if len(names) > 1:
            axis.legend(fontsize=8)
    axes[-1].set_xlabel("tokens")
    figure.tight_layout()
    figure.savefig(out / PICTURE, dpi=110)
    pyplot.close(figure)
    return out / PICTURE
