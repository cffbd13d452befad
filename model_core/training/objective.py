"""The loss of a batch, in fp32 or through bf16 copies of fp32 weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from model_core.model import Model
from model_core.moe import Router
from model_core.training.feed import Batch


class Objective(nn.Module):
    """Weighted cross entropy of the tokens a batch asks for: two sums, of the weighted
    losses, and of those on what the assistant is to learn.

    The head runs on those tokens only. Sums, so that batches and ranks add up to what one large batch would give.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        x_TD = self.model.packed(batch.ids_1T, batch.documents)[0]
        logits_NV = self.model.head(x_TD[batch.at_N])
        wide = torch.promote_types(logits_NV.dtype, torch.float32)
        losses_N = F.cross_entropy(logits_NV.to(wide), batch.targets_N, reduction="none")
        return (losses_N * batch.weights_N).sum(), (losses_N.detach() * batch.learn_N).sum()


class InBf16:
    """An objective computed with bf16 copies of the weights; gradients add up in fp32 on the weights themselves.

    The modules stay the same, so whatever they record is recorded once. Routers keep their fp32 weights: they choose.
    """

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        kept = {id(p) for m in objective.modules() if isinstance(m, Router) for p in m.parameters(recurse=False)}
        named = [(name, p) for name, p in objective.named_parameters() if id(p) not in kept]
        self._masters: list[Tensor] = [p for _, p in named]
        self._copies = [p.detach().to(torch.bfloat16).requires_grad_() for p in self._masters]
        self._by_name = dict(zip((name for name, _ in named), self._copies, strict=True))
        self._sums = [torch.zeros_like(p) for p in self._masters]
        for p, total in zip(self._masters, self._sums, strict=True):
            p.grad = total

    def __call__(self, batch: Batch) -> tuple[Tensor, Tensor]:
        sums: tuple[Tensor, Tensor] = functional_call(self._objective, self._by_name, (batch,))
        return sums

    @torch.no_grad()
    def collect(self) -> None:
        """Add the copies' gradients to the weights' and forget them; call after each backward."""
        grads = [copy.grad for copy in self._copies]
        used = [place for place, grad in enumerate(grads) if grad is not None]
        into = [self._sums[place] for place in used]
        torch._foreach_add_(into, [grad.float() for grad in grads if grad is not None])
        for copy in self._copies:
            copy.grad = None

    @torch.no_grad()
    def refresh(self) -> None:
        """Copy the weights again; call after each step of the optimizer."""
        torch._foreach_copy_(self._copies, self._masters)


class InFull:
    """The same interface in the weights' own precision."""

    def __init__(self, objective: Objective) -> None:
        self._objective = objective

    def __call__(self, batch: Batch) -> tuple[Tensor, Tensor]:
        sums: tuple[Tensor, Tensor] = self._objective(batch)
        return sums

    def collect(self) -> None:
        """Gradients are where they belong already."""

    def refresh(self) -> None:
        """There are no copies."""
