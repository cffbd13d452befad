"""The latent cache: what attention keeps of the past, one short vector per token and layer.

L layers, B conversations, S context, C latent, R rotary key, X = C + R. K2 keeps 576 numbers per token and layer where
ordinary attention with its 64 heads would keep 20,480.
"""

from __future__ import annotations

import torch
from torch import Tensor

from model_core.config import ModelConfig
from model_core.errors import ModelError


class LatentCache:
    """Room for B conversations of up to S tokens. `lengths_B` are the tokens each holds; rows advance on their own.

    `reach` is how much of S attention looks at: at least every length. It is kept on the host, so that a step never
    waits for the device.
    """

    def __init__(
        self,
        config: ModelConfig,
        batch: int,
        capacity: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        X = config.kv_lora_rank + config.qk_rope_head_dim
        self.capacity = capacity
        self.reach = 0
        self.pinned = False
        self.lengths_B = torch.zeros(batch, dtype=torch.long, device=device)
        # Zeros, not empty: places beyond a row's length are masked out, but 0 * nan is nan.
        self.latents_LBSX = torch.zeros(config.num_hidden_layers, batch, capacity, X, dtype=dtype, device=device)

    def positions(self, T: int) -> Tensor:
        """Where the next T tokens of every row go, [B, T]."""
        return self.lengths_B[:, None] + torch.arange(T, device=self.lengths_B.device)

    def make_room(self, T: int) -> bool:
        """Let attention reach T more tokens; True where the cache was empty. Raises `ModelError` when it is full."""
        was_empty = self.reach == 0
        if self.pinned:
            return was_empty
        if self.reach + T > self.capacity:
            raise ModelError(f"the cache holds {self.capacity} tokens a row; {self.reach} + {T} do not fit")
        self.reach += T
        return was_empty

    def advance(self, counts_B: Tensor | int) -> None:
        """The rows keep this many of the tokens just written; what lies beyond is overwritten by the next."""
        self.lengths_B += counts_B

    def pin(self, reach: int) -> None:
        """Attention looks at `reach` places from now on, so that every step has the same shapes (CUDA graphs).

        The caller sees to it that no row grows past them. Raises `ModelError` beyond the capacity.
        """
        if not 0 < reach <= self.capacity:
            raise ModelError(f"the cache holds {self.capacity} tokens a row; it cannot be pinned at {reach}")
        self.reach, self.pinned = reach, True

    def trim(self) -> None:
        """Lower `reach` to the longest row (this one does ask the device)."""
        self.reach = int(self.lengths_B.max())

    def nbytes(self) -> int:
        """Bytes of the whole cache."""
        return self.latents_LBSX.numel() * self.latents_LBSX.element_size()


def write(held_BSX: Tensor, positions_BT: Tensor, latents_BTX: Tensor) -> None:
    """Put the latents of new tokens at their positions of one layer's cache."""
    rows = torch.arange(held_BSX.shape[0], device=held_BSX.device)[:, None]
    held_BSX[rows, positions_BT] = latents_BTX
