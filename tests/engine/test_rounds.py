"""How many slots a round opens."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from synth.rounds import KINDS, STRIDE, Plan, kind_of, task_part


def test_every_slot_has_one_place() -> None:
    assert len(KINDS) <= STRIDE
    seen: set[int] = set()
    for kind in KINDS:
        for k in range(5):
            part = task_part(kind, k, 50)
            assert kind_of(part.index) == kind
            assert part.payload["kinds"] == [kind] * 50
            slots = set(range(part.start, part.stop))
            assert not slots & seen
            seen |= slots


def test_the_first_round_opens_the_target_times_the_oversampling() -> None:
    plan = Plan(50, 1.25, {"single": 300, "chain": 40, "clarify": 0})
    assert plan.next({}, {}) == {"single": 8, "chain": 1}


def test_a_later_round_follows_the_yield() -> None:
    plan = Plan(10, 1.0, {"single": 100})
    assert plan.next({"single": 10}, {"single": 50}) == {"single": 20}
    assert plan.next({"single": 10}, {"single": 100}) == {"single": 10}
    assert plan.next({"single": 10}, {"single": 1}) == {"single": 40}  # bounded growth
    assert plan.next({"single": 10}, {}) == {"single": 10}  # given up


counts = st.dictionaries(st.sampled_from(KINDS), st.integers(0, 6))


@given(st.integers(1, 40), st.integers(0, 400), counts, counts)
def test_a_limit_bounds_the_slots_of_all_rounds(
    size: int, limit: int, first: dict[str, int], more: dict[str, int]
) -> None:
    second = {kind: max(first.get(kind, 0), more.get(kind, 0)) for kind in first | more}
    free, capped = Plan(size, 1.0, {}), Plan(size, 1.0, {}, limit)
    whole = free.further([], first)
    whole += free.further(whole, second)
    cut = capped.further([], first)
    cut += capped.further(cut, second)
    slots = [n for part in whole for n in range(part.start, part.stop)]
    assert len(set(slots)) == len(slots) == size * sum(second.values())
    assert [n for part in cut for n in range(part.start, part.stop)] == slots[:limit]
    assert all(len(part.payload["kinds"]) == part.stop - part.start for part in cut)


@given(st.integers(1, 200), st.integers(1, 500), st.floats(0.05, 1.0))
def test_rounds_reach_any_target_with_a_steady_yield(size: int, want: int, rate: float) -> None:
    plan = Plan(size, 1.25, {"single": want})
    opened: dict[str, int] = {}
    for _ in range(12):
        accepted = {"single": min(want, int(opened.get("single", 0) * size * rate))}
        further = plan.next(opened, accepted)
        if further == opened:
            break
        opened = further
    slots = opened["single"] * size
    assert int(slots * rate) >= want or (int(slots * rate) == 0 and slots >= 100)
