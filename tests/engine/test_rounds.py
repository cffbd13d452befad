"""How many slots a round opens, and when a run stops opening."""

from __future__ import annotations

import pytest
from conftest import pipeline
from hypothesis import given
from hypothesis import strategies as st

from synth.budget import Budget, Spent
from synth.issuing import Issuing
from synth.rounds import DIFFICULTIES, KINDS, ROOM, STRIDE, Plan, Seen, cell_name, cell_of, cut, task_part
from synth.stage import Part

CELLS = [cell_name(kind, d) for kind in KINDS for d in range(DIFFICULTIES + 1)]


def test_every_slot_has_one_place() -> None:
    assert len(KINDS) <= ROOM
    assert ROOM * (1 + DIFFICULTIES) <= STRIDE
    seen: set[int] = set()
    for cell in CELLS:
        for k in range(3):
            part = task_part(cell, k, 50)
            assert cell_of(part.index) == cell
            kind, _, difficulty = cell.partition("/")
            assert part.payload == {"kinds": [kind] * 50} | ({"difficulty": int(difficulty)} if difficulty else {})
            slots = set(range(part.start, part.stop))
            assert not slots & seen
            seen |= slots


def _opened(plan: Plan, seen: dict[str, Seen], extra: dict[str, int] | None = None) -> dict[str, int]:
    plan.open(seen, extra)
    return plan.opened


def test_the_first_round_opens_the_target_times_the_oversampling() -> None:
    plan = Plan(50, 1.25, {"single": 300, "chain/2": 40})
    parts = plan.open({})
    assert plan.opened == {"single": 8, "chain/2": 1}
    assert [part.index for part in parts] == sorted(part.index for part in parts)
    assert len(parts) == 9


@pytest.mark.parametrize(
    ("seen", "parts"),
    [
        (Seen(100, 50, 100, 50), 20),
        (Seen(100, 100, 100, 100), 10),
        (Seen(100, 1, 100, 1), 40),  # bounded growth
        (Seen(100, 0, 100, 0), 10),  # given up
        (Seen(400, 50, 300, 0), 10),  # given up: the newest round gave nothing
        (Seen(400, 99, 300, 3), 20),  # the newest round tells what is left: 1 in 100
    ],
)
def test_a_later_round_follows_the_yield(seen: Seen, parts: int) -> None:
    plan = Plan(10, 1.0, {"single": 100}, opened={"single": 10})
    assert _opened(plan, {"single": seen}) == {"single": parts}


def test_slots_for_a_share_are_opened_beyond_the_target() -> None:
    plan = Plan(10, 1.0, {"single": 100}, opened={"single": 10})
    assert _opened(plan, {"single": Seen(100, 100, 100, 100)}, {"single": 25}) == {"single": 13}


@given(st.integers(1, 40), st.integers(0, 400), st.dictionaries(st.sampled_from(CELLS), st.integers(0, 60)))
def test_a_limit_keeps_the_first_slots(size: int, limit: int, target: dict[str, int]) -> None:
    whole = Plan(size, 1.0, target).open({})
    slots = [n for part in whole for n in range(part.start, part.stop)]
    assert len(set(slots)) == len(slots)
    kept = cut(whole, limit)
    assert [n for part in kept for n in range(part.start, part.stop)] == slots[:limit]
    assert all(len(part.payload["kinds"]) == part.stop - part.start for part in kept)


@given(st.integers(1, 200), st.integers(1, 500), st.floats(0.05, 1.0))
def test_rounds_reach_any_target_with_a_steady_yield(size: int, want: int, rate: float) -> None:
    plan, seen = Plan(size, 1.25, {"single": want}), Seen()
    for _ in range(16):
        if not plan.open({"single": seen}):
            break
        slots = plan.opened["single"] * size
        seen = seen.after(slots, min(want, int(slots * rate)))
    assert seen.accepted == want or seen.hopeless


def test_the_forecast_counts_rounds_and_slots_at_todays_yield() -> None:
    plan = Plan(10, 1.0, {"single": 100, "chain": 40}, opened={"single": 10, "chain": 10})
    seen = {"single": Seen(100, 50, 100, 50), "chain": Seen(100, 0, 100, 0)}  # chain is given up
    assert plan.expected(seen, 10) == (1, 100, 100)
    assert plan.expected(seen, 0) == (0, 0, 50)


def test_a_budget_buys_slots_at_the_price_seen() -> None:
    budget = Budget(1000, 0, 0, prior=Spent(calls=5))
    assert budget.slots(Spent(), 0) == 100  # half of 200: the price is a guess
    assert budget.slots(Spent(calls=400), 100) == 150
    assert budget.slots(Spent(calls=997), 250) == 0
    assert budget.slots(Spent(calls=1003), 250) == 0
    assert budget.reached(Spent(calls=997)) == "the cap of 1,000 calls (997 spent)"
    assert Budget(0, 0, 0, Spent(5)).slots(Spent(calls=10**6), 100) is None
    assert Budget(0, 500, 0, Spent(5)).slots(Spent(calls=10**6), 100) is None  # tokens that nobody spends
    assert Budget(0, 500, 0, Spent(5)).slots(Spent(), 0) == 10  # which is not known at first


def _issuing(limit: int | None = None, **shards: object) -> Issuing:
    return Issuing(pipeline(shards=shards), limit, Spent(calls=4))


def _play(issuing: Issuing, calls_per_slot: float) -> list[Part]:
    """One round, every slot at the same price; the parts that were played."""
    waiting, played = issuing.open(), []
    while waiting and not issuing.stopped:
        now, waiting = issuing.affordable(waiting)
        issuing.add(now, Spent(calls=calls_per_slot * sum(p.stop - p.start for p in now)))
        played += now
    return played


@pytest.mark.parametrize("price", [1.0, 4.0, 7.5])
def test_a_cap_on_calls_is_used_up_and_not_passed_by_much(price: float) -> None:
    issuing = _issuing(target={"single": 1000}, caps={"calls": 2000})
    _play(issuing, price)
    if price * 1250 < 2000:
        assert not issuing.stopped
    else:
        assert issuing.stopped.startswith("the cap of 2,000 calls")
        assert 2000 - price <= issuing.spent.calls <= 2000


def test_a_limit_stops_the_opening() -> None:
    issuing = _issuing(limit=23, target={"single": 1000})
    assert sum(p.stop - p.start for p in _play(issuing, 1.0)) == 23
    assert issuing.stopped == "the limit of 23 task slots is reached"
    assert issuing.open() == []
