"""How many workers a k2 model gets, and on what."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Slots:
    """`gpus`: what one worker takes, 0 on a CPU. A worker computes on one thread there: two of them would spin."""

    workers: int
    gpus: float
    device: Literal["cpu", "cuda"]
    dtype: Literal["float32", "bfloat16"]

    def __str__(self) -> str:
        where = f"{self.gpus:g} GPU each" if self.gpus else "a CPU each"
        return f"{self.workers} worker{'s' if self.workers != 1 else ''}, {where}, {self.dtype}"


def slots_of(
    workers: int | Literal["auto"], gpus_per_worker: float | Literal["auto"], device: str, dtype: str, cpus: int,
    gpus: float,
) -> Slots:  # fmt: skip
    """What settings come to where there are so many CPUs and GPUs: one worker per GPU; without one, half the CPUs, as
    the other half plays episodes. `workers: 0` is one in the run's own process."""
    if gpus_per_worker == "auto":
        gpus_per_worker = 1.0 if gpus >= 1 and device != "cpu" else 0.0
    if device == "auto":
        device = "cuda" if gpus_per_worker else "cpu"
    fitting = int(gpus // gpus_per_worker) if gpus_per_worker else cpus // 2
    if dtype == "auto":
        dtype = "bfloat16" if device == "cuda" else "float32"
    return Slots(
        workers=max(1, fitting if workers == "auto" else workers),
        gpus=gpus_per_worker if device == "cuda" else 0.0,
        device="cuda" if device == "cuda" else "cpu",
        dtype="bfloat16" if dtype == "bfloat16" else "float32",
    )


def cpus_here() -> int:
    """CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpus_here() -> int:
    """NVIDIA GPUs this process may use. Device files tell it without starting a driver."""
    found = [path for path in Path("/dev").glob("nvidia*") if path.name.removeprefix("nvidia").isdecimal()]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return len(found)
    return min(len(found), len([one for one in visible.split(",") if one.strip() not in ("", "-1")]))
