"""What a run still lacks, what to open for it, and what it may spend: the state of the rounds, without any doing.

Everything follows from the committed verdicts of the parts opened so far, so that a resumed run opens what a run in
one go opens. Only a cap on minutes depends on the machine.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from synth.budget import Budget, Spent
from synth.models.settings import OpenAIModel
from synth.pipeline import Pipeline
from synth.rounds import GROWTH, Plan, Seen, cut, slots_of
from synth.stage import Part

MESSAGES = 4.0  # of a built-in policy per slot, until some were played


def prior_price(pipeline: Pipeline, model_rates: Mapping[str, float]) -> Spent:
    """What one slot is believed to cost before one was played."""
    prompt, completion = model_rates["prompt_tokens_per_request"], model_rates["completion_tokens_per_request"]
    total = Spent()
    for player, episodes in pipeline.episodes_per_task():
        if player.backend is None:
            total += Spent(MESSAGES * episodes)
            continue
        calls, usd = model_rates["requests_per_trajectory"] * episodes, 0.0
        if isinstance(player.backend, OpenAIModel):
            usd = prompt * player.backend.usd_per_mtoken_in + completion * player.backend.usd_per_mtoken_out
        total += Spent(calls, calls * (prompt + completion), calls * usd / 1e6)
    return total


class Issuing:
    """The rounds of one run. `parts`: opened and played; `stopped`: why nothing more may be opened, "" while it may."""

    def __init__(self, pipeline: Pipeline, limit: int | None, prior: Spent) -> None:
        wanted, tasks = pipeline.stages.shards, pipeline.stages.tasks
        self.target: dict[str, int] = {cell: want for cell, want in wanted.target.items() if want}
        self.shares: dict[str, float] = {str(trait): share for trait, share in wanted.shares.items()}
        self.limit, self.max_rounds = limit, wanted.max_rounds
        self.budget = Budget(wanted.caps.calls, wanted.caps.tokens, wanted.caps.usd, prior)
        self.plan = Plan(tasks.part_size, tasks.oversample, self.target)
        self.parts: list[Part] = []
        self.seen: dict[str, Seen] = {}
        self.spent = Spent()
        self.stopped = ""
        self.round = 0
        self.accepted: dict[str, int] = {}  # rows per cell
        self.having: dict[str, tuple[int, int]] = {}  # trait -> (accepted rows with it, needed)
        self._extra: dict[str, int] = {}

    # -- opening ----------------------------------------------------------------------------------------------------

    def open(self) -> list[Part]:
        """The parts of the next round; none when nothing more is worth opening or no round is left."""
        if self.stopped or self.round >= self.max_rounds:
            return []
        self.round += 1
        return self.plan.open(self.seen, self._extra)

    def affordable(self, waiting: list[Part]) -> tuple[list[Part], list[Part]]:
        """What to play now of the parts of a round, and what waits until its price is known. Nothing to play means
        that a cap or the limit is reached: `stopped` says which."""
        played = sum(part.stop - part.start for part in self.parts)
        bounds = {}
        if self.limit is not None:
            bounds[f"the limit of {self.limit:,} task slots"] = self.limit - played
        slots = self.budget.slots(self.spent, played)
        if slots is not None:
            bounds[self.budget.reached(self.spent)] = slots
        if not bounds:
            return waiting, []
        why, least = min(bounds.items(), key=lambda bound: bound[1])
        if least <= 0:
            self.stopped = f"{why} is reached"
            return [], []
        now = cut(waiting, least)
        return now, waiting[len(now) :]

    # -- learning ---------------------------------------------------------------------------------------------------

    def add(self, parts: list[Part], spent: Spent) -> None:
        """Parts that were played, and what they cost."""
        self.parts += parts
        self.spent += spent

    def learn(self, found: list[Any], chosen: Any) -> None:
        """The end of a round: all candidates of the parts, and the selection among them (stages.shards)."""
        self.accepted = dict(chosen.by_cell())
        slots = slots_of(self.parts)
        for cell in self.target:
            now = (slots.get(cell, 0), self.accepted.get(cell, 0))
            self.seen[cell] = self.seen.get(cell, Seen()).after(*now)
        before = self.having
        asked = sum(self.target.values())
        self.having = {t: (chosen.with_trait(t), math.ceil(share * asked)) for t, share in sorted(self.shares.items())}
        self._extra = {}
        for trait, (have, need) in self.having.items():
            if have < need and (trait not in before or have > before[trait][0]):  # else another round was in vain
                self._open_for(trait, need - have, found, chosen, slots)

    def _open_for(self, trait: str, missing: int, found: list[Any], chosen: Any, slots: Mapping[str, int]) -> None:
        """Slots in the cells that give the trait most often and hold rows to swap."""
        with_it = Counter(one.cell for one in found if not one.refused and trait in one.traits)
        plain = Counter(one.cell for one in chosen.kept if not one.traits & self.shares.keys())
        rates = {cell: with_it[cell] / slots[cell] for cell in self.target if slots.get(cell)}
        for cell, rate in sorted(rates.items(), key=lambda pair: (-pair[1], pair[0])):
            room = min(missing, plain[cell])
            if room <= 0 or not rate:
                continue
            more = min(math.ceil(room * self.plan.oversample / rate), GROWTH * slots[cell])
            self._extra[cell] = max(self._extra.get(cell, 0), more)
            missing -= room

    # -- telling ----------------------------------------------------------------------------------------------------

    def short(self) -> dict[str, tuple[int, int]]:
        """Cells (and shares) that lack rows: (rows, wanted)."""
        cells = {c: (self.accepted.get(c, 0), want) for c, want in self.target.items()}
        traits = {f"share of {trait}": pair for trait, pair in self.having.items()}
        return {name: pair for name, pair in (cells | traits).items() if pair[0] < pair[1]}

    def why_short(self) -> str:
        """Why nothing more was opened, in words."""
        if self.stopped:
            return self.stopped
        if self.round >= self.max_rounds:
            return f"stages.shards.max_rounds ({self.max_rounds}) is reached"
        return f"given up after {min(s.new_slots for s in self.seen.values()):,} or more slots without a new row"

    def forecast(self, seconds_per_slot: float | None) -> dict[str, Any]:
        """What is still to come at today's yields; `seconds` null where nothing was timed, `rows` at the end."""
        rounds, slots, rows = self.plan.expected(self.seen, self.max_rounds - self.round)
        rounds, slots = max(rounds, bool(self._extra)), slots + sum(self._extra.values())
        played = max(1, sum(part.stop - part.start for part in self.parts))
        left = self.budget.slots(self.spent, played)
        if left is not None and left < slots:
            rows = sum(self.accepted.values()) + round((rows - sum(self.accepted.values())) * left / slots)
            slots = left
        return {
            "rounds": rounds, "slots": slots, "rows": rows,
            "seconds": None if seconds_per_slot is None else round(slots * seconds_per_slot, 1),
            "calls": round(self.spent.calls / played * slots), "tokens": round(self.spent.tokens / played * slots),
            "usd": round(self.spent.usd / played * slots, 4),
        }  # fmt: skip

    def cells(self) -> dict[str, dict[str, int]]:
        """Target, slots and accepted rows per cell."""
        slots = slots_of(self.parts)
        return {
            cell: {"target": want, "slots": slots.get(cell, 0), "accepted": self.accepted.get(cell, 0)}
            for cell, want in self.target.items()
        }
