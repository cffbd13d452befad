"""Presets have the published sizes; wrong configurations are refused in one sentence."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from peer import CONFIGS

from model_core import Model, ModelConfig, ModelError, Yarn, empty, gate_scale, sizes
from model_core.names import released_names


def test_k2_has_exactly_the_published_weights_and_tensors() -> None:
    config = ModelConfig.preset("k2")
    counted = sizes(config)
    assert counted.parameters == 1_026_408_232_448
    assert round(counted.active / 1e9, 2) == 32.86
    assert round(counted.active_without_embedding / 1e9, 2) == 31.69
    assert counted.cache_bytes_per_token == 2 * 61 * 576
    released = released_names(config)
    assert len(released) == 139_644
    assert sum(math.prod(shape) for shape in released.values()) == 1_026_470_731_056
    assert released["model.layers.0.self_attn.kv_a_proj_with_mqa.weight_scale_inv"] == (5, 56)


def test_moonlight_has_its_published_size() -> None:
    assert round(sizes(ModelConfig.preset("moonlight")).parameters / 1e9, 2) == 15.96


def test_active_weights_are_those_that_one_token_touches() -> None:
    """Counted again from gradients: one token leaves a gradient in the weights it used, and in no other expert."""
    config = CONFIGS["direct_queries"]
    model = empty(config).initialise(seed=0)
    model(torch.tensor([[5]])).sum().backward()
    used = 0
    for weight in model.parameters():
        # One row of the embedding is read; the convention counts the matrix.
        touched = weight.grad.flatten(1).abs().amax(1) > 0 if weight.dim() == 3 else torch.ones(1)
        used += int(touched.sum()) * weight[0].numel() if weight.dim() == 3 else weight.numel()
    biases = 2 * config.n_routed_experts
    assert sizes(config).active == used + biases


def test_the_gate_scale_is_recomputed() -> None:
    assert gate_scale(384, 8) == pytest.approx(2.827, abs=2e-3)
    assert gate_scale(64, 6) == pytest.approx(2.446, abs=2e-3)
    small = ModelConfig.preset("k2").scaled(n_routed_experts=16, num_experts_per_tok=2)
    assert small.routed_scaling_factor == gate_scale(16, 2) == pytest.approx(1.41, abs=0.02)
    assert ModelConfig.preset("k2").scaled(routed_scaling_factor=2.0).routed_scaling_factor == 2.0


@pytest.mark.parametrize("name", ["k2", "k2_0905", "moonlight", "tiny"])
def test_a_preset_survives_its_public_form(name: str) -> None:
    config = ModelConfig.preset(name)
    assert ModelConfig.from_public(config.to_public()) == config


def test_the_long_context_preset_differs_in_yarn_alone() -> None:
    k2, later = ModelConfig.preset("k2"), ModelConfig.preset("k2_0905")
    assert later.yarn == Yarn(factor=64.0, beta_fast=1.0)
    assert replace(later, yarn=k2.yarn, max_position_embeddings=131072) == k2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scoring_func": "softmax"}, "scoring_func is 'softmax'; only 'sigmoid'"),
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu'"),
        ({"n_group": 5}, "do not split into n_group=5"),
        ({"topk_group": 9}, "topk_group=9 is not within 1..1"),
        ({"num_experts_per_tok": 500}, "only 384 experts can be reached"),
        ({"qk_rope_head_dim": 63}, "rotation needs pairs"),
        ({"rope_scaling": {"type": "linear", "factor": 2}}, "'linear'; only yarn"),
        ({"rope_scaling": {"type": "yarn", "factor": 2}}, "without mscale"),
    ],
)
def test_a_configuration_it_cannot_be_is_refused(change: dict[str, object], words: str) -> None:
    public = ModelConfig.preset("k2").to_public() | change
    with pytest.raises(ModelError, match=words):
        ModelConfig.from_public(public)


def test_a_missing_size_and_an_unknown_preset_are_named() -> None:
    public = ModelConfig.preset("k2").to_public()
    del public["kv_lora_rank"]
    with pytest.raises(ModelError, match="kv_lora_rank missing"):
        ModelConfig.from_public(public)
    with pytest.raises(ModelError, match="no preset 'k3'; there are k2, k2_0905, moonlight, tiny"):
        ModelConfig.preset("k3")


def test_casting_the_model_leaves_the_correction_bias_exact() -> None:
    model = Model(CONFIGS["plain"])
    gate = model.layers[1].mlp.gate
    gate.e_score_correction_bias.fill_(0.1001)
    model.to(torch.bfloat16)
    assert model.norm.weight.dtype == torch.bfloat16
    assert gate.e_score_correction_bias.dtype == torch.float32
    assert float(gate.e_score_correction_bias[0]) == pytest.approx(0.1001, abs=1e-7)


def test_the_same_seed_gives_the_same_weights() -> None:
    first, again, other = (empty(CONFIGS["plain"]).initialise(seed) for seed in (1, 1, 2))
    for (name, a), b, c in zip(first.named_parameters(), again.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b), name
        assert a.dim() == 1 or not torch.equal(a, c), name
