"""Models by name: the random one is the same each time, a wrong name is told with the mend."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from model_core import ModelConfig, ModelError, save
from model_core.opening import open_checkpoint, random_model

SMALL = ModelConfig.preset("tiny").scaled(
    hidden_size=64, intermediate_size=128, moe_intermediate_size=32, num_hidden_layers=2, n_routed_experts=4
)


def test_a_random_model_is_the_same_each_time_and_has_no_id_that_the_vocabulary_lacks() -> None:
    first, again = random_model(SMALL), random_model(SMALL)
    assert first.random
    assert first.model.config.vocab_size == first.tokenizer.size <= 4096
    text = '{"name":"get_order"} ä'
    assert first.tokenizer.encode(text) == again.tokenizer.encode(text)
    assert first.tokenizer.decode(first.tokenizer.encode(text)) == text
    ids = torch.tensor([first.tokenizer.encode(text)])
    assert torch.equal(first.model(ids), again.model(ids))
    assert not torch.equal(first.model(ids), random_model(SMALL, seed=1).model(ids))


def test_a_folder_opens_as_what_was_saved_in_it(tmp_path: Path) -> None:
    made = random_model(SMALL)
    save(made.model, tmp_path / "mine")
    made.tokenizer.write(tmp_path / "mine")  # type: ignore[attr-defined]
    opened = open_checkpoint(str(tmp_path / "mine"))
    assert opened.name == "mine" and not opened.random
    ids = torch.tensor([made.tokenizer.encode("cancel my order")])
    assert torch.equal(opened.model(ids), made.model(ids))


@pytest.mark.parametrize(
    ("named", "dtype", "told"),
    [
        ("nowhere", "float32", "nowhere is no folder; give a checkpoint folder, or `random`"),
        ("random:vast", "float32", "no preset 'vast'"),
        ("random", "int7", "dtype 'int7' is unknown"),
    ],
)
def test_a_wrong_name_is_told(named: str, dtype: str, told: str) -> None:
    with pytest.raises(ModelError, match=told):
        open_checkpoint(named, dtype=dtype)
