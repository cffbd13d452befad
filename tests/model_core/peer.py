"""The independent implementation that the model core is held against: transformers' DeepseekV3ForCausalLM."""

from __future__ import annotations

from dataclasses import replace

import torch
from transformers import DeepseekV3Config, DeepseekV3ForCausalLM

from model_core import Model, ModelConfig, Yarn, empty
from model_core.names import public_tensors

BASE = ModelConfig(
    vocab_size=97,
    hidden_size=64,
    intermediate_size=96,
    moe_intermediate_size=32,
    num_hidden_layers=3,
    num_attention_heads=4,
    q_lora_rank=24,
    kv_lora_rank=32,
    qk_nope_head_dim=16,
    qk_rope_head_dim=8,
    v_head_dim=16,
    n_routed_experts=16,
    num_experts_per_tok=4,
    routed_scaling_factor=2.5,
    rope_theta=10000.0,
    max_position_embeddings=256,
)
CONFIGS = {
    "plain": BASE,
    "direct_queries": replace(BASE, q_lora_rank=None, n_shared_experts=2, rms_norm_eps=1e-3),
    "grouped": replace(BASE, n_group=4, topk_group=2, first_k_dense_replace=2),
    "yarn": replace(
        BASE,
        qk_rope_head_dim=16,
        rope_theta=100.0,
        yarn=Yarn(factor=32.0, beta_fast=1.0, original_max_position_embeddings=128),
        max_position_embeddings=4096,
    ),
    "yarn_two_mscales": replace(
        BASE, n_group=2, yarn=Yarn(factor=8.0, original_max_position_embeddings=32, mscale=0.7, mscale_all_dim=1.3)
    ),
    "raw_weights": replace(BASE, norm_topk_prob=False, v_head_dim=24, tie_word_embeddings=True),
    "wide_values": replace(BASE, v_head_dim=40, q_lora_rank=None),
}


def peer_of(config: ModelConfig, dtype: torch.dtype = torch.float32, seed: int = 1) -> DeepseekV3ForCausalLM:
    """transformers' model of a configuration, weights large enough that every part of it matters."""
    public = {k: v for k, v in config.to_public().items() if k not in ("architectures", "model_type")}
    torch.manual_seed(seed)
    peer = DeepseekV3ForCausalLM(DeepseekV3Config(**public, attn_implementation="eager")).to(dtype).eval()
    tied = config.tie_word_embeddings
    with torch.no_grad():
        for name, tensor in (*peer.named_parameters(), *peer.named_buffers()):
            if "norm" in name:
                tensor.add_(torch.randn_like(tensor) * 0.2)
            elif "e_score_correction_bias" in name:
                tensor.copy_(torch.randn_like(tensor) * 0.2)
            elif "inv_freq" not in name:
                tensor.copy_(
                    torch.randn_like(tensor) * (0.5 if "embed" in name and not tied else tensor.shape[-1] ** -0.5)
                )
    return peer


def ours_with(config: ModelConfig, peer: DeepseekV3ForCausalLM) -> Model:
    """Our model with the peer's weights, copied without our own checkpoint code."""
    model = empty(config, dtype=peer.dtype)
    theirs = dict(peer.state_dict())
    for name, tensor in public_tensors(model).items():
        tensor.copy_(peer_tensor(theirs, name))
    return model.eval()


def peer_tensor(theirs: dict[str, torch.Tensor], name: str) -> torch.Tensor:
    """One public tensor out of the peer's state, which stacks its experts in its own way."""
    if ".experts." not in name:
        return theirs[name]
    prefix, _, rest = name.partition(".experts.")
    number, leaf, _ = rest.split(".")
    if leaf == "down_proj":
        return theirs[f"{prefix}.experts.down_proj"][int(number)]
    return theirs[f"{prefix}.experts.gate_up_proj"][int(number)].chunk(2)[leaf == "up_proj"]


def some_ids(config: ModelConfig, B: int = 2, T: int = 40, seed: int = 2) -> torch.Tensor:
    return torch.randint(config.vocab_size, (B, T), generator=torch.Generator().manual_seed(seed))
