"""What the binary operators of expressions do to values: total, no implicit conversion."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from synth.worlds.functions import MAX_TEXT


def is_number(v: Any) -> bool:
    return isinstance(v, int | float) and not isinstance(v, bool)


def _equal(a: Any, b: Any) -> bool:
    return a == b and (isinstance(a, bool) == isinstance(b, bool))


def _compare(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def run(a: Any, b: Any) -> bool:
        same = (is_number(a) and is_number(b)) or (isinstance(a, str) and isinstance(b, str))
        return bool(test(a, b)) if same else False

    return run


def _contains(a: Any, b: Any) -> bool:
    if isinstance(b, str):
        return isinstance(a, str) and a in b
    if isinstance(b, dict):
        return isinstance(a, str) and a in b
    return isinstance(b, tuple | list) and any(_equal(a, x) for x in b)


def _add(a: Any, b: Any) -> Any:
    if is_number(a) and is_number(b):
        return a + b
    if isinstance(a, str) and isinstance(b, str):
        return a + b if len(a) + len(b) <= MAX_TEXT else None
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return (*a, *b)
    return None


def _arith(test: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def run(a: Any, b: Any) -> Any:
        if not (is_number(a) and is_number(b)):
            return None
        try:
            return test(a, b)
        except (ZeroDivisionError, OverflowError):
            return None

    return run


def _divide(a: Any, b: Any) -> Any:
    out = a / b
    return int(out) if isinstance(a, int) and isinstance(b, int) and a % b == 0 else out


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": _equal,
    "!=": lambda a, b: not _equal(a, b),
    "<": _compare(operator.lt),
    "<=": _compare(operator.le),
    ">": _compare(operator.gt),
    ">=": _compare(operator.ge),
    "in": _contains,
    "+": _add,
    "-": _arith(operator.sub),
    "*": _arith(operator.mul),
    "/": _arith(_divide),
    "%": _arith(operator.mod),
}
