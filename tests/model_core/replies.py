"""What the tests of the enforcer share: drawing replies under a constraint, and reading texts into it."""

from __future__ import annotations

from functools import cache
from typing import Any

import jsonschema_rs
import numpy as np

from model_core.enforcer import tool_constraint
from model_core.enforcer.vocabulary import allowed_ids, allows
from model_core.engine.requests import Constraint
from model_core.small_vocabulary import small_tokenizer
from model_core.tokens import OwnTokenizer

MARKERS = ("<|tool_calls_section_begin|>", "<|tool_call_begin|>", "<|tool_call_argument_begin|>", "<|tool_call_end|>",
           "<|tool_calls_section_end|>", "<|im_end|>")  # fmt: skip


@cache
def vocabulary() -> OwnTokenizer:
    return small_tokenizer()


def tool(schema: Any, name: str = "act") -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": "", "parameters": schema}}


def drawn(constraint: Constraint, seed: int, most: int = 3_000) -> tuple[list[int], int]:
    """Tokens drawn evenly from what is allowed, to the end; and how many were drawn, not forced."""
    random = np.random.default_rng(seed)
    size = vocabulary().size
    mask = np.zeros((size + 31) // 32, dtype=np.int32)
    ids: list[int] = []
    draws = 0
    while not constraint.done:
        forced = constraint.forced()
        if not forced:
            constraint.mask(mask)
            allowed = allowed_ids(mask, size)
            assert len(allowed), f"nothing may follow {vocabulary().decode(ids)!r}"
            forced = [int(random.choice(allowed))]
            draws += 1
        constraint.accept(forced)
        ids += forced
        assert len(ids) <= most, f"no end: {vocabulary().decode(ids)[-200:]!r}"
    return ids, draws


def refusal(constraint: Constraint, ids: list[int]) -> int | None:
    """The place of the first of these tokens that the constraint does not admit; None where it admits all."""
    mask = np.zeros((vocabulary().size + 31) // 32, dtype=np.int32)
    for place, token in enumerate(ids):
        if constraint.done:
            return place
        forced = constraint.forced()
        if forced and forced[0] != token:
            return place
        constraint.mask(mask)
        if not allows(mask, token):
            return place
        constraint.accept([token])
    return None


def call_ids(name: str, arguments: str, index: int = 0) -> list[int]:
    """A reply of one call, as `render` would write it."""
    encode, special = vocabulary().encode, vocabulary().special
    begin, call, argument, call_end, end, im_end = (special[marker] for marker in MARKERS)
    head = [begin, call, *encode(f"functions.{name}:{index}"), argument]
    return [*head, *encode(arguments), call_end, end, im_end]


def admits(schema: Any, arguments: str, max_tokens: int = 400, **options: Any) -> bool:
    """Whether a call with these arguments, as JSON text, may be written token by token."""
    constraint = tool_constraint(vocabulary(), [tool(schema)], "required", max_tokens=max_tokens, **options)
    return refusal(constraint, call_ids("act", arguments)) is None and constraint.done


def valid(schema: Any, value: Any) -> bool:
    """By an independent validator, formats included."""
    return bool(jsonschema_rs.validator_for(schema, validate_formats=True).is_valid(value))
