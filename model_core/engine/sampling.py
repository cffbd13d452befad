"""From logits to tokens: penalties, constraint, temperature, min-p, top-p; one draw per row from the row's own seed.

B rows, V tokens. A row's token depends on its own logits, parameters and history alone.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from model_core.engine.requests import Request, TokenLogprob

SHORTLIST = 256  # the likeliest tokens, among which top-p nearly always ends; else all are sorted


@dataclass
class Row:
    """What drawing for one request needs to remember."""

    request: Request
    rng: np.random.Generator
    said: Counter[int] = field(default_factory=Counter)  # generated tokens
    prompt: Tensor | None = None  # the prompt's different tokens, where they are penalised
    allowed: np.ndarray | None = None  # packed mask of the constraint for the next token


def new_row(request: Request) -> Row:
    """Ready to draw the first token."""
    params = request.params
    seed = zlib.crc32(request.request_id.encode()) if params.seed is None else params.seed
    prompt = torch.tensor(sorted(set(request.prompt))) if params.repetition_penalty != 1 else None
    return Row(request, np.random.default_rng(abs(seed)), prompt=prompt)


@torch.no_grad()
def draw(logits_BV: Tensor, rows: Sequence[Row], forbidden_V: Tensor) -> list[int | None]:
    """The next token of each row; None where its logits are no numbers or nothing is allowed."""
    bent_BV = logits_BV.to(torch.promote_types(logits_BV.dtype, torch.float32)).masked_fill(forbidden_V, -torch.inf)
    for at, row in enumerate(rows):
        if row.request.params.penalised:
            _penalise(bent_BV[at], row)
    masks = [at for at, row in enumerate(rows) if row.allowed is not None]
    if masks:
        _keep_allowed(bent_BV, masks, [rows[at].allowed for at in masks])
    best_B, token_B = bent_BV.max(-1)
    tokens: list[int | None] = token_B.tolist()
    drawn = [at for at, row in enumerate(rows) if row.request.params.temperature > 0]
    if drawn:
        picked = _sample(bent_BV if len(drawn) == len(rows) else bent_BV[drawn], [rows[at] for at in drawn])
        for at, token in zip(drawn, picked, strict=True):
            tokens[at] = token
    # A maximum is nan where any logit is, -inf where none is allowed.
    return [token if sound else None for token, sound in zip(tokens, best_B.isfinite().tolist(), strict=True)]


def logprobs(logits_V: Tensor, token: int, top: int) -> TokenLogprob:
    """The model's own log-probability of a token and of the likeliest ones."""
    all_V = logits_V.to(torch.promote_types(logits_V.dtype, torch.float32)).log_softmax(-1)
    values, ids = all_V.topk(min(top, all_V.numel()))
    return TokenLogprob(token, float(all_V[token]), tuple(zip(ids.tolist(), values.tolist(), strict=True)))


def _penalise(bent_V: Tensor, row: Row) -> None:
    """Lower (or raise) what was said before, in place."""
    params = row.request.params
    said = torch.tensor(list(row.said), dtype=torch.long, device=bent_V.device)
    if row.prompt is not None:
        seen = torch.cat((row.prompt.to(bent_V.device), said)).unique()
        seen = seen[seen < bent_V.numel()]
        old = bent_V[seen]
        bent_V[seen] = torch.where(old > 0, old / params.repetition_penalty, old * params.repetition_penalty)
    if len(said):
        times = torch.tensor(list(row.said.values()), dtype=bent_V.dtype, device=bent_V.device)
        bent_V[said] -= params.presence_penalty + params.frequency_penalty * times


def _keep_allowed(bent_BV: Tensor, rows: Sequence[int], masks: Sequence[np.ndarray | None]) -> None:
    """-inf where a packed mask has no bit, in place."""
    packed = np.stack([mask for mask in masks if mask is not None]).view(np.uint8)
    allowed = np.unpackbits(packed, axis=1, bitorder="little")[:, : bent_BV.shape[1]].astype(bool)
    index = torch.tensor(rows, device=bent_BV.device)
    bent_BV[index] = bent_BV[index].masked_fill(~torch.from_numpy(allowed).to(bent_BV.device), -torch.inf)


def _sample(bent_BV: Tensor, rows: Sequence[Row]) -> list[int]:
    """One draw a row by inverting the cumulated probabilities."""
    device, dtype = bent_BV.device, bent_BV.dtype
    params = [row.request.params for row in rows]
    heat_B1 = torch.tensor([[p.temperature] for p in params], dtype=dtype, device=device)
    probs_BV = (bent_BV / heat_B1).softmax(-1)
    if any(p.min_p > 0 for p in params):
        floor_B1 = torch.tensor([[p.min_p] for p in params], dtype=dtype, device=device)
        probs_BV = probs_BV.masked_fill(probs_BV < floor_B1 * probs_BV.amax(-1, keepdim=True), 0)
    u_B1 = torch.tensor([[row.rng.random()] for row in rows], dtype=torch.float64, device=device)
    cut = [at for at, p in enumerate(params) if p.top_p < 1]
    tokens = [0] * len(rows)
    whole = [at for at, p in enumerate(params) if p.top_p >= 1]
    if whole:
        mass_BV = probs_BV[whole].to(torch.float64).cumsum(-1)
        for at, token in zip(whole, _invert(mass_BV, u_B1[whole]).tolist(), strict=True):
            tokens[at] = token
    if cut:
        top_p = torch.tensor([[params[at].top_p] for at in cut], dtype=torch.float64, device=device)
        for at, token in zip(cut, _nucleus(probs_BV[cut], top_p, u_B1[cut]), strict=True):
            tokens[at] = token
    return tokens


def _nucleus(probs_BV: Tensor, top_p_B1: Tensor, u_B1: Tensor) -> list[int]:
    """A draw among the fewest likeliest tokens whose mass reaches top-p."""
    goal_B1 = top_p_B1 * probs_BV.sum(-1, keepdim=True, dtype=torch.float64)
    V = probs_BV.shape[-1]
    for length in (min(SHORTLIST, V), V):
        sorted_BK, ids_BK = probs_BV.topk(length, dim=-1)
        mass_BK = sorted_BK.to(torch.float64).cumsum(-1)
        if length == V or bool((mass_BK[:, -1:] >= goal_B1).all()):
            break
    inside_BK = mass_BK - sorted_BK < goal_B1  # the token that crosses the goal is the last inside
    cut_BK = torch.where(inside_BK, sorted_BK, 0).to(torch.float64).cumsum(-1)
    picked: list[int] = ids_BK.gather(1, _invert(cut_BK, u_B1)[:, None])[:, 0].tolist()
    return picked


def _invert(mass_BK: Tensor, u_B1: Tensor) -> Tensor:
    """The first place whose cumulated mass exceeds u of the whole, [B]."""
    at_B = torch.searchsorted(mass_BK, u_B1 * mass_BK[:, -1:], right=True)[:, 0]
    return at_B.clamp_max(mass_BK.shape[1] - 1)
