"""QK-Clip: a head whose largest attention logit passed tau has its query and key weights scaled back to tau."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from model_core.attention import LatentAttention
from model_core.errors import ModelError


def qk_clip_factors(max_logits_H: Tensor, tau: float) -> Tensor:
    """gamma = min(1, tau / largest logit) of each head, any shape. Where nothing was seen or all is negative, 1."""
    return torch.where(max_logits_H > tau, tau / max_logits_H, torch.ones_like(max_logits_H))


class QKClip:
    """Watches the attention layers of one model and clips their heads (Kimi K2, arXiv 2507.20534, algorithm 1).

    q^C and k^C are scaled by sqrt(gamma), q^R by gamma; k^R, which all heads share, and V stay. From its making on,
    every pass that records gradients leaves its largest scaled logits in `maxima_LH`; `apply` clips by them and
    forgets them, so they span all passes between two steps.
    """

    def __init__(self, attentions: Sequence[LatentAttention], tau: float) -> None:
        if not tau > 0:
            raise ModelError(f"tau is {tau}; QK-Clip needs a positive bound on attention logits")
        self.tau, self.attentions = tau, list(attentions)
        first = self.attentions[0].kv_b_proj.weight
        dtype = torch.promote_types(first.dtype, torch.float32)
        heads = self.attentions[0].config.num_attention_heads
        self.maxima_LH = torch.full((len(self.attentions), heads), float("-inf"), dtype=dtype, device=first.device)
        for attention, row_H in zip(self.attentions, self.maxima_LH, strict=True):
            attention.max_logits_H = row_H

    @torch.no_grad()
    def apply(self, exact: Callable[[Tensor], Tensor]) -> Tensor:
        """Clips in place and forgets; returns the maxima [L, H] it went by (-inf where no pass was seen).

        `exact` gives the tensor that holds a weight at full precision (itself, or its fp32 master).
        """
        seen_LH = self.maxima_LH.clone()
        self.maxima_LH.fill_(float("-inf"))
        gamma_LH = qk_clip_factors(seen_LH, self.tau)
        config = self.attentions[0].config
        N, R, V = config.qk_nope_head_dim, config.qk_rope_head_dim, config.v_head_dim
        root_LH1, gamma_LH1 = gamma_LH.sqrt().unsqueeze(-1), gamma_LH.unsqueeze(-1)
        q_LHd = torch.cat((root_LH1.expand(-1, -1, N), gamma_LH1.expand(-1, -1, R)), dim=-1)
        kv_LHd = torch.cat((root_LH1.expand(-1, -1, N), torch.ones_like(root_LH1).expand(-1, -1, V)), dim=-1)
        weights = [exact(attention.query_weight) for attention in self.attentions]
        weights += [exact(attention.kv_b_proj.weight) for attention in self.attentions]
        rows = [*q_LHd.flatten(1).unsqueeze(-1).unbind(), *kv_LHd.flatten(1).unsqueeze(-1).unbind()]
        torch._foreach_mul_(weights, rows)
        return seen_LH
