"""Muon's update against torch's own, against the published formulas written out slowly, and to the bit on resume."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import torch
from small import CONFIG, DIRECT, small_model, some_batch, train
from torch import Tensor

from model_core import Model, ModelError, next_token_loss
from model_core.moe import Experts
from model_core.optim import MuonClip, newton_schulz, share_of

GOLDEN = Path(__file__).with_name("golden_losses.json")


def slow_orthogonal(G: Tensor) -> Tensor:
    """Five published steps on one matrix, as written in the paper."""
    X = G / G.norm()
    for _ in range(5):
        A = X @ X.T
        X = 3.4445 * X - 4.7750 * A @ X + 2.0315 * A @ A @ X
    return X


@pytest.mark.parametrize("shape", [(8, 8), (6, 17), (17, 6), (1, 9), (3, 5, 11), (2, 3, 7, 4)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_newton_schulz_equals_the_formula(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    G = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype)
    fast = newton_schulz(G)
    assert fast.dtype == dtype and fast.shape == G.shape
    slow = torch.stack([slow_orthogonal(one.double()) for one in G.reshape(-1, *shape[-2:])]).view(shape)
    tolerance = {torch.float64: 1e-10, torch.float32: 1e-4, torch.bfloat16: 0.1}[dtype]
    torch.testing.assert_close(fast.double(), slow, atol=tolerance, rtol=0)
    values = torch.linalg.svdvals(slow)
    assert values.min() > 0.3 and values.max() < 1.3


def test_newton_schulz_of_nothing_is_nothing() -> None:
    assert newton_schulz(torch.zeros(3, 4)).abs().max() == 0


def test_equals_torchs_muon_in_bf16() -> None:
    generator = torch.Generator().manual_seed(2)
    shapes = [(16, 40), (40, 16), (16, 40), (24, 24)]
    ours = [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]
    theirs = [torch.nn.Parameter(weight.detach().clone()) for weight in ours]
    start = [weight.detach().clone() for weight in ours]
    optimizer = MuonClip(ours, lr=1e-3, ns_dtype=torch.bfloat16)
    peer = torch.optim.Muon(theirs, lr=1e-3, weight_decay=0.1, momentum=0.95, adjust_lr_fn="match_rms_adamw")
    for _ in range(10):
        for a, b in zip(ours, theirs, strict=True):
            a.grad = torch.randn(a.shape, generator=generator)
            b.grad = a.grad.clone()
        optimizer.step()
        peer.step()
    for a, b, before in zip(ours, theirs, start, strict=True):
        assert (a - before).abs().max() > 2e-3  # ten times the tolerance
        torch.testing.assert_close(a, b, atol=2e-4, rtol=0)


def published_step(
    weights: dict[str, Tensor], moments: dict[str, tuple[Tensor, Tensor]], grads: dict[str, Tensor], t: int
) -> None:
    """One step of the published formulas, one matrix at a time, written without any of the optimizer's code."""
    lr, decay, mu = 3e-3, 0.1, 0.95
    for name, W in weights.items():
        G, (first, second) = grads[name], moments[name]
        if W.dim() == 1 or name in ("embed_tokens.weight", "lm_head.weight"):
            first.mul_(0.9).add_(0.1 * G)
            second.mul_(0.95).add_(0.05 * G * G)
            step = (first / (1 - 0.9**t)) / ((second / (1 - 0.95**t)).sqrt() + 1e-8)
        else:
            first.mul_(mu).add_(G)
            heading = mu * first + G
            halves = 2 if "gate_up" in name else 1
            parts = heading.reshape(-1, heading.shape[-2] // halves, heading.shape[-1])
            step = torch.stack([0.2 * max(part.shape) ** 0.5 * slow_orthogonal(part) for part in parts]).view(W.shape)
        W.sub_(lr * (step + decay * W))


@pytest.mark.parametrize("config", [CONFIG, DIRECT], ids=["compressed queries", "direct queries"])
def test_equals_the_published_formulas_in_fp64(config: object) -> None:
    model = small_model(config)
    optimizer = MuonClip.from_model(model, lr=3e-3, tau=None)
    weights = {name: p.detach().clone() for name, p in model.named_parameters()}
    start = {name: weight.clone() for name, weight in weights.items()}
    moments = {name: (torch.zeros_like(w), torch.zeros_like(w)) for name, w in weights.items()}
    for t in range(1, 6):
        optimizer.zero_grad()
        next_token_loss(model, some_batch(t)).backward()
        published_step(weights, moments, {name: p.grad for name, p in model.named_parameters()}, t)
        optimizer.step()
    for name, p in model.named_parameters():
        assert (p - start[name]).abs().max() > 1e-3, name
        torch.testing.assert_close(p.detach(), weights[name], atol=1e-6, rtol=0, msg=name)


def test_each_parameter_is_in_exactly_one_group() -> None:
    model = small_model()
    optimizer = MuonClip.from_model(model)
    held = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in model.parameters())
    adamw = {name for name, p in model.named_parameters() if share_of(name, p) == "adamw"}
    norms = {name for name, _ in model.named_parameters() if "norm" in name}
    assert adamw == norms | {"embed_tokens.weight", "lm_head.weight"}
    by_group = {group["share"]: {id(p) for p in group["params"]} for group in optimizer.param_groups}
    assert by_group["adamw"] == {id(p) for name, p in model.named_parameters() if name in adamw}
    assert len(optimizer._buckets) < len(by_group["muon"]) / 2  # grouping is what makes a tiny model's step cheap
    stacked = sum(bucket.momentum_knm.shape[0] for bucket in optimizer._buckets)
    experts = [m for m in model.modules() if isinstance(m, Experts)]
    assert stacked == len(by_group["muon"]) - 2 * len(experts) + 3 * 4 * len(experts)


def test_a_parameter_without_gradient_is_named() -> None:
    weight = torch.nn.Parameter(torch.ones(2, 3))
    with pytest.raises(ModelError, match=r"no gradient for blocks\.w; freeze"):
        MuonClip([("blocks.w", weight)]).step()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_resume_is_exact_to_the_bit(dtype: torch.dtype) -> None:
    whole = small_model(dtype=dtype)
    train(whole, MuonClip.from_model(whole, lr=1e-2, tau=0.5), range(6))
    first = small_model(dtype=dtype)
    optimizer = MuonClip.from_model(first, lr=1e-2, tau=0.5)
    train(first, optimizer, range(3))
    file = io.BytesIO()
    torch.save({"model": first.state_dict(), "optimizer": optimizer.state_dict()}, file)
    file.seek(0)
    kept = torch.load(file, weights_only=True)
    second = small_model(dtype=dtype, seed=9)
    second.load_state_dict(kept["model"])
    resumed = MuonClip.from_model(second, lr=1e-4, tau=0.5)
    resumed.load_state_dict(kept["optimizer"])
    train(second, resumed, range(3, 6))
    for (name, a), b in zip(whole.named_parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b), name


def test_a_state_of_another_model_is_refused() -> None:
    kept = MuonClip.from_model(small_model()).state_dict()
    with pytest.raises(ModelError, match=r"another model: layers\.0\.self_attn\.q_a_proj\.weight"):
        MuonClip.from_model(small_model(DIRECT)).load_state_dict(kept)


def test_weights_of_16_bits_move_by_less_than_their_spacing() -> None:
    """Without a master, steps smaller than half a spacing of bf16 would be rounded away for ever."""
    model = small_model(dtype=torch.bfloat16)
    before = model.layers[1].self_attn.o_proj.weight.detach().clone()
    optimizer = MuonClip.from_model(model, lr=1e-5, weight_decay=0.0)
    moved = []
    for _ in range(12):
        next_token_loss(model, some_batch(0)).backward()
        optimizer.step()
        moved.append((model.layers[1].self_attn.o_proj.weight != before).float().mean().item())
    assert 0 < 8 * moved[0] < moved[-1]


def golden_run() -> list[float]:
    model: Model = small_model()
    return train(model, MuonClip.from_model(model, lr=1e-2, tau=0.5), range(50))


def test_fifty_golden_losses() -> None:
    """Any change of the update, of the clip or of the model's gradients shows here; `python test_muon.py` rewrites."""
    golden = json.loads(GOLDEN.read_text())
    assert golden[-1] < 0.5 * golden[0]
    assert golden_run() == pytest.approx(golden, rel=1e-6)


if __name__ == "__main__":
    torch.set_num_threads(1)
    GOLDEN.write_text(json.dumps([round(loss, 12) for loss in golden_run()], indent=0) + "\n")
