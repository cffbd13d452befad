"""Texts that match a simple pattern: literals, `[A-Z0-9]` classes, `\\d \\w`, groups with `|`, `? {n} {n,m} * +`.

A closed subset of regular expressions, drawn by walking a parsed tree; the pattern itself is never run as a regex here.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from functools import lru_cache

from synth.errors import SpecError

Draw = Callable[[random.Random], str]
_CLASSES = {"d": string.digits, "w": string.ascii_lowercase + string.digits, "s": " ", "S": string.ascii_letters}
_OPEN_END = 3  # extra repeats of `*` and `+`
_ANY = string.ascii_lowercase + string.digits


@lru_cache(maxsize=2048)
def pattern_drawer(pattern: str) -> Draw:
    """Compile `pattern`; SpecError where it uses something outside the subset."""
    text = pattern.removeprefix("^")
    if text.endswith("$") and not text.endswith("\\$"):
        text = text[:-1]
    draw, end = _alternatives(text, 0)
    if end != len(text):
        raise SpecError("pattern", f"cannot read {pattern!r} from position {end}")
    return draw


def _alternatives(text: str, i: int) -> tuple[Draw, int]:
    options: list[Draw] = []
    while True:
        draw, i = _sequence(text, i)
        options.append(draw)
        if i >= len(text) or text[i] != "|":
            break
        i += 1
    if len(options) == 1:
        return options[0], i
    return lambda rng: options[int(rng.random() * len(options))](rng), i


def _sequence(text: str, i: int) -> tuple[Draw, int]:
    parts: list[Draw] = []
    while i < len(text) and text[i] not in "|)":
        unit, i = _unit(text, i)
        low, high, i = _repeat(text, i)
        parts.append(unit if low == high == 1 else _repeated(unit, low, high))
    return lambda rng: "".join([p(rng) for p in parts]), i


def _repeated(unit: Draw, low: int, high: int) -> Draw:
    return lambda rng: "".join([unit(rng) for _ in range(low + int(rng.random() * (high - low + 1)))])


def _unit(text: str, i: int) -> tuple[Draw, int]:
    c = text[i]
    if c == "(":
        start = i + 3 if text.startswith("(?:", i) else i + 1
        draw, end = _alternatives(text, start)
        if end >= len(text):
            raise SpecError("pattern", f"a group is not closed in {text!r}")
        return draw, end + 1
    if c == "[":
        chars, i = _class(text, i + 1)
        return _one_of(chars), i
    if c == "\\" and i + 1 < len(text):
        escaped = text[i + 1]
        return (_one_of(_CLASSES[escaped]) if escaped in _CLASSES else _literal(escaped)), i + 2
    if c == ".":
        return _one_of(_ANY), i + 1
    if c in "*+?{}^$":
        raise SpecError("pattern", f"unexpected {c!r} at position {i} of {text!r}")
    return _literal(c), i + 1


def _one_of(chars: str) -> Draw:
    size = len(chars)
    return lambda rng: chars[int(rng.random() * size)]


def _literal(c: str) -> Draw:
    return lambda rng: c


def _class(text: str, i: int) -> tuple[str, int]:
    negated = text.startswith("^", i)
    i += negated
    chars: list[str] = []
    while i < len(text) and text[i] != "]":
        if text[i] == "\\" and i + 1 < len(text):
            chars.extend(_CLASSES.get(text[i + 1], text[i + 1]))
            i += 2
        elif i + 2 < len(text) and text[i + 1] == "-" and text[i + 2] != "]":
            chars.extend(chr(n) for n in range(ord(text[i]), min(ord(text[i + 2]), 126) + 1))
            i += 3
        else:
            chars.append(text[i])
            i += 1
    if i >= len(text):
        raise SpecError("pattern", f"a class is not closed in {text!r}")
    kept = [c for c in _ANY if c not in chars] if negated else list(dict.fromkeys(chars))
    if not kept:
        raise SpecError("pattern", f"an empty class in {text!r}")
    return "".join(kept), i + 1


def _repeat(text: str, i: int) -> tuple[int, int, int]:
    if i >= len(text):
        return 1, 1, i
    c = text[i]
    if c in "?*+":
        low, high = {"?": (0, 1), "*": (0, _OPEN_END), "+": (1, 1 + _OPEN_END)}[c]
        return low, high, i + 1
    if c != "{":
        return 1, 1, i
    end = text.find("}", i)
    low_text, comma, high_text = text[i + 1 : end].partition(",")
    if end < 0 or not low_text.isdigit() or (high_text and not high_text.isdigit()):
        raise SpecError("pattern", f"cannot read the repeat at position {i} of {text!r}")
    low = int(low_text)
    high = int(high_text) if high_text else (low + _OPEN_END if comma else low)
    if not low <= high <= 256:
        raise SpecError("pattern", f"a repeat of {text[i : end + 1]} is out of bounds")
    return low, high, end + 1
