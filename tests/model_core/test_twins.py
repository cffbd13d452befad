"""Every fast path equals its slow twin."""

from __future__ import annotations

import pytest
import torch
from peer import CONFIGS, some_ids

from model_core import GreedyStep, LatentCache, Model, ModelConfig, ModelError, empty
from model_core.attention import absorbing_is_cheaper
from model_core.moe import Experts


def model_of(config: ModelConfig, dtype: torch.dtype = torch.float64) -> Model:
    model = empty(config, dtype=dtype).initialise(seed=3)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.mul_(6)  # far from linear
    return model.eval()


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_grouped_experts_equal_looped(dtype: torch.dtype) -> None:
    config = CONFIGS["plain"]
    experts = Experts(config).to(dtype)
    generator = torch.Generator().manual_seed(0)
    for weight in experts.parameters():
        weight.normal_(std=0.2, generator=generator)
    x = torch.randn(50, config.hidden_size, generator=generator).to(dtype)
    # Expert 5 gets every token, most others none: groups of size zero and of size T.
    chosen = torch.stack((torch.full((50,), 5), torch.randint(6, 9, (50,), generator=generator)), dim=1)
    weights = torch.rand(50, 2, generator=generator)
    fast, slow = experts.grouped(x, chosen, weights), experts.looped(x, chosen, weights)
    assert slow.abs().max() > 1
    torch.testing.assert_close(
        fast, slow, atol=1e-5 if dtype == torch.float32 else 0.06, rtol=1e-5 if dtype == torch.float32 else 0.03
    )


def test_grouped_experts_have_the_gradients_of_looped() -> None:
    config = CONFIGS["plain"]
    experts = Experts(config)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in experts.parameters():
            weight.normal_(std=0.2, generator=generator)
    x = torch.randn(30, config.hidden_size, generator=generator, requires_grad=True)
    weights = torch.rand(30, 3, generator=generator, requires_grad=True)
    chosen = torch.stack([torch.randperm(16, generator=generator)[:3] for _ in range(30)])
    wanted = (x, weights, *experts.parameters())
    fast = torch.autograd.grad(experts.grouped(x, chosen, weights).square().sum(), wanted)
    slow = torch.autograd.grad(experts.looped(x, chosen, weights).square().sum(), wanted)
    for a, b in zip(fast, slow, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", CONFIGS)
@torch.no_grad()
def test_absorbed_expanded_cached_and_full_are_one_function(name: str) -> None:
    config = CONFIGS[name]
    model, ids = model_of(config), some_ids(config, T=30)
    full = model(ids)
    assert torch.allclose(model(ids, absorbed=True), full, atol=1e-10)
    for absorbed in (True, False, None):
        cache = LatentCache(config, 2, 30, torch.float64)
        parts = [model(ids[:, a:b], cache, absorbed=absorbed) for a, b in ((0, 11), (11, 12), (12, 29), (29, 30))]
        assert torch.allclose(torch.cat(parts, dim=1), full, atol=1e-10)


@torch.no_grad()
def test_a_batch_of_ragged_rows_equals_each_row_alone() -> None:
    config = CONFIGS["yarn"]
    model, ids = model_of(config), some_ids(config, B=4, T=20)
    counts = torch.tensor([20, 3, 11, 1])
    cache = LatentCache(config, 4, 40, torch.float64)
    first = model(ids, cache, counts, last_only=True)
    cache.trim()
    then = [model(ids[:, t : t + 1], cache) for t in range(5)]
    for row, count in enumerate(counts.tolist()):
        alone = model(torch.cat((ids[row, :count], ids[row, :5])).unsqueeze(0))
        assert torch.allclose(first[row, 0], alone[0, count - 1], atol=1e-10)
        for t in range(5):
            assert torch.allclose(then[t][row, 0], alone[0, count + t], atol=1e-10)
    assert cache.lengths_B.tolist() == [25, 8, 16, 6]


def test_attention_is_absorbed_where_that_costs_less() -> None:
    k2 = ModelConfig.preset("k2")
    assert absorbing_is_cheaper(k2, 1)
    assert absorbing_is_cheaper(k2, 170)
    assert not absorbing_is_cheaper(k2, 171)


def test_a_full_cache_is_an_error() -> None:
    config = CONFIGS["plain"]
    model, ids = model_of(config), some_ids(config, T=8)
    cache = LatentCache(config, 2, 10, torch.float64)
    model(ids, cache)
    with pytest.raises(ModelError, match=r"holds 10 tokens a row; 8 \+ 8"):
        model(ids, cache)
    with pytest.raises(ModelError, match="there is no cache"):
        model(ids, counts_B=torch.tensor([1, 2]))


@torch.no_grad()
def test_a_pinned_step_continues_as_a_full_forward_does() -> None:
    config = CONFIGS["plain"]
    model, ids = model_of(config), some_ids(config, B=3, T=9)
    counts = torch.tensor([9, 4, 1])
    cache = LatentCache(config, 3, 32, torch.float64)
    first = model(ids, cache, counts, last_only=True).argmax(-1)
    step = GreedyStep(model, cache, first, reach=24)
    stepped = torch.cat([first, *(step().clone() for _ in range(6))], dim=1)
    for row, count in enumerate(counts.tolist()):
        text = ids[row : row + 1, :count]
        for t in range(7):
            successor = model(text)[0, -1].argmax()
            assert stepped[row, t] == successor
            text = torch.cat((text, successor.view(1, 1)), dim=1)
    with pytest.raises(ModelError, match="cannot be pinned at 33"):
        cache.pin(33)


@torch.no_grad()
@pytest.mark.parametrize("T", [1, 5])
def test_the_fused_reading_of_the_cache_equals_the_written_out_one(T: int) -> None:
    config = CONFIGS["plain"]
    attention = model_of(config).layers[0].self_attn
    generator = torch.Generator().manual_seed(0)
    t, X = T * config.num_attention_heads, config.kv_lora_rank + config.qk_rope_head_dim
    q = torch.randn(3, t, X, dtype=torch.float64, generator=generator)
    held = torch.randn(3, 20, X, dtype=torch.float64, generator=generator)
    starts = torch.tensor([2, 9, 14])
    visible = torch.arange(20) <= starts[:, None, None] + torch.arange(T)[:, None]
    fused, plain = attention._mixed_fused(q, held, visible), attention._mixed(q, held, visible, None)
    assert torch.allclose(fused, plain, atol=1e-10)
    shared = held[:1, :2].expand(3, -1, -1)  # the first two places are the same for all rows
    held[:, :2] = shared
    split = attention._mixed(q, held[:, 2:], visible, shared[0])
    assert torch.allclose(split, attention._mixed(q, held, visible, None), atol=1e-10)
    assert plain.abs().max() > 0.5
