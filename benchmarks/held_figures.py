"""How sharp the checks on a model-played user are: `python benchmarks/held_figures.py runs/tooluse`.

Said as the profile has it, nothing may be refused; with one thing wrong, it should be. Small talk and users with tools
of their own are left out: no model plays them.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from synth import open_run
from synth.sim.held import Stand, faults
from synth.taskspec import Goal, Plan, UserProfile


def fine(profile: UserProfile, goal: Goal, plan: Plan) -> Iterator[tuple[str, Stand, str, bool, bool]]:
    """(what it is, where the talk stands, the reply, next, done) of a talk that goes as it should."""
    at = Stand(profile, goal)
    for n, text in enumerate(profile.turns):
        yield "request", at, text, True, False
        at.turn = n
        at.talk.append(("You", text))
        for ask in (a for a in plan.asks if a.turn == n):
            at.talk.append(("Assistant", ask.question))
            said = " ".join(f.say for f in profile.facts if f.id in ask.facts)
            yield "answer", at, said, False, False
            at.answered |= set(ask.facts)
            at.talk.append(("You", said))
        at.talk.append(("Assistant", ". ".join(["Done", *(t.say for t in goal.tell if t.turn == n)])))
    yield "end", at, profile.thanks, False, True


def wrong(profile: UserProfile, goal: Goal) -> Iterator[tuple[str, str, bool]]:
    """(what is wrong, an opening with it, done)."""
    first = profile.turns[0]
    hidden = [f for f in profile.facts if f.told is None]
    own = [f for f in profile.facts if f.told == 0 and not isinstance(f.value, bool)]
    if hidden:
        yield "leak: kept until asked", f"{first} {hidden[0].say}", False
    if len(profile.turns) > 1:
        yield "early_stop", first, True
        if any(f.told == 1 for f in profile.facts):
            yield "leak: a later request", f"{first} {profile.turns[1]}", False
    if goal.tell:
        yield "leak: the answer", f"{first} I think {goal.tell[0].say}.", False
    yield "role_flip", f"{first} Is there anything else I can help you with?", False
    yield "invented", f"{first} It is about QX-48213-Z.", False
    if own:
        yield "unsaid", "Could you do something for me, please?", False


def main(run_dir: Path) -> None:
    """Print refused of fine replies, and caught of wrong ones."""
    refused: Counter[tuple[str, bool]] = Counter()
    caught: Counter[tuple[str, bool]] = Counter()
    for task in open_run(run_dir).rows("tasks"):
        profile, goal = UserProfile.model_validate(task.user), Goal.model_validate(task.goal)
        if profile.talk or profile.acts:
            continue
        for what, at, say, goes_on, done in fine(profile, goal, Plan.model_validate(task.plan)):
            refused[what, bool(faults(at, say, goes_on, done))] += 1
        for what, say, done in wrong(profile, goal):
            reasons = {reason for reason, _ in faults(Stand(profile, goal), say, True, done)}
            caught[what, what.partition(":")[0] in reasons] += 1
    for what in sorted({w for w, _ in refused}):
        print(f"fine {what:<28} refused {refused[what, True]:>6,} of {refused[what, True] + refused[what, False]:,}")
    for what in sorted({w for w, _ in caught}):
        print(f"wrong {what:<27} caught {caught[what, True]:>7,} of {caught[what, True] + caught[what, False]:,}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
