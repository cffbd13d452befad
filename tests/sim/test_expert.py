"""The expert: every argument from its source, never an ungrounded one; it retries, goes round, and asks."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import desk
import pytest

from rubrics.normal import Text, flat_text, leaves, mentions
from synth.errors import TaskFailure
from synth.goals.verbs import past_of
from synth.pipeline_stages import Player, RolloutsSettings
from synth.records import TaskRow, TrajectoryRow, make_id
from synth.sim import speech
from synth.sim.setup import Catalog
from synth.stages import rollouts
from synth.worlds.simulate import start_state

SETTINGS = RolloutsSettings(policy="expert", fault_rate=0.3)
EXPERT = Player("expert", None)


def play(task: TaskRow, attempt: int = 0) -> TrajectoryRow:
    name = make_id("traj", 7, task.task_id, attempt)
    return asyncio.run(rollouts.play(rollouts.Slot(name, task, attempt, EXPERT), desk.catalog(), SETTINGS))


@pytest.mark.parametrize("name", desk.MAKERS)
def test_every_argument_was_said_or_shown_before(name: str) -> None:
    for attempt in range(5):
        known = ""
        for message in play(desk.tasks()[name], attempt).messages:
            for call in message.get("tool_calls") or ():
                for _, value in leaves(json.loads(call["function"]["arguments"])):
                    assert mentions(value, Text(known)), (value, known)
            if message["role"] == "tool":
                known += "\n" + flat_text(json.loads(message["content"]))
            elif message["role"] != "assistant":
                known += "\n" + message["content"]


def changed(task: TaskRow, **plan: Any) -> TaskRow:
    return task.model_copy(update={"plan": task.plan | plan})


def edited(task: TaskRow, step: int, **fields: Any) -> TaskRow:
    steps = [s | fields if s["id"] == step else s for s in task.plan["steps"]]
    return changed(task, steps=steps)


@pytest.mark.parametrize(
    ("task", "why"),
    [
        (edited(desk.chain(), 2, sources={}), "has no source"),
        (edited(desk.chain(), 2, arguments={"id": "TCK-AAAAAA", "priority": "low"}), "is not what the user said"),
        (edited(desk.chain(), 1, sources={"/requester": desk.shown(0, "items", 7, "id").model_dump()}), "is not at"),
        (edited(desk.chain(), 0, sources={"/query": desk.told("nobody").model_dump()}), "unknown fact"),
        (edited(desk.single(), 0, sources={"/id": {"kind": "prompt"}}), "does not stand in the system prompt"),
        (
            edited(
                desk.create(),
                1,
                sources=desk.create().plan["steps"][1]["sources"] | {"/requester": {"kind": "free"}},
                arguments=desk.create().plan["steps"][1]["arguments"] | {"requester": "ZZZ999"},
            ),
            "nobody named",
        ),
        (edited(desk.single(), 0, sources={"/id": desk.shown(3, "id").model_dump()}), "can never start"),
        (changed(desk.clarify(), asks=[]), "can never start"),
    ],
    ids=[
        "no source",
        "another value",
        "no such path",
        "no such fact",
        "not in the prompt",
        "an invented choice",
        "no such step",
        "never asked",
    ],
)
def test_a_value_without_ground_is_a_failure_of_the_task(task: TaskRow, why: str) -> None:
    with pytest.raises(TaskFailure) as failure:
        play(task)
    assert failure.value.class_ == "task"
    assert why in failure.value.detail


def test_the_expert_sends_what_the_results_really_showed() -> None:
    task = edited(desk.chain(), 1, arguments={"requester": "WRONG1"})
    assert "WRONG1" not in json.dumps(play(task).messages)


def test_independent_steps_go_out_together() -> None:
    calls = [m["tool_calls"] for m in play(desk.parallel()).messages if m.get("tool_calls")]
    assert [c["id"] for c in calls[0]] == ["functions.get_ticket:0", "functions.get_ticket:1"]


def test_a_passing_fault_is_retried_and_a_lasting_one_is_gone_round() -> None:
    again = play(desk.recover()).calls
    assert [(c.name, c.ok, c.fault) for c in again] == [
        ("resolve_ticket", False, "timeout"),
        ("resolve_ticket", True, None),
    ]
    around = play(desk.around()).calls
    assert [(c.name, c.ok) for c in around] == [("get_ticket", False), ("list_tickets", True)]


def test_a_needed_step_that_fails_for_good_is_a_failure_of_the_task() -> None:
    task = desk.chain()
    fault = {"tool": "search_contacts", "kind": "unavailable", "nth": 0, "times": 99, "recover": "other_way"}
    with pytest.raises(TaskFailure, match="needs step 0"):
        play(task.model_copy(update={"start": task.start | {"faults": [fault]}}))


def test_what_is_to_be_told_must_have_been_shown() -> None:
    task = desk.around()
    tell = task.goal["tell"][0] | {"value": "another subject"}
    with pytest.raises(TaskFailure, match="never shown"):
        play(task.model_copy(update={"goal": task.goal | {"tell": [tell]}}))


def test_words_vary_and_the_same_id_gives_the_same_bytes() -> None:
    runs = [play(desk.single(), attempt) for attempt in range(12)]
    assert len({r.messages[-1]["content"] for r in runs}) >= 5
    assert [r.model_dump_json() for r in runs] == [play(desk.single(), a).model_dump_json() for a in range(12)]


def test_dates_are_said_as_people_say_them_and_stay_the_same_fact() -> None:
    say, value = "the ticket was created at 2026-03-07T09:05:11Z", "2026-03-07T09:05:11Z"
    said = {speech.moment(say, value, random.Random(n)) for n in range(60)}
    assert "the ticket was created on 7 March 2026 at 09:05 UTC" in said
    assert say in said
    assert all(mentions(value, Text(s)) for s in said)
    assert speech.moment("the due date is 2026-03-07", "2026-03-07", random.Random(0)).startswith("the due date is")
    assert speech.moment("the name is soon", "soon", random.Random(0)) == "the name is soon"


def test_many_deeds_of_one_sort_are_counted_and_named() -> None:
    deeds = [speech.Deed(f'I created the tag "{n}"', ("create", "tags"), f'"{n}"') for n in "abc"]
    (said,) = speech.gathered(deeds, random.Random(1))
    assert "3 tags" in said
    assert said.endswith('"a", "b" and "c"')
    assert speech.gathered(deeds[:2], random.Random(1)) == [d.clause for d in deeds[:2]]


@pytest.mark.parametrize(
    ("verb", "past"),
    [("cancel", "cancelled"), ("archive", "archived"), ("run", "run"), ("retry", "retried"), ("withdraw", "withdrawn"),
     ("check out", "checked out"), ("play", "played"), ("submit", "submitted")],
)  # fmt: skip
def test_verbs_in_the_past(verb: str, past: str) -> None:
    assert past_of(verb) == past


@pytest.mark.parametrize("manner", ["cautious", "brisk"])
@pytest.mark.parametrize("deletes", [True, False])
def test_a_cautious_expert_asks_before_it_deletes(manner: str, deletes: bool) -> None:
    """The prompt of a cautious agent wants a go-ahead; the user gives it, and only then is the call made."""
    task = _deleting() if deletes else desk.tasks()["single"]
    known = desk.catalog()
    agent = known.agents[desk.AGENT_ID]
    agent = agent.model_copy(update={"traits": agent.traits | {"manner": manner}})
    catalog = Catalog.of([agent], list(known.tools.values()), list(known.worlds.values()))
    row = asyncio.run(
        rollouts.play(rollouts.Slot(make_id("traj", 1), task, 0, EXPERT), catalog, RolloutsSettings(fault_rate=0.0))
    )
    first = next(i for i, m in enumerate(row.messages) if m.get("tool_calls"))
    questions = [m["content"] for m in row.messages[:first] if m["role"] == "assistant"]
    assert [q.endswith("?") for q in questions] == ([True] if deletes and manner == "cautious" else [])
    assert len(row.state_diff) == 1


def _deleting() -> TaskRow:
    """The first task, with a deletion of a contact without tickets in place of its write."""
    base = desk.tasks()["single"]
    state = start_state(desk.world(), desk.SEED)
    owners = {r["requester"] for r in state.rows("Ticket").values()}
    key = next(k for k in state.rows("Contact") if k not in owners)
    said = f"the contact is {key}"
    change = {"world_id": desk.WORLD_ID, "entity": "Contact", "kind": "delete", "key": key}
    return base.model_copy(update={
        "user": base.user | {"turns": [f"Please delete contact {key}."],
                             "facts": [{"id": "f0", "say": said, "value": key, "about": ["contact"], "told": 0}]},
        "goal": base.goal | {"changes": [change]},
        "plan": {"steps": [{"id": 0, "turn": 0, "tool": "delete_contact", "world_id": desk.WORLD_ID,
                            "arguments": {"id": key}, "sources": {"/id": {"kind": "user", "fact": "f0"}},
                            "effect": "write"}]},
    })  # fmt: skip
