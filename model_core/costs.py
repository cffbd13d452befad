"""What a configuration costs: weights, active weights, operations and cache bytes per token. Nothing is allocated."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from model_core.config import ModelConfig
from model_core.model import Model


@dataclass(frozen=True)
class Sizes:
    """Counts of one configuration. A multiplication with its addition counts as two FLOPs."""

    parameters: int
    active: int  # used by one token, the embedding row and the head counted in full
    active_without_embedding: int
    flops_per_token: int  # forward, without attention over the context
    flops_per_token_and_context: int  # forward, attention (expanded): times the tokens looked at
    cache_bytes_per_token: int  # latent cache, bf16


def sizes(config: ModelConfig) -> Sizes:
    """Counted on a model without storage (meta device), so they are the sizes of what would be built."""
    with torch.device("meta"):
        model = Model(config)
    tensors = dict(model.named_parameters()) | dict(model.named_buffers())
    total = sum(tensor.numel() for tensor in tensors.values())
    moe_layers = config.num_hidden_layers - min(config.first_k_dense_replace, config.num_hidden_layers)
    expert = 3 * config.hidden_size * config.moe_intermediate_size
    active = total - moe_layers * (config.n_routed_experts - config.num_experts_per_tok) * expert
    embedding = config.vocab_size * config.hidden_size
    # A tied head is the embedding, and does multiply.
    multiplied = active if config.tie_word_embeddings else active - embedding
    per_pair = config.qk_nope_head_dim + config.qk_rope_head_dim + config.v_head_dim
    return Sizes(
        parameters=total,
        active=active,
        active_without_embedding=multiplied,
        flops_per_token=2 * multiplied,
        flops_per_token_and_context=2 * config.num_hidden_layers * config.num_attention_heads * per_pair,
        cache_bytes_per_token=2 * config.num_hidden_layers * (config.kv_lora_rank + config.qk_rope_head_dim),
    )
