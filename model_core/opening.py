"""A model and its vocabulary by the name a person gives: a checkpoint folder, or `random` for trying things out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from model_core.config import ModelConfig
from model_core.errors import ModelError
from model_core.tokens import Tokenizer, read_tokenizer

RANDOM, BUNDLED = "random", "bundled"
BUNDLED_FOLDER = Path(__file__).parent / "bundled"


@dataclass(frozen=True)
class Opened:
    """A model ready to answer. `random` where its weights were never trained: what it says means nothing."""

    model: Any  # model_core.Model
    tokenizer: Tokenizer
    name: str
    random: bool = False


def open_checkpoint(named: str, device: str = "cpu", dtype: str = "float32", seed: int = 0) -> Opened:
    """Open a checkpoint folder, `bundled`, or `random` / `random:PRESET` (weights drawn from `seed`).

    `dtype` as torch names it. Raises `ModelError` for a folder that is missing or broken, and for an unknown preset or
    dtype.
    """
    import torch

    from model_core.checkpoint import load

    kind = getattr(torch, dtype, None)
    if kind not in (torch.float32, torch.bfloat16, torch.float16):
        raise ModelError(f"dtype {dtype!r} is unknown; there are float32, bfloat16 and float16")
    if named == RANDOM or named.startswith(RANDOM + ":"):
        preset = named.partition(":")[2] or "tiny"
        return random_model(ModelConfig.preset(preset), named, device, kind, seed)
    folder = BUNDLED_FOLDER if named == BUNDLED else Path(named)
    if not folder.is_dir():
        what = "no model is bundled with this build" if named == BUNDLED else f"{named} is no folder"
        raise ModelError(f"{what}; give a checkpoint folder, or `random` to try without one")
    tokenizer = read_tokenizer(folder)
    return Opened(load(folder, device, kind), tokenizer, folder.resolve().name)


def random_model(
    config: ModelConfig, name: str = RANDOM, device: str = "cpu", dtype: Any = None, seed: int = 0
) -> Opened:
    """Random weights of these sizes over a small vocabulary; `dtype` is a torch dtype, float32 by default.

    The vocabulary has at most `config.vocab_size` ids, and the model as many as the vocabulary.
    """
    import torch

    from model_core.checkpoint import empty
    from model_core.small_vocabulary import small_tokenizer

    tokenizer = small_tokenizer(config.vocab_size)
    fitted = replace(config, vocab_size=tokenizer.size)
    model = empty(fitted, device, dtype or torch.float32).initialise(seed).eval()
    return Opened(model, tokenizer, name, random=True)
