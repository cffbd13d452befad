"""Runs with code tasks: the expert's rows pass, the lazy ones' do not, what broke is infra, replays are equal."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import synth.code
from synth import open_run
from synth.code.families import Maker
from synth.code.task import CodeTask
from synth.errors import RefusedError, UsageError
from synth.executors.workspace import WorkspaceExecutor
from synth.pipeline import Pipeline, PipelineError, load_pipeline
from synth.places import hands
from synth.places.workspace import Workspace
from synth.replaying import replay_sample
from synth.run import Options, RunResult, run_pipeline
from synth.sandbox import SandboxError


def code_pipeline(root: Path, *more: str, target: int = 6) -> Pipeline:
    sizes = [f"stages.shards.target.code={target}", "stages.tasks.part_size=8", "stages.shards.max_rounds=2"]
    return load_pipeline(root / "pipelines/code.yaml", [*sizes, "stages.agents.per_place=3", *more])


def run_in(folder: Path, root: Path, *more: str, target: int = 6) -> RunResult:
    return run_pipeline(code_pipeline(root, *more, target=target), Options(out=folder, workers=0))


@pytest.mark.usefixtures("plain")
def test_of_tasks_like_each_other_one_row_is_kept(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for family in synth.code.FAMILIES.values():
        made = partial(same, family.make)
        monkeypatch.setitem(synth.code.FAMILIES, family.name, family._replace(make=made))
    result = run_in(tmp_path / "run", root, "stages.shards.max_rounds=1", target=4)
    assert result.rows == {"code": 1}
    reasons = {one.reason for one in open_run(tmp_path / "run").rows("dropped") if one.stage == "shards"}
    assert "near_duplicate" in reasons


def same(make: Maker, family: str, identity: str, rng: random.Random) -> CodeTask | None:
    task = make(family, identity, rng)
    return task and task.model_copy(update={"essence": "x.adds"})


def verdicts(folder: Path) -> list[Any]:
    return list(open_run(folder).rows("verdicts"))


@pytest.mark.usefixtures("plain")
def test_the_expert_passes_and_replays(tmp_path: Path, root: Path) -> None:
    result = run_in(tmp_path / "run", root)
    assert (result.exit_code, result.rows) == (0, {"code": 6})
    assert all(v.passed for v in verdicts(tmp_path / "run"))
    rows = open_run(tmp_path / "run").rows("trajectories")
    assert all(c.passed and c.score == 1.0 and c.evidence == "2 of 2 hidden tests pass" for t in rows for c in t.checks)
    assert all(c.executor == "workspace" and c.latency_ms == 0 for t in rows for c in t.calls)
    failing, passing = [c.result for c in rows[0].calls if c.name == "run_tests"]
    assert (failing["ok"], passing["ok"]) == (False, True)  # the tests really ran, before and after
    assert rows[0].messages[-1]["content"].endswith("passed: 1.")
    reports = replay_sample(tmp_path / "run", 4)
    assert len(reports) == 4
    assert all(r.equal and r.calls == 6 for r in reports.values()), [r.differences for r in reports.values()]


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("policy", ["idle", "random", "first_tool", "refuser", "parrot"])
def test_who_does_not_do_it_fails(tmp_path: Path, root: Path, policy: str) -> None:
    result = run_in(tmp_path / "run", root, f"stages.rollouts.policy={policy}", "stages.shards.max_rounds=1", target=2)
    assert result.exit_code == 3
    found = verdicts(tmp_path / "run")
    assert found
    assert all(v.passed is False and v.reasons[0].startswith("hidden_tests: 0 of 2") for v in found)


@pytest.mark.usefixtures("plain")
def test_deleting_the_tests_fails(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Deletes:
        name = "expert"
        _acts = ("rm -rf tests && mkdir tests && touch tests/__init__.py", "")

        def __init__(self, *_: object) -> None:
            self._said = 0

        async def act(self, conversation: Any) -> dict[str, Any]:
            self._said += 1
            if self._said > 1:
                return {"content": "I removed the tests that failed."}
            arguments = '{"command": "rm -rf tests"}'
            return {"content": "", "tool_calls": [{"function": {"name": "run_shell", "arguments": arguments}}]}

        def usage(self) -> Any:
            from synth.sim.episode import NO_USAGE

            return NO_USAGE

    monkeypatch.setattr("synth.stages.rollouts.Expert", Deletes)
    assert run_in(tmp_path / "run", root, "stages.shards.max_rounds=1", target=2).exit_code == 3
    found = verdicts(tmp_path / "run")
    assert all(v.passed is False for v in found)
    assert all("changed and put back: tests/test_m.py" in v.reasons[0] for v in found)


@pytest.mark.usefixtures("plain")
def test_a_broken_sandbox_is_infra_and_never_a_score(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: WorkspaceExecutor, *_: object) -> Any:
        raise SandboxError("the engine went away")

    monkeypatch.setattr(WorkspaceExecutor, "_run", broken)
    closed: list[str] = []

    async def close(self: Workspace) -> None:
        closed.append(self.world_id)

    monkeypatch.setattr(WorkspaceExecutor, "close", close)
    with pytest.raises(RefusedError, match="infra failures"):
        run_in(tmp_path / "run", root, "stages.shards.max_rounds=1", target=2)
    failed = [f for f in open_run(tmp_path / "run").rows("failed") if f.stage == "rollouts"]
    assert failed
    assert {(f.class_, f.boundary, f.detail) for f in failed} == {
        ("infra", "executors.workspace", "the engine went away")
    }
    assert not verdicts(tmp_path / "run")
    assert len(closed) == len(failed)  # what an episode held is given back, also where it broke


@pytest.mark.usefixtures("plain")
def test_rows_do_not_depend_on_how_many_play_at_once(tmp_path: Path, root: Path) -> None:
    for many in (1, 16):
        run_in(tmp_path / str(many), root, f"executors.concurrency={many}")
    one, other = ([p.read_bytes() for p in sorted((tmp_path / n / "sft").glob("*.parquet"))] for n in ("1", "16"))
    assert one
    assert one == other


@pytest.mark.usefixtures("plain")
def test_code_tasks_beside_simulated_worlds(tmp_path: Path, root: Path) -> None:
    """Each kind finds the agents it can be made for."""
    both = ["stages.worlds.files=[../pipelines/worlds/gear_rental.yaml]", "stages.shards.target={code: 4, single: 4}"]
    result = run_in(tmp_path / "run", root, *both, "stages.agents.count=8")
    assert result.rows == {"code": 4, "single": 4}
    run = open_run(tmp_path / "run")
    origins = {w.world_id: w.origin for w in run.rows("worlds")}
    agents = {a.agent_id: {origins[w] for w in a.world_ids} for a in run.rows("agents")}
    assert all(len(found) == 1 for found in agents.values())
    assert all(agents[t.agent_id] == {"workspace" if t.kind == "code" else "written"} for t in run.rows("tasks"))


@pytest.mark.usefixtures("toy_families")
def test_without_a_sandbox_nothing_starts(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str, **_: object) -> Any:
        raise UsageError("there is no sandbox here; install bubblewrap")

    monkeypatch.setattr(hands, "open_engine", none)
    with pytest.raises(UsageError, match="install bubblewrap"):
        run_in(tmp_path / "run", root)
    assert not list((tmp_path / "run").glob("*/part-*"))


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("executors.sandbox=dokcer", "executors.sandbox"),
        ("executors.code.families=[nonesuch]", "executors.code.families: there is no family 'nonesuch'"),
        ("executors.mcp.servers=[nonesuch]", "executors.mcp.servers: there is no known server 'nonesuch'"),
        ("executors.mcp.servers=[{id: mine}]", "needs either `command` or `url`"),
        ("executors.mcp.servers=[{id: mine, url: 'http://x', uncontained: true}]", "go with `command`"),
        ("stages.rollouts.executors={}", "is not written here"),
    ],
)
def test_wrong_files_say_where(root: Path, override: str, sentence: str) -> None:
    from synth.pipeline import check_named

    with pytest.raises(PipelineError) as wrong:
        pipeline = load_pipeline(root / "pipelines/code.yaml", [override])
        raise PipelineError("code.yaml", check_named(pipeline, root / "pipelines"))
    assert sentence in str(wrong.value)


def test_a_file_without_anything_to_work_on(root: Path) -> None:
    with pytest.raises(PipelineError, match="names no server and no file"):
        load_pipeline(root / "pipelines/code.yaml", ["executors={}"])
