"""FP8 weights with one fp32 scale per block of 128 x 128, as DeepSeek-V3 and Kimi K2 are released."""

from __future__ import annotations

import torch
from torch import Tensor

from model_core.names import FP8_BLOCK, scale_shape

E4M3_MAX = 448.0


def quantise(weight: Tensor) -> tuple[Tensor, Tensor]:
    """float8_e4m3fn [out, in] and what to multiply it by, fp32 [out/128, in/128] (`weight_scale_inv`)."""
    blocks = _blocks(weight.float())
    scales = blocks.abs().amax(dim=(1, 3)) / E4M3_MAX
    scales = torch.where(scales == 0, 1.0, scales)  # a block of zeros
    scaled = blocks / scales[:, None, :, None]
    return _unblock(scaled, weight.shape).to(torch.float8_e4m3fn), scales


def dequantise(weight: Tensor, scales: Tensor) -> Tensor:
    """fp32 [out, in]."""
    return _unblock(_blocks(weight.float()) * scales.float()[:, None, :, None], weight.shape)


def _blocks(weight: Tensor) -> Tensor:
    """[out, in] -> [out/128, 128, in/128, 128], padded with zeros."""
    rows, columns = scale_shape(tuple(weight.shape))
    padded = weight.new_zeros(rows * FP8_BLOCK, columns * FP8_BLOCK)
    padded[: weight.shape[0], : weight.shape[1]] = weight
    return padded.view(rows, FP8_BLOCK, columns, FP8_BLOCK)


def _unblock(blocks: Tensor, shape: torch.Size) -> Tensor:
    flat = blocks.reshape(blocks.shape[0] * FP8_BLOCK, blocks.shape[2] * FP8_BLOCK)
    return flat[: shape[0], : shape[1]].contiguous()
