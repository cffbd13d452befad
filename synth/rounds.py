"""How many task slots a round opens: pure arithmetic over what is wanted and what earlier rounds gave.

A cell is a kind, or a kind at one difficulty ("chain", "chain/3"). Each cell has its own endless row of parts,
interleaved with the others by part index: part k of cell j has index `k * STRIDE + j` and the ordinals
`[index * part_size, (index + 1) * part_size)`. So what a slot is never depends on targets, rounds or worker counts; a
round only decides how far each row of parts is opened.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import get_args

from synth.records import Kind
from synth.stage import Part

KINDS: tuple[str, ...] = get_args(Kind)
DIFFICULTIES = 5
ROOM = 17  # kinds there is room for
STRIDE = 103  # at least ROOM * (1 + DIFFICULTIES); prime, so that ordinals do not fall in step with a number of agents
GROWTH = 3  # a round opens at most this many times the slots opened so far: an early yield may be a fluke
HOPELESS = 100  # slots of one round without one accepted row after which a cell is given up
TELLING = 50  # slots of the newest round from which its yield counts alone: duplicates make it fall


def cell_name(kind: str, difficulty: int = 0) -> str:
    """`chain`, or `chain/3` for one difficulty."""
    return f"{kind}/{difficulty}" if difficulty else kind


def split_cell(cell: str) -> tuple[str, int]:
    """The kind and the difficulty of a cell; 0 is any."""
    kind, _, difficulty = cell.partition("/")
    return kind, int(difficulty or 0)


def cell_of(index: int) -> str:
    """The cell that a task part index belongs to."""
    difficulty, kind = divmod(index % STRIDE, ROOM)
    return cell_name(KINDS[kind], difficulty)


def task_payload(index: int, slots: int) -> dict[str, list[str] | int]:
    """What a part of tasks is told: one kind per slot, and the difficulty where the cell asks for one."""
    kind, difficulty = split_cell(cell_of(index))
    kinds: dict[str, list[str] | int] = {"kinds": [kind] * slots}
    return kinds | {"difficulty": difficulty} if difficulty else kinds


def task_part(cell: str, k: int, part_size: int, slots: int | None = None) -> Part:
    """The k-th part of a cell; whole, or only its first `slots`."""
    kind, difficulty = split_cell(cell)
    index = k * STRIDE + ROOM * difficulty + KINDS.index(kind)
    take = part_size if slots is None else slots
    return Part("tasks", index, index * part_size, index * part_size + take, task_payload(index, take))


def slots_of(parts: Iterable[Part]) -> dict[str, int]:
    """Slots per cell."""
    slots: dict[str, int] = {}
    for part in parts:
        cell = cell_of(part.index)
        slots[cell] = slots.get(cell, 0) + part.stop - part.start
    return slots


@dataclass(frozen=True)
class Seen:
    """What a cell gave: slots and accepted rows in all, and those of the newest round that opened it."""

    slots: int = 0
    accepted: int = 0
    new_slots: int = 0
    new_accepted: int = 0

    def after(self, slots: int, accepted: int) -> Seen:
        """The same after a round; totals in, differences out."""
        if slots == self.slots:
            return Seen(slots, accepted, self.new_slots, self.new_accepted)
        return Seen(slots, accepted, slots - self.slots, accepted - self.accepted)

    @property
    def rate(self) -> float:
        """Accepted rows to expect of a slot: above 0, and 1 where nothing is known."""
        if not self.slots:
            return 1.0
        if self.new_slots >= TELLING:
            return max(self.new_accepted, 1) / self.new_slots
        return max(self.accepted, 1) / self.slots

    @property
    def hopeless(self) -> bool:
        return self.new_accepted <= 0 and self.new_slots >= HOPELESS


@dataclass
class Plan:
    """How far each cell is opened, in parts."""

    part_size: int
    oversample: float
    target: Mapping[str, int]  # rows per cell
    limit: int | None = None  # task slots in all
    opened: dict[str, int] = field(default_factory=dict)  # parts per cell

    def open(self, seen: Mapping[str, Seen], extra: Mapping[str, int] | None = None) -> list[Part]:
        """The parts to open now, lowest index first; none when nothing more is worth opening. `extra`: slots wanted
        beyond those that the targets ask for."""
        new = []
        for cell, want in self.target.items():
            known = seen.get(cell, Seen())
            slots = max(self.missing_slots(want, known), (extra or {}).get(cell, 0))
            have = self.opened.get(cell, 0)
            upto = have + math.ceil(slots / self.part_size)
            new += [task_part(cell, k, self.part_size) for k in range(have, upto)]
            self.opened[cell] = upto
        return sorted(new, key=lambda part: part.index)

    def missing_slots(self, want: int, seen: Seen) -> int:
        """Slots to open for the rows that a cell still lacks."""
        missing = want - seen.accepted
        if missing <= 0 or seen.hopeless:
            return 0
        more = math.ceil(missing * self.oversample / seen.rate)
        return min(more, GROWTH * seen.slots) if seen.slots else more

    def expected(self, seen: Mapping[str, Seen], rounds: int) -> tuple[int, int, int]:
        """(rounds, slots, accepted rows in all) to come until no cell is open or `rounds` are over, at today's
        yields."""
        now = {cell: seen.get(cell, Seen()) for cell in self.target}
        rates = {cell: known.rate for cell, known in now.items()}
        used = slots = 0
        for _ in range(rounds):
            more = {cell: self.missing_slots(want, now[cell]) for cell, want in self.target.items()}
            used += any(more.values())
            for cell in (cell for cell, count in more.items() if count):
                count = -(-more[cell] // self.part_size) * self.part_size
                got = min(self.target[cell], now[cell].accepted + round(count * rates[cell]))
                now[cell] = Seen(now[cell].slots + count, got)
                slots += count
        return used, slots, sum(known.accepted for known in now.values())


def simulated(plan: Plan, want: int, rate: float, rounds: int) -> tuple[int, int, int]:
    """(rounds, slots, rows) that one cell takes from nothing to `want` rows where each slot gives `rate` rows."""
    seen, used = Seen(), 0
    while used < rounds and (more := plan.missing_slots(want, seen)):
        used += 1
        slots = seen.slots + -(-more // plan.part_size) * plan.part_size
        seen = seen.after(slots, min(want, int(slots * rate)))
    return used, seen.slots, seen.accepted


def cut(parts: list[Part], slots: int | None) -> list[Part]:
    """The first `slots` slots of the parts; a part cut in two keeps its first slots, the others are not opened."""
    if slots is None:
        return parts
    left, kept = slots, []
    for part in parts:
        take = min(left, part.stop - part.start)
        if take <= 0:
            break
        left -= take
        kept.append(Part("tasks", part.index, part.start, part.start + take, task_payload(part.index, take)))
    return kept
