"""Shards are packed and trained on: from Parquet to a checkpoint that loads, and a run that goes on as if unbroken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from pyarrow import parquet

from model_core import load
from model_core.errors import ModelError
from model_core.feeding.__main__ import main
from model_core.feeding.packing import pack, read_packed
from model_core.feeding.shipping import ship
from model_core.feeding.training import Recipe, train
from model_core.training.settings import OptimizerSettings, Settings

TOOLS = [{"name": "retire_kayak", "description": "Retires a kayak.", "parameters": {"properties": {"kayak_id": {}}}}]
SIZES = {"hidden_size": 32, "intermediate_size": 64, "moe_intermediate_size": 32, "num_hidden_layers": 2,
         "num_attention_heads": 2, "q_lora_rank": 16, "kv_lora_rank": 16, "n_routed_experts": 4,
         "qk_nope_head_dim": 8, "qk_rope_head_dim": 8, "v_head_dim": 8}  # fmt: skip
SETTINGS = Settings(steps=6, batch_tokens=600, prompt_weight=0.25, warmup=1, log_every=2, held_out_every=3,
                    checkpoint_every=3, device="cpu", optimizer=OptimizerSettings(lr=0.01))  # fmt: skip


def shards(folder: Path) -> Path:
    folder.mkdir()
    for split, numbers in (("train", range(24)), ("validation", range(30, 34))):
        rows = [row(n) for n in numbers]
        table = pa.Table.from_pylist(rows).replace_schema_metadata({"schema_version": "1"})
        parquet.write_table(table, folder / f"{split}-00000.parquet")
    return folder


def row(number: int) -> dict[str, Any]:
    said = "x " * 400 if number == 7 else f"Please retire Kayak-{number}."
    call = {"id": "c", "type": "function", "function": {"name": "retire_kayak", "arguments": '{"kayak_id": "K"}'}}
    messages = [{"role": "user", "content": said, "tool_calls": None, "tool_call_id": None},
                {"role": "assistant", "content": "", "tool_calls": [call], "tool_call_id": None},
                {"role": "tool", "content": "{}", "tool_calls": None, "tool_call_id": "c"},
                {"role": "assistant", "content": "Done.", "tool_calls": None, "tool_call_id": None}]  # fmt: skip
    return {"messages": messages, "tools": json.dumps(TOOLS), "trajectory_id": f"t{number}", "kind": "single"}


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packing")
    pack([shards(folder / "sft")], folder / "packed", vocabulary=420, longest=300, held_out=3)
    return folder / "packed"


def test_what_does_not_fit_is_counted(packed: Path) -> None:
    about = json.loads((packed / "about.json").read_text())
    rows, held = read_packed(packed)
    assert about["rows"] == {"single": 23} and about["too_long"] == {"single": 1}
    assert len(rows) == 23 and len(held) == about["held_out_rows"] == 3
    assert sum(json.loads((packed / "lengths.json").read_text())) == about["tokens"]
    with pytest.raises(ModelError, match="exists already"):
        pack([packed], packed, 420, 300, 3)


def test_it_learns_and_a_broken_run_goes_on_to_the_same_weights(packed: Path, tmp_path: Path) -> None:
    whole = train(packed, Recipe(SETTINGS, SIZES), tmp_path / "whole", processes=0)
    model = load(whole)
    assert model.config.tool_declarations == "compact"
    lines = [json.loads(line) for line in (tmp_path / "whole" / "metrics.jsonl").read_text().splitlines()]
    losses = [line["held_out_loss"] for line in lines if "held_out_loss" in line]
    assert losses[-1] < losses[0]
    (tmp_path / "broken" / "checkpoints").mkdir(parents=True)
    half = sorted((tmp_path / "whole" / "checkpoints").glob("step-*.pt"))[0]
    (tmp_path / "broken" / "checkpoints" / half.name).write_bytes(half.read_bytes())
    again = load(train(packed, Recipe(SETTINGS, SIZES), tmp_path / "broken", processes=1))
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, again.state_dict()[name]), name


def test_a_shipped_checkpoint_is_quantised_and_nearly_as_good(packed: Path, tmp_path: Path) -> None:
    trained = train(packed, Recipe(SETTINGS, SIZES), tmp_path / "run", processes=0)
    found = ship(trained, packed, tmp_path / "shipped")
    assert load(tmp_path / "shipped").config == load(trained).config
    assert json.loads((tmp_path / "shipped" / "config.json").read_text())["quantization_config"]["fmt"] == "e4m3"
    assert found["loss"] != found["loss_fp8"] and abs(found["loss"] - found["loss_fp8"]) < 0.05
    assert found["bytes"] == sum(path.stat().st_size for path in (tmp_path / "shipped").iterdir())
    with pytest.raises(ModelError, match="exists already"):
        ship(trained, packed, tmp_path / "shipped")


def test_a_second_phase_starts_from_a_checkpoint_with_its_vocabulary(packed: Path, tmp_path: Path) -> None:
    first = train(packed, Recipe(SETTINGS, SIZES), tmp_path / "first", processes=0)
    pack([shards(tmp_path / "sft"), shards(tmp_path / "more")], tmp_path / "packed", first, 9000, 3, "compact_id_last")
    assert len(read_packed(tmp_path / "packed")[0]) == 48
    told: list[str] = []
    recipe = Recipe.from_json(
        {"settings": asdict(SETTINGS) | {"steps": 1}, "init": str(first), "mix": {"drill": [0.9]}}
    )
    second = load(train(tmp_path / "packed", recipe, tmp_path / "second", processes=0, tell=told.append))
    assert second.config == load(first).config.scaled(tool_declarations="compact_id_last", max_position_embeddings=9000)
    begun, fresh = load(first).state_dict(), load(train(packed, Recipe(replace(SETTINGS, steps=1), SIZES),
                                                        tmp_path / "fresh", processes=0)).state_dict()  # fmt: skip
    far = {name: float((weight - begun[name]).norm()) for name, weight in second.state_dict().items()}
    assert sum(far.values()) < sum(float((fresh[name] - begun[name]).norm()) for name in far)
    assert any(line.startswith("held-out loss of drill") for line in told)
    with pytest.raises(ModelError, match="pack with --tokenizer"):
        other = tmp_path / "other"
        pack([tmp_path / "sft"], other, 300, 300, 3)
        train(other, recipe, tmp_path / "third", processes=0)


def test_the_steps_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shards(tmp_path / "sft")
    place = {
        name: str(tmp_path / name) for name in ("sft", "one", "two", "first", "second", "recipe.json", "next.json")
    }
    settings = asdict(SETTINGS) | {"steps": 1}
    Path(place["recipe.json"]).write_text(json.dumps({"settings": settings, "sizes": SIZES}))
    Path(place["next.json"]).write_text(json.dumps({"settings": settings, "mix": {"weights": {"single": 2}}}))
    kept = ["--tokenizer", place["one"], "--declarations", "compact_id_last"]
    for step in (
        ["pack", place["sft"], place["sft"], "--vocabulary", "420", "--longest", "300", "--out", place["one"]],
        ["train", place["one"], place["recipe.json"], "--processes", "0", "--out", place["first"]],
        ["pack", place["sft"], *kept, "--longest", "300", "--out", place["two"]],
        ["train", place["two"], place["next.json"], "--init", f"{place['first']}/model", "--set", "steps=2",
         "--processes", "0", "--out", place["second"]],
    ):  # fmt: skip
        assert main(step) == 0, capsys.readouterr()
    assert load(tmp_path / "second" / "model").config.tool_declarations == "compact_id_last"
    assert len((tmp_path / "second" / "metrics.jsonl").read_text().splitlines()) == 1  # of step 2
    assert main(["train", place["two"], place["recipe.json"], "--init", place["first"], "--out", place["one"]]) == 2


def test_two_processes_train_as_one_that_accumulates(packed: Path, tmp_path: Path) -> None:
    settings = asdict(replace(SETTINGS, optimizer=OptimizerSettings(lr=0.001)))
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps({"settings": settings, "sizes": SIZES}))
    train(packed, Recipe.from_json({"settings": settings | {"accumulate": 2}, "sizes": SIZES}), tmp_path / "one", 0)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    step = ["model_core.feeding", "train", packed, recipe, "--processes", "1", "--out", tmp_path / "two"]
    root = Path(__file__).parents[3]
    ended = subprocess.run([*launcher, *step], cwd=root, capture_output=True, text=True, timeout=240,
                           env=os.environ | {"OMP_NUM_THREADS": "1"})  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == str(tmp_path / "two" / "model")
    one, two = (load(tmp_path / name / "model").state_dict() for name in ("one", "two"))
    assert one.keys() == two.keys()
    far = sum(float((one[name] - two[name]).float().norm()) for name in one)
    assert far < 1e-2 * sum(float(weight.float().norm()) for weight in one.values())
    last = [json.loads((tmp_path / name / "metrics.jsonl").read_text().splitlines()[-1]) for name in ("one", "two")]
    assert last[0]["tokens"] == last[1]["tokens"] > 0
    assert last[0]["loss"] == pytest.approx(last[1]["loss"], rel=1e-3)


def test_a_recipe_has_sizes_or_a_start() -> None:
    with pytest.raises(ModelError, match="leave sizes out"):
        Recipe.from_json({"settings": {"steps": 1}, "sizes": {"hidden_size": 8}, "init": "x"})
    with pytest.raises(ModelError, match="settings is missing"):
        Recipe.from_json({})
