"""Lifted tools behave as such tools do: what they refuse, what they let pass. Tools of our own, no real server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from synth.worlds.lift import lift_server
from synth.worlds.simulate import Simulator, state_of
from tests.worlds.lift.test_lift import TEXT, WHOLE, Tool


def simulators(tools: Sequence[Tool], category: str = "productivity") -> dict[str, Simulator]:
    """A simulator on an empty state for every lifted tool; tools of one world share it."""
    out = {}
    for world in lift_server("desk", category, tools).worlds:
        sim = Simulator(world, state=state_of(world, {}))
        out |= dict.fromkeys(world.tools, sim)
    return out


def outcome(sims: dict[str, Simulator], tool: str, **arguments: Any) -> str:
    result = sims[tool].call(tool, arguments)
    return result.error or "ok"


LETTERS = (
    Tool("create_letter", {"filename": TEXT, "author": TEXT}, ("filename",)),
    Tool("get_letter_text", {"filename": TEXT}, ("filename",)),
    Tool("add_heading", {"filename": TEXT, "text": TEXT}, ("filename", "text")),
    Tool("add_stamp", {"filename": TEXT, "price": WHOLE}, ("filename", "price")),
    Tool("list_headings", {"filename": TEXT}, ("filename",)),
    Tool("copy_letter", {"source_filename": TEXT, "destination_filename": TEXT}, ("source_filename",)),
)


def test_the_place_of_a_whole_is_its_key_everywhere() -> None:
    sims = simulators(LETTERS)
    assert outcome(sims, "add_heading", filename="a.txt", text="Dear all") == "invalid_reference"
    assert outcome(sims, "list_headings", filename="a.txt") == "not_found"
    assert outcome(sims, "get_letter_text", filename="a.txt") == "not_found"
    assert outcome(sims, "create_letter", filename="a.txt") == "ok"
    assert outcome(sims, "add_heading", filename="a.txt", text="Dear all") == "ok"
    assert outcome(sims, "get_letter_text", filename="a.txt") == "ok"
    shown = sims["list_headings"].call("list_headings", {"filename": "a.txt"})
    assert shown.ok and "Dear all" in shown.content


def test_a_copy_of_a_whole_needs_its_source() -> None:
    sims = simulators(LETTERS)
    assert outcome(sims, "copy_letter", source_filename="a.txt", destination_filename="b.txt") == "not_found"
    outcome(sims, "create_letter", filename="a.txt")
    assert outcome(sims, "copy_letter", source_filename="a.txt", destination_filename="b.txt") == "ok"
    assert outcome(sims, "get_letter_text", filename="b.txt") == "ok"


def test_a_member_that_means_every_row_is_no_filter() -> None:
    status = {"type": "string", "enum": ["open", "done", "all"]}
    tools = (
        Tool("list_jobs", {"status": status}, ("status",)),
        Tool("create_job", {"name": TEXT, "status": {"type": "string", "enum": ["open", "done"]}}, ("name", "status")),
    )
    sims = simulators(tools)
    outcome(sims, "create_job", name="sweep", status="open")
    shown = {s: sims["list_jobs"].call("list_jobs", {"status": s}).content for s in ("open", "done", "all")}
    assert "sweep" in shown["open"] and "sweep" not in shown["done"] and "sweep" in shown["all"]


def test_keys_that_a_server_takes_as_text_are_texts() -> None:
    for server in ("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"):
        tools = (
            Tool("create_job", {"name": TEXT}, ("name",)),
            Tool("get_job", {"job_id": TEXT}, ("job_id",)),
        )
        (world,) = lift_server(server, "productivity", tools).worlds
        assert Simulator(world, state=state_of(world, {})).call("get_job", {"job_id": "nobody"}).error == "not_found"


def test_what_is_published_is_no_key() -> None:
    sims = simulators((
        Tool("publish", {"channel": TEXT, "message": TEXT}, ("channel", "message")),
        Tool("list_messages", {"channel": TEXT}, ("channel",)),
    ))  # fmt: skip
    assert outcome(sims, "publish", channel="news", message="rain at noon") == "ok"
    assert "rain at noon" in sims["list_messages"].call("list_messages", {"channel": "news"}).content


def test_a_step_of_a_row_is_a_move_of_the_row() -> None:
    tools = (
        Tool("request_delivery", {"goods": TEXT}, ("goods",)),
        Tool("list_requests"),
        Tool("approve_request_payment", {"requestId": TEXT}, ("requestId",)),
    )
    sims = simulators(tools)
    made = sims["request_delivery"].call("request_delivery", {"goods": "tea"})
    assert "tea" in sims["list_requests"].call("list_requests", {}).content
    key = made.changes[0].key
    assert outcome(sims, "approve_request_payment", requestId=key) == "ok"
    assert outcome(sims, "approve_request_payment", requestId="nobody") == "not_found"


def test_what_is_set_under_a_key_can_be_read_under_it() -> None:
    tools = (
        Tool("set_flag", {"key": TEXT, "value": TEXT}, ("key", "value")),
        Tool("get_flag", {"key": TEXT}, ("key",)),
    )
    sims = simulators(tools)
    assert outcome(sims, "get_flag", key="color") == "not_found"
    assert outcome(sims, "set_flag", key="color", value="red") == "ok"
    assert outcome(sims, "set_flag", key="color", value="blue") == "ok"
    assert "blue" in sims["get_flag"].call("get_flag", {"key": "color"}).content
