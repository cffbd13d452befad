"""k2 models in a pipeline file: what is checked, what workers they get, what rows call them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from synth.models import clients
from synth.models.k2 import checkpoints
from synth.models.k2.slots import Slots, gpus_here
from synth.models.said import said_by
from synth.models.settings import K2Model
from synth.pipeline import load_pipeline

torch = pytest.importorskip("torch", reason="the model core needs torch: pip install '.[model]'")


def k2(**settings: Any) -> K2Model:
    return K2Model(kind="k2", **settings)


@pytest.mark.parametrize(
    ("settings", "cpus", "gpus", "slots"),
    [
        ({}, 16, 8, Slots(8, 1.0, "cuda", "bfloat16")),
        ({"gpus_per_worker": 0.5}, 16, 2, Slots(4, 0.5, "cuda", "bfloat16")),
        ({"device": "cpu"}, 16, 8, Slots(8, 0.0, "cpu", "float32")),
        ({}, 2, 0, Slots(1, 0.0, "cpu", "float32")),
        ({}, 1, 0, Slots(1, 0.0, "cpu", "float32")),
        ({"workers": 3, "dtype": "bfloat16"}, 2, 0, Slots(3, 0.0, "cpu", "bfloat16")),
        ({"workers": 0}, 8, 0, Slots(1, 0.0, "cpu", "float32")),
    ],
)
def test_workers_follow_the_machine(settings: dict[str, Any], cpus: int, gpus: float, slots: Slots) -> None:
    assert k2(**settings).slots(cpus, gpus) == slots


def test_gpus_that_are_hidden_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpus_here() == 0


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"config": "tiny"}, "config is of random weights"),
        ({"checkpoint": "random", "grounded": True, "enforcer": False}, "grounded needs the enforcer"),
        ({"device": "cpu", "gpus_per_worker": 1}, "gpus_per_worker is for a GPU"),
        ({"gpus_per_worker": 2.0}, "less than or equal to 1"),
    ],
)
def test_settings_that_do_not_fit_are_told(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        k2(**settings)


def test_the_fingerprint_covers_what_is_said_and_not_by_how_many() -> None:
    few = k2(checkpoint="random", workers=1, max_batch=4, cache_tokens=2048)
    assert few.covered() == k2(checkpoint="random", workers=9).covered()
    assert few.covered() != k2(checkpoint="random", seed=1).covered()


def test_nothing_is_random_unless_the_pipeline_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("model_core.opening.BUNDLED_FOLDER", tmp_path / "none")
    told = clients.problems(k2())
    assert told == [
        "no model is bundled with this build; give a checkpoint folder, or write `checkpoint: random` to try"
    ]
    assert clients.problems(k2(checkpoint="random")) == []
    assert "no preset 'vast'" in clients.problems(k2(checkpoint="random", config="vast"))[0]
    assert "config.json is missing" in clients.problems(k2(checkpoint=str(tmp_path)))[0]
    assert "is no folder" in clients.problems(k2(checkpoint=str(tmp_path / "gone")))[0]


def test_a_checkpoint_is_known_by_its_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"0" * 5000)
    backend = k2(checkpoint=str(folder))
    first = checkpoints.said_of(backend)
    assert first.startswith("k2:mine@") and len(first) == len("k2:mine@") + 8
    before = clients.outside(backend)
    (folder / "model.safetensors").write_bytes(b"0" * 4999 + b"1")
    assert checkpoints.said_of(backend) != first and clients.outside(backend) != before
    assert said_by(k2(checkpoint="random"), "named") == "k2:random"
    assert said_by(k2(), "named") == "k2:bundled"
    assert clients.outside(k2(checkpoint="random")) == {}
    monkeypatch.setattr(checkpoints, "_WHOLE", 100)  # as of a file too large to be read whole
    monkeypatch.setattr(checkpoints, "_SAMPLE", 300)
    (folder / "model.safetensors").write_bytes(b"0" * 4999 + b"2")
    last = checkpoints.hash_of(str(folder))
    (folder / "model.safetensors").write_bytes(b"0" * 4999 + b"3")
    assert checkpoints.hash_of(str(folder)) != last


def test_a_checkpoint_beside_its_pipeline_is_found(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    file = tmp_path / "p.yaml"
    file.write_text("name: p\nmodels:\n  m: {kind: k2, checkpoint: weights}\nstages:\n  rollouts: {policy: m}\n")
    model: Any = load_pipeline(file).models["m"]
    assert model.checkpoint == str(tmp_path / "weights")
    assert load_pipeline(file).slots_asking() == model.in_flight
