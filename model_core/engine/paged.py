"""One pass of a flat batch over the paged cache: which token goes where and sees what.

P pages, p tokens in a page, B rows, T tokens, S context, L layers, X latent and rotary key.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model_core.attention import Held, Past, Span, absorbing_is_cheaper
from model_core.engine.dense import DenseRows
from model_core.model import Model

SHARERS = 3  # rows with a beginning in common, from which on it is read once for all of them
FAR, NEAR = 1.5, 256  # rows attend together if none is so many times as long as another, or all have few tokens


@dataclass
class Piece:
    """New tokens of one sequence: `ids`, of which the first stands at `start`; `pages` hold all up to the last. Logits
    are wanted after the last `heard` of them."""

    ids: Sequence[int]
    start: int
    pages: list[int]
    heard: int = 1


class PagedCache:
    """The latents of all pages, [L, P, p, X], and the passes over them."""

    def __init__(self, model: Model, pages: int, size: int) -> None:
        weight = model.embed_tokens.weight
        config = model.config
        X = config.kv_lora_rank + config.qk_rope_head_dim
        self.model, self.size = model, size
        self.device = weight.device
        # Zeros, not empty: places beyond a row's length are masked out, but 0 * nan is nan.
        self.held_LPpX = torch.zeros(config.num_hidden_layers, pages, size, X, dtype=weight.dtype, device=self.device)
        self._room = self.held_LPpX.new_empty(0)
        self._dense = DenseRows(self.held_LPpX)

    def wipe(self, pages: Sequence[int]) -> None:
        """Zero them again, after a sequence whose numbers went wrong."""
        self.held_LPpX[:, list(pages)] = 0
        self._dense.wipe()

    @torch.inference_mode()
    def forward(self, pieces: Sequence[Piece]) -> Tensor:
        """Logits [sum of `heard`, V] after the last tokens of each piece, piece by piece."""
        groups = list(self._groups(pieces))
        dense = self._lay(pieces, groups)
        flat = [pieces[place] for group in groups for place in group]
        ids = torch.tensor([[token for piece in flat for token in piece.ids]], device=self.device)
        positions = [at for piece in flat for at in range(piece.start, piece.start + len(piece.ids))]
        positions_1T = torch.tensor([positions], device=self.device)
        past = Past(positions_1T, self.model.turns(positions_1T))
        past.places_T = torch.tensor([place for piece in flat for place in self._places(piece)], device=self.device)
        past.spans = tuple(self._spans(pieces, groups, dense))
        held = [Held(*layer) for layer in zip(self.held_LPpX, self._dense.rows_LRSX, strict=True)]
        x_1TD = self.model.through(ids, past, held)
        ends = [end - 1 for end in itertools.accumulate(len(piece.ids) for piece in flat)]
        heard: list[range] = [range(0)] * len(flat)
        for place, end in zip(itertools.chain.from_iterable(groups), ends, strict=True):
            heard[place] = range(end + 1 - pieces[place].heard, end + 1)
        return self.model.head(x_1TD[0, list(itertools.chain.from_iterable(heard))])

    def _places(self, piece: Piece) -> Iterator[int]:
        """Where its latents go, counted over all pages."""
        for at in range(piece.start, piece.start + len(piece.ids)):
            page, place = divmod(at, self.size)
            yield piece.pages[page] * self.size + place

    def _groups(self, pieces: Sequence[Piece]) -> Iterator[list[int]]:
        """Who attends together (places of pieces): as many new tokens, a beginning in common, lengths alike."""
        sharers = Counter(piece.pages[0] for piece in pieces if self._absorbed(piece))

        def kind(piece: Piece) -> tuple[int, bool, int]:
            shares = self._absorbed(piece) and sharers[piece.pages[0]] >= SHARERS
            return len(piece.ids), piece.start == 0, piece.pages[0] if shares else 0

        order = sorted(range(len(pieces)), key=lambda place: (kind(pieces[place]), len(pieces[place].pages)))
        for _, alike in itertools.groupby(order, key=lambda place: kind(pieces[place])):
            group: list[int] = []
            for place in alike:
                if group and len(pieces[place].pages) > max(FAR * len(pieces[group[0]].pages), NEAR // self.size):
                    yield group
                    group = []
                group.append(place)
            yield group

    def _absorbed(self, piece: Piece) -> bool:
        return piece.start > 0 and absorbing_is_cheaper(self.model.config, len(piece.ids))

    def _lay(self, pieces: Sequence[Piece], groups: list[list[int]]) -> int | None:
        """Which group attends to rows that stay laid side by side: the largest of those that only decode. It is put in
        the order of its rows. None where there is no such group, or the copy would need more room than the pages."""
        able = [at for at, group in enumerate(groups) if self._only_decodes([pieces[place] for place in group])]
        if not able:
            return None
        at = max(able, key=lambda at: len(groups[at]))
        group = groups[at]
        rows = self._dense.arrange([pieces[place].pages for place in group], [pieces[place].start for place in group])
        if rows is None:
            return None
        groups[at] = [place for _, place in sorted(zip(rows, group, strict=True))]
        return at

    def _only_decodes(self, rows: Sequence[Piece]) -> bool:
        """One new token each, and no beginning in common that is better read once."""
        if len(rows[0].ids) > 1 or not self._absorbed(rows[0]):
            return False
        return len(rows) < SHARERS or _common([piece.pages for piece in rows]) == 0

    def _spans(self, pieces: Sequence[Piece], groups: Sequence[Sequence[int]], dense: int | None) -> Iterator[Span]:
        token = 0
        for at, group in enumerate(groups):
            rows = [pieces[place] for place in group]
            tokens = slice(token, token + len(rows) * len(rows[0].ids))
            yield self._dense_span(rows, tokens) if at == dense else self._span(rows, tokens)
            token = tokens.stop

    def _dense_span(self, rows: Sequence[Piece], tokens: slice) -> Span:
        starts_B = torch.tensor([piece.start for piece in rows], device=self.device)
        reach = max(piece.start for piece in rows) + 1
        visible_BTS = (torch.arange(reach, device=self.device) <= starts_B[:, None]).unsqueeze(1)
        return Span(tokens, len(rows), None, visible_BTS, True, starts_B=starts_B)

    def _span(self, rows: Sequence[Piece], tokens: slice) -> Span:
        if rows[0].start == 0:
            return Span(tokens, len(rows), None, None, False)
        absorbed = self._absorbed(rows[0])
        common = _common([piece.pages for piece in rows]) if absorbed and len(rows) >= SHARERS else 0
        # A page being written may be held by its writer alone, so a last page of its own is left to each row.
        longest = max(len(piece.pages) for piece in rows)
        own = [[*piece.pages[common:], *[0] * (longest - len(piece.pages))] for piece in rows]
        starts = torch.tensor([piece.start for piece in rows], device=self.device)
        positions_BT = starts[:, None] + torch.arange(len(rows[0].ids), device=self.device)
        visible_BTS = torch.arange(longest * self.size, device=self.device) <= positions_BT[..., None]
        shared = torch.tensor(rows[0].pages[:common], device=self.device) if common else None
        pages_BP = torch.tensor(own, device=self.device)
        return Span(tokens, len(rows), pages_BP, visible_BTS, absorbed, shared, self._side(pages_BP.numel()))

    def _side(self, pages: int) -> Tensor:
        """Room to lay so many pages side by side. Fresh memory for each layer would cost more than the copying."""
        wide = self.held_LPpX[0, 0].numel()
        if self._room.numel() < pages * wide:
            self._room = self.held_LPpX.new_empty(pages * wide)
        return self._room[: pages * wide].view(pages, wide)


def _common(rows: Sequence[list[int]]) -> int:
    """How many pages all rows begin with; the least and the greatest row differ first."""
    pairs = enumerate(zip(min(rows), max(rows), strict=False))
    return next((at for at, (a, b) in pairs if a != b), len(min(rows)))
