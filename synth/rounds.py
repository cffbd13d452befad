"""How many task slots a round opens: pure arithmetic over targets and the verdicts of earlier rounds.

Each kind has its own endless row of parts, interleaved with the others by part index: part k of kind j has index
`k * STRIDE + j` and the ordinals `[index * part_size, (index + 1) * part_size)`. So a slot's id, kind and ordinal never
depend on targets, rounds or worker counts; a round only decides how far each row of parts is opened.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from synth.records import Kind
from synth.stage import Part

KINDS: tuple[str, ...] = get_args(Kind)
STRIDE = 17  # room for new kinds; prime, so that ordinals do not fall in step with a round number of agents
GROWTH = 3  # a round opens at most this many times the slots opened so far: an early yield may be a fluke
HOPELESS = 100  # slots without one accepted row after which a kind is given up


def task_part(kind: str, k: int, part_size: int) -> Part:
    """The k-th part of a kind, whole."""
    index = k * STRIDE + KINDS.index(kind)
    return Part("tasks", index, index * part_size, (index + 1) * part_size, {"kinds": [kind] * part_size})


def kind_of(index: int) -> str:
    """The kind that a task part index belongs to."""
    return KINDS[index % STRIDE]


@dataclass
class Plan:
    """How far each kind is opened, in parts."""

    part_size: int
    oversample: float
    target: Mapping[Kind, int]
    limit: int | None = None  # task slots in all

    def further(self, have: list[Part], opened: Mapping[str, int]) -> list[Part]:
        """The parts of kinds opened that far which are not there yet, lowest index first, cut off at the limit."""
        there = {part.index for part in have}
        whole = [task_part(kind, k, self.part_size) for kind, count in opened.items() for k in range(count)]
        new = sorted((part for part in whole if part.index not in there), key=lambda part: part.index)
        if self.limit is None:
            return new
        left, cut = self.limit - sum(part.stop - part.start for part in have), []
        for part in new:
            take = max(0, min(left, self.part_size))
            if take:
                kinds = part.payload["kinds"][:take]
                cut.append(Part("tasks", part.index, part.start, part.start + take, {"kinds": kinds}))
            left -= take
        return cut

    def next(self, opened: Mapping[str, int], accepted: Mapping[str, int]) -> dict[str, int]:
        """How far to open each kind now; equal to `opened` when nothing more is worth opening."""
        return {
            kind: self._next(opened.get(kind, 0), accepted.get(kind, 0), want)
            for kind, want in self.target.items()
            if want
        }

    def _next(self, parts: int, accepted: int, want: int) -> int:
        slots, missing = parts * self.part_size, want - accepted
        if missing <= 0 or (accepted == 0 and slots >= HOPELESS):
            return parts
        rate = max(accepted, 1) / slots if slots else 1.0
        more = math.ceil(missing * self.oversample / rate)
        if slots:
            more = min(more, GROWTH * slots)
        return parts + math.ceil(more / self.part_size)
