"""Warm-up, stable, decay: the learning rate's share of its full value."""

from __future__ import annotations

from model_core.training.settings import Settings


def lr_share(settings: Settings, step: int, seconds: float) -> float:
    """At `step` (from 0), `seconds` into the run: a line up, a plateau, a line down to `floor`."""
    if step < settings.warmup:
        return (step + 1) / settings.warmup
    left = 1.0 - progress(settings, step, seconds)
    if left >= settings.decay:
        return 1.0
    return settings.floor + (1.0 - settings.floor) * left / settings.decay


def progress(settings: Settings, step: int, seconds: float) -> float:
    """How much of the run is behind, 0 to 1: by steps or by the clock, whichever is further."""
    by_clock = seconds / (60.0 * settings.max_minutes) if settings.max_minutes else 0.0
    return min(1.0, max(step / settings.steps, by_clock))
