"""`synth catalog`: lists, shows, harvests; names the nearest for a typo; lets no server write to the terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import tools_catalog.harvest as harvest_room
from synth.cli_catalog import catalog_app
from synth.errors import UsageError
from tools_catalog.cache import write_record
from tools_catalog.harvest import DroppedTool, HarvestOutcome
from tools_catalog.originals import original_sha256


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "synth" / "catalog"


def call(*arguments: str) -> Result:
    return CliRunner().invoke(catalog_app, list(arguments))


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_list_json_is_one_object_per_tool() -> None:
    result = call("list", "--json", "--limit", "7")
    assert result.exit_code == 0
    rows = lines(result)
    assert len(rows) == 7
    assert {tuple(row) for row in rows} == {("server", "package", "version", "name", "input_schema", "effect")}
    assert {row["effect"] for row in rows} <= {"read", "write"}


def test_list_filters() -> None:
    assert {row["server"] for row in lines(call("list", "--json", "--server", "time"))} == {"time"}
    both = lines(call("list", "--json", "--server", "time", "--server", "ref-git"))
    assert {row["server"] for row in both} == {"time", "ref-git"}
    assert call("list", "--category", "weather", "--limit", "2").stdout.splitlines()[-1].startswith("2 of ")


def test_show() -> None:
    assert "get_current_time" in call("show", "time").stdout
    assert json.loads(call("show", "time", "--json").stdout)["package"] == "mcp-server-time"
    text = call("show", "time", "get_current_time").stdout
    assert '"timezone"' in text
    assert "sha256" in text
    assert json.loads(call("show", "time", "get_current_time", "--json").stdout)["effect"] == "read"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "tiem"), "nearest: time"),
        (("show", "time", "get_curent_time"), "nearest: get_current_time"),
        (("list", "--server", "zzzzzz"), "`synth catalog list` shows"),
        (("list", "--category", "wether"), "nearest: weather"),
        (("harvest", "--server", "tiem"), "nearest: time"),
        (("show", "x\x1b[2J[red]"), "no server named"),
    ],
)
def test_a_typo_gets_the_nearest_names(arguments: tuple[str, ...], said: str) -> None:
    error = call(*arguments).exception
    assert isinstance(error, UsageError)
    assert said in str(error)
    assert str(error).isprintable()


def test_a_servers_text_cannot_write_to_the_terminal(own_cache: Path) -> None:
    evil = "\x1b]0;owned\x07[bold red]loud[/] \u202egnp.exe"
    tool = {"name": "echo", "description": evil, "inputSchema": {"type": "object", "properties": {"[red]p": {}}}}
    head = {"server_id": "evil", "registry": "npm", "package": "e", "version": "1", "license": "MIT", "domain": "d"}
    record = {**head, "status": "ok", "tools": [tool]}
    write_record(own_cache / "evil.json", record)
    assert "echo" not in call("list", "--server", "evil", "--own").stdout  # kept apart, also of an older harvest
    write_record(own_cache / "evil.json", {**record, "allowed": {"echo": original_sha256(tool)}})
    for arguments in (
        ("show", "evil", "--own"),
        ("show", "evil", "echo", "--own"),
        ("list", "--server", "evil", "--own"),
    ):
        text = call(*arguments, "--own").stdout
        assert "[bold red]loud[/]" in text  # shown as it is, not obeyed
        assert not set(text) & {"\x1b", "\x07", "\u202e"}
    assert call("show", "evil", "echo", "--own", "--json").stdout.isascii()


def test_harvest_reports_each_server(monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> None:
    seen: dict[str, Any] = {}

    def fake(specs: list[Any], **options: Any) -> list[HarvestOutcome]:
        seen.update(options, ids=[s.id for s in specs])
        dropped = (DroppedTool("x", "schema_invalid", "bad"),)
        outcomes = [
            HarvestOutcome("time", "ok", "ok", "1 tools", ({"name": "a"},), dropped),
            HarvestOutcome("ref-git", "failed", "list_timeout", "too [bold]slow[/]"),
        ]
        for outcome in outcomes:
            options["on_outcome"](outcome)
        return outcomes

    monkeypatch.setattr(harvest_room, "harvest", fake)
    result = call("harvest", "--server", "time", "--server", "ref-git", "--jobs", "3", "--timeout", "9")
    assert result.exit_code == 3  # finished, but not every server
    assert seen["ids"] == ["time", "ref-git"]
    assert (seen["jobs"], seen["limits"].initialize, seen["limits"].listing) == (3, 9, 9)
    assert "time: 1 tools, dropped 1 schema_invalid" in result.stdout
    assert "list_timeout: too [bold]slow[/]" in result.stdout
    rows = lines(call("harvest", "--server", "time", "--server", "ref-git", "--json"))
    assert [(row["server"], row["status"], row["reason"], row["tools"]) for row in rows] == [
        ("time", "ok", "ok", 1), ("ref-git", "failed", "list_timeout", 0)
    ]  # fmt: skip


def test_a_cache_that_cannot_be_written_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(harvest_room, "harvest", refuse)
    error = call("harvest", "--server", "time").exception
    assert isinstance(error, UsageError)
    assert "XDG_CACHE_HOME" in str(error)
