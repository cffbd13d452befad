"""One process or several that hold the same weights: sums over all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch import distributed as dist


@dataclass(frozen=True)
class Ranks:
    """This process among `count`; with one, nothing is sent. More need `torch.distributed` to be initialised."""

    rank: int = 0
    count: int = 1

    @staticmethod
    def here() -> Ranks:
        """As `torch.distributed` knows them."""
        if dist.is_available() and dist.is_initialized():
            return Ranks(dist.get_rank(), dist.get_world_size())
        return Ranks()

    @torch.no_grad()
    def add(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over the ranks, in one message for all of a dtype."""
        if self.count == 1:
            return
        for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
            some = [tensor for tensor in tensors if tensor.dtype == dtype]
            flat = torch.cat([tensor.reshape(-1) for tensor in some])
            dist.all_reduce(flat)
            for tensor, summed in zip(some, flat.split([tensor.numel() for tensor in some]), strict=True):
                tensor.copy_(summed.view_as(tensor))

    def first(self, number: float, device: torch.device) -> float:
        """Rank 0's number, on all ranks (a clock, say)."""
        if self.count == 1:
            return number
        told = torch.tensor([number], dtype=torch.float64, device=device)
        dist.broadcast(told, 0)
        return float(told.item())


@contextmanager
def launched(device: str) -> Iterator[bool]:
    """The process group that torchrun has started this process for, if it has; whether this is its first rank.
    `device`: as in the settings."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield True
        return
    on_gpu = device != "cpu" and torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield dist.get_rank() == 0
    finally:
        dist.destroy_process_group()
