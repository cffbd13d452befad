"""Start states: references, uniqueness, sanity of dates, keys that cannot be guessed."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from synth.worlds.spec import IdStyle, World
from synth.worlds.start import make_key, start_rows

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="module")
def desk() -> World:
    return World.load(yaml.safe_load((DATA / "helpdesk.yaml").read_text()))


def world(entities: dict[str, Any]) -> World:
    return World.load({"world": "w", "entities": entities, "tools": {}})


def test_references_point_at_rows(desk: World) -> None:
    rows = start_rows(desk, 1)
    assert {n: len(r) for n, r in rows.items()} == {
        "Company": 8,
        "Contact": 60,
        "Agent": 12,
        "Ticket": 240,
        "Note": 300,
    }
    for name, entity in desk.entities.items():
        for fname, field in entity.fields.items():
            if field.type == "ref":
                keys = {r["id"] for r in rows[field.to or ""]}
                values = [r[fname] for r in rows[name]]
                assert all(v in keys for v in values if v is not None)
                assert field.nullable or None not in values
    assert list(rows["Ticket"][0])[:2] == ["id", "subject"]


def test_popularity_is_uneven_and_states_all_occur(desk: World) -> None:
    rows = start_rows(desk, 2)
    owners = Counter(r["requester"] for r in rows["Ticket"]).most_common()
    assert owners[0][1] >= 3 * (240 / 60)
    assert {r["status"] for r in rows["Ticket"]} == {"open", "pending", "resolved", "closed"}
    small = start_rows(desk, 2, scale=0.05)
    assert len(small["Ticket"]) == 12
    assert {r["status"] for r in small["Ticket"]} == {
        "open",
        "pending",
        "resolved",
        "closed",
    }


def test_unique_labels_and_matching_mail(desk: World) -> None:
    rows = start_rows(desk, 3)
    for name, field in (("Contact", "name"), ("Contact", "email"), ("Ticket", "subject"), ("Company", "name")):
        values = [r[field] for r in rows[name]]
        assert len(set(values)) == len(values)
    contact = rows["Contact"][0]
    assert contact["email"].startswith(contact["name"].split()[0].lower() + ".")


def test_times_agree(desk: World) -> None:
    rows = start_rows(desk, 4)
    made = {r["id"]: r["created"] for r in rows["Ticket"]}
    for note in rows["Note"]:
        assert made[note["ticket"]] <= note["created"] <= "2026-03-02T09:00:00Z"
    stays = world(
        {
            "Stay": {
                "rows": 200,
                "fields": {
                    "check_in": {"type": "date", "within": ["-20d", "40d"]},
                    "check_out": {"type": "date", "within": ["-20d", "60d"]},
                    "created": "time",
                    "updated_at": "time",
                },
            }
        }
    )
    calls = world({"Call": {"rows": 80, "fields": {"starts_at": "time", "ends_at": "time"}}})
    for r in start_rows(calls, 1)["Call"]:
        assert r["starts_at"][:10] <= r["ends_at"][:10]
        assert datetime.fromisoformat(r["ends_at"]) - datetime.fromisoformat(r["starts_at"]) <= timedelta(days=14)
    for r in start_rows(stays, 1)["Stay"]:
        assert r["check_in"] <= r["check_out"]
        assert r["created"] <= r["updated_at"] <= "2026-03-02T09:00:00Z"


def test_cycles_trees_links_and_natural_keys() -> None:
    w = world(
        {
            "Team": {
                "key": "name",
                "rows": 9,
                "fields": {"name": {"type": "text", "gen": "department"}, "lead": "ref Member?"},
            },
            "Member": {"rows": 30, "fields": {"name": "text", "team": "ref Team", "boss": "ref Member?"}},
            "Skill": {"key": "code", "rows": 5, "fields": {"code": {"type": "code", "pattern": "[A-Z]{4}"}}},
            "Has": {"key": ["member", "skill"], "rows": 80, "fields": {"member": "ref Member", "skill": "ref Skill"}},
            "Settings": {"singleton": True, "rows": 9, "fields": {"theme": "dark | light"}},
        }
    )
    rows = start_rows(w, 5)
    names = [t["name"] for t in rows["Team"]]
    assert len(set(names)) == 9
    assert any(t["lead"] for t in rows["Team"])
    order = {m["id"]: i for i, m in enumerate(rows["Member"])}
    assert all(m["boss"] is None or order[m["boss"]] < i for i, m in enumerate(rows["Member"]))
    pairs = [(h["member"], h["skill"]) for h in rows["Has"]]
    assert len(set(pairs)) == len(pairs) > 20
    assert len(rows["Settings"]) == 1
    assert all(m["team"] in names for m in rows["Member"])


def test_unique_runs_out_gracefully() -> None:
    rows = start_rows(
        world({"E": {"rows": 30, "fields": {"c": {"type": "text", "gen": "currency", "unique": True}}}}), 1
    )["E"]
    assert len({r["c"] for r in rows}) == 30


def test_deterministic_and_seeded(desk: World) -> None:
    assert start_rows(desk, 6) == start_rows(desk, 6)
    assert start_rows(desk, 6) != start_rows(desk, 7)
    held = {r["name"] for r in start_rows(desk, 6, split="eval")["Contact"]}
    assert not held & {r["name"] for r in start_rows(desk, 6)["Contact"]}


@pytest.mark.parametrize(
    "style",
    [
        IdStyle(), IdStyle(kind="int", size=4), IdStyle(kind="int"), IdStyle(kind="hex", size=8), IdStyle(kind="uuid"),
        IdStyle(kind="token", prefix="cus", size=14), IdStyle(kind="code", prefix="TCK"),
    ],
)  # fmt: skip
def test_keys_are_distinct_and_not_sequential(style: IdStyle) -> None:
    keys = [make_key("w", "E", style, 1, i) for i in range(10_000)]
    assert len(set(keys)) == 10_000
    if style.kind == "int":
        steps = {int(b) - int(a) for a, b in itertools.pairwise(keys)}
        assert len(steps) > 4000
    if style.kind == "code":
        assert not set("01IO") & set(str(keys[0]).partition("-")[2] or str(keys[0]))
    assert keys[0] != make_key("w", "E", style, 2, 0)


def test_a_state_of_620_rows_is_quick(desk: World) -> None:
    start_rows(desk, 0)
    best = min(_timed(desk, s) for s in range(5))
    assert best < 0.03  # 6 ms alone; room for a busy machine


def _timed(desk: World, seed: int) -> float:
    begin = time.process_time()
    start_rows(desk, seed)
    return time.process_time() - begin


def test_times_of_an_end_go_with_the_state() -> None:
    fields = {
        "status": {"type": "enum", "of": ["open", "resolved", "closed"]},
        "created_at": "time",
        "updated_at": "time",
        "resolved_at": "time?",
        "closed_on": {"type": "date", "null": 0.2},
    }
    rows = start_rows(world({"Case": {"rows": 120, "fields": fields}}), 3)["Case"]
    assert {r["resolved_at"] is not None for r in rows} == {True, False}
    for r in rows:
        assert (r["resolved_at"] is not None) == (r["status"] in ("resolved", "closed"))
        assert (r["closed_on"] is None) == (r["status"] == "open")
        assert r["created_at"] <= r["updated_at"]
        assert r["resolved_at"] is None or r["created_at"] <= r["resolved_at"] <= "2026-03-02T09:00:00Z"


def test_address_and_city_file_and_media_type_agree() -> None:
    fields = {"name": {"type": "text", "gen": "file_name"}, "mime_type": "text", "address": "text", "city": "text"}
    rows = start_rows(world({"Scan": {"rows": 40, "fields": fields}}), 3)["Scan"]
    for r in rows:
        assert r["address"].endswith(f", {r['city']}")
        assert not r["name"].endswith(".png") or r["mime_type"] == "image/png"
