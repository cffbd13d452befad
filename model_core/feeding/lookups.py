"""How well a model looks ids up: of the values in calls that stand in a tool's result and that nobody said, how many it
would write token by token, given the conversation before (its own choice at each place, the right tokens before it)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from model_core.feeding.rows import Row
from model_core.model import Model
from model_core.packed import Documents
from model_core.parser import ARGUMENT_BEGIN
from model_core.tokens import Tokenizer

_SHORTEST = 4  # characters of a value that is looked for


@torch.no_grad()
def looked_up(model: Model, rows: Sequence[Row], tokenizer: Tokenizer) -> dict[str, tuple[int, int]]:
    """By kind: values written rightly, and all of them."""
    found: dict[str, tuple[int, int]] = {}
    device = next(model.parameters()).device
    for row in rows:
        ids, spans = _spans(row, tokenizer)
        if not spans:
            continue
        hidden_TD = model.packed(torch.tensor([ids], device=device), Documents.of([len(ids)], device))[0]
        places = torch.tensor([place - 1 for first, last in spans for place in range(first, last)], device=device)
        best = model.head(hidden_TD[places]).argmax(-1).tolist()
        right, all_ = found.get(row.kind, (0, 0))
        for first, last in spans:
            right += best[: last - first] == ids[first:last]
            best = best[last - first :]
        found[row.kind] = (right, all_ + len(spans))
    return found


def _spans(row: Row, tokenizer: Tokenizer) -> tuple[list[int], list[tuple[int, int]]]:
    """The ids of a row and where the looked-up values stand."""
    ids: list[int] = []
    spans: list[tuple[int, int]] = []
    said, shown, speaker, arguments = "", "", "", False
    for part, learn in zip(row.parts, row.learn, strict=True):
        if not isinstance(part, str):
            arguments = part[0] == ARGUMENT_BEGIN and learn
            speaker = part[0] if part[0].startswith("<|im_") and part[0] != "<|im_middle|>" else speaker
            ids.append(tokenizer.special[part[0]])
            continue
        if arguments:
            spans += _found(part, said, shown, tokenizer, len(ids))
        said += part if speaker == "<|im_user|>" else ""
        shown += part if part.startswith("## Return of") else ""
        ids += tokenizer.encode(part)
    return ids, spans


def _found(text: str, said: str, shown: str, tokenizer: Tokenizer, start: int) -> Iterator[tuple[int, int]]:
    at = 0
    for value in _values(json.loads(text)):
        if len(value) >= _SHORTEST and value not in said and value in shown and (at := text.find(value, at)) >= 0:
            first = start + len(tokenizer.encode(text[:at]))
            yield first, first + len(tokenizer.encode(value))


def _values(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _values(part)
    elif isinstance(value, str | int) and not isinstance(value, bool):
        yield str(value)
