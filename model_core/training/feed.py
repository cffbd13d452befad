"""Which documents a step sees, and the step's arrays. The order is a function of the seed and the position alone.

T tokens of a batch, N of them predicted with a weight.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from model_core.errors import ModelError
from model_core.packed import Documents, to_device
from model_core.training.tokens import TokenFile

Array = np.ndarray[Any, Any]
_WAITING = 16  # documents that may wait for a batch with room; more and the batch is closed as it is


@dataclass(frozen=True)
class Batch:
    """Whole documents laid end to end, and what is to be predicted of them."""

    ids_1T: Tensor
    documents: Documents
    at_N: Tensor  # places whose next token is predicted
    targets_N: Tensor
    weights_N: Tensor  # fp32
    learn_N: Tensor  # fp32, 1 where the assistant is to learn the token
    sums: tuple[float, float]  # of weights_N and of learn_N, known to the host


class Stream(Protocol):
    """Where the loop gets its batches: ours is `Feed`; anything that can say and take back its position will do."""

    name: str  # of what is streamed: a run is taken up again only with the same
    seen: int  # tokens handed out so far, to all ranks together

    def step(self, accumulate: int, rank: int = 0, ranks: int = 1) -> list[Batch]:
        """This rank's batches of the next step."""
        ...

    def state(self) -> dict[str, int]:
        """The position."""
        ...

    def go_to(self, state: dict[str, int]) -> None:
        """Stand where `state` was taken."""
        ...


def batch_of(
    documents: Sequence[tuple[Sequence[int] | Array, Sequence[bool] | Array]],
    prompt_weight: float,
    device: torch.device | str = "cpu",
    after: Sequence[int] = (),
) -> Batch:
    """(ids, learn flags) of each document, end to end, as arrays on the device. A first token is never predicted.
    `after`: as in `Documents`."""
    ids_T = np.concatenate([np.asarray(ids, dtype=np.int64) for ids, _ in documents])
    learn_T = np.concatenate([np.asarray(learn, dtype=np.float32) for _, learn in documents])
    weights_T = np.maximum(learn_T, np.float32(prompt_weight))
    lengths = [len(ids) for ids, _ in documents]
    weights_T[np.cumsum([0, *lengths[:-1]])] = 0.0  # nothing comes before it to predict it from
    places = np.flatnonzero(weights_T)
    arrays = (ids_T[None], places - 1, ids_T[places], weights_T[places], learn_T[places])
    ids_1T, at_N, targets_N, weights_N, learn_N = (to_device(torch.from_numpy(array), device) for array in arrays)
    sums = (float(arrays[3].sum(dtype=np.float64)), float(arrays[4].sum(dtype=np.float64)))
    return Batch(ids_1T, Documents.of(lengths, device, after), at_N, targets_N, weights_N, learn_N, sums)


def pack(lengths: Array, order: Array, capacity: int) -> list[list[int]]:
    """Document numbers per batch: each batch within `capacity` tokens, each document once and whole.

    Walks `order`; what does not fit waits for the next batch, so batches are nearly full and nearly in order.
    Raises `ModelError` for a document longer than a batch.
    """
    if int(lengths.max()) > capacity:
        raise ModelError(
            f"a batch of {capacity} tokens cannot hold a document of {int(lengths.max())}; "
            "raise batch_tokens or lower max_length"
        )
    batches: list[list[int]] = []
    waiting: list[int] = []
    size = lengths.tolist()
    batch: list[int] = []
    room = capacity
    for number in order.tolist():
        if size[number] <= room:
            batch.append(number)
            room -= size[number]
            continue
        waiting.append(number)
        if len(waiting) >= _WAITING:
            batches.append(batch)
            batch, room, waiting = _begin(waiting, size, capacity)
    while batch:
        batches.append(batch)
        batch, room, waiting = _begin(waiting, size, capacity)
    return batches


def _begin(waiting: list[int], size: list[int], capacity: int) -> tuple[list[int], int, list[int]]:
    """A new batch from those that waited longest: (batch, room left, still waiting)."""
    batch: list[int] = []
    still: list[int] = []
    room = capacity
    for number in waiting:
        if size[number] <= room:
            batch.append(number)
            room -= size[number]
        else:
            still.append(number)
    return batch, room, still


class Feed:
    """Batches without end: every epoch a new order of all documents. The position can be saved.

    `prompt_weight`: what predicting a token of the prompt counts beside 1 for the assistant's. `seen`: tokens handed
    out so far, to all ranks together.
    """

    def __init__(
        self, tokens: TokenFile, capacity: int, prompt_weight: float, seed: int, device: torch.device | str = "cpu"
    ) -> None:
        self.tokens, self.capacity, self.prompt_weight, self.seed = tokens, capacity, prompt_weight, seed
        self.device = torch.device(device)
        facts = json.dumps(tokens.about, sort_keys=True).encode()
        self.name = hashlib.sha256(facts + tokens.ends.tobytes()).hexdigest()[:16]
        self.epoch = self.position = self.seen = 0
        self._plan = self._planned(0)

    def _planned(self, epoch: int) -> list[list[int]]:
        order = np.random.Generator(np.random.PCG64([self.seed, epoch])).permutation(len(self.tokens))
        plan = pack(self.tokens.lengths, order, self.capacity)
        # the last batch is what was left over: give it another place than always the end
        at = int(np.random.Generator(np.random.PCG64([self.seed, epoch, 1])).integers(len(plan)))
        plan[at], plan[-1] = plan[-1], plan[at]
        return plan

    def state(self) -> dict[str, int]:
        """Where it stands."""
        return {"epoch": self.epoch, "position": self.position, "seen": self.seen}

    def go_to(self, state: dict[str, int]) -> None:
        """Stand where `state` was taken."""
        self.epoch, self.position, self.seen = state["epoch"], state["position"], state["seen"]
        self._plan = self._planned(self.epoch)

    def _next(self) -> list[int]:
        if self.position == len(self._plan):
            self.epoch, self.position = self.epoch + 1, 0
            self._plan = self._planned(self.epoch)
        chosen = self._plan[self.position]
        self.position += 1
        self.seen += int(self.tokens.lengths[chosen].sum())
        return chosen

    def step(self, accumulate: int, rank: int = 0, ranks: int = 1) -> list[Batch]:
        """This rank's `accumulate` batches of one step. All ranks together see what one rank would see that
        accumulates as many times more."""
        numbers = [self._next() for _ in range(accumulate * ranks)]
        return [self.batch(chosen) for chosen in numbers[rank::ranks]]

    def batch(self, numbers: list[int]) -> Batch:
        """The arrays of these documents, on the device."""
        return batch_of([self.tokens.document(number) for number in numbers], self.prompt_weight, self.device)

    def once(self) -> Iterator[Batch]:
        """All documents once, in the order of the file: for the held-out loss."""
        for numbers in pack(self.tokens.lengths, np.arange(len(self.tokens)), self.capacity):
            yield self.batch(numbers)
