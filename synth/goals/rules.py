"""Rules of a world that the assistant has to keep: whether a plan breaks one, found by running it where tools hold
them."""

from __future__ import annotations

from collections.abc import Sequence

from synth.goals.desk import Desk
from synth.taskspec import Step
from synth.worlds.simulate import CompiledWorld, compile_world
from synth.worlds.spec import Policy
from synth.worlds.state import State


def kept_by_assistant(desk: Desk) -> list[Policy]:
    """Rules whose condition is about the state and the arguments alone."""
    return [p for p in desk.world.policies if p.held_by == "assistant" and not p.needs_facts]


def enforced(desk: Desk) -> CompiledWorld | None:
    """The same world, with tools that hold these rules; None where there are none."""
    mine = kept_by_assistant(desk)
    if not mine:
        return None
    ids = {p.id for p in mine}
    policies = [p.model_copy(update={"held_by": "tool"}) if p.id in ids else p for p in desk.world.policies]
    return compile_world(desk.world.model_copy(update={"policies": policies}))


def broken_rule(strict: CompiledWorld, state: State, tool: str, arguments: dict[str, object]) -> str | None:
    """The id of the rule that a call would break, None where it keeps them all."""
    result, _ = strict.execute(state, tool, arguments)
    ids = {p.id for p in strict.world.policies}
    return result.error if not result.ok and result.error in ids else None


def breaks(desk: Desk, steps: Sequence[Step]) -> str | None:
    """The rule that some step of a plan breaks, None where all are kept."""
    strict = desk.strict
    if strict is None:
        return None
    state = desk.start
    for s in steps:
        found = broken_rule(strict, state, desk.offered[s.tool], s.arguments)
        if found is not None:
            return found
        _, state = desk.cw.execute(state, desk.offered[s.tool], s.arguments)
    return None
