"""What a run may spend (`stages.shards.caps`) and how many slots that still buys."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CAUTIOUS = 50  # slots played before the price of a slot is believed: until then half of what is left is risked at once
PROBE = 10  # slots played first where a cap is on something that nothing is known of


@dataclass(frozen=True)
class Spent:
    """`calls`: requests to models, or messages of a built-in policy; `tokens`: prompt and completion; `usd`."""

    calls: float = 0.0
    tokens: float = 0.0
    usd: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.calls + other.calls, self.tokens + other.tokens, self.usd + other.usd)

    @classmethod
    def of_roles(cls, usage: Mapping[str, Mapping[str, float]]) -> Spent:
        """What models were asked for, from usage by role (store.parts)."""
        total = cls()
        for own in usage.values():
            total += cls(own["requests"], own["prompt_tokens"] + own["completion_tokens"], own["cost_usd"])
        return total


@dataclass(frozen=True)
class Budget:
    """Caps (0: none) and what a slot is believed to cost before one was played."""

    calls: float
    tokens: float
    usd: float
    prior: Spent

    def limits_anything(self) -> bool:
        return bool(self.calls or self.tokens or self.usd)

    def slots(self, spent: Spent, played: int) -> int | None:
        """How many slots may be opened now; None is as many as wanted, 0 is the end."""
        left: list[int] = []
        for name in ("calls", "tokens", "usd"):
            cap, paid = getattr(self, name), getattr(spent, name)
            price = paid / played if played and paid else getattr(self.prior, name)
            if cap and paid >= cap:
                return 0
            if cap and price:
                left.append(math.floor((cap - paid) / price))
            elif cap and played < PROBE:  # whether slots cost any of it is not known yet
                left.append(2 * PROBE)
        if not left:
            return None
        return min(left) if played >= CAUTIOUS else math.ceil(min(left) / 2)

    def reached(self, spent: Spent) -> str:
        """Which cap binds, as words."""
        said: list[Any] = []
        for name, unit in (("calls", "calls"), ("tokens", "tokens"), ("usd", "USD")):
            cap = getattr(self, name)
            if cap:
                said.append(
                    (getattr(spent, name) / cap, f"the cap of {cap:,g} {unit} ({getattr(spent, name):,g} spent)")
                )
        return str(max(said)[1]) if said else ""
