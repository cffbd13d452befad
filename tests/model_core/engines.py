"""A small model, its vocabulary, and the slow way to continue a prompt, for the tests of the engine."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import torch

from model_core import Engine, Model, ModelConfig, OwnTokenizer, SamplingParams, empty

TEXT = 'get_weather {"city": "Zürich", "days": 3} 日本 ünder the tools, a call and its answer'


CONFIG = ModelConfig(
    vocab_size=304,  # a little more than the vocabulary
    hidden_size=32,
    intermediate_size=48,
    moe_intermediate_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    q_lora_rank=None,
    kv_lora_rank=16,
    qk_nope_head_dim=8,
    qk_rope_head_dim=8,
    v_head_dim=8,
    n_routed_experts=4,
    num_experts_per_tok=2,
    rope_theta=10000.0,
    max_position_embeddings=512,
)


@cache
def tokenizer() -> OwnTokenizer:
    return OwnTokenizer.train([TEXT] * 3, 300)


@cache
def model() -> Model:
    """fp64, so that what a batch adds to rounding never decides a token."""
    made = empty(
        CONFIG,
        dtype=torch.float64,
    ).initialise(seed=5)
    with torch.no_grad():
        for weight in made.parameters():
            if weight.dim() > 1:
                weight.mul_(8)
    return made.eval()


def engine(**settings: Any) -> Engine:
    return Engine(model(), tokenizer(), **{"cache_tokens": 2048, "prefill_chunk": 48, "guess": 0, **settings})


def prompt(length: int, seed: int = 0) -> list[int]:
    rng = random.Random(seed)
    return [rng.randrange(256) for _ in range(length)]


@torch.no_grad()
def greedily(ids: list[int], tokens: int) -> list[int]:
    """Full forward passes and argmax over what can be said: no cache, no batch."""
    ids = list(ids)
    special = tokenizer().special
    for _ in range(tokens):
        logits = model()(torch.tensor([ids]))[0, -1, : tokenizer().size]
        ids.append(int(logits.argmax()))
        if ids[-1] in (special["<|im_end|>"], special["[EOS]"], special["[EOT]"]):
            break
    return ids[-tokens:] if len(ids) > tokens else ids


GREEDY = SamplingParams(temperature=0, max_tokens=12)
