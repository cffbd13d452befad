"""The pipeline file: right ones are read, wrong ones get one sentence."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from synth.cli import app
from synth.pipeline import PipelineError, check_named, load_pipeline
from synth.pipeline_stages import DEFAULT_TARGET, Stages

MODELS = {
    "k2": {"kind": "k2", "workers": 2},
    "teacher": {"kind": "openai", "base_url": "https://example.org/v1", "model": "m", "api_key_env": "KEY"},
    "fake": {"kind": "scripted", "script": "script.json"},
}


@pytest.fixture
def shipped(root: Path) -> Path:
    return root / "pipelines" / "tooluse.yaml"


def _full(shipped: Path) -> dict[str, Any]:
    value: dict[str, Any] = yaml.safe_load(shipped.read_text())
    return value | {
        "models": value["models"] | {k: dict(v) for k, v in MODELS.items()},
        "executors": {"mcp": {"servers": ["a"]}},
    }


def test_the_shipped_file_is_the_defaults(shipped: Path) -> None:
    pipeline = load_pipeline(shipped)
    assert pipeline.name == "tooluse"
    assert pipeline.stages.shards.target == DEFAULT_TARGET
    # The one thing it says that the settings do not: which policy rolls out beside the expert.
    (beside,) = pipeline.stages.rollouts.beside.values()
    assert set(beside.share) <= set(DEFAULT_TARGET)
    defaults = Stages()
    assert pipeline.stages == defaults.model_copy(
        update={"rollouts": defaults.rollouts.model_copy(update={"beside": pipeline.stages.rollouts.beside})}
    )
    assert min(DEFAULT_TARGET.values()) >= 100
    assert load_pipeline(shipped, ["stages.rollouts.attempts=4"]).stages.rollouts.attempts == 4
    assert load_pipeline(shipped, ["stages.shards.target={single: 5}"]).stages.shards.target == {"single": 5}
    assert load_pipeline(shipped, ["stages.worlds.servers=[a, b]"]).stages.worlds.servers == ["a", "b"]


def test_a_model_policy_carries_its_backend(shipped: Path, tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(yaml.safe_dump(_full(shipped)))
    pipeline = load_pipeline(file, ["stages.rollouts.policy=teacher"])
    settings: Any = pipeline.stage("rollouts")
    assert settings.backend.model == "m"
    covered = settings.covered()
    assert covered["backend"] == {"kind": "openai", "base_url": "https://example.org/v1", "model": "m"}
    assert [p.path for p in check_named(pipeline, tmp_path)] == ["models.fake.script", "executors.mcp.servers"]
    (tmp_path / "script.json").write_text("[]")
    assert [p.path for p in check_named(pipeline, tmp_path)] == ["executors.mcp.servers"]


def test_a_script_beside_its_pipeline_is_found_from_anywhere(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "p.yaml").write_text(yaml.safe_dump(_full(shipped)))
    (tmp_path / "script.json").write_text('{"replies": [{"content": "hi"}]}')
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path / "else")
    model: Any = load_pipeline(tmp_path / "p.yaml").models["fake"]
    assert Path(model.script).read_text().startswith('{"replies"')


def test_named_servers_are_looked_up(shipped: Path, tmp_path: Path) -> None:
    from tools_catalog import load_catalog

    known = load_catalog().servers[0].id
    assert check_named(load_pipeline(shipped, [f"stages.worlds.servers=[{known}]"]), tmp_path) == []
    (problem,) = check_named(load_pipeline(shipped, [f"stages.worlds.servers=['{known}x']"]), tmp_path)
    assert problem.path == "stages.worlds.servers"
    assert repr(known) in problem.message


@pytest.mark.parametrize(
    ("change", "path", "says"),
    [
        ("stages.tasks.part_sise=3", "stages.tasks.part_sise", "'part_size'"),
        ("stage={}", "stage", "'stages'"),
        ("stages.shards.target={singel: 3}", "stages.shards.target.singel", "'single'"),
        ("models.x={kind: openai, base_url: 'http://x', model: m, modle: m}", "models.x.modle", "'model'"),
        ("models.x={kind: opnai}", "models.x", "opnai"),
        ("executors.mcp={servers: [a], sevrers: [b]}", "executors.mcp.sevrers", "'servers'"),
        ("stages.tasks.part_size=true", "stages.tasks.part_size", "True"),
        ("stages.rollouts.beside={exprt: 0.5}", "", "stages.rollouts.beside names 'exprt'"),
        ("stages.rollouts.beside={expert: 0.5}", "", "which is stages.rollouts.policy; leave it out there"),
        ("stages.rollouts.beside={idle: 1.5}", "stages.rollouts.beside.idle.share", "less than or equal to 1"),
        ("stages.rollouts.beside={idle: {share: {singel: 0.5}}}", "stages.rollouts.beside.idle.share", "'single'"),
        ("stages.rollouts.beside={idle: {share: {single: 0}}}", "stages.rollouts.beside.idle.share", "greater than 0"),
        ("stages.rollouts.beside={idle: {share: {chat: 1}, kinds: [chat]}}", "stages.rollouts.beside.idle", "twice"),
        ("stages.rollouts.beside={idle: {shar: 0.5}}", "stages.rollouts.beside.idle.shar", "'share'"),
        ("stages.rollouts.beside={idle: {backend: 1}}", "stages.rollouts.beside.idle.backend", ""),
        ("stages.shards.policies=[idle]", "", "which plays nothing in stages.rollouts"),
        ("stages.shards.order=[idle]", "stages.shards.order", "is not written here"),
        ("stages.rollouts.policy=exprt", "", "'expert'"),
        ("stages.rollouts.backend={kind: k2}", "stages.rollouts.backend", "policy"),
        ("stages.tools.worlds={synthetic: 3}", "stages.tools.worlds", "stages.worlds"),
        ("stages.worlds.split.eval=.nan", "stages.worlds.split.eval", "finite"),
        ("stages.shards.target={}", "stages.shards.target", "at least 1"),
        ("stages.shards.target={single: 0}", "stages.shards", "no row at all"),
        ("models.x={kind: k2, workers: many}", "models.x.workers", "many"),
    ],
)
def test_an_error_carries_its_path_and_the_nearest_key(shipped: Path, change: str, path: str, says: str) -> None:
    with pytest.raises(PipelineError) as caught:
        load_pipeline(shipped, [change])
    assert caught.value.problems[0].path == path
    assert says in caught.value.problems[0].message


def test_all_problems_are_collected(shipped: Path) -> None:
    with pytest.raises(PipelineError, match="and 2 more") as caught:
        load_pipeline(shipped, ["seed=-1", "stages.tasks.x=1", "stages.agents.count=0"])
    assert {problem.path for problem in caught.value.problems} == {"seed", "stages.tasks.x", "stages.agents.count"}


TEXTS = {
    "empty": "",
    "a list": "- a\n- b\n",
    "a word": "hello",
    "twice": "name: a\nname: b\n",
    "twice below": "name: a\nstages:\n  tasks: {part_size: 1, part_size: 2}\n",
    "alias bomb": "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    "recursive alias": "a: &a [*a]\n",
    "python tag": "name: !!python/object/apply:os.system ['true']\n",
    "unknown tag": "name: !secret x\n",
    "not closed": "name: [a\n",
    "a tab": "name: a\n\tseed: 1\n",
    "deep": "name: " + "[" * 5000,
    "deep mappings": "\n".join(" " * n + "a:" for n in range(900)),
    "digits": "name: a\nseed: " + "9" * 5000,
    "float": "name: a\nseed: 1e400\n",
    "date": "name: 2024-02-30\n",
    "number as key": "name: a\n1: 2\n",
    "null as key": "name: a\nnull: 2\n",
    "list as key": "name: a\n? [x]\n: 2\n",
    "merge": "name: a\n<<: {seed: 1}\n",
    "two documents": "name: a\n---\nname: b\n",
    "control": "name: a\x07\n",
    "bytes": "name: \xff\n",
}


def _mutants(shipped: Path) -> list[tuple[str, str]]:
    """At least 200 wrong files: the texts above, and one wrong value or key in each place of a full file."""
    rng = random.Random(1)
    made = list(TEXTS.items())
    wrong: list[Any] = [
        None,
        True,
        -1,
        1e308,
        float("inf"),
        float("nan"),
        10**30,
        "",
        "nonsense",
        [],
        [1],
        {},
        {"x": 1},
        -0.5,
    ]
    for path in _paths(_full(shipped)):
        chosen: list[tuple[str, Callable[[Any, str], None]]] = [("gone wrong", _misspell)]
        chosen += [(repr(value), _setter(value)) for value in rng.sample(wrong, 5)]
        for label, change in chosen:
            mutant = _full(shipped)
            parent = mutant
            for step in path[:-1]:
                parent = parent[step]
            change(parent, path[-1])
            made.append((f"{'.'.join(path)} {label}", yaml.safe_dump(mutant)))
    return made


def _paths(value: Any, at: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for key, below in value.items():
        found.append((*at, key))
        if isinstance(below, dict):
            found += _paths(below, (*at, key))
    return found


def _setter(value: Any) -> Callable[[Any, str], None]:
    def put(parent: Any, key: str) -> None:
        parent[key] = value

    return put


def _misspell(parent: Any, key: str) -> None:
    parent[key + "z"] = parent.pop(key)


def test_wrong_files_give_exit_2_and_one_sentence(shipped: Path, tmp_path: Path) -> None:
    runner, wrong, harmless = CliRunner(), 0, []
    for label, text in _mutants(shipped):
        file = tmp_path / "mutant.yaml"
        file.write_bytes(text.encode("latin-1" if label == "bytes" else "utf-8"))
        try:
            load_pipeline(file)
            harmless.append(label)  # such as a seed of another number: right files too
            continue
        except PipelineError:
            wrong += 1
        told = runner.invoke(app, ["run", str(file), "--out", str(tmp_path / "run")])
        assert told.exit_code == 2, (label, told.output)
        assert told.exception is None or isinstance(told.exception, SystemExit), (label, told.exception)
        lines = told.stderr.strip().splitlines()
        assert len(lines) == 1, (label, told.stderr)
        assert lines[0].startswith(f"synth: {file}: "), (label, told.stderr)
        assert "Traceback" not in told.output
    assert wrong >= 200
    assert len(harmless) < 60, harmless
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["none.yaml", ".", "a\0b", "x" * 5000])
def test_files_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    told = CliRunner().invoke(app, ["run", str(tmp_path / name)])
    assert told.exit_code == 2
    assert len(told.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "change", ["x", "=1", "a..b=1", "stages.tasks.part_size.x=1", "stages.tasks.part_size=[", "name=&a [*a]"]
)
def test_wrong_overrides(shipped: Path, change: str) -> None:
    told = CliRunner().invoke(app, ["run", str(shipped), "--set", change])
    assert told.exit_code == 2
    assert len(told.stderr.strip().splitlines()) == 1
