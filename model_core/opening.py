"""A model and its vocabulary by the name a person gives: a checkpoint folder, or `random` for trying things out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from model_core.config import ModelConfig
from model_core.errors import ModelError
from model_core.tokens import OwnTokenizer, Tokenizer, read_tokenizer

RANDOM = "random"
# What the vocabulary of a random model is trained on: enough for words of tool use to be one token.
_WORDS = (
    '{"type":"function","function":{"name":"","description":"","parameters":{"type":"object","properties":{',
    '"type":"string"},"type":"integer"},"type":"number"},"type":"boolean"},"type":"array","items":{',
    '"required":[""],"enum":["",""],"additionalProperties":false}}},{"type":"function","function":{"name":"',
    "You are an assistant with tools. The user asks, you call a tool and read what it gives back.",
    "get list search create update delete find send cancel order ticket account user file date time name id status",
    "## Return of functions.get_order:0\n## Return of functions.list_orders:1\n## Return of functions.search:2\n",
    "What is the status of my order? Please cancel it and send me the money back. Thank you, that is all.",
)


@dataclass(frozen=True)
class Opened:
    """A model ready to answer. `random` where its weights were never trained: what it says means nothing."""

    model: Any  # model_core.Model
    tokenizer: Tokenizer
    name: str
    random: bool = False


def open_checkpoint(named: str, device: str = "cpu", dtype: str = "float32") -> Opened:
    """Open a checkpoint folder, or `random` / `random:PRESET` (seed 0). `dtype` as torch names it.

    Raises `ModelError` for a folder that is missing or broken, and for an unknown preset or dtype.
    """
    import torch

    from model_core.checkpoint import load

    kind = getattr(torch, dtype, None)
    if kind not in (torch.float32, torch.bfloat16, torch.float16):
        raise ModelError(f"dtype {dtype!r} is unknown; there are float32, bfloat16 and float16")
    if named == RANDOM or named.startswith(RANDOM + ":"):
        preset = named.partition(":")[2] or "tiny"
        return random_model(ModelConfig.preset(preset), named, device, kind)
    if not Path(named).is_dir():
        raise ModelError(f"{named} is no folder; give a checkpoint folder, or `random` to try without one")
    tokenizer = read_tokenizer(named)
    return Opened(load(named, device, kind), tokenizer, Path(named).resolve().name)


def random_model(config: ModelConfig, name: str = RANDOM, device: str = "cpu", dtype: Any = None) -> Opened:
    """Random weights (seed 0) of these sizes over a small vocabulary; `dtype` is a torch dtype, float32 by default.

    The vocabulary has at most `config.vocab_size` ids, and the model as many as the vocabulary.
    """
    import torch

    from model_core.checkpoint import empty

    tokenizer = OwnTokenizer.train(_WORDS, config.vocab_size)
    fitted = replace(config, vocab_size=tokenizer.size)
    model = empty(fitted, device, dtype or torch.float32).initialise(seed=0).eval()
    return Opened(model, tokenizer, name, random=True)
