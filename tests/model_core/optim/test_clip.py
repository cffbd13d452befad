"""QK-Clip: the recorded logits are the true ones, and clipping brings exactly the heads above tau down to it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from small import CONFIG, DIRECT, loss_of, small_model, some_batch
from torch import Tensor

from model_core import Model, ModelConfig, ModelError, next_token_loss
from model_core import attention as attention_module
from model_core.attention import max_logits
from model_core.optim import MuonClip, qk_clip_factors

ONE_LAYER = [replace(CONFIG, num_hidden_layers=1), replace(DIRECT, num_hidden_layers=1)]


def sharp(config: ModelConfig) -> Model:
    """Heads of very different sharpness, so that tau lies between them."""
    model = small_model(config)
    with torch.no_grad():
        for block in model.layers:
            attention = block.self_attn
            attention.query_weight.unflatten(0, (4, -1)).mul_(torch.tensor([5.0, 20.0, 60.0, 150.0])[:, None, None])
            attention.kv_b_proj.weight.mul_(8)
    return model


def slow_maxima(model: Model, ids: Tensor) -> Tensor:
    """Per head, from the whole matrix of logits of the first layer."""
    block = model.layers[0]
    x = block.input_layernorm(model.embed_tokens(ids))
    past = model.past(ids, None, None)
    attention, config = block.self_attn, model.config
    q_nope, q_rope = attention._queries(x, past.turns_BTr)
    latent, k_rope = attention._latents(x, past.turns_BTr).split((config.kv_lora_rank, config.qk_rope_head_dim), -1)
    k_nope = attention.kv_b_proj(latent).unflatten(-1, (4, -1))[..., : config.qk_nope_head_dim]
    logits = torch.einsum("bthn,bshn->bhts", q_nope, k_nope) + torch.einsum("bthr,bsr->bhts", q_rope, k_rope)
    T = ids.shape[1]
    seen = torch.ones(T, T, dtype=torch.bool).tril()
    return (logits * attention.scale).masked_fill(~seen, float("-inf")).amax((0, 2, 3))


@pytest.mark.parametrize("absorbed", [False, True])
def test_what_is_recorded_is_the_largest_logit(absorbed: bool) -> None:
    model = sharp(ONE_LAYER[0])
    optimizer = MuonClip.from_model(model)
    a, b = some_batch(0), some_batch(1, T=17)
    model(a, absorbed=absorbed)
    model(b, absorbed=absorbed)
    with torch.no_grad():
        model(some_batch(2, rows=32))  # an evaluation in between does not count
    wanted = torch.maximum(slow_maxima(model, a), slow_maxima(model, b))
    assert optimizer._clip is not None
    torch.testing.assert_close(optimizer._clip.maxima_LH[0], wanted, atol=1e-9, rtol=0)


@pytest.mark.parametrize("at_once", [1, 3000, 1 << 22])
@pytest.mark.parametrize("masked", [False, True])
def test_chunked_maxima_equal_the_whole(monkeypatch: pytest.MonkeyPatch, at_once: int, masked: bool) -> None:
    monkeypatch.setattr(attention_module, "LOGITS_AT_ONCE", at_once)
    generator = torch.Generator().manual_seed(0)
    q, k = (torch.randn(2, 3, 50, 8, generator=generator, dtype=torch.float64) for _ in range(2))
    seen = torch.ones(50, 50, dtype=torch.bool).tril().expand(2, 50, 50)
    if masked:  # two packed examples that do not see each other
        part = torch.arange(50) >= 21
        seen = seen & (part[:, None] == part)
    wanted = (q @ k.mT).masked_fill(~seen[:, None], float("-inf")).amax((0, 2, 3))
    torch.testing.assert_close(max_logits(q, k, seen if masked else None), wanted)
    assert not torch.allclose(wanted, (q @ k.mT).amax((0, 2, 3)))  # what is unseen would have been larger


def test_factors() -> None:
    seen = torch.tensor([50.0, 100.0, 400.0, -3.0, float("-inf")])
    assert qk_clip_factors(seen, 100.0).tolist() == [1.0, 1.0, 0.25, 1.0, 1.0]


def test_tau_must_be_positive() -> None:
    with pytest.raises(ModelError, match="tau is 0"):
        MuonClip.from_model(small_model(), tau=0.0)


@pytest.mark.parametrize("config", ONE_LAYER, ids=["compressed queries", "direct queries"])
def test_a_clip_alone_brings_each_head_to_tau(config: ModelConfig) -> None:
    model, ids = sharp(config), some_batch(0)
    before_H = slow_maxima(model, ids)
    tau = (before_H.sort().values[1:3].mean()).item()  # two heads above, two below
    assert (before_H > 1.2 * tau).sum() == 2
    weights = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = MuonClip.from_model(model, lr=0.0, tau=tau)
    next_token_loss(model, torch.cat((ids, ids[:, :1]), dim=1)).backward()
    optimizer.step()
    torch.testing.assert_close(slow_maxima(model, ids), before_H.clamp_max(tau), atol=1e-6, rtol=0)
    assert optimizer.max_logits_LH is not None
    torch.testing.assert_close(optimizer.max_logits_LH[0], before_H, atol=1e-9, rtol=0)

    attention = model.layers[0].self_attn
    touched = {id(attention.query_weight), id(attention.kv_b_proj.weight)}
    for name, p in model.named_parameters():
        assert torch.equal(p, weights[name]) != (id(p) in touched), name
    kv = attention.kv_b_proj.weight.unflatten(0, (4, -1))
    kv_before = weights["layers.0.self_attn.kv_b_proj.weight"].unflatten(0, (4, -1))
    N = config.qk_nope_head_dim
    assert torch.equal(kv[:, N:], kv_before[:, N:])  # values
    calm = before_H < tau
    assert torch.equal(kv[calm], kv_before[calm])
    ratio = (kv[~calm, :N] / kv_before[~calm, :N]).mean((1, 2))
    torch.testing.assert_close(ratio, (tau / before_H[~calm]).sqrt())

    optimizer.zero_grad()
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()  # no pass since: the maxima were forgotten
    assert optimizer.max_logits_LH.max() == float("-inf")


def largest_logits(tau: float) -> list[float]:
    """The largest logit of each of 50 steps on one set of rows, from heads that are sharp to begin with."""
    model = small_model(seed=4)
    with torch.no_grad():
        for block in model.layers:
            block.self_attn.query_weight.mul_(60)
    optimizer = MuonClip.from_model(model, lr=1e-3, tau=tau)
    largest = []
    for _ in range(50):
        optimizer.zero_grad()
        loss_of(model, some_batch(0, rows=32)).backward()
        optimizer.step()
        assert optimizer.max_logits_LH is not None
        largest.append(optimizer.max_logits_LH.max().item())
    return largest


def test_a_run_that_would_exceed_tau_stays_under_it() -> None:
    free = largest_logits(tau=1e9)
    tau = 1.02 * free[0]
    assert free[-1] > 1.25 * tau
    assert max(largest_logits(tau)) < 1.1 * tau
