"""The audit against a server of our own, over the real transport; its parts on their own."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from synth.errors import UsageError
from synth.fidelity import live as live_module
from synth.fidelity.answers import Outcome, error_class, read_answer
from synth.fidelity.compare import Compared, Tally, disagreements, tallies
from synth.fidelity.drawing import Drawer, Pools
from synth.fidelity.drive import Audit, run_audit
from synth.fidelity.learn import learn
from synth.fidelity.live import Answer
from synth.fidelity.report import as_json, markdown, table
from synth.fidelity.setups import Setup, load_setups
from synth.fidelity.twin import Twin
from synth.records import rng_for
from synth.worlds import World
from synth.worlds.admit import admit_world
from synth.worlds.lift import lift_server
from synth.worlds.lift.observed import apply_observed
from tools_catalog import load_servers
from tools_catalog.harvest.installed import Installed
from tools_catalog.observed import load_observed
from tools_catalog.servers import ServerSpec

TITLE = {"type": "string"}
SCHEMAS: dict[str, dict[str, Any]] = {
    "create_note": {"type": "object", "properties": {"title": TITLE, "body": TITLE}, "required": ["title"]},
    "get_note": {"type": "object", "properties": {"title": TITLE}, "required": ["title"]},
    "delete_note": {"type": "object", "properties": {"title": TITLE}, "required": ["title"]},
    "list_notes": {"type": "object", "properties": {}},
}


@dataclass
class Tool:
    name: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None = None
    annotations: dict[str, bool] = field(default_factory=dict)
    description: str = ""


WORLD = {
    "world": "notes",
    "entities": {"Note": {"key": "title", "fields": {"title": {"type": "text", "unique": True}, "body": "text?"}}},
    "tools": {
        "create_note": {
            "op": "create",
            "of": "Note",
            "params": {
                "title": {"role": "field", "field": "title", "required": True},
                "body": {"role": "field", "field": "body"},
            },
        },
        "get_note": {"op": "get", "of": "Note", "params": {"title": {"role": "key", "required": True}}},
        "delete_note": {"op": "delete", "of": "Note", "params": {"title": {"role": "key", "required": True}}},
        "list_notes": {"op": "list", "of": "Note", "shows": ["title"]},
    },
}
SPEC = ServerSpec("notes", "pypi", "notes", "1", "MIT", "memory", 4)
SETUP = Setup.model_validate(
    {
        "group": "development",
        "pools": {"title": {"params": ["title"], "values": ["alpha", "beta"], "absent": ["never"]}},
    }
)


def audited(
    tmp_path: Path, odd: str = "", calls: int = 80, seed: int = 1, world: dict[str, Any] | None = None
) -> Audit:
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir(exist_ok=True)
    script = bin_dir / "notes"
    script.write_text(f"#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name('notes_server.py')}\n")
    script.chmod(0o755)
    setup = SETUP.model_copy(update={"env": {"ODD": odd}})
    tools = [Tool(n, s) for n, s in SCHEMAS.items()]
    return run_audit(
        SPEC, setup, tools, [World.load(world or WORLD)], calls, seed, Installed(tmp_path, bin_dir, "notes")
    )


def test_a_faithful_world_agrees_on_everything(tmp_path: Path) -> None:
    audit = audited(tmp_path)
    total, per_tool = tallies(audit.compared)
    f = total.figures()
    assert set(per_tool) == set(SCHEMAS) and f.calls == 80
    assert f.balanced == 1.0 and f.readable == 1.0 and f.error_class == 1.0
    assert 0.4 <= (f.live_success or 0) <= 0.95  # both outcomes were seen
    assert disagreements(audit.compared) == []
    assert audit.ended == "" and audit.died == []


def test_a_habit_the_world_does_not_have_is_named(tmp_path: Path) -> None:
    audit = audited(tmp_path, "overwrite")
    (first, *_) = disagreements(audit.compared)
    assert (first.tool, first.live, first.twin) == ("create_note", "ok", "duplicate")
    figures = tallies(audit.compared)[1]["create_note"].figures()
    assert figures.balanced is not None and figures.balanced < 1.0
    assert audit.sequences > 2  # the live state moved on alone: each time a fresh start
    assert "create_note: live ok, lifted duplicate" in markdown(audit, examples=True)


def test_the_same_seed_makes_the_same_calls(tmp_path: Path) -> None:
    first, again, other = (audited(tmp_path, calls=30, seed=s) for s in (5, 5, 6))
    calls = [[(c.tool, c.arguments) for c in a.compared] for a in (first, again, other)]
    assert calls[0] == calls[1] != calls[2]


def test_a_server_that_dies_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = tmp_path / "places"
    places.mkdir()
    monkeypatch.setattr(live_module.tempfile, "tempdir", str(places))
    audit = audited(tmp_path, "dies")
    assert "closed during delete_note" in audit.ended
    assert len(audit.died) == 4 and audit.compared  # what was compared before counts
    assert os.listdir(places) == []


def test_a_call_that_is_never_answered_ends_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "CALL_SECONDS", 0.2)
    audit = audited(tmp_path, "silent", calls=400)
    assert "delete_note was not answered in 0.2 s" in audit.ended


def test_the_command_refuses_a_server_without_a_set_up() -> None:
    from typer.testing import CliRunner

    from synth.cli_catalog import catalog_app

    done = CliRunner().invoke(catalog_app, ["audit", "--live", "nobody"])
    assert isinstance(done.exception, UsageError) and "backlog-md" in str(done.exception)


def test_an_observed_habit_is_learned_and_lifted_with(tmp_path: Path) -> None:
    twin = Twin([World.load(WORLD)])
    assert learn(audited(tmp_path).compared, twin, SETUP) == {}
    facts = learn(audited(tmp_path, "overwrite", calls=120).compared, twin, SETUP)
    assert facts == {"create_note": {"existing": "overwrites"}}
    again = audited(tmp_path, "overwrite", seed=2, world=apply_observed(json.loads(json.dumps(WORLD)), facts))
    assert disagreements(again.compared) == []


def compared(live: str | None, twin: str | None, text: str = "", **arguments: Any) -> Compared:
    return Compared("create_note", Outcome(live, text), Outcome(twin, text), arguments)  # type: ignore[arg-type]


def test_what_is_demanded_refused_and_referred_to_is_learned() -> None:
    twin = Twin([World.load(WORLD)])
    good = [compared(None, None, title="a", body="x")] * 3
    bad = [compared("invalid_arguments", None, "give a body", title="a")] * 3
    assert learn(good + bad, twin, SETUP) == {"create_note": {"required": ["body"]}}
    assert learn(good + bad[:2], twin, SETUP) == {}  # two calls show no habit
    refused = [compared("duplicate", None, title="a")] * 3
    assert learn(good + refused, twin, SETUP) == {"create_note": {"existing": "refused", "unique": ["title"]}}
    setup = SETUP.model_copy(
        update={"pools": {"title": SETUP.pools["title"].model_copy(update={"params": ["title", "body"]})}}
    )
    absent = [compared("not_found", None, "no never here", title="a", body="never")] * 3
    assert learn(good + absent, twin, setup) == {"create_note": {"refers": {"body": "Note"}}}


LAMPS = {
    "world": "lamps",
    "entities": {
        "Lamp": {
            "fields": {"name": "text", "status": "on | off | broken"},
            "lifecycle": {"field": "status", "moves": {"on": ["off", "broken"], "off": ["on", "broken"], "broken": []}},
            "label": "name",
        }
    },
    "tools": {
        "get_lamp": {"op": "get", "of": "Lamp", "params": {"id": {"role": "key", "required": True}}},
        "rename_lamp": {
            "op": "update",
            "of": "Lamp",
            "params": {"id": {"role": "key", "required": True}, "name": {"role": "field", "field": "name"}},
        },
        "break_lamp": {"op": "move", "of": "Lamp", "to": "broken", "params": {"id": {"role": "key", "required": True}}},
        "list_lamps": {"op": "list", "of": "Lamp", "shows": ["id", "name"]},
    },
}


def test_states_in_which_a_tool_refuses_are_learned_and_lifted_with() -> None:
    twin = Twin([World.load(LAMPS)])

    def call(tool: str, live: str | None, state: str) -> Compared:
        return Compared(tool, Outcome(live, ""), Outcome(None, ""), {"id": "a"}, state=state)  # type: ignore[arg-type]

    calls = [call("get_lamp", None, "on"), *[call("get_lamp", "not_found", "broken")] * 3]
    calls += [*[call("rename_lamp", "precondition", "off")] * 4, call("rename_lamp", None, "on")]
    facts = learn(calls, twin, SETUP)
    assert facts == {
        "get_lamp": {"refused_in": {"broken": "not_found"}},
        "rename_lamp": {"refused_in": {"off": "precondition"}},
    }
    facts["break_lamp"] = {"refused_in": {"on": "precondition", "off": "precondition"}}  # then it never succeeds
    world = World.load(apply_observed(json.loads(json.dumps(LAMPS)), facts))
    assert {name: a.reason for name, a in admit_world(world).items()} == dict.fromkeys(LAMPS["tools"], "")
    twin = Twin([world])
    for n, status in enumerate(("on", "off", "broken")):
        twin.put({"entity": "Lamp", "id": status, "name": f"lamp {status}", "status": status}, n)
    assert twin.state_of_row("get_lamp", {"id": "off"}) == "off"
    assert twin.call("get_lamp", {"id": "broken"})[0].error == "not_found"
    assert twin.call("rename_lamp", {"id": "off", "name": "x"})[0].error == "precondition"
    assert twin.call("rename_lamp", {"id": "on", "name": "x"})[0].ok
    listed = twin.call("list_lamps", {})[0].text
    assert "lamp off" in listed and "lamp broken" not in listed


def test_observed_facts_make_worlds_that_are_admitted() -> None:
    spec = json.loads(json.dumps(WORLD))
    spec["entities"]["Note"] = {"fields": {"title": "text", "body": "text?"}, "label": "title"}
    for tool in ("get_note", "delete_note"):
        spec["tools"][tool]["params"] = {"id": {"role": "key", "required": True}}
    params = {n: {"role": "field", "field": n, "required": n == "title"} for n in ("title", "body")}
    spec["tools"]["create_note"] = {"op": "create", "of": "Note", "params": params}
    facts = {
        "create_note": {"existing": "refused", "unique": ["title"], "required": ["body"]},
        "gone": {"needs": [["x"]]},
    }
    world = World.load(apply_observed(spec, facts))
    assert {name: a.reason for name, a in admit_world(world).items()} == dict.fromkeys(spec["tools"], "")
    from synth.worlds.simulate import Simulator

    sim = Simulator(world, 1)
    assert sim.call("create_note", {"title": "new"}).error == "incomplete_arguments"
    assert sim.call("create_note", {"title": "new", "body": "b"}).ok
    assert sim.call("create_note", {"title": "new", "body": "c"}).error == "already_exists"


def test_a_reference_that_was_ignored_becomes_a_key() -> None:
    spec = json.loads(json.dumps(LAMPS))
    spec["entities"]["Room"] = {"key": "name", "fields": {"name": {"type": "text", "unique": True}}, "label": "name"}
    spec["tools"]["list_rooms"] = {"op": "list", "of": "Room", "shows": ["name"]}
    spec["tools"]["list_lamps"]["params"] = {
        "room": {"role": "ignored", "required": True, "schema": {"type": "string"}}
    }
    world = World.load(apply_observed(spec, {"list_lamps": {"refers": {"room": "Room"}}}))
    assert {name: a.reason for name, a in admit_world(world).items()} == dict.fromkeys(spec["tools"], "")
    twin = Twin([world])
    assert twin.call("list_lamps", {"room": "attic"})[0].error == "not_found"
    twin.put({"entity": "Room", "name": "attic"}, 0)
    assert twin.call("list_lamps", {"room": "attic"})[0].ok


def test_shipped_facts_name_real_tools_and_parameters() -> None:
    from tools_catalog import load_catalog

    for server, tools in load_observed().items():
        known = {t.name: json.dumps(t.input_schema) for t in load_catalog().tools_of(server)}
        for tool, facts in tools.items():
            named = [*facts.get("unique", ()), *facts.get("required", ()), *facts.get("refers", {})]
            named += [*facts.get("unchecked", ()), *(p for g in facts.get("needs", ()) for p in g)]
            assert set(facts) <= {"existing", "unique", "needs", "required", "refers", "unchecked", "refused_in"}
            assert all(f'"{p}"' in known[tool] for p in named), (server, tool)


def test_nothing_lifted_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to compare"):
        run_audit(SPEC, SETUP, [], [], 10, 1, Installed(tmp_path, tmp_path, "x"))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer("done"), None),
        (Answer("No tasks found."), None),
        (Answer("[]"), None),
        (Answer('{"success": false, "message": "a.txt does not exist"}'), "not_found"),
        (Answer('{"result": "{\\"error\\": \\"name is required\\"}"}'), "invalid_arguments"),
        (Answer("Error: ENOENT: no such file"), "not_found"),
        (Answer("Document a.docx does not exist"), "not_found"),
        (Answer("text " * 100 + "does not exist"), None),
        (Answer("boom", is_error=True), "other"),
        (Answer("Collection [a] already exists", is_error=True), "duplicate"),
        (Answer("WRONGTYPE Operation against a key", is_error=True), "precondition"),
        (Answer("", is_error=True, refused=True), "invalid_arguments"),
        (Answer("", {"error": "unknown project"}), "not_found"),
    ],
)
def test_answers_are_read(answer: Answer, error: str | None) -> None:
    assert read_answer(answer).error == error


def test_patterns_of_a_server_decide_first() -> None:
    assert read_answer(Answer("Error rate is 3%"), fine=["Error rate"]).ok
    assert read_answer(Answer("nix da"), failed=["nix"]).error == "other"
    assert error_class("Request not_found") != "duplicate"


def test_balanced_accuracy_weighs_both_outcomes() -> None:
    tally = Tally(both=90, live_only=0, twin_only=5, neither=5)
    f = tally.figures()
    assert f.agreement == 0.95 and f.balanced == 0.75
    assert Tally(both=3, live_only=1).figures().balanced == 0.75
    assert Tally().figures().balanced is None


def test_what_reads_show_is_compared() -> None:
    def ok(*live: str) -> Compared:
        yes = Outcome(None, "")
        return Compared("t", yes, yes, {}, frozenset(live), frozenset({"a"}))

    total, _ = tallies([ok("a"), ok("a", "b"), ok()])
    assert total.figures().readable == 0.5
    assert [d.twin for d in disagreements([ok("a", "b"), ok()])] == ["shows less", "shows more"]


def test_arguments_mostly_fit_and_follow_the_pools() -> None:
    import jsonschema

    pools = Pools(SETUP)
    drawer = Drawer(SETUP, pools, rng_for(1), {})
    schema = {
        "type": "object",
        "properties": {
            "title": TITLE,
            "when": {"type": "string", "format": "date"},
            "parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}},
            "level": {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 3}, {"type": "null"}]},
        },
        "required": ["title", "when", "parts", "level"],
        "$defs": {"Part": {"type": "object", "properties": {"title": TITLE}, "required": ["title"]}},
    }
    fitting, titles = 0, set()
    for _ in range(200):
        drawn = drawer.arguments("create_note", schema)
        fitting += jsonschema.Draft202012Validator(schema).is_valid(drawn)
        titles.add(json.dumps(drawn.get("title")))
    assert 170 <= fitting < 200
    assert {'"alpha"', '"beta"', '"never"'} <= titles


def test_setups_name_servers_tools_and_parameters_that_exist() -> None:
    from tools_catalog import load_catalog

    catalog, servers = load_catalog(), load_servers()
    setups = load_setups()
    assert len(setups) >= 8 and sum(s.group == "aside" for s in setups.values()) == 4
    for server, setup in setups.items():
        assert servers[server].offline
        tools = {t.name: json.dumps(t.input_schema) for t in catalog.tools_of(server)}
        named = [
            *setup.skip,
            *(p.tool for p in setup.plant),
            *(m for pool in setup.pools.values() for m in pool.makers),
        ]
        assert set(named) <= set(tools), server
        for param in [
            *setup.values,
            *setup.fixed,
            *setup.likely,
            *(p for pool in setup.pools.values() for p in pool.params),
        ]:
            tool, _, name = param.rpartition(".")
            places = [tools[tool]] if tool else list(tools.values())
            assert any(f'"{name}"' in schema for schema in places), f"{server}: {param}"


def test_reports_say_what_was_found(tmp_path: Path) -> None:
    audit = audited(tmp_path, "overwrite", calls=40)
    row = as_json(audit)
    assert row["server"] == "notes" and row["total"]["calls"] == 40
    assert json.loads(json.dumps(row))["disagreements"][0]["named"] == "create_note: live ok, lifted duplicate"
    assert "**development**" in table([audit]) and "set aside" not in table([audit])


@pytest.mark.slow
def test_one_real_server_is_audited() -> None:
    from synth.fidelity.command import audit_server

    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    from tools_catalog.harvest.outcome import HarvestFailure

    try:
        audit = audit_server("backlog-md", calls=60)
    except HarvestFailure as why:
        pytest.skip(f"cannot be installed here: {why}")
    f = tallies(audit.compared)[0].figures()
    assert audit.ended == "" and f.calls == 60
    assert (f.live_success or 0) >= 0.4 and (f.balanced or 0) >= 0.65


@pytest.mark.slow
def test_a_server_with_a_service_beside_it() -> None:
    from synth.fidelity.command import audit_server
    from tools_catalog.harvest.outcome import HarvestFailure

    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    try:
        audit = audit_server("redis", calls=20)
    except HarvestFailure as why:
        pytest.skip(f"cannot be installed here: {why}")
    assert any(c.live.ok for c in audit.compared)


def test_lifting_feeds_the_audit() -> None:
    lift = lift_server("notes", "memory", [Tool(n, s) for n, s in SCHEMAS.items()])
    assert {n for w in lift.worlds for n in w.tools} == set(SCHEMAS)
