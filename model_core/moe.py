"""Mixture of experts: a sigmoid router that balances by a bias, many small experts, and shared ones for all tokens.

T tokens, D hidden, E experts, K experts per token, G groups, F width of an expert.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model_core.config import ModelConfig
from model_core.mlp import SwiGLU


class Router(nn.Module):
    """Scores are sigmoids; a bias per expert, learned without a loss, decides who is chosen and never enters weights.

    DeepSeek-V3 (arXiv 2412.19437, 2.1.2). The bias is a buffer: the trainer moves it, the gradient does not.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.weight = nn.Parameter(torch.empty(config.n_routed_experts, config.hidden_size))
        self.e_score_correction_bias: Tensor = nn.Buffer(torch.zeros(config.n_routed_experts, dtype=torch.float32))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Router:
        """Moves with the model, but stays fp32 when the model is cast: bf16 would round away most of a bias's steps."""
        exact = self.e_score_correction_bias
        super()._apply(fn, recurse)
        device = self.e_score_correction_bias.device
        if exact.is_meta and device.type != "meta":
            self.e_score_correction_bias = torch.zeros(exact.shape, dtype=exact.dtype, device=device)
        else:
            self.e_score_correction_bias = exact.to(device)
        return self

    def forward(self, x_TD: Tensor) -> tuple[Tensor, Tensor]:
        """Chosen experts and their weights, both [T, K]; weights are fp32 or wider."""
        config = self.config
        wide = torch.float64 if x_TD.dtype == torch.float64 else torch.float32
        scores_TE = F.linear(x_TD.to(wide), self.weight.to(wide)).sigmoid()
        chosen_TK = self._choose(scores_TE.detach() + self.e_score_correction_bias)
        weights_TK = scores_TE.gather(1, chosen_TK)
        if config.norm_topk_prob:
            weights_TK = weights_TK / (weights_TK.sum(-1, keepdim=True) + 1e-20)
        return chosen_TK, weights_TK * config.routed_scaling_factor

    def _choose(self, biased_TE: Tensor) -> Tensor:
        if self.config.n_group > 1:
            biased_TE = self._within_best_groups(biased_TE)
        return biased_TE.topk(self.config.num_experts_per_tok, dim=-1, sorted=False).indices

    def _within_best_groups(self, biased_TE: Tensor) -> Tensor:
        """Experts outside the `topk_group` best groups cannot be chosen; a group is worth its two best experts."""
        biased_TGe = biased_TE.unflatten(-1, (self.config.n_group, -1))
        worth_TG = biased_TGe.topk(2, dim=-1).values.sum(-1)
        best = worth_TG.topk(self.config.topk_group, dim=-1, sorted=False).indices
        outside_TG = torch.ones_like(worth_TG, dtype=torch.bool).scatter(1, best, False)
        return biased_TGe.masked_fill(outside_TG[..., None], float("-inf")).flatten(-2)


class Experts(nn.Module):
    """All routed experts of a layer, stacked so that one kernel can run them."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        E, D, width = config.n_routed_experts, config.hidden_size, config.moe_intermediate_size
        self.gate_up_E2FD = nn.Parameter(torch.empty(E, 2 * width, D))
        self.down_EDF = nn.Parameter(torch.empty(E, D, width))

    def forward(self, x_TD: Tensor, chosen_TK: Tensor, weights_TK: Tensor) -> Tensor:
        """sum_k weights[t, k] * expert[chosen[t, k]](x[t]): [T, D]."""
        return (self.grouped if self._can_group() else self.looped)(x_TD, chosen_TK, weights_TK)

    def _can_group(self) -> bool:
        """The grouped kernel wants rows of whole 16 bytes; no float64 on a CPU, and only bf16 on a GPU."""
        weight = self.down_EDF
        if weight.dtype == torch.float64 or (weight.is_cuda and weight.dtype != torch.bfloat16):
            return False
        return all(w.shape[-1] * w.element_size() % 16 == 0 for w in (self.gate_up_E2FD, self.down_EDF))

    def grouped(self, x_TD: Tensor, chosen_TK: Tensor, weights_TK: Tensor) -> Tensor:
        """Tokens sorted by expert, two grouped matrix products; no step waits for the device to tell a count."""
        E, K = self.down_EDF.shape[0], chosen_TK.shape[1]
        sorted_experts, order = chosen_TK.flatten().sort(stable=True)
        ends_E = torch.searchsorted(sorted_experts, torch.arange(E, device=order.device), right=True, out_int32=True)
        gate, up = F.grouped_mm(x_TD[order // K], self.gate_up_E2FD.transpose(1, 2), offs=ends_E).chunk(2, dim=-1)
        y_sorted = F.grouped_mm(F.silu(gate) * up, self.down_EDF.transpose(1, 2), offs=ends_E)
        place = torch.empty_like(order).scatter_(0, order, torch.arange(order.numel(), device=order.device))
        y_TKD = y_sorted[place].view(*chosen_TK.shape, -1)
        return torch.bmm(weights_TK.to(y_TKD.dtype).unsqueeze(1), y_TKD).squeeze(1)

    def looped(self, x_TD: Tensor, chosen_TK: Tensor, weights_TK: Tensor) -> Tensor:
        """The slow twin of `grouped`: expert by expert, as the paper writes it."""
        y_TD = torch.zeros_like(x_TD)
        for expert in chosen_TK.unique().tolist():
            token, k = torch.where(chosen_TK == expert)
            gate, up = F.linear(x_TD[token], self.gate_up_E2FD[expert]).chunk(2, dim=-1)
            y = F.linear(F.silu(gate) * up, self.down_EDF[expert])
            y_TD = y_TD.index_add(0, token, (y * weights_TK[token, k, None]).to(y_TD.dtype))
        return y_TD


class MoE(nn.Module):
    """Routed experts by their weights plus the shared experts (one SwiGLU of their joint width) unweighted."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gate = Router(config)
        self.experts = Experts(config)
        self.shared_experts = SwiGLU(config.hidden_size, config.moe_intermediate_size * config.n_shared_experts)

    def forward(self, x_BTD: Tensor) -> Tensor:
        x_TD = x_BTD.flatten(0, 1)
        chosen_TK, weights_TK = self.gate(x_TD)
        return (self.experts(x_TD, chosen_TK, weights_TK) + self.shared_experts(x_TD)).view_as(x_BTD)
