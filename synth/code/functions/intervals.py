"""Functions on intervals."""

from __future__ import annotations

import random
from typing import Any

from synth.code.functions.base import Case, Function

Spans = list[tuple[int, int]]


def _span_cases(rng: random.Random, two: bool) -> list[Case]:
    def spans(most: int) -> Spans:
        found = []
        for _ in range(rng.randint(0, most)):
            start = rng.randint(0, 40)
            found.append((start, start + rng.choice([0, 1, 2, 3, 5, 8, 12])))
        return found

    cases: list[Case] = [([], []) if two else ([],), ([(3, 7)], [(3, 7)]) if two else ([(3, 7), (7, 9)],)]
    while len(cases) < 22:
        cases.append((spans(7), spans(4)) if two else (spans(8),))
    return cases


def interval_sets(rng: random.Random) -> Function:
    """Merging, gaps, cover and overlap of intervals, open at the end or not."""
    closed = rng.random() < 0.5
    near = rng.choice([0, 1, 2])
    shortest = rng.choice([0, 0, 2, 3])
    what = rng.choice(["merged", "gaps", "length", "without", "common", "deepest"])
    two = what in ("without", "common")
    low, high = rng.randint(0, 5), rng.randint(35, 48)
    kind = "closed: both ends belong to it" if closed else "half-open: the start belongs to it, the end does not"
    rules = [f"An interval is a tuple (start, end) of whole numbers, {kind}."]
    rules.append(
        "Intervals without any whole number in them are ignored."
        if not closed
        else "An interval with equal ends holds one number."
    )
    if shortest:
        rules.append(f"Intervals that hold fewer than {shortest} whole numbers are ignored.")
    joined = f"at most {near} whole number{'s' if near > 1 else ''}" if near else "no whole number"
    if what in ("merged", "length"):
        rules.append(
            f"Intervals with {joined} between them are joined into one, which covers the numbers between as well."
        )
    rules.append({
        "merged": "The result is the sorted list of the joined intervals.",
        "length": "The result is how many whole numbers the joined intervals cover.",
        "gaps": f"The result is the sorted list of the largest intervals between {low} and {high} (both included) in which no number is covered.",
        "without": "The result is the sorted list of the largest intervals of numbers that are in some interval of `spans` and in none of `other`.",
        "common": "The result is the sorted list of the largest intervals of numbers that are both in some interval of `spans` and in some of `other`.",
        "deepest": "The result is a tuple: the smallest number that is in as many intervals of `spans` as any, and in how many; (None, 0) without intervals.",
    }[what])  # fmt: skip
    extra = 0 if closed else 1
    name = rng.choice([f"{what}_spans", f"find_{what}", f"{what}_ranges"])
    module = rng.choice(["spans", "ranges", "slots"])
    last = "end + 1" if closed else "end"
    helper = [
        "def _points(spans):", "    found = set()", "    for start, end in spans:",
        *([f"        if {last} - start >= {shortest}:", f"            found.update(range(start, {last}))"] if shortest
          else [f"        found.update(range(start, {last}))"]), "    return found", "", "",
        "def _spans(points):", "    found = []", "    for point in sorted(points):",
        f"        if found and point == found[-1][1]{' + 1' if closed else ''}:",
        f"            found[-1] = (found[-1][0], point{'' if closed else ' + 1'})", "        else:",
        f"            found.append((point, point{'' if closed else ' + 1'}))", "    return found", "", "",
    ]  # fmt: skip
    signature = "(spans, other)" if two else "(spans)"
    body = {
        "merged": ["    return _joined(spans)"],
        "length": [f"    return sum(end - start{' + 1' if closed else ''} for start, end in _joined(spans))"],
        "gaps": ["    covered = _points(spans)", f"    return _spans(p for p in range({low}, {high} + 1) if p not in covered)"],
        "without": ["    return _spans(_points(spans) - _points(other))"],
        "common": ["    return _spans(_points(spans) & _points(other))"],
        "deepest": ["    depth = {}", "    for span in spans:", "        for point in _points([span]):",
                    "            depth[point] = depth.get(point, 0) + 1", "    if not depth:", "        return None, 0",
                    "    best = min(depth, key=lambda point: (-depth[point], point))", "    return best, depth[best]"],
    }[what]  # fmt: skip
    if what in ("merged", "length"):
        helper += [
            "def _joined(spans):", "    found = []", "    for start, end in _spans(_points(spans)):",
            f"        if found and start - found[-1][1] {'- 1 ' if closed else ''}<= {near}:",
            "            found[-1] = (found[-1][0], end)", "        else:", "            found.append((start, end))",
            "    return found", "", "",
        ]  # fmt: skip

    def truth(spans: Spans, other: Spans = ()) -> Any:  # type: ignore[assignment]
        def good(given: Spans) -> Spans:
            return [(a, b + 1 - extra) for a, b in given if b + 1 - extra - a >= max(shortest, 1)]

        def holds(given: Spans, point: int) -> int:
            return sum(a <= point < b for a, b in good(given))

        def out(test: Any, first: int = -1, end: int = 80) -> Spans:
            marks = [point for point in range(first, end) if test(point)]
            starts = [p for p in marks if p - 1 not in marks]
            ends = [p for p in marks if p + 1 not in marks]
            return [(a, b + extra) for a, b in zip(starts, ends, strict=True)]

        if what == "gaps":
            return out(lambda p: not holds(spans, p), low, high + 1)
        if what == "without":
            return out(lambda p: holds(spans, p) and not holds(other, p))
        if what == "common":
            return out(lambda p: holds(spans, p) and holds(other, p))
        if what == "deepest":
            most = max((holds(spans, p) for p in range(80)), default=0)
            return next((p for p in range(80) if holds(spans, p) == most), None) if most else None, most
        merged: list[list[int]] = []
        for a, b in sorted(good(spans)):
            if merged and a - merged[-1][1] <= near:
                merged[-1][1] = max(b, merged[-1][1])
            else:
                merged.append([a, b])
        if what == "length":
            return sum(b - a for a, b in merged)
        return [(a, b - 1 + extra) for a, b in merged]

    return Function(name, module, f"a function on intervals ({what})", signature,
                    "Work on lists of intervals." if two else "Work on a list of intervals.", rules,
                    "\n".join([*helper, f"def {name}{signature}:", "    DOC", *body]) + "\n", _span_cases(rng, two), truth,
                    {"what": what, "closed": closed, "near": near, "shortest": shortest})  # fmt: skip
