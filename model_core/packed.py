"""Documents laid end to end in one row, without padding and without seeing each other.

T tokens of all documents together, n documents, H heads, d width of a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from model_core.errors import ModelError


@dataclass(frozen=True)
class Documents:
    """Where the documents of a row [1, T] begin, and each token's place in its own document."""

    lengths: tuple[int, ...]  # known to the host, so that nothing waits for the device to tell them
    starts: Tensor  # int32 [n + 1], the end of the last one included
    positions_1T: Tensor

    @staticmethod
    def of(lengths: Sequence[int], device: torch.device | str = "cpu") -> Documents:
        """From the lengths in order. Raises `ModelError` for an empty document."""
        if not lengths or min(lengths) < 1:
            raise ModelError("a packed row needs documents of at least one token each")
        counts = torch.tensor(lengths)
        starts = torch.cat((torch.zeros(1, dtype=torch.int64), counts.cumsum(0)))
        positions_T = torch.arange(int(starts[-1])) - starts[:-1].repeat_interleave(counts)
        return Documents(
            tuple(int(length) for length in lengths),
            to_device(starts.to(torch.int32), device),
            to_device(positions_T.unsqueeze(0), device),
        )


def to_device(tensor: Tensor, device: torch.device | str) -> Tensor:
    """Copied without the host waiting for what the device still has to do: pageable memory would make it wait."""
    if torch.device(device).type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def attend(
    q_1THd: Tensor, k_1THd: Tensor, v_1THd: Tensor, documents: Documents, scale: float
) -> tuple[Tensor, Tensor | None]:
    """Causal attention inside each document, [1, T, H, d]: one kernel where the device has it, else `attend_each`.

    The kernel also tells a bound on each head's largest logit, [H]: the largest log-sum-exp, which is above it by at
    most the logarithm of the longest document. Without the kernel there is none.
    """
    d = q_1THd.shape[-1]
    if not q_1THd.is_cuda or q_1THd.dtype not in (torch.bfloat16, torch.float16) or d % 8 or d > 256:
        return attend_each(q_1THd, k_1THd, v_1THd, documents, scale), None
    # The operator under torch.nn.attention.varlen: its own arguments have changed less than the wrapper's.
    starts, longest = documents.starts, max(documents.lengths)
    out_THd, lse_HT, *_ = torch.ops.aten._flash_attention_forward(
        q_1THd[0], k_1THd[0], v_1THd[0], starts, starts, longest, longest, 0.0, True, False, scale=scale
    )
    return out_THd.unsqueeze(0), lse_HT.detach().amax(-1)


def attend_each(q_1THd: Tensor, k_1THd: Tensor, v_1THd: Tensor, documents: Documents, scale: float) -> Tensor:
    """The same, document by document."""
    rows = (x_1THd.transpose(1, 2).split(documents.lengths, dim=2) for x_1THd in (q_1THd, k_1THd, v_1THd))
    outs = [F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale) for q, k, v in zip(*rows, strict=True)]
    return torch.cat(outs, dim=2).transpose(1, 2)
