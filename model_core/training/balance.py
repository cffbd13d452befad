"""Expert balancing without a loss: a bias per expert moves against its load (DeepSeek-V3, arXiv 2412.19437, 2.1.2).

L layers with experts, E experts.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from model_core.model import Model
from model_core.moe import Router


class Balancer:
    """Counts what the routers choose while the model trains and moves their biases once per step.

    b += rate * (s - mean(s)) with s = sign(mean load - load), as Moonlight centres it (arXiv 2502.16982). Nothing here
    waits for the device.
    """

    def __init__(self, model: Model, rate: float) -> None:
        self.rate = rate
        self._routers = [module for module in model.modules() if isinstance(module, Router)]
        device = model.embed_tokens.weight.device
        E = model.config.n_routed_experts
        self.loads_LE = torch.zeros(len(self._routers), E, device=device)
        self.seen_LE = torch.zeros_like(self.loads_LE)  # of the last step, for the metrics
        for layer, router in enumerate(self._routers):
            router.register_forward_hook(self._counter(layer))

    def _counter(self, layer: int) -> Any:
        def count(router: torch.nn.Module, _: object, chosen_and_weights: tuple[Tensor, Tensor]) -> None:
            if router.training:
                chosen = chosen_and_weights[0].flatten()
                self.loads_LE[layer].scatter_add_(0, chosen, torch.ones_like(chosen, dtype=torch.float32))

        return count

    @torch.no_grad()
    def step(self) -> None:
        """Move the biases by the loads since the last step (summed over ranks by the caller) and forget them."""
        signs_LE = (self.loads_LE.mean(-1, keepdim=True) - self.loads_LE).sign()
        moves_LE = self.rate * (signs_LE - signs_LE.mean(-1, keepdim=True))
        for router, move_E in zip(self._routers, moves_LE, strict=True):
            router.e_score_correction_bias += move_E
        self.seen_LE.copy_(self.loads_LE)
        self.loads_LE.zero_()

    def worst_load(self) -> Tensor:
        """The busiest expert of the last step as a multiple of the mean load, over all layers; a scalar on the device.
        1 is perfect balance."""
        return (self.seen_LE.amax(-1) / self.seen_LE.mean(-1).clamp_min(1e-9)).amax()
