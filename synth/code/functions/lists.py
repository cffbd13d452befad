"""Functions on lists of integers: chains of operations."""

from __future__ import annotations

import random

from synth.code.functions.base import Case, Function
from synth.code.functions.chains import Op, body, chain, run


def _list_cases(rng: random.Random) -> list[Case]:
    cases: list[Case] = [([],), ([5],), ([0, 0, 0],)]
    while len(cases) < 22:
        cases.append(([rng.randint(-30, 60) if rng.random() < 0.8 else 7 for _ in range(rng.randint(3, 14))],))
    return cases


def _list_ops(rng: random.Random) -> list[Op]:
    k, m, low = rng.randint(2, 5), rng.randint(2, 4), rng.randint(-10, 0)
    high = rng.randint(20, 45)
    return [
        Op("divisible", f"Numbers that are divisible by {k} are left out.", f"values = [v for v in values if v % {k} != 0]",
           lambda vs: [v for v in vs if v % k]),
        Op("clip", f"Numbers below {low} become {low}, numbers above {high} become {high}.",
           f"values = [min(max(v, {low}), {high}) for v in values]",
           lambda vs: [low if v < low else high if v > high else v for v in vs]),
        Op("negative", "Negative numbers are replaced by their absolute value.", "values = [abs(v) for v in values]",
           lambda vs: [-v if v < 0 else v for v in vs]),
        Op("unique", "Only the last occurrence of each number is kept.",
           "values = [v for i, v in enumerate(values) if v not in values[i + 1:]]",
           lambda vs: list(dict.fromkeys(vs[::-1]))[::-1]),
        Op("running", "Each number is replaced by the sum of all numbers up to and including it.",
           "total, sums = 0, []\nfor v in values:\n    total += v\n    sums.append(total)\nvalues = sums",
           lambda vs: [sum(vs[: i + 1]) for i in range(len(vs))]),
        Op("steps", "The list becomes the differences between neighbours (each number minus the one before it); fewer than two numbers give an empty list.",
           "values = [b - a for a, b in zip(values, values[1:])]",
           lambda vs: [vs[i] - vs[i - 1] for i in range(1, len(vs))]),
        Op("rotate", f"The list is rotated by {m} places to the right, so that its last {m} numbers come first (modulo its length).",
           f"cut = -{m} % len(values) if values else 0\nvalues = values[cut:] + values[:cut]",
           lambda vs: [vs[(i - m) % len(vs)] for i in range(len(vs))]),
        Op("peaks", "Only numbers that are greater than all numbers before them are kept (the first always is).",
           "kept = []\nfor v in values:\n    if not kept or v > kept[-1]:\n        kept.append(v)\nvalues = kept",
           lambda vs: [v for i, v in enumerate(vs) if all(v > u for u in vs[:i])]),
        Op("even", "Numbers at even positions (counting from 0) are doubled.",
           "values = [v * 2 if i % 2 == 0 else v for i, v in enumerate(values)]",
           lambda vs: [v if i & 1 else v + v for i, v in enumerate(vs)]),
        Op("order", f"The numbers are sorted by their remainder modulo {k + 3}, equal ones by size, smallest first.",
           f"values = sorted(values, key=lambda v: (v % {k + 3}, v))",
           lambda vs: sorted(sorted(vs), key=lambda v: v % (k + 3))),
        Op("window", f"The list becomes the maxima of all runs of {m} neighbouring numbers; a list shorter than {m} becomes empty.",
           f"values = [max(values[i:i + {m}]) for i in range(len(values) - {m - 1})]",
           lambda vs: [sorted(vs[i : i + m])[-1] for i in range(max(0, len(vs) - m + 1))]),
        Op("drop", "The smallest number is removed (its first occurrence); an empty list stays empty.",
           "values = list(values)\nif values:\n    values.remove(min(values))",
           lambda vs: [v for i, v in enumerate(vs) if i != (vs.index(min(vs)) if vs else -1)]),
        Op("flip", "Every second number, beginning with the second, changes its sign.",
           "values = [-v if i % 2 else v for i, v in enumerate(values)]",
           lambda vs: [v * (-1) ** i for i, v in enumerate(vs)]),
        Op("mirror", "The reversed list is appended to the list.", "values = values + values[::-1]",
           lambda vs: [*vs, *reversed(vs)]),
    ]  # fmt: skip


def _list_ends(rng: random.Random) -> list[Op]:
    k, size = rng.randint(3, 6), rng.randint(2, 4)
    return [
        Op("groups", f"The result is a dict from each remainder modulo {k} to the list of numbers that have it, in their order.",
           f"groups = {{}}\nfor v in values:\n    groups.setdefault(v % {k}, []).append(v)\nvalues = groups",
           lambda vs: {r: [v for v in vs if v % k == r] for r in range(k) if any(v % k == r for v in vs)}),
        Op("chunks", f"The result is a list of lists of {size} numbers; the last may be shorter.",
           f"values = [values[i:i + {size}] for i in range(0, len(values), {size})]",
           lambda vs: [list(vs[i : i + size]) for i in range(len(vs)) if i % size == 0]),
        Op("runs", "The result is a list of (number, length) tuples, one for each run of equal neighbours.",
           "runs = []\nfor v in values:\n    if runs and runs[-1][0] == v:\n        runs[-1] = (v, runs[-1][1] + 1)\n"
           "    else:\n        runs.append((v, 1))\nvalues = runs", lambda vs: _runs(vs)),
        Op("spread", "The result is the largest minus the smallest number, 0 for an empty list.",
           "values = max(values) - min(values) if values else 0", lambda vs: sorted(vs)[-1] - sorted(vs)[0] if vs else 0),
        Op("alternating", "The result is the alternating sum: first minus second plus third minus fourth and so on.",
           "values = sum(values[::2]) - sum(values[1::2])", lambda vs: sum(v if i % 2 == 0 else -v for i, v in enumerate(vs))),
        Op("median", "The result is the lower median (the middle number when sorted; of two middle ones the smaller), None for an empty list.",
           "values = sorted(values)[(len(values) - 1) // 2] if values else None",
           lambda vs: None if not vs else sorted(vs)[len(vs) // 2 - (len(vs) % 2 == 0)]),
        Op("signs", "The result is a tuple: how many numbers are negative, zero, positive.",
           "values = (sum(v < 0 for v in values), sum(v == 0 for v in values), sum(v > 0 for v in values))",
           lambda vs: (len([v for v in vs if v < 0]), vs.count(0), len([v for v in vs if v > 0]))),
    ]  # fmt: skip


def _runs(values: list[int]) -> list[tuple[int, int]]:
    starts = [i for i in range(len(values)) if i == 0 or values[i] != values[i - 1]]
    return [(values[a], b - a) for a, b in zip(starts, [*starts, len(values)][1:], strict=True)]


def list_steps(rng: random.Random) -> Function:
    """Chains of operations on one list of integers."""
    cases = _list_cases(rng)
    ops = chain(rng, _list_ops, _list_ends, cases, 2, 4)
    name = rng.choice(
        ["smooth_readings", "condense", "reshape_series", "prepare_scores", "digest_values", "fold_counts"]
    )
    rules = [f"Step {n}: {op.rule[0].lower() + op.rule[1:]}" for n, op in enumerate(ops, 1)]
    return Function(
        name, rng.choice(["series", "figures", "readings"]), f"a function that reshapes a list of integers in {len(ops)} steps",
        "(values)", "Apply the following steps to the list of integers `values`, in this order.", rules,
        f"def {name}(values):\n    DOC\n    values = list(values)\n{body('values', ops)}", cases,
        lambda values: run(ops, list(values)), {"ops": [op.key for op in ops]},
    )  # fmt: skip
