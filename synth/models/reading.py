"""A model's reply as JSON, read with suspicion: bounded in size and depth, and only what JSON holds."""

from __future__ import annotations

import math
import re
from typing import Any

import jsonschema_rs

from synth.careful_yaml import Wrong, load_json

MAX_REPLY = 200_000  # characters
MAX_DEPTH = 16
MAX_NODES = 20_000
MAX_NUMBER = 1e15
_FENCE = re.compile(r"\A```[a-z]*\n(.*)\n```\Z", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u2028\u2029\ud800-\udfff]")


class Unreadable(Exception):
    """A reply that is no proposal; `reason` is what a drop says, the text goes back to the model."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason, self.sentence = reason, sentence


def read_reply(text: str, schema: dict[str, Any], cut_off: bool = False) -> dict[str, Any]:
    """The JSON object of a reply that fits `schema`. Raises Unreadable. `cut_off`: the model hit its token limit."""
    if len(text) > MAX_REPLY:
        raise Unreadable("too_large", f"the reply has {len(text):,} characters; at most {MAX_REPLY:,} are read")
    body = text.strip()
    fenced = _FENCE.match(body)
    try:
        value = load_json(fenced[1] if fenced else body, "reply")
    except Wrong as wrong:
        more = "; it was cut off, so write less" if cut_off else ""
        raise Unreadable("not_json", f"the reply is no JSON object: {wrong.problem}{more}") from None
    if not isinstance(value, dict):
        raise Unreadable("not_json", "the reply is no JSON object")
    _check_values(value)
    error = next(iter(_validator(schema).iter_errors(value)), None)
    if error is not None:
        at = ".".join(str(p) for p in error.instance_path) or "the object"
        raise Unreadable("does_not_load", f"{at}: {error.message}"[:400])
    return value


def _validator(schema: dict[str, Any]) -> Any:
    return jsonschema_rs.validator_for(schema)


def _check_values(root: Any) -> None:
    stack: list[tuple[Any, int]] = [(root, 1)]
    nodes = 0
    while stack:
        value, depth = stack.pop()
        nodes += 1
        if nodes > MAX_NODES:
            raise Unreadable("too_large", f"the reply holds more than {MAX_NODES:,} values")
        if depth > MAX_DEPTH:
            raise Unreadable("too_large", f"the reply is nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, dict):
            stack += [(v, depth + 1) for pair in value.items() for v in pair]
        elif isinstance(value, list):
            stack += [(v, depth + 1) for v in value]
        elif isinstance(value, str) and _CONTROL.search(value):
            raise Unreadable("odd_values", f"{value[:40]!r} holds a control character")
        elif isinstance(value, int | float) and not (math.isfinite(value) and abs(value) <= MAX_NUMBER):
            raise Unreadable("odd_values", "a number is not finite, or beyond 10^15")
