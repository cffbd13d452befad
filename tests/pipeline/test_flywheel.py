"""A miniature flywheel: a random tiny model plays, is trained on what the expert shows and evaluated, two rounds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the model core needs torch: pip install '.[model]'")

import pyarrow.parquet as pq
from typer.testing import CliRunner

from model_core import ModelConfig, OwnTokenizer
from model_core.checkpoint import empty, save
from synth.cli import app
from synth.errors import RefusedError, UsageError
from synth.flywheel import turning
from synth.flywheel.file import FlywheelFile, load_flywheel_file
from synth.flywheel.record import changes
from synth.flywheel.turning import turn

ROOT = Path(__file__).parents[2]
SIZES = {"hidden_size": 48, "intermediate_size": 64, "moe_intermediate_size": 32, "num_hidden_layers": 2,
         "num_attention_heads": 2, "q_lora_rank": 24, "kv_lora_rank": 16, "n_routed_experts": 4}  # fmt: skip
TEXT = """
name: mini
core: {core}
run:
  seed: 7
  stages:
    worlds: {{servers: [trello, paddle, postman], synthetic: 0}}
    agents: {{count: 30, max_tools: 4, split: {{validation: 0.1, eval: 0.5}}}}
    tasks: {{part_size: 6}}
    rollouts: {{max_turns: 4}}
    shards: {{target: {{single: 4, no_tool: 3}}, max_rounds: 2}}
rollouts: {{target: {{single: 3, no_tool: 2}}, attempts: 2}}
max_length: 8192
max_tokens: 24
training: {{steps: 2, batch_tokens: 8192, log_every: 1, held_out_every: 2, device: cpu, optimizer: {{lr: 0.001}}}}
evaluation: {{tasks: 2}}
"""


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of random weights with a vocabulary of its own."""
    folder = tmp_path_factory.mktemp("core") / "first"
    tokenizer = OwnTokenizer.train(['You work for a company. Please update the record {"id": 1}.'] * 9, 400)
    told: dict[str, Any] = {"vocab_size": tokenizer.size, "tool_declarations": "compact"}
    save(empty(ModelConfig.preset("tiny").scaled(**told | SIZES)).initialise(3), folder)
    tokenizer.write(folder)
    return folder


def told(core: Path, folder: Path, *sets: str, text: str = TEXT) -> FlywheelFile:
    (folder / "mini.yaml").write_text(text.format(core=core))
    return load_flywheel_file(folder / "mini.yaml", sets)


@pytest.fixture(scope="module")
def turned(core: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[FlywheelFile, Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("wheel")
    file = told(core, folder)
    return file, folder / "out", turn(file, folder / "out", workers=0)


def test_two_rounds_go_to_the_end_and_are_recorded(turned: tuple[FlywheelFile, Path, dict[str, Any]]) -> None:
    _, out, made = turned
    rounds = made["rounds"]
    assert [one["round"] for one in rounds] == [0, 1, 2]
    assert len({one["model"] for one in rounds}) == 3  # each round is another model
    assert json.loads((out / "flywheel.json").read_text()) == json.loads(json.dumps(made))
    for number, one in enumerate(rounds[1:], 1):
        assert {line["policy"] for line in one["rollouts"]} == {"expert", rounds[number - 1]["model"]}
        assert one["evaluation"]["all"]["n"] == one["against_before"]["all"]["n"] == 4
        assert one["training"]["steps"] == 2 and one["training"]["held_out_loss"] is not None
        assert one["mix"]["rows"] == 2 * one["mix"]["replayed"] or one["mix"]["replayed"] < one["mix"]["rows"] / 2
        assert one["generated_tokens"] > 0
    assert rounds[2]["mix"]["rows"] > rounds[1]["mix"]["rows"]  # rows of both rounds
    text = (out / "flywheel.md").read_text()
    assert "| 2 | k2:model@" in text and "gained, lost" in text


def test_rounds_have_tasks_of_their_own_on_the_same_worlds(
    turned: tuple[FlywheelFile, Path, dict[str, Any]],
) -> None:
    _, out, _ = turned
    runs = [out / "ground", out / "round-1" / "run", out / "round-2" / "run"]

    def ids(table: str) -> list[set[str]]:
        found = [[pq.read_table(f).column(f"{table[:-1]}_id").to_pylist() for f in (run / table).glob("*.parquet")]
                 for run in runs]  # fmt: skip
        return [{one for part in parts for one in part} for parts in found]

    assert len({frozenset(found) for found in ids("agents")}) == 1
    tasks = ids("tasks")
    assert all(tasks) and not tasks[0] & tasks[1] and not tasks[1] & tasks[2] and not tasks[0] & tasks[2]
    evaluated = json.loads((out / "round-2" / "evaluation.json").read_text())["episodes"]
    assert {task for task, *_ in evaluated} <= tasks[0]


def test_a_flywheel_is_taken_up_where_it_was(
    turned: tuple[FlywheelFile, Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch, core: Path, tmp_path: Path
) -> None:
    file, out, made = turned
    monkeypatch.setattr(turning, "played", lambda *_: pytest.fail("an evaluation was made again"))
    weights = [path.stat().st_mtime_ns for path in sorted(out.glob("round-*/training/model/*.safetensors"))]
    assert turn(file, out, workers=0) == made and len(weights) == 2
    assert [p.stat().st_mtime_ns for p in sorted(out.glob("round-*/training/model/*.safetensors"))] == weights
    with pytest.raises(RefusedError, match=r"other settings \(replay\)"):
        turn(told(core, tmp_path, "replay=2.0"), out)


@pytest.mark.slow
def test_what_a_kill_left_is_made_whole(turned: tuple[FlywheelFile, Path, dict[str, Any]], tmp_path: Path) -> None:
    file, out, made = turned
    shutil.copytree(out, tmp_path / "out")
    second = tmp_path / "out" / "round-2"
    (second / "evaluation.json").unlink()
    shutil.rmtree(second / "training" / "model")  # killed while it trained
    shutil.rmtree(second / "training" / "checkpoints")
    (second / ".mix").mkdir()
    (second / "mix").rename(second / ".mix" / "half")
    shutil.rmtree(second / "run" / "verdicts")  # and a disk that lost something
    again = turn(file, tmp_path / "out", workers=0)
    kept = ("model", "mix", "evaluation", "against_before")
    assert [{k: one.get(k) for k in kept} for one in again["rounds"]] == [
        {k: one.get(k) for k in kept} for one in made["rounds"]
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("rounds=0", "rounds and evaluation.tasks must be at least 1"),
        ("run.name=x", "run.name is given by the flywheel file itself"),
        ("run.stages.rollouts.policy=idle", "run.stages.rollouts.policy is chosen by the rounds"),
        ("run.stages.tasks.part_sise=3", "run: stages.tasks.part_sise: unknown key, the nearest known one is"),
        ("rollouts.target={singel: 3}", "run: stages.shards.target.singel: unknown kind"),
        ("training.stepz=3", "training.stepz: unknown key"),
        ("max_length=9000", "max_length is 9000, more than a batch"),
        ("core=nowhere", "core: 'nowhere' is no folder"),
    ],
)
def test_a_wrong_file_gets_one_sentence(core: Path, tmp_path: Path, change: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        told(core, tmp_path, change)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_the_shipped_file_is_read_and_the_verb_says_what_is_wrong() -> None:
    shipped = ROOT / "pipelines" / "flywheel.yaml"
    file = load_flywheel_file(shipped)
    assert file.rounds >= 2 and file.core == "bundled"
    told = CliRunner().invoke(app, ["flywheel", str(shipped), "--set", "rounds=none"])
    assert told.exit_code == 2 and "rounds: should be a valid integer, got 'none'" in told.stderr


def test_changes_are_counted_on_the_same_tasks() -> None:
    def episodes(*passed: bool | None) -> list[list[Any]]:
        return [[f"t{n}", "single" if n % 2 else "chat", one, ""] for n, one in enumerate(passed)]

    found = changes(episodes(True, False, None, False), episodes(True, True, True, False)[1:])
    assert found["all"] | {"low": 0, "high": 0} == {
        "n": 3, "gained": 2, "lost": 0, "difference": 0.6667, "low": 0, "high": 0,
    }  # fmt: skip
    assert found["all"]["low"] < 0 < found["all"]["high"]  # three tasks tell nothing
    many = changes(episodes(*[False] * 100), episodes(*[True] * 30, *[False] * 70))
    assert 0.2 < many["all"]["low"] < 0.3 < many["all"]["high"] < 0.4
