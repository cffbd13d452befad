"""Random models and the vocabulary they have."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from model_core import ModelError
from model_core.random_model import random_model, small_tokenizer


def test_same_seed_same_weights_other_seed_others() -> None:
    first, tokenizer = random_model(seed=3)
    again, _ = random_model(seed=3)
    other, _ = random_model(seed=4)
    assert torch.equal(first.embed_tokens.weight, again.embed_tokens.weight)
    assert not torch.equal(first.embed_tokens.weight, other.embed_tokens.weight)
    assert first.config.vocab_size == tokenizer.size


def test_a_word_is_the_same_token_in_prose_in_a_name_and_in_json() -> None:
    tokenizer = small_tokenizer()
    (issue,) = tokenizer.encode("issue")
    for text in ("create issue now", "create_issue", '{"issue": 1}'):
        ids = tokenizer.encode(text)
        assert issue in ids and tokenizer.decode(ids) == text


def test_the_vocabulary_is_the_same_in_any_process() -> None:
    code = "from model_core.random_model import small_tokenizer as s; print(s().size, s().encode('delete the invoice of März 7'))"
    told = [
        subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed},
                       capture_output=True, text=True, check=True).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert told[0] == told[1] != ""


def test_a_preset_that_is_not_there_is_named() -> None:
    with pytest.raises(ModelError, match="'huge'"):
        random_model("huge")
