"""Logits, gradients and cached decoding equal transformers', and every detail of the architecture is noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from peer import CONFIGS, ours_with, peer_of, peer_tensor, some_ids
from torch import Tensor

import model_core.attention
import model_core.moe
from model_core import LatentCache, Model, ModelConfig
from model_core.names import public_tensors

CLOSE = 1e-5
EVERY = pytest.mark.parametrize("name", CONFIGS)


def gap(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).abs().max())


@EVERY
@torch.no_grad()
def test_logits_equal_the_peers(name: str) -> None:
    config = CONFIGS[name]
    peer, ids = peer_of(config), some_ids(config)
    theirs = peer(ids).logits
    assert theirs.std() > 0.3  # there is something to compare
    assert gap(ours_with(config, peer)(ids), theirs) < CLOSE


@EVERY
def test_gradients_equal_the_peers(name: str) -> None:
    config = CONFIGS[name]
    peer, ids = peer_of(config), some_ids(config)
    ours = ours_with(config, peer)
    for model, logits in ((peer, peer(ids).logits), (ours, ours(ids))):
        model.zero_grad()
        torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()).backward()
    theirs = {n: p.grad for n, p in peer.named_parameters()}
    compared = 0
    for key, grad in public_gradients(ours).items():
        assert gap(grad, peer_tensor(theirs, key)) < 1e-4, key
        compared += int(grad.abs().max() > 1e-6)
    assert compared > 0.8 * len(public_gradients(ours))


def public_gradients(model: Model) -> dict[str, Tensor]:
    """The gradients under the names of their weights: the same table, read on a model that holds gradients."""
    with torch.no_grad():
        holder = Model(model.config)
        for kept, weight in zip(holder.parameters(), model.parameters(), strict=True):
            kept.copy_(weight.grad)
    return {n: t for n, t in public_tensors(holder).items() if "correction_bias" not in n}


@EVERY
@torch.no_grad()
@pytest.mark.parametrize("absorbed", [True, False])
def test_cached_decoding_equals_the_peers_full_forward(name: str, absorbed: bool) -> None:
    config = CONFIGS[name]
    peer, ids = peer_of(config), some_ids(config)
    ours, theirs = ours_with(config, peer), peer(ids).logits
    cache = LatentCache(config, batch=2, capacity=40)
    got = [ours(ids[:, :17], cache)]
    for start, end in ((17, 18), (18, 19), (19, 26), (26, 27), (27, 40)):
        got.append(ours(ids[:, start:end], cache, absorbed=absorbed))
    assert gap(torch.cat(got, dim=1), theirs) < CLOSE


def _halves(x: Tensor, turns: Tensor) -> Tensor:
    cos, sin = turns.unsqueeze(-2).unbind(0)
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


def _with(**changes: object) -> Callable[[ModelConfig], ModelConfig]:
    return lambda config: replace(config, **changes)


def _yarn(**changes: object) -> Callable[[ModelConfig], ModelConfig]:
    return lambda config: replace(config, yarn=replace(config.yarn, **changes))


MUTATIONS: dict[str, tuple[str, Callable[[ModelConfig], ModelConfig]]] = {
    "routed scaling": ("plain", _with(routed_scaling_factor=2.4)),
    "top-k normalisation off": ("plain", _with(norm_topk_prob=False)),
    "top-k normalisation on": ("raw_weights", _with(norm_topk_prob=True)),
    "no yarn": ("yarn", _with(yarn=None)),
    "yarn factor": ("yarn", _yarn(factor=31.0)),
    "yarn beta_fast": ("yarn", _yarn(beta_fast=32.0)),
    "yarn original length": ("yarn", _yarn(original_max_position_embeddings=1024)),
    "mscale": ("yarn_two_mscales", _yarn(mscale=1.0)),
    "mscale of all dimensions": ("yarn_two_mscales", _yarn(mscale_all_dim=0.7)),
    "no groups": ("grouped", _with(n_group=1, topk_group=1)),
    "groups kept": ("grouped", _with(topk_group=1)),
    "eps": ("direct_queries", _with(rms_norm_eps=1e-6)),
    "theta": ("plain", _with(rope_theta=50000.0)),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
@torch.no_grad()
def test_a_wrong_setting_shows_in_the_logits(mutation: str) -> None:
    name, change = MUTATIONS[mutation]
    peer, ids = peer_of(CONFIGS[name]), some_ids(CONFIGS[name])
    assert gap(ours_with(change(CONFIGS[name]), peer)(ids), peer(ids).logits) > 100 * CLOSE


@torch.no_grad()
def test_wrong_code_shows_in_the_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    config = CONFIGS["plain"]
    peer, ids = peer_of(config), some_ids(config)
    ours, theirs = ours_with(config, peer), peer(ids).logits

    def far() -> bool:
        return gap(ours(ids), theirs) > 100 * CLOSE

    with monkeypatch.context() as broken:
        broken.setattr(model_core.attention, "rotate", _halves)
        assert far(), "halves in place of interleaved pairs"
    with monkeypatch.context() as broken:
        broken.setattr(model_core.moe.Router, "forward", _bias_in_weights)
        assert far(), "the correction bias entered the weights"
    for block in ours.layers[1:]:
        block.mlp.gate.e_score_correction_bias.neg_()
    assert far(), "the correction bias does not choose"
    for block in ours.layers[1:]:
        block.mlp.gate.e_score_correction_bias.neg_()
    with monkeypatch.context() as broken:
        for block in ours.layers:
            broken.setattr(block.self_attn.kv_a_layernorm, "eps", 1e-2)
        assert far(), "another eps inside attention"
    assert not far()


def _bias_in_weights(self: model_core.moe.Router, x_TD: Tensor) -> tuple[Tensor, Tensor]:
    scores = torch.nn.functional.linear(x_TD, self.weight).sigmoid() + self.e_score_correction_bias
    weights, chosen = scores.topk(self.config.num_experts_per_tok, dim=-1)
    return chosen, weights / weights.sum(-1, keepdim=True) * self.config.routed_scaling_factor


@torch.no_grad()
def test_the_latent_norms_keep_their_own_eps() -> None:
    ours = Model(CONFIGS["direct_queries"])
    assert ours.norm.eps == 1e-3
    assert ours.layers[0].self_attn.kv_a_layernorm.eps == 1e-6
