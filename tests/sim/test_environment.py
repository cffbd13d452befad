"""Whatever a caller does wrong comes back as an error result; faults have no effect; ids and records line up."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from typing import Any

import desk
import pytest

from synth.records import Call
from synth.sim.environment import Environment
from synth.sim.faults import FaultPlan, notice_of
from synth.sim.setup import environment
from synth.taskspec import FaultSpec


def env(rate: float = 0.0) -> Environment:
    return environment(desk.catalog(), desk.single(), 1, rate)


def call(e: Environment, name: str, arguments: str) -> tuple[Call, str]:
    return asyncio.run(e.call(0, f"functions.{name}:{len(e.records)}", name, arguments))


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("no_such_tool", "{}", "unknown_tool"),
        ("export_report", "{}", "not_connected"),
        ("get_ticket", "{", "malformed_arguments"),
        ("get_ticket", "[1]", "malformed_arguments"),
        ("get_ticket", '{"id": NaN}', "malformed_arguments"),
        ("get_ticket", '{"id": "a", "id": "b"}', "malformed_arguments"),
        ("get_ticket", "[" * 100_000, "malformed_arguments"),
        ("get_ticket", "{}", "invalid_arguments"),
        ("get_ticket", '{"id": 5}', "invalid_arguments"),
        ("get_ticket", '{"id": "TCK-NOBODY", "extra": 1}', "invalid_arguments"),
        ("get_ticket", '{"id": "TCK-NOBODY"}', "not_found"),
        ("x" * 100_000, "{}", "unknown_tool"),
    ],
)
def test_wrong_calls_are_results(name: str, arguments: str, code: str) -> None:
    e = env()
    record, content = call(e, name, arguments)
    assert (record.ok, record.error) == (False, code)
    assert json.loads(content) == record.result
    assert e.diff() == []
    assert len(content) < 1000


def test_a_fault_applies_no_effect_and_is_recorded() -> None:
    task = desk.recover()
    e = environment(desk.catalog(), task, 1, 0.0)
    before = e.digest()
    arguments = json.dumps(task.plan["steps"][0]["arguments"])
    record, _ = call(e, "resolve_ticket", arguments)
    assert (record.ok, record.fault, record.latency_ms) == (False, "timeout", 0.0)
    assert (e.diff(), e.digest()) == ([], before)
    record, _ = call(e, "resolve_ticket", arguments)
    assert record.ok
    assert [d["changed"] for d in e.diff()] == [["status"]]
    assert e.digest() != before


def struck(kind: str, tool: str, *before: tuple[str, dict[str, Any]], **arguments: Any) -> tuple[Call, Environment]:
    """One call under a fault, after others that went through."""
    e = env()
    for name, sent in before:
        assert call(e, name, json.dumps(sent))[0].ok
    e.faults = FaultPlan([FaultSpec(tool=tool, kind=kind)], 0.0, random.Random(0))  # type: ignore[arg-type]
    record, content = call(e, tool, json.dumps(arguments))
    assert json.loads(content) == record.result
    return record, e


def test_an_answer_that_is_lost_leaves_its_effect_and_a_lost_request_none() -> None:
    key = desk.rows("Ticket", status="open")[0][0]
    answer, after = struck("lost_answer", "resolve_ticket", id=key)
    request, untouched = struck("lost_request", "resolve_ticket", id=key)
    assert (answer.ok, answer.recover, len(after.diff())) == (False, "look", 1)
    assert (request.ok, request.recover, untouched.diff()) == (False, "look", [])
    assert answer.result == request.result  # nobody can tell them apart without looking


def test_shaped_results_carry_a_sign_and_change_nothing() -> None:
    whole = desk.result("list_tickets")
    partial, e = struck("partial", "list_tickets")
    assert partial.ok and partial.recover == "retry" and e.diff() == []
    assert partial.result["items"] == whole["items"][: len(whole["items"]) // 2]
    assert notice_of(partial.result) and not notice_of(whole)
    assert struck("empty", "list_tickets")[0].result["items"] == []


def test_a_stale_read_shows_the_state_before_the_last_change() -> None:
    key, row = desk.rows("Ticket", status="open")[0]
    old, e = struck("stale", "get_ticket", ("resolve_ticket", {"id": key}), id=key)
    assert old.result["status"] == row["status"] and notice_of(old.result)
    e.faults = FaultPlan([], 0.0, random.Random(0))
    assert call(e, "get_ticket", json.dumps({"id": key}))[0].result["status"] == "resolved"


def test_renamed_fields_hold_what_they_held() -> None:
    key, row = desk.rows("Ticket")[0]
    record, _ = struck("renamed", "get_ticket", id=key)
    assert record.recover == "visible" and "id" not in record.result
    assert record.result["Id"] == key and record.result["Subject"] == row["subject"]


def test_the_diff_names_what_the_system_stamped() -> None:
    e = env()
    contact = desk.rows("Contact")[0][0]
    call(e, "create_ticket", json.dumps({"subject": "x", "priority": "low", "requester": contact}))
    (entry,) = e.diff()
    assert (entry["kind"], entry["before"], entry["changed"]) == ("insert", None, [])
    json.dumps(entry)


def test_episodes_do_not_see_each_other() -> None:
    first, second = env(), env()
    key = desk.rows("Ticket", status="open")[0][0]
    call(first, "resolve_ticket", json.dumps({"id": key}))
    assert second.diff() == []
    assert second.digest() == env().digest() != first.digest()


@pytest.mark.parametrize("rate", [0.02, 0.05, 0.2])
def test_the_share_of_random_faults_is_the_rate(rate: float) -> None:
    """Over short episodes in which every retry that helps is made, as the expert makes them."""
    calls = struck = 0
    for seed in range(4000):
        plan = FaultPlan([], rate, random.Random(seed))
        for tool, shape in (("a", "read"), ("b", "list"), ("c", "write"))[: 1 + seed % 3]:
            again = True
            while again:
                found = plan.next(tool, shape)  # type: ignore[arg-type]
                calls, struck = calls + 1, struck + (found is not None)
                again = found is not None and found.recover == "retry"
    assert abs(struck / calls - rate) < 3 * (rate * (1 - rate) / calls) ** 0.5


def test_random_faults_are_repeatable_and_a_retry_goes_through() -> None:
    def struck(seed: int) -> list[Any]:
        plan = FaultPlan([], 0.5, random.Random(seed))
        return [plan.next(t, "list") for t in "abcabcabcabc"]

    for seed in range(50):
        assert struck(seed) == struck(seed)
        for tool in range(3):
            mine = struck(seed)[tool::3]
            assert not any(f and f.recover == "retry" and g for f, g in itertools.pairwise(mine))
    assert not any(FaultPlan([], 0.0, random.Random(s)).next("a", "read") for s in range(50))


def test_planned_faults_strike_the_named_calls() -> None:
    plan = FaultPlan([FaultSpec(tool="a", kind="timeout", nth=1, times=2)], 1.0, random.Random(0))
    assert [plan.next("a", "read") is not None for _ in range(4)] == [False, True, True, False]
    assert plan.next("b", "read") is None  # a task with faults of its own gets no random ones
