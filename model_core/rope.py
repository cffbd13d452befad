"""Rotary positions: interleaved pairs, YaRN frequencies, and the attention scale that belongs to them.

B batch, T tokens, H heads, R rotary dimensions of a head (R/2 pairs).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from model_core.config import ModelConfig, Yarn, yarn_mscale


def inverse_frequencies(config: ModelConfig, device: torch.device | str | None = None) -> Tensor:
    """Radians per position of each pair, fp32 [R/2]."""
    R = config.qk_rope_head_dim
    plain = 1.0 / config.rope_theta ** (torch.arange(0, R, 2, dtype=torch.float32, device=device) / R)
    if config.yarn is None:
        return plain
    keep = 1.0 - _ramp(config.yarn, R, config.rope_theta, device)
    return plain / config.yarn.factor * (1.0 - keep) + plain * keep


def _ramp(yarn: Yarn, R: int, theta: float, device: torch.device | str | None) -> Tensor:
    """0 for pairs that turn often within the original context (kept), 1 for slow pairs (stretched), between: linear."""

    def pair_with(turns: float) -> float:
        return R * math.log(yarn.original_max_position_embeddings / (turns * 2 * math.pi)) / (2 * math.log(theta))

    low = max(math.floor(pair_with(yarn.beta_fast)), 0)
    high = min(math.ceil(pair_with(yarn.beta_slow)), R - 1)
    width = high - low or 0.001  # a step where both ends fall on one pair
    return ((torch.arange(R // 2, dtype=torch.float32, device=device) - low) / width).clamp(0, 1)


def turn_scale(config: ModelConfig) -> float:
    """The factor on cos and sin: how far `mscale` departs from `mscale_all_dim` (1 where they are equal)."""
    yarn = config.yarn
    return yarn_mscale(yarn.factor, yarn.mscale) / yarn_mscale(yarn.factor, yarn.mscale_all_dim) if yarn else 1.0


def attention_scale(config: ModelConfig) -> float:
    """The factor on q.k: 1/sqrt(head size), sharpened for the longer context on both sides of the product."""
    sharper = yarn_mscale(config.yarn.factor, config.yarn.mscale_all_dim) if config.yarn else 1.0
    return float((config.qk_nope_head_dim + config.qk_rope_head_dim) ** -0.5 * sharper**2)


def turns(positions_BT: Tensor, inv_freq: Tensor, scale: float, dtype: torch.dtype) -> Tensor:
    """cos and sin of every pair, stacked: [2, B, T, R/2]. Angles are computed in fp32: positions reach 262144."""
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    angle = positions_BT[..., None].to(wide) * inv_freq.to(wide)
    return (torch.stack((angle.cos(), angle.sin())) * scale).to(dtype)


def rotate(x_BTHR: Tensor, turns_BTr: Tensor) -> Tensor:
    """Turn each pair (x0, x1), (x2, x3)... by its angle. Halves come back apart: q and k agree on the order.

    The released weights lay pairs side by side; splitting the vector into halves instead is the classic mistake.
    """
    cos, sin = turns_BTr.unsqueeze(-2).unbind(0)
    even, odd = x_BTHR.unflatten(-1, (-1, 2)).unbind(-1)  # its gradient is one kernel; that of two slices is four
    return torch.cat((even * cos - odd * sin, odd * cos + even * sin), dim=-1)
