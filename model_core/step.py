"""One decoding step of a whole batch, captured once as a CUDA graph and replayed.

A step is hundreds of small kernels; launched one by one they cost more than they compute. Shapes are fixed: the batch,
and how far attention looks.
"""

from __future__ import annotations

import torch
from torch import Tensor

from model_core.cache import LatentCache
from model_core.model import Model

WARM_UP = 2  # steps before the capture: libraries allocate on their first call, which a graph cannot hold


class GreedyStep:
    """Greedy continuation of every row of a cache. On a CPU the same step runs without a graph."""

    def __init__(self, model: Model, cache: LatentCache, ids_B1: Tensor, reach: int) -> None:
        """`ids_B1` are the tokens to feed first; `reach` the context that rows may grow to."""
        self.model, self.cache, self.ids_B1 = model, cache, ids_B1.clone()
        cache.pin(reach)
        self.graph = self._capture() if ids_B1.is_cuda else None

    @torch.no_grad()
    def __call__(self) -> Tensor:
        """Feed each row's token and put its successor in `ids_B1`, [B, 1], which the next call overwrites."""
        if self.graph is None:
            self._run()
        else:
            self.graph.replay()
        return self.ids_B1

    def _run(self) -> None:
        self.ids_B1.copy_(self.model(self.ids_B1, self.cache).argmax(-1))

    @torch.no_grad()
    def _capture(self) -> torch.cuda.CUDAGraph:
        ids_B1, lengths_B = self.ids_B1.clone(), self.cache.lengths_B.clone()
        beside = torch.cuda.Stream()
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(WARM_UP):
                self._run()
        torch.cuda.current_stream().wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._run()
        # The warm-up moved the rows on; what it wrote lies beyond their lengths and is overwritten.
        self.ids_B1.copy_(ids_B1)
        self.cache.lengths_B.copy_(lengths_B)
        return graph
