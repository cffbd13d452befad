"""Whether the calls that a plan lets an assistant make together are independent: run on the world in other orders, they
give the same results and the same state.

What any order must change is not looked at: which of the clock's ticks a call falls on, and which of the new rows gets
which generated key.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from synth.goals.desk import Desk
from synth.records import canonical
from synth.taskspec import Step
from synth.worlds.simulate import Result
from synth.worlds.state import State, diff, thaw

ALL_UP_TO = 4  # calls of which every order is tried
ORDERS = 12  # of more calls: the reverse and random ones
_NEW, _NOW = "\0new", "\0now"


def waves(steps: Sequence[Step]) -> list[list[Step]]:
    """The calls of each message of an assistant that makes every call as soon as it can."""
    out: list[list[Step]] = []
    done: set[int] = set()
    waiting = list(steps)
    while waiting:
        turn = min(s.turn for s in waiting)
        ready = [s for s in waiting if s.turn == turn and set(s.after) <= done]
        if not ready:  # it waits for something that is not in the plan
            return [*out, *([s] for s in waiting)]
        out.append(ready)
        done |= {s.id for s in ready}
        waiting = [s for s in waiting if s.id not in done]
    return out


def independent(desk: Desk, steps: Sequence[Step]) -> bool | None:
    """True where all calls that may be made together are proved independent, False where some order gives something
    else, None where the plan makes no two calls together."""
    state, any_ = desk.start, False
    for wave in waves(steps):
        first = run(desk, state, wave)
        if first is None:
            return False
        if len(wave) > 1:
            any_ = True
            wanted = seen(desk, state, *first)
            for order in orders(wave):
                other = run(desk, state, order)
                if other is None or seen(desk, state, *other) != wanted:
                    return False
        state = first[1]
    return True if any_ else None


def orders(wave: Sequence[Step]) -> Iterator[list[Step]]:
    """Other orders of the calls: all of few, some of many; the same ones every time."""
    if len(wave) <= ALL_UP_TO:
        yield from (list(p) for p in itertools.islice(itertools.permutations(wave), 1, None))
        return
    yield list(reversed(wave))
    rng = random.Random(len(wave))
    for _ in range(ORDERS - 1):
        yield rng.sample(list(wave), len(wave))


def run(desk: Desk, state: State, wave: Sequence[Step]) -> tuple[dict[int, Result], State] | None:
    """Results by step id and the state after; None where a call fails."""
    results: dict[int, Result] = {}
    for s in wave:
        results[s.id], state = desk.cw.execute(state, desk.offered[s.tool], s.arguments)
        if not results[s.id].ok:
            return None
    return results, state


def seen(desk: Desk, before: State, results: Mapping[int, Result], after: State) -> str:
    """Results and changes as text, new keys and times of the calls masked."""
    changes = diff(before, after)
    texts: set[str] = {desk.cw.time_at(before.clock + n) for n in range(len(results) + 1)}
    keys: set[tuple[str, Any]] = set()  # of new rows: the field's name, the value
    for change in changes:
        if change.before is None:
            names = desk.entity(change.entity).keys
            values = change.key if isinstance(change.key, tuple) else (change.key,)
            keys |= set(zip(names, values, strict=False))
    told = {str(i): masked(r.value, texts, keys) for i, r in results.items()}
    moved = []
    for c in changes:
        rows = [masked(None if r is None else thaw(dict(r)), texts, keys) for r in (c.before, c.after)]
        moved.append(canonical([c.entity, masked(thaw(c.key), texts, keys, "key"), *rows]))
    moved.sort()
    return canonical([told, moved])


def masked(value: Any, times: set[str], keys: set[tuple[str, Any]], name: str = "") -> Any:
    """Times and generated keys replaced. A number is a key only under the name of one: elsewhere it may be a count."""
    if isinstance(value, dict):
        return {k: masked(v, times, keys, k) for k, v in value.items()}
    if isinstance(value, list):
        return [masked(v, times, keys, name) for v in value]
    if isinstance(value, str):
        return _NOW if value in times else _NEW if any(value == k for _, k in keys) else value
    return _NEW if (name, value) in keys or (name == "key" and any(value == k for _, k in keys)) else value
