"""A small model and its data, shared by the tests of the optimizer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from model_core import Model, ModelConfig, empty
from model_core.optim import MuonClip

CONFIG = ModelConfig(
    vocab_size=61,
    hidden_size=48,
    intermediate_size=80,
    moe_intermediate_size=24,
    num_hidden_layers=3,
    num_attention_heads=4,
    q_lora_rank=20,
    kv_lora_rank=24,
    qk_nope_head_dim=12,
    qk_rope_head_dim=4,
    v_head_dim=16,
    n_routed_experts=4,
    num_experts_per_tok=2,
    routed_scaling_factor=1.4,
    max_position_embeddings=128,
)
DIRECT = replace(CONFIG, q_lora_rank=None)


def small_model(config: ModelConfig = CONFIG, dtype: torch.dtype = torch.float64, seed: int = 0) -> Model:
    return empty(config, dtype=dtype).initialise(seed)


def some_batch(step: int, rows: int = 4, T: int = 24) -> Tensor:
    """Rows that count upwards from a random start by a random stride: there is something to learn."""
    generator = torch.Generator().manual_seed(step)
    start = torch.randint(0, 61, (rows, 1), generator=generator)
    stride = torch.randint(1, 5, (rows, 1), generator=generator)
    return (start + stride * torch.arange(T)) % 61


def loss_of(model: Model, ids_BT: Tensor) -> Tensor:
    """As `next_token_loss`, but in the model's own dtype, so that fp64 stays fp64."""
    return torch.nn.functional.cross_entropy(model(ids_BT[:, :-1]).flatten(0, 1), ids_BT[:, 1:].flatten())


def train(model: Model, optimizer: MuonClip, steps: range, after: Callable[[], None] | None = None) -> list[float]:
    """The losses before each update."""
    losses = []
    for step in steps:
        loss = loss_of(model, some_batch(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if after is not None:
            after()
    return losses
