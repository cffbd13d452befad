"""Documents laid end to end in one row, without padding and without seeing each other. One may go on from another, as
conversations do that share their prompt: it sees that one and itself, and stands as if it followed at once.

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
    after: tuple[int, ...] = ()  # the document that each one goes on from, -1 for none; empty: none does

    @staticmethod
    def of(lengths: Sequence[int], device: torch.device | str = "cpu", after: Sequence[int] = ()) -> Documents:
        """From the lengths in order. Raises `ModelError` for an empty document, and for one that goes on from a later
        one or from one that itself goes on."""
        if not lengths or min(lengths) < 1:
            raise ModelError("a packed row needs documents of at least one token each")
        if any(of >= place or (of >= 0 and after[of] >= 0) for place, of in enumerate(after)):
            raise ModelError("a document may go on from an earlier one that stands for itself")
        counts = torch.tensor(lengths)
        starts = torch.cat((torch.zeros(1, dtype=torch.int64), counts.cumsum(0)))
        first = starts[:-1] - torch.tensor([lengths[of] if of >= 0 else 0 for of in after or [-1] * len(lengths)])
        positions_T = torch.arange(int(starts[-1])) - first.repeat_interleave(counts)
        return Documents(
            tuple(int(length) for length in lengths),
            to_device(starts.to(torch.int32), device),
            to_device(positions_T.unsqueeze(0), device),
            tuple(after) if any(of >= 0 for of in after) else (),
        )

    def seen(self, x_1THd: Tensor) -> list[Tensor]:
        """What each document sees of keys or values, [1, H, S, d]: itself, after what it goes on from."""
        own = x_1THd.transpose(1, 2).split(self.lengths, dim=2)
        return [
            x if of < 0 else torch.cat((own[of], x), dim=2)
            for x, of in zip(own, self.after or [-1] * len(own), strict=True)
        ]


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
    most the logarithm of the longest document. Without the kernel, and where one goes on from another, there is none.
    """
    d = q_1THd.shape[-1]
    if documents.after or not q_1THd.is_cuda or q_1THd.dtype not in (torch.bfloat16, torch.float16) or d % 8 or d > 256:
        return attend_each(q_1THd, k_1THd, v_1THd, documents, scale), None
    # The operator under torch.nn.attention.varlen: its own arguments have changed less than the wrapper's.
    starts, longest = documents.starts, max(documents.lengths)
    out_THd, lse_HT, *_ = torch.ops.aten._flash_attention_forward(
        q_1THd[0], k_1THd[0], v_1THd[0], starts, starts, longest, longest, 0.0, True, False, scale=scale
    )
    return out_THd.unsqueeze(0), lse_HT.detach().amax(-1)


def attend_each(q_1THd: Tensor, k_1THd: Tensor, v_1THd: Tensor, documents: Documents, scale: float) -> Tensor:
    """The same, document by document."""
    outs = []
    queries = q_1THd.transpose(1, 2).split(documents.lengths, dim=2)
    for q, k, v in zip(queries, documents.seen(k_1THd), documents.seen(v_1THd), strict=True):
        if q.shape[2] == k.shape[2]:
            outs.append(F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale))
        else:  # the queries are the last ones
            T, S = q.shape[2], k.shape[2]
            visible_TS = torch.ones(T, S, dtype=torch.bool, device=q.device).tril(S - T)
            outs.append(F.scaled_dot_product_attention(q, k, v, visible_TS, scale=scale))
    return torch.cat(outs, dim=2).transpose(1, 2)
