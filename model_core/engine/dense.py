"""The latents of rows that decode, laid side by side once and kept from pass to pass.

R rows, S context, L layers, X latent and rotary key, p tokens in a page.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class DenseRows:
    """A second copy, [L, R, S, X], of what the pages of some sequences hold.

    Attention wants a row's latents in one piece. Laying pages side by side in every pass costs more than attending to
    them; here a row is laid when it begins to decode and then grows by its new token. Rows are known by their list of
    pages (the object: a sequence that gives way begins a new list) and always are 0, 1, 2 ... without a gap.
    """

    def __init__(self, held_LPpX: Tensor) -> None:
        self._held_LPpX = held_LPpX
        L, _, _, X = held_LPpX.shape
        self.rows_LRSX = held_LPpX.new_zeros(L, 0, 0, X)
        self._pages: list[list[int]] = []  # of each row
        self._lengths: list[int] = []

    def arrange(self, pages: Sequence[list[int]], starts: Sequence[int]) -> list[int] | None:
        """Lay these sequences, which hold `starts` tokens each and are about to add one: the row of each.

        Rows of sequences that are not named are given up. None, and nothing is laid, where it would take more room
        than all pages do.
        """
        if not self._fits(len(pages), max(starts) + 1):
            self._pages, self._lengths = [], []
            return None
        wanted = {id(held): start for held, start in zip(pages, starts, strict=True)}
        for row in reversed(range(len(self._pages))):
            if wanted.get(id(self._pages[row])) != self._lengths[row]:
                self._give_up(row)
        self._make_room(len(pages), max(starts) + 1)
        where = {id(held): row for row, held in enumerate(self._pages)}
        for held, start in zip(pages, starts, strict=True):
            if id(held) not in where:
                where[id(held)] = self._lay(held, start)
        self._lengths = [length + 1 for length in self._lengths]
        return [where[id(held)] for held in pages]

    def wipe(self) -> None:
        """Give all up and zero them: numbers went wrong in one of them."""
        self._pages, self._lengths = [], []
        self.rows_LRSX.zero_()

    def _give_up(self, row: int) -> None:
        """The last row takes its place."""
        last = len(self._pages) - 1
        if row < last:
            length = self._lengths[last]
            self.rows_LRSX[:, row, :length] = self.rows_LRSX[:, last, :length]
            self._pages[row], self._lengths[row] = self._pages[last], length
        self._pages.pop()
        self._lengths.pop()

    def _lay(self, held: list[int], start: int) -> int:
        row, size = len(self._pages), self._held_LPpX.shape[2]
        pages_P = torch.tensor(held[: -(-start // size)], device=self._held_LPpX.device)
        self.rows_LRSX[:, row, :start] = self._held_LPpX.index_select(1, pages_P).flatten(1, 2)[:, :start]
        self._pages.append(held)
        self._lengths.append(start)
        return row

    def _fits(self, rows: int, tokens: int) -> bool:
        """Whether the copy stays smaller than the pages."""
        return rows * tokens <= self._held_LPpX.shape[1] * self._held_LPpX.shape[2]

    def _make_room(self, rows: int, tokens: int) -> None:
        """Grow by a quarter at a time where there is room, so that a longer context is not a new copy in each pass."""
        L, R, S, X = self.rows_LRSX.shape
        if rows <= R and tokens <= S:
            return
        wide = S if tokens <= S else tokens * 5 // 4
        if self._fits(max(R, rows), wide):
            rows = max(R, rows)
        else:
            wide = tokens
        kept, used = min(S, wide), len(self._pages)
        grown = self.rows_LRSX.new_zeros(L, rows, wide, X)
        grown[:, :used, :kept] = self.rows_LRSX[:, :used, :kept]
        self.rows_LRSX = grown
