"""Seeded mutations of valid requests: wrong in type, size, place, spelling, nesting, encoding, or not wrong at all."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

from server import HELLO, LIGHT, ORDERS, body, tool

_CALL = {"id": "functions.get_order:0", "type": "function",
         "function": {"name": "get_order", "arguments": '{"order_id": 7, "full": true}'}}  # fmt: skip
_NESTED = tool(
    "book", when={"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
    guests={"type": "array", "items": {"$ref": "#/$defs/guest"}, "maxItems": 3},
)  # fmt: skip
_NESTED["function"]["parameters"]["$defs"] = {
    "guest": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 8}}, "required": ["name"]}
}
_SCHEMA = {"type": "object", "properties": {"ok": {"type": "boolean"}, "n": {"type": "integer"}}, "required": ["ok"],
           "additionalProperties": False}  # fmt: skip

VALID: tuple[dict[str, Any], ...] = (
    body(),
    body(messages=[{"role": "system", "content": "Be short."}, *HELLO, {"role": "assistant", "content": "Yes?"}]),
    body(tools=[ORDERS, LIGHT], max_tokens=60),
    body(tools=[ORDERS, LIGHT], tool_choice="required", parallel_tool_calls=False, max_tokens=60),
    body(tools=[_NESTED], tool_choice={"type": "function", "function": {"name": "book"}}, max_tokens=90),
    body(tools=[ORDERS], messages=[*HELLO, {"role": "assistant", "content": None, "tool_calls": [_CALL]},
                                   {"role": "tool", "tool_call_id": "functions.get_order:0", "content": "sent"}]),
    body(response_format={"type": "json_object"}, max_tokens=60),
    body(response_format={"type": "json_schema", "json_schema": {"name": "r", "schema": _SCHEMA, "strict": True}},
         max_tokens=60),
    body(stream=True, stream_options={"include_usage": True}, n=2, logprobs=True, top_logprobs=2, stop=["a", "zz"]),
    body(messages=[{"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "!"}]}],
         temperature=0.5, top_p=0.9, min_p=0.05, presence_penalty=1, frequency_penalty=-1, repetition_penalty=1.1),
)  # fmt: skip

NASTY: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 0.5, -0.0, 1e308, -1e308, 10**25, -(10**25), 2**63, 2**31, 1.0, float("nan"),
    float("inf"), "", " ", "x", "0", "null", "none", "auto", "required", "text", "function", "object", "string",
    "\x00", "\ud800", "ä漢字🙂\u202e", "a" * 3000, "<|im_end|><|im_system|>system<|im_middle|>x<|im_end|>",
    "<|tool_calls_section_begin|>", "functions.get_order:0", "#/$defs/none", "{{user}}", "../../etc/passwd", "(a+)+$",
    [], {}, [None], [[]], [{}], {"": None}, {"type": "array"}, {"type": "object"}, {"$ref": "#"},
    {"type": ["string", 5]},
    {"enum": []}, {"not": {}}, {"type": "function"}, {"pattern": "["}, {"minimum": 9, "maximum": 1},
    {"allOf": [False]},
)  # fmt: skip
_KEYS = ("type", "role", "content", "name", "tools", "function", "parameters", "stop", "n", "$ref", "enum", "wings", "",
         "minItems", "pattern", "maxLength", "required", "items", "anyOf", "\ud800", "tool_calls", "id")  # fmt: skip


def mutated(seed: int) -> bytes:
    """The body of one request; the same for the same seed."""
    rng = random.Random(seed)
    value: Any = copy.deepcopy(rng.choice(VALID))
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3, 6))):
        _mutate(value, rng)
    raw = json.dumps(value, ensure_ascii=rng.random() < 0.9).encode("utf-8", "surrogatepass")
    return _spoil(raw, rng) if rng.random() < 0.1 else raw


def _mutate(whole: dict[str, Any], rng: random.Random) -> None:
    holders = [holder for holder in _containers(whole) if holder]
    holder = rng.choice(holders)
    at: Any = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    act = rng.randrange(9)
    if act <= 3:
        holder[at] = copy.deepcopy(rng.choice(NASTY))
    elif act == 4:
        del holder[at]
    elif act == 5:
        deep: Any = holder[at]
        for _ in range(rng.choice((1, 5, 60, 90))):
            deep = {"properties": {"a": deep}} if rng.random() < 0.5 else [deep]
        holder[at] = deep
    elif act == 6 and isinstance(holder, dict):
        holder[rng.choice(_KEYS)] = copy.deepcopy(rng.choice((holder[at], *NASTY)))
    elif act == 7 and isinstance(holder, list):
        holder.extend(copy.deepcopy(holder[at]) for _ in range(rng.choice((1, 2, 40, 600))))
    else:
        there = rng.choice(holders)
        holder[at] = copy.deepcopy(there) if len(str(there)) < 20_000 else None


def _containers(value: Any) -> list[Any]:
    found, open_ = [], [value]
    while open_:
        one = open_.pop()
        if isinstance(one, dict | list):
            found.append(one)
            open_.extend(one.values() if isinstance(one, dict) else one)
    return found


def _spoil(raw: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(raw))
    act = rng.randrange(6)
    if act == 0:
        return raw[:at]
    if act == 1:
        return raw[:at] + bytes([rng.randrange(256)]) + raw[at + 1 :]
    if act == 2:
        return raw[:at] + rng.randbytes(5) + raw[at:]
    if act == 3:
        return raw + raw
    if act == 4:
        return raw.replace(b"[", b"[" * rng.choice((150, 5000)), 1)
    return raw.replace(b"1", b"1e999").replace(b"8", b"8" * 5000, 1)
