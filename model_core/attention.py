"""Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, 2.1), expanded and absorbed.

B batch, T new tokens, S context, H heads, D hidden, Q query latent, C key/value latent, N and R the plain and the
rotary part of a head's query and key, V a head's value, X = C + R what the cache keeps of a token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model_core.cache import write
from model_core.config import ModelConfig
from model_core.norm import LATENT_EPS, RMSNorm
from model_core.packed import Documents, attend
from model_core.rope import attention_scale, rotate

LOGITS_AT_ONCE = 1 << 19  # how many logits `max_logits` holds: 2 MiB, which stay in a CPU's cache
_GPU_TIMES = 32  # as many times that on a GPU, which wants few launches


class Held(NamedTuple):
    """What the engine's cache holds of one layer: pages, and rows that lie side by side (`engine/dense.py`)."""

    pages_PpX: Tensor
    rows_RSX: Tensor


@dataclass
class Past:
    """What one forward pass shares between its layers: where the new tokens stand and what they may see."""

    positions_BT: Tensor
    turns_BTr: Tensor
    reach: int = 0  # places of the cache that are looked at
    visible_BTS: Tensor | None = None  # None: causal among the new tokens, nothing before them
    absorbed: bool = False
    documents: Documents | None = None  # several texts in one row, each blind to the others
    spans: tuple[Span, ...] = ()  # a flat batch over pages (`engine/paged.py`): x is [1, T, D], the cache [P, p, X]
    places_T: Tensor | None = None  # of a flat batch: where its latents go, page * p + place in the page


@dataclass
class Span:
    """Rows of a flat batch that attend together: their tokens lie in one run, as many for each row."""

    tokens: slice
    rows: int
    pages_BP: Tensor | None  # what each row holds, its new tokens included; None: it holds nothing else
    visible_BTS: Tensor | None
    absorbed: bool
    shared_P: Tensor | None = None  # pages that every row holds before those (absorbed attention alone knows them)
    side: Tensor | None = None  # where the pages are laid side by side, [B * P, p * X]: the same memory for all layers
    starts_B: Tensor | None = None  # its rows lie side by side already, the first ones; where their new token goes


class LatentAttention(nn.Module):
    """Keys and values are linear in a latent of C numbers per token; one rotary key is shared by all heads."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.scale = attention_scale(config)
        D, H, C, R = config.hidden_size, config.num_attention_heads, config.kv_lora_rank, config.qk_rope_head_dim
        N, V, Q = config.qk_nope_head_dim, config.v_head_dim, config.q_lora_rank
        if Q is None:
            self.q_proj = nn.Linear(D, H * (N + R), bias=False)
        else:
            self.q_a_proj = nn.Linear(D, Q, bias=False)
            self.q_a_layernorm = RMSNorm(Q, LATENT_EPS)
            self.q_b_proj = nn.Linear(Q, H * (N + R), bias=False)
        self.kv_a_proj_with_mqa = nn.Linear(D, C + R, bias=False)
        self.kv_a_layernorm = RMSNorm(C, LATENT_EPS)
        self.kv_b_proj = nn.Linear(C, H * (N + V), bias=False)
        self.o_proj = nn.Linear(H * V, D, bias=False)
        # The switch of QK-Clip: a tensor [H] takes up the largest scaled logit of each head in passes with gradients.
        self.max_logits_H: Tensor | None = None

    @property
    def query_weight(self) -> Tensor:
        """The weight whose rows are the heads' queries, [H (N + R), D or Q]."""
        return (self.q_proj if self.config.q_lora_rank is None else self.q_b_proj).weight

    def forward(self, x_BTD: Tensor, past: Past, held: Tensor | Held | None = None) -> Tensor:
        """[B, T, D]; `held` is this layer's cache, [B, S, X] or the engine's, which takes up the new tokens."""
        q_nope, q_rope = self._queries(x_BTD, past.turns_BTr)
        latents_BSX = self._latents(x_BTD, past.turns_BTr)
        if isinstance(held, Held):
            return self.o_proj(self._over_pages(q_nope, q_rope, latents_BSX, past, held).flatten(-2))
        if held is not None:
            write(held, past.positions_BT, latents_BSX)
            if past.visible_BTS is not None:  # else nothing came before: what was just computed is all there is
                latents_BSX = held[:, : past.reach]
        if past.absorbed:
            return self.o_proj(self.absorbed(q_nope, q_rope, latents_BSX, past.visible_BTS).flatten(-2))
        return self.o_proj(self.expanded(q_nope, q_rope, latents_BSX, past.visible_BTS, past.documents).flatten(-2))

    def _over_pages(self, q_nope: Tensor, q_rope: Tensor, new_1TX: Tensor, past: Past, held: Held) -> Tensor:
        """A flat batch, span by span: the pages of its rows are laid side by side, [B, S, X], and attended to."""
        held_PpX = held.pages_PpX
        held_PpX.view(-1, held_PpX.shape[-1])[past.places_T] = new_1TX[0]
        parts = []
        for span in past.spans:
            shape = (span.rows, -1)
            q_n, q_r = q_nope[0, span.tokens].unflatten(0, shape), q_rope[0, span.tokens].unflatten(0, shape)
            if span.starts_B is not None and span.visible_BTS is not None:
                held.rows_RSX[torch.arange(span.rows, device=span.starts_B.device), span.starts_B] = new_1TX[
                    0, span.tokens
                ]
                latents_BSX = held.rows_RSX[: span.rows, : span.visible_BTS.shape[-1]]
            elif span.pages_BP is None or span.side is None:
                latents_BSX = new_1TX[0, span.tokens].unflatten(0, shape)
            else:
                torch.index_select(held_PpX.flatten(1), 0, span.pages_BP.flatten(), out=span.side)
                latents_BSX = span.side.view(span.rows, -1, held_PpX.shape[-1])
            if span.shared_P is not None:
                shared_SX = held_PpX.index_select(0, span.shared_P).flatten(0, 1)
                out = self.absorbed(q_n, q_r, latents_BSX, span.visible_BTS, shared_SX)
            else:
                out = (self.absorbed if span.absorbed else self.expanded)(q_n, q_r, latents_BSX, span.visible_BTS)
            parts.append(out.flatten(0, 1))
        return (torch.cat(parts) if len(parts) > 1 else parts[0]).unsqueeze(0)

    def _queries(self, x_BTD: Tensor, turns_BTr: Tensor) -> tuple[Tensor, Tensor]:
        """The plain and the rotated part, [B, T, H, N] and [B, T, H, R]."""
        config = self.config
        if config.q_lora_rank is None:
            q = self.q_proj(x_BTD)
        else:
            q = self.q_b_proj(self.q_a_layernorm(self.q_a_proj(x_BTD)))
        q_BTHd = q.unflatten(-1, (config.num_attention_heads, -1))
        q_nope, q_rope = q_BTHd.split((config.qk_nope_head_dim, config.qk_rope_head_dim), dim=-1)
        return q_nope, rotate(q_rope, turns_BTr)

    def _latents(self, x_BTD: Tensor, turns_BTr: Tensor) -> Tensor:
        """The normalised latent beside the rotated shared key, [B, T, C + R]: all the cache keeps."""
        C = self.config.kv_lora_rank
        latent_BTC, k_rope = self.kv_a_proj_with_mqa(x_BTD).split((C, self.config.qk_rope_head_dim), dim=-1)
        k_rope = rotate(k_rope.unsqueeze(-2), turns_BTr).squeeze(-2)
        return torch.cat((self.kv_a_layernorm(latent_BTC), k_rope), dim=-1)

    def expanded(
        self,
        q_nope: Tensor,
        q_rope: Tensor,
        latents_BSX: Tensor,
        visible_BTS: Tensor | None,
        documents: Documents | None = None,
    ) -> Tensor:
        """Keys and values of every head written out, then ordinary attention: [B, T, H, V]. For training and prefill.

        Cheaper per pair of tokens (N + R + V numbers a head), dearer per context token (it is expanded each time).
        """
        config = self.config
        H, N, V = config.num_attention_heads, config.qk_nope_head_dim, config.v_head_dim
        latent_BSC, k_rope = latents_BSX.split((config.kv_lora_rank, config.qk_rope_head_dim), dim=-1)
        k_nope, v = self.kv_b_proj(latent_BSC).unflatten(-1, (H, N + V)).split((N, V), dim=-1)
        k = torch.cat((k_nope, k_rope.unsqueeze(-2).expand(-1, -1, H, -1)), dim=-1)
        q = torch.cat((q_nope, q_rope), dim=-1)
        # The fused kernels want values as wide as keys: pad with zeros, cut them off again.
        v = F.pad(v, (0, k.shape[-1] - V)) if k.shape[-1] > V else v
        if documents is not None:
            out, ceiling_H = attend(q, k, v, documents, self.scale)
            if self.max_logits_H is not None and torch.is_grad_enabled():
                with torch.no_grad():
                    self._note(self._max_in_each(q, k, documents) if ceiling_H is None else ceiling_H)
            return out[..., :V]
        mask = None if visible_BTS is None else visible_BTS.unsqueeze(1)
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
        if self.max_logits_H is not None and torch.is_grad_enabled():
            with torch.no_grad():
                self._note(max_logits(q, k, visible_BTS) * self.scale)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None, scale=self.scale)
        return out.transpose(1, 2)[..., :V]

    def absorbed(
        self,
        q_nope: Tensor,
        q_rope: Tensor,
        latents_BSX: Tensor,
        visible_BTS: Tensor | None,
        shared_SX: Tensor | None = None,
    ) -> Tensor:
        """The same numbers without writing keys and values out: [B, T, H, V]. For decoding.

        q.(W_k c) = (W_k^T q).c, so the key matrix is absorbed into the query and the value matrix into the output;
        all heads read one latent per token, as in multi-query attention. `shared_SX` is a past that all rows have in
        common, before their own: read once, by one matrix product for all of them (`visible_BTS` spans both).
        """
        config = self.config
        (B, T, H, N), C = q_nope.shape, config.kv_lora_rank
        W_HdC = self.kv_b_proj.weight.view(H, N + config.v_head_dim, C)
        q_BTHC = torch.bmm(q_nope.reshape(B * T, H, N).transpose(0, 1), W_HdC[:, :N]).transpose(0, 1).view(B, T, H, C)
        q_BtX = torch.cat((q_BTHC, q_rope), dim=-1).view(B, T * H, -1)
        visible = _causal(T, latents_BSX.shape[1], q_nope.device) if visible_BTS is None else visible_BTS
        if shared_SX is None and self._can_fuse(latents_BSX):
            mixed_BtC = self._mixed_fused(q_BtX, latents_BSX, visible)
        else:
            mixed_BtC = self._mixed(q_BtX, latents_BSX, visible, shared_SX)
        mixed_HtC = mixed_BtC.reshape(B * T, H, C).transpose(0, 1)
        return torch.bmm(mixed_HtC, W_HdC[:, N:].transpose(1, 2)).transpose(0, 1).reshape(B, T, H, -1)

    def _mixed(self, q_BtX: Tensor, latents_BSX: Tensor, visible_BTS: Tensor, shared_SX: Tensor | None) -> Tensor:
        """The latents of the past, weighed by each query: [B, t, C] for t = T * H queries a row."""
        logits_BtS = torch.bmm(q_BtX, latents_BSX.transpose(1, 2))
        if shared_SX is not None:
            logits_BtS = torch.cat((F.linear(q_BtX, shared_SX), logits_BtS), dim=-1)
        (B, t, S), T, C = logits_BtS.shape, visible_BTS.shape[1], self.config.kv_lora_rank
        logits_BTHS = logits_BtS.view(B, T, t // T, S)
        logits_BTHS = logits_BTHS.to(torch.promote_types(logits_BTHS.dtype, torch.float32)) * self.scale
        logits_BTHS = logits_BTHS.masked_fill(~visible_BTS.unsqueeze(2), float("-inf"))
        if self.max_logits_H is not None and torch.is_grad_enabled():
            self._note(logits_BTHS.detach().amax((0, 1, 3)))
        weights_BtS = logits_BTHS.softmax(-1).to(latents_BSX.dtype).view(B, t, S)
        own = S - latents_BSX.shape[1]
        mixed_BtC = torch.bmm(weights_BtS[..., own:], latents_BSX[..., :C])
        return mixed_BtC if shared_SX is None else mixed_BtC + weights_BtS[..., :own] @ shared_SX[:, :C]

    def _can_fuse(self, latents_BSX: Tensor) -> bool:
        """The CPU's fused kernel reads the cache once instead of twice; no other is made for keys as wide as ours."""
        return not (torch.is_grad_enabled() or latents_BSX.is_cuda or latents_BSX.dtype == torch.bfloat16)

    def _mixed_fused(self, q_BtX: Tensor, latents_BSX: Tensor, visible_BTS: Tensor) -> Tensor:
        """The fast twin of `_mixed`: latents are keys and values at once, and the rotary part of the mix is dropped."""
        T = visible_BTS.shape[1]
        if T == 1:  # one row of the mask for all heads
            mask_B1tS = visible_BTS.unsqueeze(1)
        else:
            mask_B1tS = visible_BTS.unsqueeze(2).expand(-1, -1, q_BtX.shape[1] // T, -1).flatten(1, 2).unsqueeze(1)
        held_B1SX = latents_BSX.unsqueeze(1)
        out = F.scaled_dot_product_attention(q_BtX.unsqueeze(1), held_B1SX, held_B1SX, mask_B1tS, scale=self.scale)
        return out[:, 0, :, : self.config.kv_lora_rank]

    def _max_in_each(self, q_1THd: Tensor, k_1THd: Tensor, documents: Documents) -> Tensor:
        """The largest logit of each head within any document, [H]."""
        queries = q_1THd.transpose(1, 2).split(documents.lengths, dim=2)
        rows = zip(queries, documents.seen(k_1THd), strict=True)
        return torch.stack([max_logits(q, k, None) for q, k in rows]).amax(0) * self.scale

    def _note(self, max_logits_H: Tensor) -> None:
        assert self.max_logits_H is not None
        torch.maximum(self.max_logits_H, max_logits_H.to(self.max_logits_H.dtype), out=self.max_logits_H)


def max_logits(q_BHTd: Tensor, k_BHSd: Tensor, visible_BTS: Tensor | None) -> Tensor:
    """The largest product of a query with a key it sees, per head: [H], exact, unscaled. T queries are the last of S.

    The fused kernels never show their logits, so this multiplies once more, a few queries at a time and, where
    attention is causal, only with the keys up to them: about a quarter of attention's forward and backward products.
    """
    B, H, T, _ = q_BHTd.shape
    S = k_BHSd.shape[2]
    chunk = min(T, max(16, LOGITS_AT_ONCE * (_GPU_TIMES if q_BHTd.is_cuda else 1) // (B * H * S)))
    q_BHTd, k_BHdS = q_BHTd.contiguous(), k_BHSd.contiguous().mT  # else every chunk would copy what it reads
    maxima = []
    for start in range(0, T, chunk):
        stop = min(start + chunk, T)
        reach = S if visible_BTS is not None else S - T + stop
        logits = torch.matmul(q_BHTd[:, :, start:stop], k_BHdS[..., :reach])
        if visible_BTS is not None:
            logits.masked_fill_(~visible_BTS[:, None, start:stop], float("-inf"))
        else:  # only the last square is cut by the diagonal
            unseen = torch.ones(stop - start, stop - start, dtype=torch.bool, device=logits.device).triu_(1)
            logits[..., S - T + start :].masked_fill_(unseen, float("-inf"))
        maxima.append(logits.flatten(2).amax(-1).amax(0))  # twice as fast on a CPU as over all axes at once
    return torch.stack(maxima).amax(0)


def _causal(T: int, S: int, device: torch.device) -> Tensor:
    """The last T of S places see themselves and all before: [1, T, S]."""
    return torch.ones(T, S, dtype=torch.bool, device=device).tril(S - T).unsqueeze(0)


def absorbing_is_cheaper(config: ModelConfig, T: int) -> bool:
    """Whether T new tokens per row cost fewer multiplications absorbed than expanded, on a long context.

    Per head and context token: absorbed 2C + R for each new token; expanded N + R + V for each, and C (N + V) once.
    """
    N, V, C = config.qk_nope_head_dim, config.v_head_dim, config.kv_lora_rank
    return T * (2 * C - N - V) < C * (N + V)
