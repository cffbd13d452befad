"""Rows set by hand on top of a drawn start state."""

from __future__ import annotations

from collections.abc import Iterable

from synth.taskspec import Plant
from synth.worlds.state import State, freeze


def planted(state: State, plants: Iterable[Plant]) -> State:
    """A state of its own with the planted rows in place."""
    out = state.snapshot()
    for plant in plants:
        key = tuple(plant.key) if isinstance(plant.key, list) else plant.key
        if plant.row is None:
            out.remove(plant.entity, key)
        else:
            out.put(plant.entity, key, freeze(plant.row))
    return out
