"""Every way a server can misbehave ends as one recorded reason, in bounded time, and leaves no process behind."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import anyio
import pytest

from tools_catalog.harvest import HarvestOutcome, Limits, list_tools

HOSTILE = Path(__file__).parent / "hostile"
QUICK = Limits(
    initialize=1.5, listing=1.5, grace=0.4, line=300_000, output=3_000_000, pages=20, tools=300, schema_bytes=400_000
)


def run(script: str, home: Path, limits: Limits = QUICK, **env: str) -> HarvestOutcome:
    command = [sys.executable, str(HOSTILE / f"{script}.py")]
    full = {"PATH": os.defpath, "HOME": str(home), "TMPDIR": str(home), "LANG": "C.UTF-8", **env}

    async def ask() -> HarvestOutcome:
        return await list_tools(script, command, env=full, cwd=home, home=home, limits=limits)

    return anyio.run(ask)


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("script", "reason", "said"),
    [
        ("hangs_at_start", "initialize_timeout", "1.5 s"),
        ("dies_before_initialize", "died_before_initialize", "exit status 1"),
        ("refuses_initialize", "initialize_refused", "licence expired"),
        ("speaks_another_version", "initialize_refused", "1999-01-01"),
        ("hangs_at_list", "list_timeout", "tools/list"),
        ("stops_reading", "list_timeout", "tools/list"),
        ("dies_midway", "died_during_list", "exit status 3"),
        ("refuses_list", "list_refused", "not a valid answer"),
        ("endless_cursors", "page_cap", "tools/list did not end after 20 pages"),
        ("cursor_cycle", "cursor_cycle", "'cursorA'"),
        ("too_many_tools", "tool_cap", "300"),
        ("one_endless_line", "line_too_long", "300000"),
        ("floods_stdout", "output_limit", "3000000"),
        ("floods_stderr", "output_limit", "3000000"),
        ("nesting_bomb", "list_timeout", "no JSON-RPC message"),
        ("only_bad", "no_usable_tools", "schema_invalid"),
    ],
)
def test_one_reason_each(script: str, reason: str, said: str, tmp_path: Path) -> None:
    started = time.monotonic()
    outcome = run(script, tmp_path)
    assert (outcome.status, outcome.reason) == ("failed", reason), outcome
    assert said in outcome.detail
    assert outcome.tools == ()
    assert outcome.detail.isprintable()
    assert len(outcome.detail) <= 600
    assert time.monotonic() - started < 8


def test_command_that_does_not_exist(tmp_path: Path) -> None:
    async def ask() -> HarvestOutcome:
        env = {"PATH": os.defpath, "HOME": str(tmp_path)}
        return await list_tools("gone", ["/nowhere/server"], env=env, cwd=tmp_path, home=tmp_path, limits=QUICK)

    outcome = anyio.run(ask)
    assert outcome.reason == "start_failed"
    assert "/nowhere/server" in outcome.detail


def test_duplicates_keep_the_first(tmp_path: Path) -> None:
    outcome = run("duplicates", tmp_path)
    assert [(t["name"], t["description"]) for t in outcome.tools] == [("again", "first"), ("other", None)]
    assert [(t.name, t.reason) for t in outcome.dropped_tools] == [("again", "duplicate_name")]


def test_each_bad_schema_is_dropped_with_its_reason(tmp_path: Path) -> None:
    outcome = run("bad_schemas", tmp_path, Limits(initialize=5, listing=5, grace=0.4, schema_bytes=400_000))
    assert outcome.status == "ok"
    assert [t["name"] for t in outcome.tools] == ["good", "tree"]
    assert {(t.name, t.reason) for t in outcome.dropped_tools} == {
        ("wrong_type", "schema_invalid"),
        ("wrong_bound", "schema_invalid"),
        ("bad_output", "schema_invalid"),
        ("loop", "schema_recursive"),
        ("self", "schema_recursive"),
        ("remote", "schema_unresolved_ref"),
        ("dangling", "schema_unresolved_ref"),
        ("deep", "schema_too_deep"),
        ("big", "schema_too_large"),
        ("no_object", "not_a_tool"),
        ("no_schema", "not_a_tool"),
        ("", "not_a_tool"),
        ("bad name [2J", "bad_name"),
    }
    assert len(outcome.dropped_tools) == 14  # two of them have no name


def test_framing_and_paging_that_are_allowed(tmp_path: Path) -> None:
    assert [t["name"] for t in run("odd_framing", tmp_path).tools] == ["grüß"]
    assert [t["name"] for t in run("strict_paging", tmp_path).tools] == ["one", "two", "three"]
    assert [t["name"] for t in run("prints_banners", tmp_path).tools] == ["works"]
    assert [t["name"] for t in run("asks_the_client", tmp_path).tools] == ["asked"]
    empty = run("empty_list", tmp_path)
    assert (empty.status, empty.tools, empty.dropped_tools) == ("ok", (), ())


def test_a_server_that_ignores_stdin_close_is_terminated_once_with_its_children(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    started = time.monotonic()
    outcome = run("ignores_stdin_close", tmp_path, NOTES=str(notes))
    assert outcome.status == "ok"
    assert outcome.stopped == "terminated"
    assert time.monotonic() - started >= QUICK.grace  # not before the grace period
    first, *rest = notes.read_text().splitlines()
    assert rest == ["TERM"]
    assert not alive(int(first.split()[1]))


def test_a_server_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    assert run("ignores_sigterm", tmp_path).stopped == "killed"


def test_a_polite_server_just_exits(tmp_path: Path) -> None:
    assert run("empty_list", tmp_path).stopped == "exited"


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are swept by /proc, which is Linux")
def test_a_daemon_is_swept(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    assert run("leaves_a_daemon", tmp_path, NOTES=str(notes)).status == "ok"
    deadline = time.monotonic() + 3
    pid = int(notes.read_text().split()[1])
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(pid)


def test_nothing_of_our_environment_is_inherited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "do not leak")
    outcome = run("shows_environment", tmp_path, PLACEHOLDER="x")
    assert outcome.tools[0]["description"].split() == ["HOME", "LANG", "PATH", "PLACEHOLDER", "TMPDIR"]
