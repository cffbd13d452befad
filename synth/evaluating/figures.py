"""What an evaluation says: shares with their 95 % intervals, pass@k, tokens per pass."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from synth.worlds.lift.audit import wilson


@dataclass(frozen=True)
class Attempt:
    """One episode. `passed` None: the judge could not tell. `why`: the first reason of what did not pass. `calls`,
    `valid`: calls made, and those to a declared tool with arguments that its schema takes."""

    task_id: str
    kind: str
    attempt: int
    passed: bool | None
    why: str = ""
    calls: int = 0
    valid: int = 0
    requests: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True)
class Guess:
    """What was called at one point of a recorded episode. `named`: the same tools; `exact`: the same arguments too."""

    kind: str
    named: bool
    exact: bool


def pass_at(k: int, right: int, of: int) -> float:
    """The chance that one of `k` attempts drawn from `of` passes (Chen et al., arXiv 2107.03374)."""
    return 1.0 - math.comb(of - right, k) / math.comb(of, k)


def share(right: int, of: int) -> dict[str, Any]:
    """A share as JSON."""
    low, high = wilson(right, of)
    return {"n": of, "right": right, "rate": round(right / of, 4) if of else None,
            "low": round(max(0.0, low), 4), "high": round(min(1.0, high), 4)}  # fmt: skip


def summed(attempts: Sequence[Attempt], guesses: Sequence[Guess]) -> dict[str, Any]:
    """All figures, by kind and in all. The interval is over tasks of the first attempt; pass@k over all attempts."""
    kinds = dict.fromkeys(a.kind for a in attempts)
    out = {kind: _one([a for a in attempts if a.kind == kind]) for kind in kinds}
    passes = sum(a.passed is True for a in attempts)
    tokens = sum(a.completion_tokens for a in attempts)
    return {
        "kinds": out,
        "all": _one(attempts),
        "calls": {"made": sum(a.calls for a in attempts), "valid": sum(a.valid for a in attempts)},
        "tokens_per_pass": round(tokens / passes, 1) if passes else None,
        "tokens_per_episode": round(tokens / len(attempts), 1) if attempts else None,
        "requests_per_episode": round(sum(a.requests for a in attempts) / len(attempts), 2) if attempts else None,
        "call_accuracy": {
            kind: {"named": share(sum(g.named for g in some), len(some)),
                   "exact": share(sum(g.exact for g in some), len(some))}
            for kind, some in _by_kind(guesses).items()
        },
    }  # fmt: skip


def _by_kind(guesses: Sequence[Guess]) -> dict[str, list[Guess]]:
    out: dict[str, list[Guess]] = {}
    for guess in guesses:
        out.setdefault(guess.kind, []).append(guess)
    return out | {"all": list(guesses)} if guesses else {}


def _one(attempts: Sequence[Attempt]) -> dict[str, Any]:
    first = [a for a in attempts if a.attempt == 0]
    found = share(sum(a.passed is True for a in first), len(first))
    by_task: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        by_task.setdefault(attempt.task_id, []).append(attempt)
    most = min((len(tries) for tries in by_task.values()), default=0)
    if most > 1:
        tries = [(sum(a.passed is True for a in some), len(some)) for some in by_task.values()]
        found["pass_at"] = {
            str(k): round(sum(pass_at(k, right, of) for right, of in tries) / len(tries), 4) for k in range(1, most + 1)
        }
    found["could_not_tell"] = sum(a.passed is None for a in first)
    return found


def table(figures: dict[str, Any]) -> list[str]:
    """The figures of one policy as lines."""
    lines = [f"{figures['policy']}: {figures['tasks']} tasks of the split {figures['split']}, "
             f"{figures['attempts']} attempt(s) each",
             f"{'kind':<12}{'tasks':>6}{'passed':>8}  95 % interval"]  # fmt: skip
    for kind, one in [*figures["kinds"].items(), ("all", figures["all"])]:
        rate = "-" if one["rate"] is None else f"{one['rate']:.1%}"
        more = "".join(f"  pass@{k} {v:.1%}" for k, v in one.get("pass_at", {}).items() if k != "1")
        lines.append(f"{kind:<12}{one['n']:>6}{rate:>8}  {one['low']:.1%} to {one['high']:.1%}{more}")
    calls = figures["calls"]
    lines.append(f"calls: {calls['made']:,}, valid {calls['valid']:,}; completion tokens per episode "
                 f"{figures['tokens_per_episode']}, per pass {figures['tokens_per_pass']}")  # fmt: skip
    for kind, one in figures["call_accuracy"].items():
        lines.append(f"first call {kind:<12} right tools {one['named']['rate']:.1%}, exact {one['exact']['rate']:.1%} "
                     f"of {one['exact']['n']}")  # fmt: skip
    return lines
