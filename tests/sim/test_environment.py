"""Whatever a caller does wrong comes back as an error result; faults have no effect; ids and records line up."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from typing import Any

import desk
import pytest

from synth.records import Call
from synth.sim.environment import Environment
from synth.sim.faults import MAX_RANDOM, FaultPlan
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


def test_random_faults_are_few_spread_and_repeatable() -> None:
    def struck(seed: int) -> list[Any]:
        plan = FaultPlan([], 0.5, random.Random(seed))
        return [(t, plan.next(t)) for t in "abcabcabcabc"]

    for seed in range(50):
        hits = Counter(t for t, f in struck(seed) if f is not None)
        assert sum(hits.values()) <= MAX_RANDOM
        assert all(n == 1 for n in hits.values())
        assert struck(seed) == struck(seed)
    assert not any(FaultPlan([], 0.0, random.Random(s)).next("a") for s in range(50))


def test_planned_faults_strike_the_named_calls() -> None:
    plan = FaultPlan([FaultSpec(tool="a", kind="timeout", nth=1, times=2)], 1.0, random.Random(0))
    assert [plan.next("a") is not None for _ in range(4)] == [False, True, True, False]
    assert plan.next("b") is None  # a task with faults of its own gets no random ones
