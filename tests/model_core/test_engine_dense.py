"""Rows that stay laid side by side hold at any time what the pages hold, and decoding through them changes no token."""

from __future__ import annotations

import random

import pytest
import torch
from engines import GREEDY, engine, greedily, model, prompt
from torch import nn

from model_core import Request
from model_core.engine.dense import DenseRows
from model_core.layout import lay_for_decoding

SIZE = 4


class Held:
    """Sequences that write random latents to pages of their own, as the engine does."""

    def __init__(self, pages: int) -> None:
        self.pool_LPpX = torch.zeros(2, pages, SIZE, 3)
        self.free = list(range(1, pages))
        self.of: dict[int, tuple[list[int], int]] = {}

    def begin(self, name: int, tokens: int) -> None:
        self.of[name] = ([], 0)
        for _ in range(tokens):
            self.write(name, torch.randn(2, 3))

    def write(self, name: int, latent_LX: torch.Tensor) -> None:
        pages, length = self.of[name]
        if length == len(pages) * SIZE:
            pages.append(self.free.pop())
        self.pool_LPpX[:, pages[length // SIZE], length % SIZE] = latent_LX
        self.of[name] = (pages, length + 1)

    def end(self, name: int) -> None:
        self.free += self.of.pop(name)[0]

    def latents(self, name: int) -> torch.Tensor:
        pages, length = self.of[name]
        return self.pool_LPpX[:, pages].flatten(1, 2)[:, :length]


@pytest.mark.parametrize("seed", range(20))
def test_rows_hold_what_the_pages_hold_however_sequences_come_and_go(seed: int) -> None:
    rng = random.Random(seed)
    torch.manual_seed(seed)
    held = Held(200)
    dense = DenseRows(held.pool_LPpX)
    laid = 0
    for step in range(60):
        if len(held.free) > 60 and rng.random() < 0.4:
            held.begin(step, rng.randint(1, 30))
        if held.of and rng.random() < 0.2:
            held.end(rng.choice(list(held.of)))
        for name in list(held.of):
            if len(held.free) < 30:
                held.end(name)
        group = [name for name in held.of if rng.random() < 0.9]  # a row may sit out a pass, and then was not written
        rng.shuffle(group)
        if not group:
            continue
        starts = [held.of[name][1] for name in group]
        rows = dense.arrange([held.of[name][0] for name in group], starts)
        if rows is None:
            assert len(group) * (max(starts) + 1) > 200 * SIZE
            continue
        laid += 1
        assert sorted(rows) == list(range(len(group)))
        for name, row, start in zip(group, rows, starts, strict=True):
            latent_LX = torch.randn(2, 3)
            dense.rows_LRSX[:, row, start] = latent_LX
            held.write(name, latent_LX)
            assert torch.equal(dense.rows_LRSX[:, row, : start + 1], held.latents(name))
        assert dense.rows_LRSX[0, :, :, 0].numel() <= 200 * SIZE  # no more room than the pages
    assert laid > 30


def test_a_copy_that_would_need_more_room_than_the_pages_is_not_made() -> None:
    held = Held(10)
    held.begin(0, 30)
    held.begin(1, 1)
    dense = DenseRows(held.pool_LPpX)
    assert dense.arrange([held.of[0][0], held.of[1][0]], [30, 1]) is None
    assert dense.arrange([held.of[0][0]], [30]) == [0]


def test_conversations_with_nothing_in_common_decode_in_rows_and_say_the_same() -> None:
    asked = [Request(str(n), prompt(20 + n, seed=n), GREEDY) for n in range(6)]
    one = engine(max_batch=4)
    completions = one.run(asked)
    assert one.cache._dense.rows_LRSX.shape[1] >= 4  # it was used
    assert [c.ids for c in completions] == [greedily(r.prompt, 12) for r in asked]


def test_weights_laid_for_decoding_are_the_same_weights() -> None:
    wanted = {name: weight.clone() for name, weight in model().state_dict().items()}
    laid = lay_for_decoding(model())
    assert all(torch.equal(weight, wanted[name]) for name, weight in laid.state_dict().items())
    linear = next(module for module in laid.modules() if isinstance(module, nn.Linear))
    assert linear.weight.mT.is_contiguous()
