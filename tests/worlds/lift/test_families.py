"""Families of tools beside plain records: multiplexers, curves, catalogues, jobs, batches, measures. Each is read,
built, admitted, and does what it says."""

from __future__ import annotations

from typing import Any

import pytest

from synth.worlds import Simulator
from synth.worlds.admit import admit_world
from synth.worlds.lift import Lift, lift_server
from synth.worlds.spec import ToolSpec, World
from tests.worlds.lift.test_lift import TEXT, WHOLE, Tool

IDS = {"type": "array", "items": TEXT}


def action(*choices: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(choices)}


LABELS = (
    Tool(
        "manage_label",
        {"action": action("create", "rename", "delete", "list"), "label_id": TEXT, "name": TEXT, "limit": WHOLE},
        ("action",),
    ),
    Tool("list_notes", {"label_id": TEXT}),
    Tool("create_note", {"title": TEXT, "label_id": TEXT}, ("title",)),
    Tool("get_note", {"note_id": TEXT}, ("note_id",)),
    Tool("append_to_note", {"note_id": TEXT, "content": TEXT}, ("note_id", "content")),
    Tool("edit_note", {"note_id": TEXT, "old_text": TEXT, "new_text": TEXT}, ("note_id", "old_text", "new_text")),
    Tool("delete_notes", {"note_ids": IDS}, ("note_ids",)),
    Tool(
        "create_notes",
        {
            "notes": {
                "type": "array",
                "items": {"type": "object", "properties": {"title": TEXT, "label_id": TEXT}, "required": ["title"]},
            }
        },
        ("notes",),
    ),
)
MARKET = (
    Tool("get_stock_prices", {"symbol": TEXT, "start_date": TEXT, "end_date": TEXT, "interval": TEXT}, ("symbol",)),
    Tool("bureau_steel_output_by_region", {"start_date": TEXT, "end_date": TEXT, "region": action("north", "south")}),
    Tool("bureau_steel_stocks", {"start_date": TEXT, "end_date": TEXT}),
    Tool("bureau_coal_stocks", {"start_date": TEXT, "end_date": TEXT}),
    Tool("bureau_coal_mines", {"region": TEXT}),
    Tool("bureau_wages", {"start_date": TEXT, "end_date": TEXT}),
    Tool("search_companies", {"query": TEXT, "limit": WHOLE}, ("query",)),
    Tool("list_holidays", {"year": WHOLE}),
    Tool("list_exchanges", {"country": TEXT}),
    Tool("get_company_profile", {"symbol": TEXT}, ("symbol",)),
)
WORKS = (
    Tool("list_scans", {"limit": WHOLE}),
    Tool("get_scan", {"scan_id": TEXT}, ("scan_id",)),
    Tool("run_scan", {"target": TEXT, "depth": WHOLE}, ("target",)),
    Tool("list_servers", {"limit": WHOLE}),
    Tool("get_server", {"server_id": TEXT}, ("server_id",)),
    Tool("rebuild_server", {"server_id": TEXT}, ("server_id",)),
    Tool("get_server_stats", {"server_id": TEXT}, ("server_id",)),
    Tool("get_server_usage", {"id": TEXT}, ("id",)),
    Tool("get_server_logs", {"server_id": TEXT, "limit": WHOLE}, ("server_id",)),
    Tool("get_server_metrics", {"server_id": TEXT, "start_time": TEXT, "end_time": TEXT}, ("server_id",)),
    Tool("execute_query", {"sql": TEXT}, ("sql",)),
)


def one(lift: Lift, name: str) -> tuple[World, ToolSpec]:
    """The world that holds a tool, and the tool; all of the world is admitted."""
    world = next(w for w in lift.worlds if name in w.tools)
    bad = [f"{v.tool}: {v.reason} {v.detail}" for v in admit_world(world).values() if not v.ok]
    assert not bad
    return world, world.tools[name]


def test_a_multiplexer_becomes_a_choice_of_its_cases() -> None:
    world, tool = one(lift_server("pad", "productivity", LABELS), "manage_label")
    assert tool.op == "choose"
    assert {n: c.op for n, c in (tool.cases or {}).items()} == {
        "create": "create",
        "rename": "update",
        "delete": "delete",
        "list": "list",
    }
    sim = Simulator(world, seed=1)
    made = sim.call("manage_label", {"action": "create", "name": "urgent"})
    assert made.ok
    assert sim.call("manage_label", {"action": "delete"}).error == "missing_argument"
    (key,) = [c.key for c in made.changes]
    assert sim.call("manage_label", {"action": "delete", "label_id": key}).ok


def test_what_one_case_opens_no_other_takes_whole() -> None:
    data = {"type": "object", "properties": {"name": TEXT, "note": TEXT}}
    tool = Tool("manage_label", {**LABELS[0].input_schema["properties"], "data": data}, ("action",))
    _, tool_spec = one(lift_server("pad", "productivity", (tool, *LABELS[1:])), "manage_label")
    places = [tuple(p.at or [n]) for n, p in (tool_spec.params or {}).items()]
    assert not [p for p in places for q in places if p != q and q[: len(p)] == p]
    assert all(n in (tool_spec.params or {}) for c in (tool_spec.cases or {}).values() for n in c.params or {})


def test_a_multiplexer_whose_choices_are_not_told_stays() -> None:
    tools = (*LABELS[1:], Tool("manage_label", {"action": TEXT, "label_id": TEXT}, ("action",)))
    dropped = {d.tool: d.reason for d in lift_server("pad", "productivity", tools).dropped}
    assert dropped == {"manage_label": "multiplexer"}


@pytest.mark.parametrize(("name", "op"), [("delete_notes", "delete"), ("create_notes", "create")])
def test_a_batch_does_one_operation_for_each_item(name: str, op: str) -> None:
    world, tool = one(lift_server("pad", "productivity", LABELS), name)
    assert tool.op == op
    sim = Simulator(world, seed=2)
    if op == "create":
        done = sim.call(name, {"notes": [{"title": "one"}, {"title": "two"}]})
        assert len(done.changes) == 2
    else:
        keys = [str(k) for k in list(sim.state.rows("Note"))[:3]]
        assert len(sim.call(name, {"note_ids": keys}).changes) == 3
        assert not set(keys) & {str(k) for k in sim.state.rows("Note")}


def test_an_edit_changes_a_part_of_the_text() -> None:
    world, tool = one(lift_server("pad", "productivity", LABELS), "edit_note")
    assert (tool.op, tool.how, world.tools["append_to_note"].how) == ("edit", "replace_one", "append")
    sim = Simulator(world, seed=5)
    key, row = next(iter(sim.state.rows("Note").items()))
    old = str(row[str(tool.field)])
    assert sim.call("append_to_note", {"note_id": key, "content": " the end"}).ok
    assert sim.call("edit_note", {"note_id": key, "old_text": "the end", "new_text": "an end"}).ok
    assert sim.state.rows("Note")[key][str(tool.field)] == old + " an end"
    assert sim.call("edit_note", {"note_id": key, "old_text": "nowhere", "new_text": "x"}).error == "no_match"


def test_curves_are_virtual_and_agree_where_ranges_overlap() -> None:
    lift = lift_server("market", "finance-markets", MARKET)
    readings = {r.tool: r for r in lift.readings}
    assert (readings["get_stock_prices"].kind, readings["get_stock_prices"].keys) == ("series", ("symbol",))
    world, tool = one(lift, "get_stock_prices")
    assert world.entities[str(tool.of)].virtual
    sim = Simulator(world, seed=3)

    def told(start: str, end: str) -> list[Any]:
        result = sim.call("get_stock_prices", {"symbol": "ACME", "start_date": start, "end_date": end})
        assert result.ok
        value: Any = result.value
        return list(next(v for v in value.values() if isinstance(v, list)) if isinstance(value, dict) else value)

    wide, narrow = told("2026-01-01", "2026-02-01"), told("2026-01-10", "2026-01-12")
    assert len(narrow) == 3
    assert all(row in wide for row in narrow)
    assert sim.call("get_stock_prices", {"symbol": "A", "start_date": "2026-02-01", "end_date": "2026-01-01"}).error


def test_a_data_source_is_read_without_its_publishers_words() -> None:
    readings = {r.tool: r for r in lift_server("market", "finance-markets", MARKET).readings}
    kinds = {n: (r.kind, " ".join(r.entity)) for n, r in readings.items()}
    assert kinds["bureau_steel_stocks"] == ("series", "steel stock")
    assert kinds["bureau_coal_mines"] == ("list", "coal mine")
    assert kinds["bureau_wages"] == ("series", "wage")
    assert kinds["search_companies"] == ("search", "company")
    assert kinds["get_company_profile"][0] == "get"
    assert readings["get_company_profile"].keys == ("symbol",)


def test_work_that_was_asked_for_is_done_later() -> None:
    world, tool = one(lift_server("plant", "dev-ops", WORKS), "run_scan")
    assert tool.op == "job"
    sim = Simulator(world, seed=4)
    made = sim.call("run_scan", {"target": "host-1"})
    (key,) = [c.key for c in made.changes]
    states = [made.changes[0].after["status"]]
    for _ in range(6):
        sim.call("list_scans", {})
        states.append(sim.state.rows("Scan")[key]["status"])
    assert states[0] == "queued"
    assert "running" in states
    assert states[-1] == "success"  # the stage that rows of this noun have already


def test_measures_are_rows_curves_or_parts_of_a_row() -> None:
    lift = lift_server("plant", "dev-ops", WORKS)
    kinds = {r.tool: (r.kind, " ".join(r.entity), r.keys) for r in lift.readings}
    assert kinds["get_server_logs"] == ("list", "server log", ())
    assert kinds["get_server_stats"] == ("get", "server", ("server_id",))
    assert kinds["get_server_usage"] == ("get", "server", ("id",))
    assert kinds["get_server_metrics"] == ("series", "server metric", ("server_id",))
    assert kinds["rebuild_server"] == ("job", "server", ("server_id",))


def test_what_runs_any_code_is_never_lifted() -> None:
    dropped = {d.tool: d.reason for d in lift_server("plant", "dev-ops", WORKS).dropped}
    assert dropped["execute_query"] == "code"
