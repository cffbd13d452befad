"""The checks a task must pass before it becomes a row; all of them are executed, none is assumed.

(a) the plan replayed from the start gives exactly the goal, and every source resolves; (b) doing nothing misses it;
(c) leaving out any one write misses it; (d) what must be looked up is not in the user's words; (e) no shorter plan is
found, or `minimal` says "unknown"; (f) what the user tells is literally there, what is hidden or asked is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from rubrics.normal import Text, leaves, mentions
from synth.goals.desk import Act, Desk, names_row_of
from synth.goals.draw import goal_changes
from synth.goals.ground import at_path
from synth.goals.independence import waves
from synth.records import canonical
from synth.taskspec import Fact, Goal, GoalChange, Step
from synth.worlds.state import State

MOST_LEFT_OUT = 12  # writes left out in turn
MOST_EXPANSIONS = 200  # calls tried by the search for a shorter plan


def replay(desk: Desk, steps: Sequence[Step], skip: int | None = None) -> tuple[State, dict[int, Any]] | None:
    """Run the plan from the start, without step `skip`. None where a call fails."""
    state, results = desk.start, {}
    for s in steps:
        if s.id == skip:
            continue
        result, state = desk.cw.execute(state, desk.offered[s.tool], s.arguments)
        if not result.ok:
            return None
        results[s.id] = result.value
    return state, results


def check(
    desk: Desk,
    steps: Sequence[Step],
    goal: Goal,
    turns: Sequence[str],
    facts: Sequence[Fact],
    volatile: frozenset[tuple[str, str]],
    undone: frozenset[int] = frozenset(),
    own: bool = False,
) -> str | None:
    """The first reason why this is no task; None where it is one. `undone`: writes that the user takes back later, so
    that the goal does not show them. `own`: the rubric asks for something besides changes and facts."""
    if not own and not goal.refuse and not goal.changes and not goal.tell:
        return "doing nothing reaches the goal"
    ran = replay(desk, steps)
    if ran is None:
        return "the plan does not replay"
    end, results = ran
    if not reached(desk, end, goal.changes, volatile):
        return "the replayed plan does not reach the goal"
    together = replay(desk, [s for wave in waves(steps) for s in wave])
    if together is None or not reached(desk, together[0], goal.changes, volatile):
        return "steps that need not wait for one another do not commute"
    writes = [s for s in steps if s.effect == "write"]
    needed = [w for w in writes if w.id not in undone] if len(writes) > 1 else []
    for s in needed[:: max(1, len(needed) // MOST_LEFT_OUT)]:  # of a long plan, some of them
        without = replay(desk, steps, skip=s.id)
        if without is not None and reached(desk, without[0], goal.changes, volatile):
            return f"the goal is reached without {s.tool}"
    return bad_source(steps, results, facts) or bad_words(goal, turns, facts, results, desk.prompt)


def reached(desk: Desk, end: State, wanted: Sequence[GoalChange], volatile: frozenset[tuple[str, str]]) -> bool:
    """Whether the difference from the start is the goal, no less and no more."""
    found = goal_changes(desk, desk.start, end, volatile)
    return found is not None and multiset(found) == multiset([c.model_dump() for c in wanted])


def multiset(changes: list[dict[str, Any]]) -> list[str]:
    return sorted(canonical(c) for c in changes)


def bad_source(steps: Sequence[Step], results: Mapping[int, Any], facts: Sequence[Fact]) -> str | None:
    """Every argument has a source and every source gives the argument."""
    known = {f.id: f for f in facts}
    for s in steps:
        for at, source in s.sources.items():
            value = by_pointer(s.arguments, at)
            if source.kind == "result":
                if source.step is None or source.step >= s.id or source.step not in s.after:
                    return f"{s.tool} {at} takes a result that comes later"
                try:
                    shown = at_path(results[source.step], source.path)
                except (KeyError, IndexError, TypeError):
                    return f"{s.tool} {at}: there is nothing at its source"
                if shown != value and [shown] != value:
                    return f"{s.tool} {at}: its source shows something else"
            elif source.kind == "user":
                fact = known.get(source.fact or "")
                if fact is None or (fact.value != value and [fact.value] != value):
                    return f"{s.tool} {at}: no fact of the user gives it"
                if fact.told is not None and fact.told > s.turn:
                    return f"{s.tool} {at} is said too late"
        for at, _ in leaves(s.arguments):
            if not any(at == p or at.startswith(p + "/") for p in s.sources):
                return f"{s.tool} {at} has no source"
    return None


def by_pointer(value: Any, pointer: str) -> Any:
    """The value at a JSON pointer; KeyError or IndexError where there is none."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


def bad_words(
    goal: Goal, turns: Sequence[str], facts: Sequence[Fact], results: Mapping[int, Any], prompt: str
) -> str | None:
    """What is told stands in its turn; what is hidden or asked for stands nowhere beforehand."""
    every = Text("\n".join(turns))
    for f in facts:
        if f.told is None:
            if mentions(f.value, Text("\n".join([*turns, prompt]))):
                return f"the hidden {f.about[0]} stands in the user's words"
            if not mentions(f.value, Text(f.say)):
                return f"the answer about {f.about[0]} does not hold the value"
        elif not isinstance(f.value, bool) and not mentions(f.value, Text(turns[f.told])):
            return f"the {f.about[0]} is not in the user's words"
    shown = {canonical(v) for result in results.values() for _, v in leaves(result)}
    for t in goal.tell:
        if t.source == "said":
            continue
        if mentions(t.value, every):
            return "the answer stands in the question"
        if canonical(t.value) not in shown:
            return "no result shows the answer"
    return None


def leaked_ids(steps: Sequence[Step], desk: Desk, turns: Sequence[str]) -> bool:
    """Whether a generated key that the plan uses stands in the user's words."""
    every = "\n".join(turns)
    keys = {canonical(v) for e, spec in desk.world.entities.items() if spec.generated_key for v in desk.start.rows(e)}
    used = {canonical(v): v for s in steps for _, v in leaves(s.arguments)}
    return any(str(v) in every for at, v in used.items() if at in keys)


def minimal(desk: Desk, steps: Sequence[Step], facts: Sequence[Fact]) -> Literal["yes", "unknown", "no"]:
    """Whether fewer reads would do. One read or none cannot be spared: what it shows is not in the user's words, and
    every write is needed by (c). Two reads: every single read that the user's facts allow is tried."""
    needed = [(s, at) for s in steps for at, src in s.sources.items() if src.kind == "result"]
    sources = {src.step for s in steps for src in s.sources.values() if src.kind == "result"}
    reads = [s for s in steps if s.effect == "read"]
    if len(reads) <= 1:
        return "yes"
    if (
        len(reads) > 2
        or any(s.id not in sources for s in reads)
        or any(s.effect == "write" and s.id in sources for s in steps)
    ):
        return "unknown"
    used = {canonical(by_pointer(s.arguments, at)) for s, at in needed if s.effect == "write"}
    if not used:
        return "unknown"
    spent = 0
    for act in desk.reads:
        for values in fillings(desk, act, facts):
            spent += 1
            if spent > MOST_EXPANSIONS:
                return "unknown"
            result, _ = desk.execute(desk.start, act, values)
            if result.ok and used <= {canonical(v) for _, v in leaves(result.value)} and len(str(result.value)) < 4000:
                return "no"
    return "yes"


def fillings(desk: Desk, act: Act, facts: Sequence[Fact]) -> list[dict[str, Any]]:
    """Arguments for a read from what the user said: required ones, and each optional one alone besides."""
    plain = [n for n, p in act.params.items() if p.required]
    out: list[dict[str, Any]] = [{}]
    for name in plain:
        out = [{**o, name: v} for o in out for v in usable(desk, act, name, facts)][:20]
    extra = [n for n, p in act.params.items() if not p.required and p.role in ("filter", "query")]
    return [*out, *[{**o, n: v} for o in out for n in extra for v in usable(desk, act, n, facts)]][:60]


def usable(desk: Desk, act: Act, name: str, facts: Sequence[Fact]) -> list[Any]:
    p = act.params[name]
    owner = p.entity or act.of
    if owner is None or (
        names_row_of(desk, act, p) is not None and desk.entity(str(names_row_of(desk, act, p))).generated_key
    ):
        return []
    spec = desk.field(owner, p.field)
    kinds: tuple[type, ...] = (
        (str,)
        if p.role == "query" or spec is None
        else (int, float)
        if spec.type in ("int", "number", "money")
        else (str,)
    )
    return [f.value for f in facts if isinstance(f.value, kinds) and not isinstance(f.value, bool)][:6]
