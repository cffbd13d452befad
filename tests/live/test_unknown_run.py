"""A user's own server from its command or URL to passed trajectories; where nothing is found, one sentence says so."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from synth import open_run
from synth.errors import UsageError
from synth.executors.mcp import list_tools
from synth.live.known import WORK
from synth.pipeline import load_pipeline
from synth.pipeline_executors import McpServer
from synth.replaying import replay_sample
from synth.reports.probes import of_run
from synth.run import Options, RunResult, run_pipeline
from synth.sandbox import Engine, open_engine
from tests.live.test_probing import OWN, own_http

KINDS = {"single": 3, "chain": 3, "parallel": 2, "no_tool": 2}


def run_on(server: dict[str, Any], folder: Path, targets: dict[str, int], **rollouts: str) -> RunResult:
    file = folder / "own.yaml"
    stages = {"worlds": {"servers": []}, "agents": {"per_place": 2}, "tasks": {"part_size": 8}, "rollouts": rollouts,
              "shards": {"target": targets, "max_rounds": 2}}  # fmt: skip
    executors = {"sandbox": "local", "concurrency": 4, "mcp": {"servers": [server]}}
    file.write_text(yaml.safe_dump({"name": "own", "seed": 4, "executors": executors, "stages": stages}))
    return run_pipeline(load_pipeline(file), Options(out=folder / "run", workers=0))


def own_command(folder: Path, *more: str) -> dict[str, Any]:
    """The server in a folder of its own, as a user's would be."""
    home = folder / "server"
    home.mkdir()
    shutil.copy(OWN, home)
    python = str(Path(sys.executable).resolve())
    return {
        "id": "own",
        "command": [python, str(home / OWN.name), "{work}", *more],
        "probe": {"courses": 12, "starts": 1},
    }


def all_passed(folder: Path) -> None:
    opened = open_run(folder / "run")
    assert all(v.passed for v in opened.rows("verdicts")), [v.reasons for v in opened.rows("verdicts") if not v.passed]
    assert {c.executor for t in opened.rows("trajectories") for c in t.calls} == {"mcp"}
    reports = replay_sample(folder / "run", 4)
    assert all(r.equal for r in reports.values()), [r.differences for r in reports.values()]


@pytest.mark.slow
def test_a_command_in_its_sandbox(tmp_path: Path) -> None:
    try:
        open_engine("local").close()
    except UsageError as error:
        pytest.skip(str(error))
    result = run_on(own_command(tmp_path), tmp_path, KINDS)
    assert result.rows == KINDS
    all_passed(tmp_path)
    tools = {t.name: t.provenance["probe"] for t in open_run(tmp_path / "run").rows("tools")}
    assert tools["delete_note"]["kept"]
    assert (tools["broken"]["kept"], set(tools["broken"]["refused"])) == (0, {"fails"})


@pytest.mark.slow
def test_a_url_whose_state_no_file_shows(tmp_path: Path) -> None:
    with own_http() as url:
        server = {"id": "far", "url": url, "probe": {"courses": 10, "starts": 1, "writes": True}}
        result = run_on(server, tmp_path, KINDS)
        assert result.rows == KINDS
        all_passed(tmp_path)
        (tmp_path / "idle").mkdir()
        run_on(server, tmp_path / "idle", {"single": 2, "chain": 2}, policy="idle")
    assert not any(v.passed for v in open_run(tmp_path / "idle/run").rows("verdicts"))


def test_nothing_found_is_one_sentence_with_its_reasons(tmp_path: Path) -> None:
    server = {**own_command(tmp_path, "--only", "broken,current_time"), "uncontained": True}
    assert not sum(run_on(server, tmp_path, {"single": 1}).rows.values())
    dropped = [d for d in open_run(tmp_path / "run").rows("dropped") if d.reason == "nothing_probed"]
    assert [d.detail for d in dropped] == [
        "of 9 calls on 2 tools of own none came out the same twice with something to see: fails 8, holds_the_time 1"
    ]
    assert [(p["server"], p["tool"], p["kept"]) for p in of_run(tmp_path / "run")] == [
        ("own", "broken", 0), ("own", "current_time", 0)]  # fmt: skip


def test_a_server_below_the_name_of_the_work_folder_is_refused_with_the_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"{WORK}/mine/server")
    server = McpServer(id="mine", command=["server"])
    with pytest.raises(UsageError, match=f"{WORK}/mine lies in {WORK}.*uncontained: true"):
        asyncio.run(list_tools(server, cast(Engine, object())))
