"""Specifications that are chains of operations: each operation is a sentence, a line of code and a function, so that
text, solution and truth grow together."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from synth.code.functions.base import Case
from synth.code.harness import encoded


@dataclass(frozen=True)
class Op:
    """One operation on a value called by the family's own name in `code`; `key` tells operations of one sort."""

    key: str
    rule: str
    code: str
    apply: Callable[[Any], Any]


def run(ops: Sequence[Op], value: Any) -> Any:
    return functools.reduce(lambda found, op: op.apply(found), ops, value)


def matters(ops: Sequence[Op], cases: Sequence[Case]) -> bool:
    """Whether leaving out any one operation changes what some case gives."""
    whole = [encoded(run(ops, case[0])) for case in cases]
    for left_out in range(len(ops)):
        rest = [*ops[:left_out], *ops[left_out + 1 :]]
        if not rest or [_tried(rest, case[0]) for case in cases] == whole:
            return False
    return True


def _tried(ops: Sequence[Op], value: Any) -> Any:
    try:
        return encoded(run(ops, value))
    except (TypeError, AttributeError, ValueError, IndexError):  # the rest does not fit together: it did matter
        return ["!no"]


def chain(
    rng: random.Random,
    pool: Callable[[random.Random], list[Op]],
    ends: Callable[[random.Random], list[Op]],
    cases: Sequence[Case],
    least: int,
    most: int,
) -> list[Op]:
    """Operations of distinct sorts, with or without an end that leaves the type, each of which matters for the cases."""
    while True:
        by_key = {op.key: op for op in pool(rng)}
        keys = sorted(by_key)
        ops = [by_key[key] for key in rng.sample(keys, min(rng.randint(least, most), len(keys)))]
        if rng.random() < 0.55:
            ops.append(rng.choice(ends(rng)))
        if len(ops) >= 2 and matters(ops, cases):
            return ops


def body(name: str, ops: Sequence[Op]) -> str:
    """The lines of the function below its docstring."""
    return "".join(f"    {line}\n" for op in ops for line in op.code.split("\n")) + f"    return {name}\n"
