"""Matrices of one shape, stepped together: one momentum stack, one batched Newton-Schulz, split between ranks.

K matrices in the bucket, k of them on a rank, n <= m; tall matrices are held lying down.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from model_core.optim.orthogonal import newton_schulz
from model_core.optim.shares import matrices

MAX_NUMBERS = 1 << 27  # a bucket's stack is at most so large (one parameter may pass it), to bound what a step holds


@dataclass(frozen=True)
class Member:
    """One parameter: its name, the tensor updates go to, as matrices [K, n, m], and whether they are tall."""

    name: str
    weight_Knm: Tensor
    tall: bool


class Bucket:
    """Each rank keeps the momentum of its own matrices and computes their update; updates are gathered.

    `turn` rotates which rank begins, so that buckets with fewer matrices than ranks do not all land on the first.
    """

    def __init__(
        self, members: Sequence[Member], dtype: torch.dtype, group: dist.ProcessGroup | None, turn: int
    ) -> None:
        self.members = sorted(members, key=lambda member: member.tall)  # stable: tall ones last
        self.dtype, self.group = dtype, group
        self.sizes = [member.weight_Knm.shape[0] for member in self.members]
        ranks = 1 if group is None else group.size()
        K = sum(self.sizes)
        self.k = -(-K // ranks)
        self.slots = [(place + turn) % ranks for place in range(ranks)]  # which rank has the place-th run of k
        place = 0 if group is None else self.slots.index(group.rank())
        self.own = slice(min(place * self.k, K), min((place + 1) * self.k, K))
        first = self.members[0]
        n, m = sorted(first.weight_Knm.shape[1:])
        self.momentum_knm = first.weight_Knm.new_zeros(self.own.stop - self.own.start, n, m)
        self.scale = 0.2 * math.sqrt(m)  # a full-rank orthogonal update has RMS 1 / sqrt(m); AdamW's is about 0.2

    def update(self, grads: Sequence[Tensor], momentum: float, nesterov: bool, steps: int) -> list[Tensor]:
        """What lr times is taken from each member's weight, [K, n, m] each; the momentum moves on.

        `grads` in the order of `members`. Collective: every rank of the group must call it.
        """
        G_knm = self._stack([matrices(m.name, g) for m, g in zip(self.members, grads, strict=True)])
        self.momentum_knm.mul_(momentum).add_(G_knm)
        heading = G_knm.add_(self.momentum_knm, alpha=momentum) if nesterov else self.momentum_knm
        O_knm = newton_schulz(heading.to(self.dtype), steps).to(self.momentum_knm.dtype)
        return self._unstack(self._gather(O_knm.mul_(self.scale)))

    def momenta(self) -> list[Tensor]:
        """The momentum of each member, [K, n, m] each, copied. Collective."""
        return [part.clone() for part in self._unstack(self._gather(self.momentum_knm))]

    def load(self, momenta: Sequence[Tensor]) -> None:
        """Takes back what `momenta` gave, whatever number of ranks gave it."""
        self.momentum_knm.copy_(self._stack(momenta))

    def _stack(self, parts: Sequence[Tensor]) -> Tensor:
        """This rank's matrices out of every member's, lying, in the momentum's dtype; always a copy."""
        pieces, start = [], 0
        for member, size, part in zip(self.members, self.sizes, parts, strict=True):
            a, b = max(self.own.start - start, 0), min(self.own.stop - start, size)
            if a < b:
                pieces.append(part[a:b].mT if member.tall else part[a:b])
            start += size
        if not pieces:
            return torch.zeros_like(self.momentum_knm)
        stacked = torch.cat(pieces)
        return stacked.to(self.momentum_knm.dtype, memory_format=torch.contiguous_format)

    def _unstack(self, all_Knm: Tensor) -> list[Tensor]:
        """Each member's part, upright again; tall ones are turned in one copy, so that later steps see plain memory."""
        flat = sum(size for member, size in zip(self.members, self.sizes, strict=True) if not member.tall)
        count = sum(not member.tall for member in self.members)
        lying = list(all_Knm[:flat].split(self.sizes[:count])) if count else []
        tall = list(all_Knm[flat:].mT.contiguous().split(self.sizes[count:])) if count < len(self.sizes) else []
        return lying + tall

    def _gather(self, own_knm: Tensor) -> Tensor:
        """All matrices of the bucket, [K, n, m], from what each rank has of them."""
        if self.group is None or self.group.size() == 1:
            return own_knm
        padded = own_knm.new_zeros(self.k, *own_knm.shape[1:])
        padded[: own_knm.shape[0]] = own_knm
        gathered = padded.new_empty(self.group.size() * self.k, *padded.shape[1:])
        dist.all_gather_into_tensor(gathered, padded, group=self.group)
        runs = gathered.split(self.k)
        return torch.cat([runs[rank] for rank in self.slots])[: sum(self.sizes)]


def fill_buckets(members: Sequence[Member], dtype: torch.dtype, group: dist.ProcessGroup | None) -> list[Bucket]:
    """Members of one shape (or its transpose) and dtype share a bucket, until it is full. The order is the members'."""
    lots: dict[tuple[object, ...], list[list[Member]]] = {}
    for member in members:
        weight = member.weight_Knm
        same = lots.setdefault((*sorted(weight.shape[1:]), weight.dtype, weight.device), [[]])
        if same[-1] and sum(m.weight_Knm.numel() for m in same[-1]) + weight.numel() > MAX_NUMBERS:
            same.append([])
        same[-1].append(member)
    full = [lot for same in lots.values() for lot in same]
    return [Bucket(lot, dtype, group, turn) for turn, lot in enumerate(full)]
