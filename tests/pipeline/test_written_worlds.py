"""Worlds that a person wrote: named in the pipeline file, checked before the run, carried through to shards."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from synth import open_run
from synth.cli import app
from synth.fingerprints import fingerprints
from synth.pipeline import load_pipeline
from synth.records import STAGES
from synth.replaying import replay_sample
from synth.run import Options, run_pipeline
from synth.stages import load
from synth.worlds.written import read_world

DESK = Path(__file__).parents[1] / "worlds" / "data" / "helpdesk.yaml"
RECIPE = """
name: own
seed: 3
stages:
  worlds: {servers: [], files: [worlds/desk.yaml]}
  agents: {count: 12}
  tasks: {part_size: 20}
  shards: {target: {single: 6, chain: 6, clarify: 4}}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A pipeline of one written world and no server, in a folder of its own."""
    (tmp_path / "worlds").mkdir()
    shutil.copy(DESK, tmp_path / "worlds" / "desk.yaml")
    file = tmp_path / "own.yaml"
    file.write_text(RECIPE)
    return file


def desk() -> dict[str, Any]:
    spec: dict[str, Any] = yaml.safe_load(DESK.read_text())
    return spec


def said(recipe: Path, verb: str = "validate") -> list[str]:
    """Lines of a refusal: exit 2 and nothing but sentences that name the file."""
    told = CliRunner().invoke(app, [verb, str(recipe)])
    assert told.exit_code == 2, told.output
    lines = told.stderr.strip().splitlines()
    assert lines and all("Traceback" not in line for line in lines)
    return lines


def test_the_worked_example_runs_through_to_shards(root: Path, tmp_path: Path) -> None:
    few = ["stages.agents.count=12", "stages.shards.target={single: 6, chain: 8, multi_turn: 4, clarify: 4}"]
    pipeline = load_pipeline(root / "pipelines" / "handwritten.yaml", few)
    result = run_pipeline(pipeline, Options(out=tmp_path / "run", workers=0))
    assert result.exit_code == 0
    run = open_run(result.run_dir)
    (world,) = run.rows("worlds")
    assert (world.origin, world.parents, world.roots, world.server) == ("written", [], [], None)
    example = read_world(root / "pipelines" / "worlds" / "gear_rental.yaml")
    tools = list(run.rows("tools"))
    assert {t.origin for t in tools} == {"written"} and {t.name for t in tools} == set(example.tools)
    assert all(stage.complete for name, stage in run.stages().items() if name in STAGES)
    called = {c.name for t in run.rows("trajectories") for c in t.calls if c.ok}
    assert {n for n, t in example.tools.items() if t.op == "do"} & called
    reports = replay_sample(result.run_dir, 1_000)
    assert reports and all(r.equal for r in reports.values())


def test_the_fingerprint_follows_the_bytes_of_the_file_not_its_place(recipe: Path, tmp_path: Path) -> None:
    modules = load()
    before = fingerprints(load_pipeline(recipe), modules)
    moved = tmp_path / "elsewhere"
    shutil.copytree(recipe.parent / "worlds", moved / "worlds")
    shutil.copy(recipe, moved / "own.yaml")
    assert fingerprints(load_pipeline(moved / "own.yaml"), modules) == before
    (recipe.parent / "worlds" / "desk.yaml").write_text(DESK.read_text() + "# a new line\n")
    after = fingerprints(load_pipeline(recipe), modules)
    assert all(after[stage].digest != before[stage].digest for stage in STAGES)


def test_json_is_read_like_yaml(tmp_path: Path) -> None:
    file = tmp_path / "desk.json"
    file.write_text(json.dumps(desk()))
    assert read_world(file) == read_world(DESK)


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (lambda w: w["entities"]["Ticket"].pop("fields"), ["worlds/desk.yaml", "entities.Ticket.fields"]),
        (lambda w: w["tools"]["get_ticket"].update(of="Tikcet"), ["tools.get_ticket.of", "Tikcet"]),
        (lambda w: w["tools"]["get_ticket"].update(gives="it.subjct"), ["tools.get_ticket", "did you mean `subject`?"]),
        (
            lambda w: w["tools"]["get_ticket"].update(require=[{"that": "it.subject != ''", "else": "blank"}]),
            ["tools.get_ticket: not admitted", "never reached", "blank"],
        ),
    ],
)
def test_what_is_wrong_in_a_world_is_said_with_file_and_place(recipe: Path, change: Any, parts: list[str]) -> None:
    spec = desk()
    change(spec)
    (recipe.parent / "worlds" / "desk.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))
    for verb in ("validate", "run"):
        (line,) = said(recipe, verb)
        assert all(part in line for part in ["stages.worlds.files.0", "desk.yaml", *parts]), line


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("world: [", "line 1: not valid YAML"),
        ("- a\n", "the top level must be a mapping"),
        ("world: a\nworld: b\n", "the key 'world' is written twice"),
        ("world: a\non: b\n", "line 2: a key must be plain text, not bool; put it in quotes"),
        ("", "the top level must be a mapping"),
        ("world: \xff", "not UTF-8"),
    ],
)
def test_files_that_cannot_be_read(recipe: Path, text: str, part: str) -> None:
    (recipe.parent / "worlds" / "desk.yaml").write_bytes(text.encode("latin-1"))
    (line,) = said(recipe)
    assert part in line, line


def test_a_missing_file_and_two_worlds_of_one_name(recipe: Path) -> None:
    recipe.write_text(RECIPE.replace("[worlds/desk.yaml]", "[worlds/desk.yaml, worlds/none.yaml, worlds/two.yaml]"))
    shutil.copy(DESK, recipe.parent / "worlds" / "two.yaml")
    missing, twice = said(recipe)
    assert "files.1" in missing and "none.yaml: does not exist" in missing
    assert "files.2" in twice and "is also the name of" in twice


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ("{servers: []}", "names no server and no file"),
        ("{servers: [], files: [worlds/desk.yaml], synthetic: 5}", "grow from those of servers"),
        ("{servers: [], files: [worlds/desk.yaml, worlds/desk.yaml]}", "twice"),
        ("{files: worlds/desk.yaml}", "files"),
    ],
)
def test_settings_that_cannot_be(recipe: Path, change: str, part: str) -> None:
    recipe.write_text(RECIPE.replace("{servers: [], files: [worlds/desk.yaml]}", change))
    (line,) = said(recipe)
    assert "stages.worlds" in line and part in line, line
