"""The user's cache: whole files only, resumable, preferred where asked, and harmless when damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools_catalog import ServerSpec, load_catalog
from tools_catalog import cache as cache_room
from tools_catalog.cache import cache_dir, cache_file, cached_files, read_record, write_record
from tools_catalog.harvest import HarvestOutcome, harvest
from tools_catalog.harvest import run as run_room

TOOL = {"name": "echo", "description": "Their own words.", "inputSchema": {"type": "object", "properties": {}}}


def spec(name: str, **more: object) -> ServerSpec:
    facts = {"registry": "pypi", "package": "p", "version": "1", "licence": "MIT", "category": "c", "tools": 1}
    return ServerSpec(id=name, **{**facts, **more})  # type: ignore[arg-type]


@pytest.fixture
def launches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Servers whose id starts with `bad` fail, `boom` breaks the harvester, others list one tool."""
    seen: list[str] = []

    async def fake(one: ServerSpec, limits: object) -> HarvestOutcome:
        seen.append(one.id)
        if one.id.startswith("bad"):
            return HarvestOutcome(one.id, "failed", "list_timeout", "too slow")
        return HarvestOutcome(one.id, "ok", "ok", "1 tools", (TOOL,))

    monkeypatch.setattr(run_room, "harvest_one", fake)
    return seen


def test_a_harvest_resumes_and_keeps_the_order(tmp_path: Path, launches: list[str]) -> None:
    specs = [spec("b"), spec("bad"), spec("a")]
    first = harvest(specs, tmp_path, jobs=2)
    assert [(o.server, o.reason, o.cached) for o in first] == [
        ("b", "ok", False), ("bad", "list_timeout", False), ("a", "ok", False)
    ]  # fmt: skip
    launches.clear()
    second = harvest(specs, tmp_path)
    assert launches == ["bad"]  # failures are tried again, successes are not
    assert second[0].tools == first[0].tools
    assert [o.cached for o in second] == [True, False, True]
    launches.clear()
    harvest([spec("a", version="2"), spec("b", args=("--all",))], tmp_path)
    assert sorted(launches) == ["a", "b"]  # another version or other arguments are another server
    launches.clear()
    harvest([spec("a", version="2")], tmp_path, fresh=True)
    assert launches == ["a"]


def test_a_failure_is_recorded_but_never_replaces_a_success(tmp_path: Path, launches: list[str]) -> None:
    harvest([spec("bad")], tmp_path)
    record = read_record(tmp_path / "bad.json")
    assert record is not None
    assert (record["status"], record["reason"], record["tools"]) == ("failed", "list_timeout", [])
    good = {**record, "status": "ok", "reason": "ok", "tools": [TOOL]}
    write_record(tmp_path / "bad.json", good)
    assert harvest([spec("bad")], tmp_path, fresh=True)[0].reason == "list_timeout"
    assert read_record(tmp_path / "bad.json") == good


def test_a_damaged_record_is_made_anew(tmp_path: Path, launches: list[str]) -> None:
    (tmp_path / "a.json").write_text('{"status": "ok", "tools": [')
    assert cached_files(tmp_path) == []
    assert harvest([spec("a")], tmp_path)[0].cached is False
    assert len(cached_files(tmp_path)) == 1


def test_a_crash_while_writing_leaves_the_old_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.json"
    write_record(file, {"n": 1})

    def crash(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(cache_room.os, "replace", crash)
    with pytest.raises(OSError, match="disk full"):
        write_record(file, {"n": 2})
    assert read_record(file) == {"n": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]  # no temporary file stays


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "a..b"])
def test_ids_cannot_leave_the_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not a server id"):
        cache_file(tmp_path, name)


def test_where_the_cache_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_dir() == tmp_path / "synth" / "catalog"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # the specification says to ignore these
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_dir() == tmp_path / ".cache" / "synth" / "catalog"


def test_own_texts_are_preferred_where_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, launches: list[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    harvest([spec("time"), spec("mine"), spec("bad")])
    shipped, own = load_catalog(), load_catalog(prefer_cache=True)
    found = own.find("time", "echo")
    assert found is not None
    assert found.description == "Their own words."
    assert shipped.find("time", "echo") is None
    assert own.find("mine", "echo") is not None
    assert own.find("bad", "echo") is None
    assert len(own.servers) == len(shipped.servers) + 1
    only = load_catalog(tmp_path / "synth" / "catalog" / "time.json")
    assert [t.name for t in only] == ["echo"]


def test_wrong_arguments(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="jobs"):
        harvest([spec("a")], tmp_path, jobs=0)
    with pytest.raises(ValueError, match="twice"):
        harvest([spec("a"), spec("a")], tmp_path)


def test_an_error_of_ours_is_one_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(run_room, "install", broken)
    outcome = harvest([spec("a")], tmp_path)[0]
    assert (outcome.reason, outcome.detail) == ("harvester_error", "RuntimeError: a bug")
    assert json.loads((tmp_path / "a.json").read_text())["reason"] == "harvester_error"
