"""Lifting: readings against hand labels, worlds that load and run, every tool accounted for, the same every time."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from synth.errors import UsageError
from synth.worlds.admit import admit_world
from synth.worlds.lift import REASONS, Lift, Reading, lift_server, read_server
from synth.worlds.lift.audit import audit, disagreements, read_labels, summary, wilson
from synth.worlds.spec import World
from tools_catalog import Catalog, load_catalog

AUDIT = Path(__file__).parent / "audit.jsonl"
SAMPLE = (
    "freshdesk",
    "trello",
    "resend",
    "grafana",
    "woocommerce",
    "aws-iam",
    "n8n",
    "discord-barry",
    "strava",
    "ref-github",
)


@dataclass(frozen=True)
class Tool:
    """A tool as a test writes it."""

    name: str
    properties: dict[str, Any] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    annotations: Mapping[str, bool] = field(default_factory=dict)
    output_schema: Mapping[str, Any] | None = None
    description: str = "Does it."

    @property
    def input_schema(self) -> dict[str, Any]:
        return {"type": "object", "properties": self.properties, "required": list(self.required)}


TEXT, WHOLE = {"type": "string"}, {"type": "integer"}
DESK = (
    Tool(
        "create_ticket",
        {"subject": TEXT, "priority": {"type": "string", "enum": ["low", "high"]}, "requester_id": TEXT},
        ("subject", "requester_id"),
    ),
    Tool("get_ticket", {"ticket_id": TEXT}, ("ticket_id",)),
    Tool("list_tickets", {"status": TEXT, "limit": WHOLE, "offset": WHOLE}),
    Tool("search_tickets", {"query": TEXT}, ("query",)),
    Tool(
        "update_ticket",
        {"ticket_id": TEXT, "ticket_fields": {"type": "object", "properties": {"subject": TEXT, "priority": TEXT}}},
        ("ticket_id",),
    ),
    Tool("close_ticket", {"ticket_id": TEXT}, ("ticket_id",)),
    Tool("reopen_ticket", {"ticket_id": TEXT}, ("ticket_id",)),
    Tool("delete_ticket", {"ticket_id": TEXT}, ("ticket_id",)),
    Tool("list_requesters", {"page": WHOLE}),
    Tool("get_requester", {"requester_id": TEXT}, ("requester_id",)),
    Tool("list_tags"),
    Tool("create_tag", {"name": TEXT}, ("name",)),
    Tool("delete_tag", {"tag_id": TEXT}, ("tag_id",)),
    Tool("add_tag_to_ticket", {"ticket_id": TEXT, "tag_id": TEXT}, ("ticket_id", "tag_id")),
    Tool("remove_tag_from_ticket", {"ticket_id": TEXT, "tag_id": TEXT}, ("ticket_id", "tag_id")),
    Tool("get_my_profile"),
    Tool("run_sql", {"sql": TEXT}, ("sql",)),
    Tool("manage_views", {"action": {"type": "string", "enum": ["add", "drop"]}}, ("action",)),
)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture(scope="module")
def desk() -> Lift:
    return lift_server("desk", "crm", DESK)


@pytest.fixture(scope="module")
def readings() -> dict[str, Reading]:
    return {r.tool: r for r in read_server("desk", "crm", DESK)}


@pytest.mark.parametrize(
    ("labels", "count", "least"),
    [
        (AUDIT, 200, 0.9),
        (AUDIT.with_name("audit_development.jsonl"), 120, 0.9),
        (AUDIT.with_name("audit_fresh.jsonl"), 150, 0.8),  # never seen while rules were written; docs/lifting.md has it
    ],
)
def test_strict_precision_on_hand_labels(catalog: Catalog, labels: Path, count: int, least: float) -> None:
    out = summary(audit(catalog, read_labels(labels)))
    assert out["labels"] == count
    assert out["lifted"] >= count / 2
    assert out["strict_precision"] >= least, out["disagreements"]


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({}, ()),
        ({"entity": ["card", "tickets"]}, ()),
        ({"kind": "update"}, ("kind",)),
        ({"kind": "update", "kinds": ["get"]}, ()),
        ({"entity": "card"}, ("entity",)),
        ({"keys": []}, ("keys",)),
        ({"keys": [], "keys_also": [["ticket_id"]]}, ()),
        ({"kind": "update", "relocation": True}, ("kind",)),
        ({"kind": "none", "keys": ["ticket_id"]}, ("kind",)),
    ],
)
def test_a_label_disagrees_where_it_should(
    change: dict[str, Any], wrong: tuple[str, ...], readings: dict[str, Reading]
) -> None:
    label = {"server": "desk", "tool": "get_ticket", "kind": "get", "entity": "ticket", "keys": ["ticket_id"]}
    assert disagreements(label | change, readings["get_ticket"]) == wrong


def test_wilson_interval() -> None:
    low, high = wilson(90, 100)
    assert (round(low, 3), round(high, 3)) == (0.826, 0.945)
    assert wilson(0, 0) == (0.0, 1.0)


def test_a_broken_label_file_is_said_in_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "labels.jsonl"
    file.write_text('{"server": "desk"}\n')
    with pytest.raises(UsageError, match=r"labels.jsonl:1 has no tool, kind"):
        read_labels(file)


@pytest.mark.parametrize(
    ("tool", "kind", "entity"),
    [
        ("create_ticket", "create", "ticket"),
        ("get_ticket", "get", "ticket"),
        ("list_tickets", "list", "ticket"),
        ("search_tickets", "search", "ticket"),
        ("update_ticket", "update", "ticket"),
        ("close_ticket", "move", "ticket"),
        ("delete_ticket", "delete", "ticket"),
        ("add_tag_to_ticket", "relate", "ticket"),
        ("remove_tag_from_ticket", "unrelate", "ticket"),
        ("get_my_profile", "singleton", "profile"),
    ],
)
def test_reads_plain_names(readings: dict[str, Reading], tool: str, kind: str, entity: str) -> None:
    assert (readings[tool].kind, " ".join(readings[tool].entity)) == (kind, entity)


@pytest.mark.parametrize(("tool", "reason"), [("run_sql", "code"), ("manage_views", "multiplexer")])
def test_leaves_machines_alone(readings: dict[str, Reading], tool: str, reason: str) -> None:
    assert (readings[tool].kind, readings[tool].reason) == ("none", reason)


def test_hints_against_the_verb_drop_a_tool() -> None:
    odd = Tool("delete_ticket", {"ticket_id": TEXT}, ("ticket_id",), {"readOnlyHint": True})
    assert read_server("desk", "crm", [*DESK[:3], odd])[-1].reason == "contradiction"


def test_an_opened_envelope_keeps_its_place(desk: Lift) -> None:
    (world,) = desk.worlds
    assert world.tools["update_ticket"].params is not None
    assert world.tools["update_ticket"].params["subject"].at == ["ticket_fields", "subject"]


def test_transitions_give_a_lifecycle(desk: Lift) -> None:
    cycle = desk.worlds[0].entities["Ticket"].lifecycle
    assert cycle is not None
    assert "closed" in cycle.moves["open"]
    assert "open" in cycle.moves["closed"]


def test_the_desk_runs(desk: Lift) -> None:
    verdicts = admit_world(desk.worlds[0])
    assert {n: v.reason for n, v in verdicts.items() if not v.ok} == {}
    assert len(verdicts) == 16


RECURSIVE = {
    "type": "object",
    "properties": {"node": {"$ref": "#/$defs/n"}, "id": {"type": ["string", "null"]}},
    "$defs": {"n": {"type": "object", "properties": {"child": {"$ref": "#/$defs/n"}, "x": True}}},
}
ODD = {
    "": {},
    "a b": {"enum": []},
    "1": {"type": []},
    "é": {"anyOf": []},
    "request": {"allOf": [{"$ref": "#/nope"}, True]},
}
HOSTILE: tuple[Any, ...] = (
    {},
    {"properties": None},
    RECURSIVE,
    {"type": "object", "properties": ODD, "required": ["", "zz", 3]},
    {
        "type": "object",
        "properties": {"x": {"enum": [None, 1, "a|b", {}]}, "ids": {"type": "array", "items": {"$ref": "#"}}},
    },
    True,
)


@dataclass(frozen=True)
class Raw:
    """A tool with whatever schema a server may send."""

    name: str
    input_schema: Any
    annotations: Mapping[str, bool] = field(default_factory=dict)
    description: str = ""

    @property
    def output_schema(self) -> Any:
        return self.input_schema


@pytest.mark.parametrize("schema", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("name", ["create_thing", "", "___", "get", "list_", "1", "ünïcode_list", "add_x_to_y"])
def test_hostile_schemas_are_read_or_left(name: str, schema: Any) -> None:
    tools = [Raw(name, schema), Raw("list_things", schema), DESK[1]]
    lift = lift_server("odd", "crm", tools)
    assert {t.name for t in tools} == {n for w in lift.worlds for n in w.tools} | {d.tool for d in lift.dropped}


@pytest.mark.parametrize("server", SAMPLE)
def test_real_servers_become_worlds_that_run(catalog: Catalog, server: str) -> None:
    facts = catalog.server(server)
    assert facts is not None
    lift = lift_server(server, facts.category, catalog.tools_of(server))
    assert lift.worlds
    lifted, dropped = {n for w in lift.worlds for n in w.tools}, [d.tool for d in lift.dropped]
    assert sorted([*lifted, *dropped]) == sorted(facts.tool_names)
    assert {d.reason for d in lift.dropped} <= set(REASONS)
    verdicts = [v for w in lift.worlds for v in admit_world(w).values()]
    bad = [f"{v.tool}: {v.reason} {v.detail}" for v in verdicts if not v.ok]
    assert len(bad) <= 0.05 * len(verdicts), bad
    for world in lift.worlds:
        assert len(world.tools) <= 30
        assert world.roots == [server]
        assert World.load(world.dump()) == world


def test_every_parameter_of_a_real_tool_is_kept(catalog: Catalog) -> None:
    for server in SAMPLE[:4]:
        facts = catalog.server(server)
        assert facts is not None
        for world in lift_server(server, facts.category, catalog.tools_of(server)).worlds:
            for name, tool in world.tools.items():
                real = catalog.find(server, name)
                assert real is not None
                assert tool.source == name
                tops = {(p.at or [n])[0] for n, p in (tool.params or {}).items()}
                assert tops == set(real.input_schema.get("properties", {})), name


DIGEST = """
import hashlib, json
from synth.worlds.lift import lift_server
from tools_catalog import load_catalog
c = load_catalog()
worlds = [w.dump() for s in ("trello", "grafana") for w in lift_server(s, c.server(s).category, c.tools_of(s)).worlds]
print(hashlib.sha256(json.dumps(worlds).encode()).hexdigest())
"""


def test_the_same_worlds_in_another_process() -> None:
    root = str(Path(__file__).parents[3])
    outs = [
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            cwd=root,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": root},
        ).stdout
        for seed in ("1", "2")
    ]
    assert outs[0] == outs[1] != ""


def test_two_fifths_of_all_tools_are_lifted_in_time(catalog: Catalog) -> None:
    begun = time.process_time()
    lifted = sum(lift_server(s.id, s.category, catalog.tools_of(s.id)).lifted for s in catalog.servers)
    assert lifted >= 0.45 * len(catalog)
    assert time.process_time() - begun < 25


@pytest.mark.slow
def test_two_fifths_of_all_tools_are_admitted(catalog: Catalog) -> None:
    admitted = {
        (server.id, verdict.tool)
        for server in catalog.servers
        for world in lift_server(server.id, server.category, catalog.tools_of(server.id)).worlds
        for verdict in admit_world(world).values()
        if verdict.ok
    }
    assert len(admitted) >= 0.40 * len(catalog)
