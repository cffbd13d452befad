"""`synth train FILE`: what the file may say, and that the verb leaves a checkpoint that loads."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from test_training_loop import SIZES, job_on
from training_data import row, write_shards

from model_core import load
from model_core.training import OptimizerSettings, Settings, run_job
from model_core.training.metrics import read
from synth.cli import main
from synth.errors import UsageError
from synth.training_file import TrainingFile, load_training_file

PLAIN = "name: small\nshards: somewhere/sft\ntraining: {steps: 5, optimizer: {lr: 0.1}}\n"


def loaded(folder: Path, text: str, *sets: str) -> TrainingFile:
    (folder / "train.yaml").write_text(text)
    return load_training_file(folder / "train.yaml", sets)


def test_a_file_is_the_settings_and_their_defaults(tmp_path: Path) -> None:
    told = loaded(tmp_path, PLAIN, "training.optimizer.kind=adamw", "max_length=100")
    optimizer = OptimizerSettings(lr=0.1, kind="adamw")
    wanted = TrainingFile("small", "somewhere/sft", Settings(steps=5, optimizer=optimizer), max_length=100)
    assert told == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty; a training file has at least"),
        ("- 1", "must be a mapping, not a list"),
        (PLAIN + "model_name: x\n", "model_name: unknown key, the nearest known one is 'model'"),
        ("name: a\nshards: b\n", "training: is missing"),
        (PLAIN.replace("steps", "stepz"), "training.steps: is missing; training.stepz: unknown key, the nearest known"),
        (PLAIN.replace("lr", "rate"), "training.optimizer.rate: unknown key"),
        (PLAIN.replace("steps: 5", "steps: many"), "training.steps: should be a valid integer, got 'many'"),
        (PLAIN.replace("steps: 5", "steps: 5, device: tpu"), "training.device: should be 'auto', 'cpu' or 'cuda'"),
        (PLAIN.replace("steps: 5", "steps: 0"), "steps is 0; it must be at least 1"),
        (PLAIN.replace("steps: 5", "steps: 5, batch_tokens: 100"), "max_length is 4096, more than a batch"),
        (PLAIN + "ranks: 0\n", "ranks is 0; it must be at least 1"),
        (PLAIN + "name: twice\n", "the key 'name' is written twice"),
    ],
)
def test_a_wrong_file_gets_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        loaded(tmp_path, text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "train.yaml") in str(caught.value)


def test_the_shipped_file_is_read() -> None:
    told = load_training_file(Path(__file__).parents[2] / "pipelines" / "train.yaml")
    assert told.training.prompt_weight == 0.25


def small_file(folder: Path) -> Path:
    shards = write_shards(folder / "sft", [row(number) for number in range(8)])
    write_shards(folder / "sft", [row(number) for number in range(8, 10)], split="validation")
    told = {
        "name": "small", "shards": str(shards), "vocabulary": 320, "max_length": 400, "sizes": SIZES,
        "training": {"steps": 3, "batch_tokens": 1024, "warmup": 1, "log_every": 1, "held_out_every": 2},
    }  # fmt: skip
    (folder / "train.yaml").write_text(json.dumps(told))
    return folder / "train.yaml"


def test_the_verb_trains_and_a_second_time_has_nothing_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = small_file(tmp_path), tmp_path / "run"

    def verb(*more: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["synth", "train", str(file), "--out", str(out), *more])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    code, said, _ = verb()
    assert code == 0
    assert "train: 8 conversations" in said
    assert "validation: 2 conversations" in said
    assert f"checkpoint: {out / 'model'}" in said
    assert load(out / "model").config.vocab_size == 320
    assert [line["step"] for line in read(out)] == [1, 2, 3]
    assert "held_out_loss" in read(out)[1]
    weights = (out / "model" / "model-00001-of-00001.safetensors").read_bytes()
    code, said, _ = verb("--json")
    assert code == 0
    assert json.loads(said)["step"] == 3
    assert (out / "model" / "model-00001-of-00001.safetensors").read_bytes() == weights
    code, _, complaint = verb("--set", "training.optimizer.lr=0.5")
    assert code == 2
    assert "optimizer" in complaint and "--out" in complaint and complaint.count("\n") == 1
    write_shards(tmp_path / "sft", [row(0) | {"tools": "?"}])
    code, _, complaint = verb()
    assert code == 2
    assert "row 1: its tools are not valid JSON" in complaint


def test_two_ranks_have_the_losses_of_one(tmp_path: Path) -> None:
    from synth.ray_training import train_on_ranks

    job = job_on(tmp_path, steps=6, accumulate=2, log_every=1)
    one = run_job(job, tmp_path / "one")
    halved = dataclasses.replace(job, settings=dataclasses.replace(job.settings, accumulate=1))
    lines: list[str] = []
    two = train_on_ranks(halved, tmp_path / "two", 2, lines.append)
    alone, together = read(tmp_path / "one"), read(tmp_path / "two")
    assert len(lines) == len(together) == len(alone) == 6
    for a, b in zip(alone, together, strict=True):
        assert a["tokens"] == b["tokens"]
        for figure in ("loss", "learnt_loss", "grad_norm", "expert_load", "max_logit"):
            assert b[figure] == pytest.approx(a[figure], rel=2e-4), figure
    for x, y in zip(load(one).state_dict().values(), load(two).state_dict().values(), strict=True):
        assert (x - y).abs().max() < 2e-3
