"""Which parameter names the row: positions, names of the noun, the row it belongs to; things that exist once."""

from __future__ import annotations

from typing import Any

import pytest

from synth.worlds.admit import admit_world
from synth.worlds.lift import lift_server, read_server
from tests.worlds.lift.test_lift import TEXT, WHOLE, Tool

ROOM: dict[str, Any] = {"server_id": TEXT}
TOOLS = (
    Tool("list_servers"),
    Tool("get_server", {"server_id": TEXT}, ("server_id",)),
    Tool("create_server", {"name": TEXT, "size": WHOLE}, ("name",)),
    Tool("delete_server", {"server_id": TEXT}, ("server_id",)),
    Tool("get_snapshot", ROOM, ("server_id",)),
    Tool("delete_snapshot", ROOM, ("server_id",)),
    Tool("enable_server_firewall", ROOM, ("server_id",)),
    Tool("add_note", {"server_id": TEXT, "text": TEXT}, ("server_id", "text")),
    Tool("get_note", ROOM, ("server_id",)),
    Tool("get_pool", {"server_id": TEXT, "pool_name": TEXT}, ("server_id", "pool_name")),
    Tool("delete_pool", {"server_id": TEXT, "pool_name": TEXT}, ("server_id", "pool_name")),
    Tool("delete_disk", {"server_id": TEXT, "disk_index": WHOLE}, ("server_id", "disk_index")),
    Tool("set_disk_label", {"disk_index": WHOLE, "label": TEXT}, ("disk_index", "label")),
    Tool("get_gateway", {"hostname": TEXT}, ("hostname",)),
    Tool("get_repo", {"repository_id": TEXT}, ("repository_id",)),
    Tool("set_secret", {"name": TEXT, "value": TEXT}, ("name", "value")),
    Tool("get_load_status"),
    Tool("get_server_price", {"query": TEXT}, ("query",)),
    Tool("server_events", ROOM, ("server_id",)),
    Tool("servers_all"),
    Tool("server_getter", ROOM, ("server_id",)),
    Tool("extrude_server", ROOM, ("server_id",), {"readOnlyHint": False}),
    Tool("stop_recorder"),
    Tool("terminate_server", ROOM, ("server_id",)),
)


@pytest.mark.parametrize(
    ("tool", "kind", "entity", "keys"),
    [
        ("get_snapshot", "get", "snapshot", {"server_id"}),
        ("delete_snapshot", "delete", "snapshot", {"server_id"}),
        ("enable_server_firewall", "move", "server", {"server_id"}),
        ("get_note", "list", "note", set()),
        ("get_pool", "get", "pool", {"pool_name"}),
        ("delete_pool", "delete", "pool", {"pool_name"}),
        ("delete_disk", "delete", "disk", {"disk_index"}),
        ("set_disk_label", "update", "disk", {"disk_index"}),
        ("get_gateway", "get", "gateway", {"hostname"}),
        ("get_repo", "get", "repo", {"repository_id"}),
        ("set_secret", "upsert", "secret", {"name"}),
        ("get_load_status", "singleton", "load status", set()),
        ("get_server_price", "none", "server price", set()),
        ("server_events", "list", "server event", set()),
        ("servers_all", "list", "server", set()),
        ("server_getter", "get", "server", {"server_id"}),
        ("extrude_server", "none", "extrude server", set()),
        ("stop_recorder", "move", "recorder", set()),
        ("terminate_server", "delete", "server", {"server_id"}),
    ],
)
def test_what_names_the_row(tool: str, kind: str, entity: str, keys: set[str]) -> None:
    r = next(r for r in read_server("site", "cloud-hosting", TOOLS) if r.tool == tool)
    named = {b.arg.name for b in r.roles if b.role in ("key", "owner", "left", "right")}
    assert (r.kind, " ".join(r.entity), named) == (kind, entity, keys), r.why


def test_worlds_of_such_tools_are_admitted() -> None:
    lift = lift_server("site", "cloud-hosting", TOOLS)
    verdicts = {n: v for w in lift.worlds for n, v in admit_world(w).items()}
    assert len(verdicts) == len(TOOLS) - 2
    assert all(v.ok for v in verdicts.values()), {n: v.reason for n, v in verdicts.items() if not v.ok}


def test_a_brand_behind_the_verb_is_no_part_of_the_noun() -> None:
    nouns = ("Store", "Run", "Task", "Group", "Cache", "Job")
    tools = [Tool(f"ListACME{n}s") for n in nouns] + [Tool("ListReports")]
    assert [" ".join(r.entity) for r in read_server("x", "crm", tools)] == [*(n.lower() for n in nouns), "report"]


def test_a_server_called_after_its_noun_keeps_it() -> None:
    tools = [Tool("get_task", {"id": TEXT}, ("id",)), Tool("set_task_status", {"id": TEXT, "status": TEXT}, ("id",))]
    assert {" ".join(r.entity) for r in read_server("task-master", "productivity", tools)} == {"task"}


@pytest.mark.parametrize(
    ("name", "properties", "required", "kind", "entity"),
    [
        ("publish", {"channel": TEXT, "message": TEXT}, ("channel", "message"), "send", "message"),
        ("get_links", {"title": TEXT}, ("title",), "list", "link"),
        ("shopping_list_clear_items", {"list_id": TEXT}, ("list_id",), "none", "item"),
        ("site_search", {"query": TEXT}, ("query",), "none", ""),
        ("start_search", {"query": TEXT}, ("query",), "job", "search"),
        ("load_kit", {"kit_path": TEXT}, ("kit_path",), "none", "kit"),
        ("list_users_and_teams", {}, (), "none", "users and team"),
        ("call_api", {"path": TEXT, "method": TEXT}, ("path", "method"), "none", "call api"),
        ("get_list_of_folders", {}, (), "list", "folder"),
        ("save_letter", {"letter_id": TEXT, "file_path": TEXT}, ("file_path",), "none", "letter"),
        ("ports_search_mac", {"mac": TEXT, "limit": WHOLE}, ("mac",), "list", "port"),
    ],
)
def test_names_that_mislead(
    name: str, properties: dict[str, Any], required: tuple[str, ...], kind: str, entity: str
) -> None:
    others = (Tool("list_letters"), Tool("get_letter", {"letter_id": TEXT}, ("letter_id",)), Tool("list_notes"))
    r = read_server("site", "crm", (Tool(name, properties, required), *others))[0]
    assert (r.kind, " ".join(r.entity)) == (kind, entity), r.why
