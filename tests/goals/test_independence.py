"""Calls made together: proved on the world, not believed."""

from __future__ import annotations

from typing import Any

import desks
import pytest

from synth.goals.build import build
from synth.goals.desk import Desk
from synth.goals.independence import independent, orders, waves
from synth.records import rng_for
from synth.taskspec import Step


@pytest.fixture
def desk() -> Desk:
    return desks.desk("helpdesk")


def step(i: int, tool: str, arguments: dict[str, Any], after: tuple[int, ...] = (), turn: int = 0) -> Step:
    return Step(id=i, turn=turn, tool=tool, world_id="world_1", arguments=arguments, sources={}, after=list(after),
                effect="read")  # fmt: skip


def keys(desk: Desk, entity: str) -> list[Any]:
    return list(desk.start.rows(entity))


def test_calls_on_different_rows_are_independent(desk: Desk) -> None:
    a, b, c = keys(desk, "Ticket")[:3]
    together = [step(i, "update_ticket", {"id": k, "priority": "urgent"}) for i, k in enumerate((a, b, c))]
    assert independent(desk, together) is True


def test_new_rows_get_their_keys_and_times_in_any_order(desk: Desk) -> None:
    person = keys(desk, "Contact")[0]
    new = [{"subject": s, "priority": "low", "requester": person} for s in ("No sound", "No light", "No heat")]
    assert independent(desk, [step(i, "create_ticket", n) for i, n in enumerate(new)]) is True


def test_a_count_beside_what_it_counts_is_not(desk: Desk) -> None:
    person = keys(desk, "Contact")[0]
    new = step(0, "create_ticket", {"subject": "No sound", "priority": "low", "requester": person})
    assert independent(desk, [new, step(1, "count_tickets", {})]) is False
    assert independent(desk, [new, step(1, "count_tickets", {}, after=(0,))]) is None
    assert independent(desk, [new, step(1, "count_tickets", {}, turn=1)]) is None


def test_two_values_for_one_field_are_not(desk: Desk) -> None:
    key = keys(desk, "Ticket")[0]
    rivals = [step(i, "update_ticket", {"id": key, "subject": s}) for i, s in enumerate(("One", "Two"))]
    assert independent(desk, rivals) is False


def test_a_read_of_a_row_that_is_written_beside_it_is_not(desk: Desk) -> None:
    key = keys(desk, "Ticket")[0]
    pair = [step(0, "get_ticket", {"id": key}), step(1, "update_ticket", {"id": key, "subject": "Other"})]
    assert independent(desk, pair) is False


def test_a_call_that_fails_in_some_order_is_not(desk: Desk) -> None:
    rows = desk.start.rows("Ticket")
    key = next(k for k, r in rows.items() if r["status"] == "open")
    pair = [step(0, "resolve_ticket", {"id": key}), step(1, "close_ticket", {"id": key})]
    assert independent(desk, pair) is False


def test_all_orders_of_few_and_some_of_many() -> None:
    few, many = [step(i, "t", {}) for i in range(4)], [step(i, "t", {}) for i in range(9)]
    found = {tuple(s.id for s in o) for o in orders(few)}
    assert len(found) == 23
    assert (0, 1, 2, 3) not in found
    some = [tuple(s.id for s in o) for o in orders(many)]
    assert len(some) == 12
    assert all(sorted(o) == list(range(9)) for o in some)
    assert some == [tuple(s.id for s in o) for o in orders(many)]


def test_waves_wait_for_what_they_need() -> None:
    plan = [step(0, "a", {}), step(1, "b", {}), step(2, "c", {}, after=(0,)), step(3, "d", {}, turn=1)]
    assert [[s.id for s in w] for w in waves(plan)] == [[0, 1], [2], [3]]


def test_tasks_of_kind_parallel_are_proved(desk: Desk) -> None:
    for n in range(8):
        assert build(desk, "parallel", rng_for("parallel", n)).parallel_safe is True
    assert build(desk, "single", rng_for("single", 0)).parallel_safe is None
