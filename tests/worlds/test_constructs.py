"""Series, jobs and events, transfers, text edits, sessions, batches, idempotency, cases: on one small world."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from synth.errors import SpecError
from synth.worlds import Simulator, World
from synth.worlds.admit import admit_world

HARBOUR = Path(__file__).parent / "data" / "harbour.yaml"


@pytest.fixture(scope="module")
def world() -> World:
    return World.load(yaml.safe_load(HARBOUR.read_text()))


@pytest.fixture
def sim(world: World) -> Simulator:
    return Simulator(world, seed=3)


def first(sim: Simulator, entity: str) -> Any:
    return next(iter(sim.state.rows(entity)))


def test_every_construct_is_admitted(world: World) -> None:
    admissions = admit_world(world)
    leak = admissions.pop("leak")
    assert (leak.ok, leak.reason) == (False, "no_success") and "not_conserved" in leak.errors
    assert {n: (a.reason, a.detail) for n, a in admissions.items() if not a.ok} == {}
    assert {"insufficient", "same_row", "not_found"} <= set(admissions["transfer"].errors)
    assert "key_reused" in admissions["start_export"].errors
    assert "not_logged_in" in admissions["my_balance"].errors
    assert {"duplicate", "missing_argument", "not_found"} <= set(admissions["manage"].errors)


# --- series ---


def test_nothing_of_a_series_is_stored(sim: Simulator) -> None:
    assert [len(sim.state.rows(e)) for e in ("Reading", "Forecast", "Price")] == [0, 0, 0]


def test_ranges_that_overlap_agree(sim: Simulator) -> None:
    station = first(sim, "Station")
    ask = {"station": station, "until": "2026-03-02T05:00:00Z"}
    long = sim.call("get_readings", {**ask, "from": "2026-03-01T00:00:00Z"}).value["items"]
    short = sim.call("get_readings", {**ask, "from": "2026-03-02T03:00:00Z"}).value["items"]
    assert len(long) == 30 and short == long[-3:]
    assert sim.call("latest_reading", {"station": station}).value["at"] == "2026-03-02T09:00:00Z"
    assert len({r["temperature"] for r in long}) > 10


def test_a_series_depends_on_seed_and_key(world: World) -> None:
    one, other = Simulator(world, seed=3), Simulator(world, seed=4)
    asked = {"symbols": ["ABC", "XYZ"], "start_date": "2026-02-01", "end_date": "2026-02-10"}
    rows = one.call("get_prices", asked).value["items"]
    assert rows == Simulator(world, seed=3).call("get_prices", asked).value["items"]
    assert rows != other.call("get_prices", asked).value["items"]
    by_symbol = {s: [r["close"] for r in rows if r["symbol"] == s] for s in ("ABC", "XYZ")}
    assert len(by_symbol["ABC"]) == len(by_symbol["XYZ"]) == 10 and by_symbol["ABC"] != by_symbol["XYZ"]
    for row, following in pairwise(rows[:10]):
        assert row["low"] <= min(row["open"], row["close"]) <= max(row["open"], row["close"]) <= row["high"]
        assert row["close"] == following["open"]


def test_stations_have_weather_of_their_own(sim: Simulator) -> None:
    one, other = list(sim.state.rows("Station"))[:2]
    readings = [sim.call("get_readings", {"station": s, "limit": 9}).value["items"] for s in (one, other)]
    assert [r["temperature"] for r in readings[0]] != [r["temperature"] for r in readings[1]]


def test_steps_are_calendar_buckets(sim: Simulator) -> None:
    asked = {"symbols": ["ABC"], "start_date": "2025-11-15", "end_date": "2026-02-10", "interval": "1mo"}
    rows = sim.call("get_prices", asked).value["items"]
    assert [r["date"] for r in rows] == ["2025-11-01", "2025-12-01", "2026-01-01", "2026-02-01"]
    weeks = sim.call("get_prices", {**asked, "interval": "1wk", "start_date": "2026-02-01"}).value["items"]
    assert [r["date"] for r in weeks] == ["2026-01-26", "2026-02-02", "2026-02-09"]


def test_the_future_belongs_to_forecasts(sim: Simulator) -> None:
    station = first(sim, "Station")
    ahead = sim.call("get_forecast", {"station": station, "limit": 3}).value["items"]
    assert [r["day"] for r in ahead] == ["2026-03-02", "2026-03-03", "2026-03-04"]
    past = sim.call(
        "get_readings", {"station": station, "from": "2026-03-02T08:00:00Z", "until": "2027-01-01T00:00:00Z"}
    )
    assert [r["at"][11:13] for r in past.value["items"]] == ["08", "09"]
    assert sim.call("price_on", {"symbol": "ABC", "date": "2026-05-01"}).error == "not_found"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"station": "nowhere"}, "not_found"),
        ({"from": "2026-03-01T00:00:00Z", "until": "2026-02-01T00:00:00Z"}, "invalid_range"),
        ({"from": "some day"}, "invalid_value"),
        ({"from": "2001-01-01T00:00:00Z"}, "too_large"),
    ],
)
def test_a_series_fails_for_reasons(sim: Simulator, arguments: dict[str, Any], code: str) -> None:
    assert sim.call("get_readings", {"station": first(sim, "Station"), **arguments}).error == code


# --- jobs ---


def test_a_job_runs_by_the_clock_and_replays(world: World) -> None:
    states = []
    for _ in range(2):
        sim = Simulator(world, seed=3)
        job = sim.call("start_export", {"kind": "accounts"}).value
        seen = [job["status"], *(sim.call("get_export", {"id": job["id"]}).value["status"] for _ in range(4))]
        assert seen == ["queued", "running", "running", "done", "done"]
        row = sim.state.rows("Export")[job["id"]]
        assert row["url"] == "https://files.example/accounts/12"
        assert sim.call("cancel_export", {"id": job["id"]}).error == "invalid_move"
        states.append(sim.state.digest())
    assert states[0] == states[1]


def test_a_cancelled_job_stays_cancelled_and_a_job_is_no_change_of_a_read(sim: Simulator) -> None:
    job = sim.call("start_export", {"kind": "stations"}).value["id"]
    read = sim.call("get_export", {"id": job})
    assert read.value["status"] == "running" and read.changes == ()
    assert sim.call("cancel_export", {"id": job}).ok
    for _ in range(4):
        assert sim.call("get_export", {"id": job}).value["status"] == "cancelled"


def test_time_that_passes_at_once_fires_events_in_order(sim: Simulator) -> None:
    job = sim.call("start_export", {"kind": "stations"}).value["id"]
    sim.state.clock += 500
    assert sim.call("get_export", {"id": job}).value["status"] == "done"


def test_a_request_asked_twice_is_done_once(sim: Simulator) -> None:
    one = sim.call("start_export", {"kind": "stations", "request_key": "k1"}).value["id"]
    again = sim.call("start_export", {"kind": "stations", "request_key": "k1"})
    assert again.value["id"] == one and again.changes == ()
    assert sim.call("start_export", {"kind": "accounts", "request_key": "k1"}).error == "key_reused"


def test_an_event_looks_again_when_it_is_due() -> None:
    world = World.load({
        "world": "w",
        "entities": {
            "Till": {"rows": 1, "fields": {"open": "bool"}},
            "Sale": {"rows": 0, "fields": {"till": "ref Till", "state": {
                "type": "enum", "of": ["new", "booked"], "set_by": "system"}}},
        },
        "events": [{"of": "Sale", "when": "it.state == 'new' && Till[it.till].open", "to": {"state": "'booked'"}}],
        "tools": {"sell": {"op": "create", "of": "Sale", "needs": ["till"]},
                  "shut": {"op": "update", "of": "Till", "needs": ["open"]}},
    })  # fmt: skip
    for shut, state in ((True, "new"), (False, "booked")):
        sim = Simulator(world, seed=1)
        till = first(sim, "Till")
        sim.call("shut", {"id": till, "open": True})
        sim.call("sell", {"till": till})
        if shut:
            sim.state.put("Till", till, {**sim.state.rows("Till")[till], "open": False})
        sim.call("shut", {"id": till, "open": not shut})
        assert [r["state"] for r in sim.state.rows("Sale").values()] == [state]


# --- transfers and edits ---


def test_a_transfer_conserves(sim: Simulator) -> None:
    def total() -> int:
        return sum(r["balance"] for r in sim.state.rows("Account").values())

    before, (a, b) = total(), list(sim.state.rows("Account"))[:2]
    have = sim.state.rows("Account")[a]["balance"]
    assert sim.call("transfer", {"from": a, "to": b, "amount": have}).value["source"] == 0
    assert sim.call("transfer", {"from": a, "to": b, "amount": 1}).error == "insufficient"
    assert sim.call("transfer", {"from": b, "to": b, "amount": 1}).error == "same_row"
    assert total() == before


def test_edits_of_a_text(sim: Simulator) -> None:
    memo = first(sim, "Memo")

    def body() -> str:
        return str(sim.call("get_memo", {"id": memo}).value["body"])

    sim.call("append_to_memo", {"id": memo, "text": "\nsecond\nthird"})
    assert sim.call("insert_line", {"id": memo, "line": 1, "text": "between"}).value["lines"] == 4
    assert body().splitlines()[1:] == ["between", "second", "third"]
    assert sim.call("replace_lines", {"id": memo, "line": 2, "line_end": 3, "text": "both"}).ok
    assert body().splitlines()[1:] == ["both", "third"]
    assert sim.call("replace_lines", {"id": memo, "line": 2, "text": ""}).value["lines"] == 2
    assert sim.call("append_to_memo", {"id": memo, "text": "\nboth"}).ok
    assert sim.call("replace_in_memo", {"id": memo, "find": "both", "text": "third"}).ok
    assert sim.call("replace_in_memo", {"id": memo, "find": "third", "text": "x"}).error == "many_matches"
    assert sim.call("replace_in_memo", {"id": memo, "find": "fourth", "text": "x"}).error == "no_match"
    assert sim.call("insert_line", {"id": memo, "line": 9, "text": "x"}).error == "no_such_line"


# --- batches ---


def test_all_or_nothing_leaves_nothing_behind(sim: Simulator) -> None:
    memo, before = first(sim, "Memo"), sim.state.digest()
    assert sim.call("delete_memos", {"ids": [memo, "nobody"]}).error == "not_found"
    assert sim.state.digest() == before
    assert sim.call("delete_memos", {"ids": [memo]}).value["count"] == 1


def test_skip_reports_each_item_and_stop_stops(sim: Simulator) -> None:
    tags = list(sim.state.rows("Tag"))
    gone = sim.call("delete_tags", {"ids": [tags[0], "nobody", tags[1]]})
    assert (gone.value["succeeded"], gone.value["failed"]) == (2, 1)
    assert gone.value["results"][1] == {"item": "nobody", "ok": False, "error": "not_found",
                                        "message": "tag nobody was not found"}  # fmt: skip
    assert [c.key for c in gone.changes] == tags[:2]
    items = [{"id": i, "colour": "blue"} for i in (tags[2], "nobody", tags[3])]
    painted = sim.call("paint_tags", {"changes": items}).value
    assert [e["ok"] for e in painted["results"]] == [True, False]
    assert sim.call("paint_tags", {"changes": [{"id": tags[2]}]}).error == "invalid_arguments"


def test_an_item_that_fails_half_way_leaves_nothing_behind(sim: Simulator) -> None:
    used = next(iter(sim.state.rows("Visit").values()))["station"]
    free = next(k for k in sim.state.rows("Station") if not sim.state.tables["Visit"].by("station", k))
    out = sim.call("close_stations", {"ids": [used, free]}).value["results"]
    assert [(e["ok"], e.get("error")) for e in out] == [(False, "in_use"), (True, None)]
    assert used in sim.state.rows("Station") and free not in sim.state.rows("Station")


def test_items_see_what_earlier_items_did(sim: Simulator) -> None:
    made = sim.call("create_tags", {"tags": [{"name": "one-of-a-kind"}, {"name": "one-of-a-kind"}]}).value
    assert [e["ok"] for e in made["results"]] == [True, False]
    assert made["results"][1]["error"] == "duplicate"


# --- sessions, aggregates ---


def test_a_session_opens_and_closes(sim: Simulator) -> None:
    account = first(sim, "Account")
    assert sim.call("my_balance", {"id": account}).error == "not_logged_in"
    assert sim.call("log_in", {"account": account}).ok and sim.call("my_balance", {"id": account}).ok
    assert sim.call("log_out", {}).ok and sim.call("my_balance", {"id": account}).error == "not_logged_in"


def test_measures(sim: Simulator) -> None:
    rows = list(sim.state.rows("Account").values())
    assert sim.call("total_balance", {}).value == {"sum": sum(r["balance"] for r in rows), "count": 12}
    groups = sim.call("balance_by_owner", {}).value["groups"]
    assert groups[rows[0]["owner"]] == rows[0]["balance"]
    colours = sim.call("tags_by_colour", {}).value
    assert sum(colours["groups"].values()) == colours["total"] == 8


# --- conserved sums, trees, maps ---


def test_a_conserved_sum_is_kept_but_by_the_tools_that_may(world: World, sim: Simulator) -> None:
    account, before = first(sim, "Account"), sim.state.digest()
    leak = sim.call("leak", {"id": account, "amount": 7})
    assert leak.error == "not_conserved" and "sum of Account.balance" in leak.message
    assert sim.state.digest() == before
    assert sim.call("open_account", {"owner": "Ann Lee"}).ok
    spec = world.dump() | {"conserve": [{"terms": ["sum of Account.balance"], "except": ["leak"]}]}
    assert Simulator(World.load(spec), seed=3).call("leak", {"id": account, "amount": 7}).ok


def test_trees_are_walked_and_stay_trees(sim: Simulator) -> None:
    rows = sim.state.rows("Berth")
    child, parent = next((k, r["parent"]) for k, r in rows.items() if r["parent"] is not None)
    seen = sim.call("berths_below", {"id": parent}).value
    assert rows[child]["name"] in seen["below"] and seen["below"][0] == rows[parent]["name"]
    path = sim.call("berths_below", {"id": child}).value["path"].split(" / ")
    assert path[-2:] == [rows[parent]["name"], rows[child]["name"]]
    assert sim.call("move_berth", {"id": parent, "parent": child}).error == "circular"
    assert sim.call("move_berth", {"id": parent, "parent": parent}).error == "circular"


def test_a_map_is_put_into(sim: Simulator) -> None:
    berth = first(sim, "Berth")
    held = sim.state.rows("Berth")[berth]["load"]
    after = sim.call("occupy", {"id": berth, "ship": "aurora", "tons": 5}).value
    assert after == {"ships": [*held, "aurora"], "tons": sum(held.values()) + 5}
    assert sim.call("occupy", {"id": berth, "ship": "aurora", "tons": 9}).value["tons"] == after["tons"] + 4


def test_roots_that_name_themselves_are_walked_once() -> None:
    world = World.load({
        "world": "w",
        "entities": {"Unit": {"tree": "above", "rows": 9, "fields": {"name": "text", "above": "ref Unit"}}},
        "tools": {"all": {"op": "get", "of": "Unit", "gives": "{ids: walk(Unit, it.id).map(u, u.id)}"}},
    })  # fmt: skip
    sim = Simulator(world, seed=1)
    root = next(k for k, r in sim.state.rows("Unit").items() if r["above"] == k)
    ids = sim.call("all", {"id": root}).value["ids"]
    assert sorted(ids) == sorted(sim.state.rows("Unit"))


def test_a_search_ranks_and_leaves_out(sim: Simulator) -> None:
    for title in ("overdue notice", "harbour dues overdue", "quay"):
        sim.call("add_memo", {"title": title, "body": "x"})
    found = [m["title"] for m in sim.call("find_memos", {"query": "overdue harbour"}).value["items"]]
    assert found[0] == "harbour dues overdue" and "overdue notice" in found and "quay" not in found
    assert sim.call("find_memos", {"query": "overdue harbour tower crane"}).value["items"][0]["title"] == found[0]
    assert sim.call("find_memos", {"query": "zeppelin harbour tower crane"}).value["total"] == 0


# --- refusals ---


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("entities", "Reading", "key"), ["station"], "date or time"),
        (("entities", "Reading", "step"), "often", "not a step"),
        (("events", 0, "to"), {"kind": "'x'"}, "set_by: system"),
        (("events", 0, "of"), "Reading", "no stored entity"),
        (("tools", "get_readings", "op"), "list", "is virtual"),
        (("tools", "get_memo", "op"), "series", "needs a virtual entity"),
        (("tools", "transfer", "field"), "owner", "number field"),
        (("tools", "append_to_memo", "how"), None, "in `how`"),
        (("tools", "list_exports", "batch_over"), "ids", "works on one thing"),
        (("conserve", 0), "sum of Account.owner", "no number field"),
        (("conserve", 0), "all of it", "is not a sum"),
        (("entities", "Memo", "tree"), "title", "not a field of type `ref Memo`"),
        (("tools", "get_memo", "idempotent_by"), "title", "what makes a row"),
    ],
)
def test_a_wrong_construct_is_refused_with_its_mend(path: tuple[Any, ...], value: Any, words: str) -> None:
    spec = yaml.safe_load(HARBOUR.read_text())
    node = spec
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    with pytest.raises(SpecError, match=words):
        World.load(spec)


def test_a_curve_is_never_in_the_way_of_a_delete() -> None:
    spec = {
        "world": "w",
        "entities": {
            "Station": {"fields": {"name": "text"}, "label": "name"},
            "Reading": {
                "key": ["station", "day"], "virtual": True,
                "fields": {"station": "ref Station", "day": "date", "level": "number"},
            },
        },
        "tools": {
            "list_stations": {"op": "list", "of": "Station"}, "delete_station": {"op": "delete", "of": "Station"},
            "get_levels": {"op": "series", "of": "Reading"},
        },
    }  # fmt: skip
    found = admit_world(World.load(spec))
    assert {n: a.reason for n, a in found.items() if not a.ok} == {}
    assert "in_use" not in found["delete_station"].errors
