"""Traits that a share of the accepted rows may be asked to have (`stages.shards.shares`)."""

from __future__ import annotations

from typing import Any, Literal

from synth.records import Call

Trait = Literal["parallel", "faulted", "refused", "multi_turn", "writes"]


def traits_of(messages: list[dict[str, Any]], calls: list[Call], refuse: bool) -> frozenset[str]:
    """parallel: several calls in one message; faulted: a call was struck; refused: the task cannot be done and the
    user is told so; multi_turn: the user spoke more than twice (the last time to say thanks); writes: a call that
    changed the state."""
    found = {
        "parallel": any(len(m.get("tool_calls") or ()) > 1 for m in messages),
        "faulted": any(c.fault for c in calls),
        "refused": refuse,
        "multi_turn": sum(m["role"] == "user" for m in messages) > 2,
        "writes": any(c.ok and c.effect == "write" for c in calls),
    }
    return frozenset(name for name, there in found.items() if there)
