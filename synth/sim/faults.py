"""Injected faults: a call that does not reach its tool. No effect is applied; the call's record names the kind.

Planned faults come with the task (`recover`). Besides, `fault_rate` strikes single calls at random, drawn from the
episode's own stream, at most twice an episode and never the same tool twice, so that a retry always helps.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Literal, NamedTuple

from synth.taskspec import FaultSpec

FaultKind = Literal["unavailable", "rate_limit", "timeout"]
MAX_RANDOM = 2


class Fault(NamedTuple):
    kind: FaultKind
    code: str
    status: int
    message: str


_RETRY: dict[FaultKind, Fault] = {
    "unavailable": Fault(
        "unavailable", "service_unavailable", 503, "The service is temporarily unavailable, please try again"
    ),
    "rate_limit": Fault("rate_limit", "rate_limited", 429, "Too many requests, please retry in a moment"),
    "timeout": Fault("timeout", "timeout", 504, "The request timed out and was not carried out, it can be sent again"),
}
_OTHER_WAY: dict[FaultKind, Fault] = {
    "unavailable": Fault(
        "unavailable", "service_unavailable", 503, "This function is out of service until further notice"
    ),
    "rate_limit": Fault("rate_limit", "quota_exceeded", 429, "The quota of this function is used up for today"),
    "timeout": Fault(
        "timeout", "timeout", 504, "The backend of this function does not respond, nothing was carried out"
    ),
}


def fault(kind: FaultKind, recover: Literal["retry", "other_way"] = "retry") -> Fault:
    return (_RETRY if recover == "retry" else _OTHER_WAY)[kind]


class FaultPlan:
    """Says for each call of an episode whether it is struck. Calls are counted per offered tool."""

    def __init__(self, specs: list[FaultSpec], rate: float, rng: random.Random) -> None:
        self._specs, self._rate, self._rng = specs, rate, rng
        self._seen: Counter[str] = Counter()
        self._struck: set[str] = set()

    def next(self, tool: str) -> Fault | None:
        """The fault that strikes this call of `tool`, None where it goes through."""
        nth = self._seen[tool]
        self._seen[tool] += 1
        for spec in self._specs:
            if spec.tool == tool and spec.nth <= nth < spec.nth + spec.times:
                return fault(spec.kind, spec.recover)
        kinds: tuple[FaultKind, ...] = ("unavailable", "rate_limit", "timeout")
        drawn, kind = (
            self._rng.random(),
            self._rng.choice(kinds),
        )  # always drawn: the stream depends on the call's number
        if self._specs or drawn >= self._rate or tool in self._struck or len(self._struck) >= MAX_RANDOM:
            return None
        self._struck.add(tool)
        return fault(kind)
