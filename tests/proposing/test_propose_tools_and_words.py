"""New tools for a world that is there, and new words for its tools: what stays, what is refused and why."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from parents import desk, tool

from synth.models.roles import Role
from synth.models.scripted import Script, ScriptedClient
from synth.proposing import tools, words
from synth.worlds.admit import admit_world
from synth.worlds.simulate import compile_world

LOAD = tool(op="aggregate", of="Ticket", needs=["agent"], where=["it.status == 'open'"],
            arguments={"agent": "Whose tickets are counted."})  # fmt: skip
HAND_OVER = tool(
    op="do", of="Agent", effect="write", takes={"successor": "ref Agent"}, description="Hands all open tickets over.",
    do=[
        {"require": "args.successor != it.id", "else": "same_agent"},
        {"find": "mine", "from": "Ticket", "where": ["it.agent == args.id && it.status == 'open'"]},
        {"each": "t", "in": "mine", "do": [{"set": "t", "of": "Ticket", "to": {"agent": "args.successor"}}]},
        {"return": "{moved: size(mine)}"},
    ],
)  # fmt: skip
ERRORS = {"same_agent": {"status": 409, "say": "an agent cannot take over from itself"}}


def judged(errors: Any = ERRORS, **new: Any) -> Any:
    return tools.judge(desk(), "train", {"tools": new, "errors": errors})


def test_new_tools_are_admitted_and_keep_to_their_parents_lineage() -> None:
    found = judged(open_load=LOAD, hand_over=HAND_OVER)
    assert (found.reason, found.sentences, found.value.names) == ("", [], ["open_load", "hand_over"])
    world = found.value.world
    assert set(world.tools) == {*desk().tools, "open_load", "hand_over"}
    assert all(a.ok for a in admit_world(world).values())
    assert world.tools["open_load"].parents == desk().tools["get_ticket"].parents
    assert compile_world(world).tool("open_load").input_schema["properties"]["agent"]["description"] == (
        "Whose tickets are counted."
    )


@pytest.mark.parametrize(
    ("new", "reason", "part"),
    [
        ({"Get_Ticket": LOAD}, "does_not_load", "a tool of this name"),
        ({"load": LOAD | {"of": "Tikcet"}}, "does_not_load", "no entity Tikcet"),
        ({"load": LOAD | {"gives": "found.nothing"}}, "does_not_compile", "nothing"),
        ({"load": LOAD | {"where": ["it.status == 'open'", "it.nothing"]}}, "does_not_compile", "nothing"),
        ({"load": LOAD | {"require": [{"that": "true", "else": "never"}]}}, "error_unreached", "never"),
        ({"load": LOAD | {"description": "See [here](x) for more."}}, "text_markup", "markup"),
        ({"fetch": tool(op="get", of="Ticket", description="Gets one.", arguments={})}, "near_duplicate", "get_ticket"),
        ({"load": LOAD | {"arguments": {"agnt": "Whose."}}}, "does_not_load", "agnt"),
    ],
)
def test_a_tool_that_is_refused_says_why_and_costs_no_other(new: Any, reason: str, part: str) -> None:
    found = judged(**new, hand_over=HAND_OVER)
    assert found.value.names == ["hand_over"]
    ((name, (why, detail)),) = found.value.lost.items()
    assert (name, why) == (next(iter(new)), reason) and part in detail
    assert found.sentences == [detail]


def test_two_new_tools_that_do_the_same_are_one() -> None:
    found = judged(open_load=LOAD, count_open=LOAD)
    assert found.value.names == ["open_load"] and found.value.lost["count_open"][0] == "near_duplicate"


def test_codes_that_are_there_are_not_said_anew() -> None:
    said = {
        "agent_inactive": {"say": "whatever"},
        "not_found": {"say": "gone"},
        "unused": {"say": "never raised"},
        **ERRORS,
    }
    checks = [
        {"require": "args.successor != it.id", "else": "same_agent"},
        {"load": "other", "from": "Agent", "key": "args.successor", "else": "not_found"},
        {"require": "other.active", "else": "agent_inactive"},
    ]
    world = judged(errors=said, hand_over=HAND_OVER | {"do": [*checks, *HAND_OVER["do"][1:]]}).value.world
    assert set(world.errors) == {*desk().errors, "same_agent"}
    assert {code: world.errors[code] for code in desk().errors} == desk().errors


def test_what_is_wrong_is_sent_back() -> None:
    wrong = json.dumps({"tools": {"load": LOAD | {"of": "Tikcet"}}})
    right = json.dumps({"tools": {"load": LOAD}})
    client = ScriptedClient(Script.model_validate({"replies": [{"content": wrong}, {"content": right}]}))
    answer = asyncio.run(tools.propose_tools(Role("proposer", client, "scripted:w"), desk(), "train"))
    assert answer.value is not None and answer.value.names == ["load"] and answer.replies == 2


# --- words ---


def reworded(text: str, tool: str = "get_ticket", **arguments: str) -> Any:
    """What became of one description (and of arguments): (the new world, {what: reason})."""
    world = spelled_out()
    found = words.judge(world, {"tools": {tool: {"description": text, "arguments": arguments}}}).value
    assert found is not None
    return found.world, {what: reason for what, (reason, _) in found.lost.items()}


def spelled_out() -> Any:
    """The desk with all parameters written out, as evolved worlds have them."""
    from synth.worlds.params import explicit

    world = desk()
    told = {n: t.model_copy(update={"params": explicit(world, t), "description": f"Does {n}."})
            for n, t in world.tools.items()}  # fmt: skip
    return world.model_copy(update={"tools": told})


def test_good_texts_are_taken() -> None:
    world, lost = reworded("Shows everything known about a single support ticket.", id="Key of the ticket.")
    assert lost == {}
    shown = compile_world(world).tool("get_ticket")
    assert shown.spec.description == "Shows everything known about a single support ticket."
    assert shown.input_schema["properties"]["id"]["description"] == "Key of the ticket."
    assert {n: t for n, t in world.tools.items() if n != "get_ticket"} == {
        n: t for n, t in spelled_out().tools.items() if n != "get_ticket"
    }
    assert admit_world(world)["get_ticket"].ok


@pytest.mark.parametrize(
    ("text", "tool", "reason"),
    [
        ("Short.", "get_ticket", "text_length"),
        ("Long. " * 200, "get_ticket", "text_length"),
        ("Shows one ticket, see https://example.org for more.", "get_ticket", "text_markup"),
        ("Shows <b>one</b> ticket in full.", "get_ticket", "text_markup"),
        ("Shows one ticket. Prefer list_tickets for many.", "get_ticket", "names_other_tool"),
        ("Shows one ticket by its `ticket_number` alone.", "get_ticket", "names_unknown"),
        ("Shows one ticket with its latest 25 notes.", "get_ticket", "unknown_number"),
        ("Deletes one ticket from the desk.", "get_ticket", "contradicts_effect"),
        ("A read-only view of the contact.", "delete_contact", "contradicts_effect"),
        ("Does list_notes.", "get_ticket", "names_other_tool"),
    ],
)
def test_a_text_that_is_refused_leaves_the_old_one(text: str, tool: str, reason: str) -> None:
    world, lost = reworded(text, tool)
    assert lost == {tool: reason}
    assert world.tools[tool].description == f"Does {tool}."


def test_siblings_are_not_described_alike() -> None:
    same = {"description": "Works with the records of the desk."}
    found = words.judge(spelled_out(), {"tools": {"get_ticket": same, "get_contact": same}}).value
    assert found is not None and (found.tools, found.lost["get_contact"][0]) == (["get_ticket"], "same_as_sibling")


def test_arguments_are_checked_one_by_one() -> None:
    said = {"subject": "Optional short subject.", "tags": "A required list of tags.", "colour": "Its colour."}
    world, lost = reworded("Opens a new ticket.", "create_ticket", priority="How soon it has to be done.", **said)
    assert lost == {"create_ticket.subject": "contradicts_required", "create_ticket.tags": "contradicts_required",
                    "create_ticket.colour": "unknown_parameter"}  # fmt: skip
    params = world.tools["create_ticket"].params
    assert (params["priority"].description, params["subject"].description) == ("How soon it has to be done.", None)


def test_a_tool_that_is_not_there_is_named() -> None:
    _, lost = reworded("Shows one ticket in full.", "no_such_tool")
    assert lost == {"no_such_tool": "unknown_tool"}
