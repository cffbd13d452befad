"""One pass of a flat batch over the paged cache: which token goes where and sees what.

P pages, p tokens in a page, B rows, T tokens, S context, X latent and rotary key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model_core.attention import Past, Span, absorbing_is_cheaper
from model_core.model import Model


@dataclass
class Piece:
    """New tokens of one sequence: `ids`, of which the first stands at `start`; `pages` hold all up to the last."""

    ids: Sequence[int]
    start: int
    pages: Sequence[int]


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

    def wipe(self, pages: Sequence[int]) -> None:
        """Zero them again, after a sequence whose numbers went wrong."""
        self.held_LPpX[:, list(pages)] = 0

    @torch.no_grad()
    def forward(self, pieces: Sequence[Piece]) -> Tensor:
        """Logits [B, V] after the last token of each piece."""
        order = sorted(range(len(pieces)), key=lambda i: (len(pieces[i].ids), len(pieces[i].pages)))
        flat = [pieces[i] for i in order]
        ids = torch.tensor([[token for piece in flat for token in piece.ids]], device=self.device)
        positions = torch.tensor([[piece.start + t for piece in flat for t in range(len(piece.ids))]])
        places = [piece.pages[at // self.size] * self.size + at % self.size for piece in flat for at in _range(piece)]
        past = Past(positions.to(self.device), self.model.turns(positions.to(self.device)))
        past.places_T = torch.tensor(places, device=self.device)
        past.spans = tuple(self._spans(flat))
        ends: list[int] = []
        back = [0] * len(flat)
        for place, piece in enumerate(flat):
            ends.append((ends[-1] if ends else -1) + len(piece.ids))
            back[order[place]] = place
        x_1TD = self.model.through(ids, past, self.held_LPpX)
        last = torch.tensor(ends, device=self.device)[torch.tensor(back, device=self.device)]
        return self.model.head(x_1TD[0, last])

    def _spans(self, flat: Sequence[Piece]) -> list[Span]:
        """Rows with as many new tokens attend together."""
        spans: list[Span] = []
        begun, token = 0, 0
        while begun < len(flat):
            T = len(flat[begun].ids)
            ended = begun + 1
            while ended < len(flat) and len(flat[ended].ids) == T and self._alike(flat[begun], flat[ended]):
                ended += 1
            tokens = slice(token, token + T * (ended - begun))
            spans.append(self._span(flat[begun:ended], T, tokens))
            begun, token = ended, tokens.stop
        return spans

    def _alike(self, first: Piece, other: Piece) -> bool:
        """Whether two rows with as many new tokens share a span."""
        return (first.start == 0) == (other.start == 0)

    def _span(self, rows: Sequence[Piece], T: int, tokens: slice) -> Span:
        if rows[0].start == 0:
            return Span(tokens, len(rows), None, None, False)
        wide = max(len(piece.pages) for piece in rows)
        pages = torch.tensor([[*piece.pages, *[0] * (wide - len(piece.pages))] for piece in rows], device=self.device)
        starts = torch.tensor([piece.start for piece in rows], device=self.device)
        positions_BT = starts[:, None] + torch.arange(T, device=self.device)
        visible = torch.arange(wide * self.size, device=self.device) <= positions_BT[..., None]
        return Span(tokens, len(rows), pages, visible, absorbing_is_cheaper(self.model.config, T))


def _range(piece: Piece) -> range:
    return range(piece.start, piece.start + len(piece.ids))
