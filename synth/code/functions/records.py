"""Functions on lists of records: filter, group, sum up, sort."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from synth.code.functions.base import Case, Function

_TABLES: dict[str, dict[str, list[Any] | tuple[int, int]]] = {
    "orders": {
        "city": ["Oslo", "Lima", "Quito", "Accra"],
        "status": ["open", "paid", "sent"],
        "amount": (5, 400),
        "items": (1, 9),
    },
    "trips": {
        "driver": ["Kim", "Lee", "Ada", "Cy"],
        "vehicle": ["van", "bike", "truck"],
        "distance": (1, 300),
        "stops": (0, 12),
    },
    "readings": {
        "station": ["north", "south", "ridge", "dam"],
        "kind": ["level", "flow", "rain"],
        "value": (0, 90),
        "quality": (1, 5),
    },
    "calls": {
        "team": ["blue", "red", "green"],
        "result": ["solved", "moved", "lost"],
        "seconds": (10, 900),
        "rating": (1, 5),
    },
    "loans": {
        "branch": ["east", "west", "park"],
        "genre": ["crime", "poetry", "travel", "art"],
        "days": (1, 60),
        "renewals": (0, 3),
    },
}
Rows = list[dict[str, Any]]


def _cases(rng: random.Random, table: str) -> list[Case]:
    fields = _TABLES[table]
    cases: list[Case] = [([],)]
    while len(cases) < 18:
        cases.append(([
            {name: rng.choice(kind) if isinstance(kind, list) else rng.randint(*kind) for name, kind in fields.items()}
            for _ in range(rng.randint(2, 9))
        ],))  # fmt: skip
    return cases


def record_query(rng: random.Random) -> Function:
    """Reports on a list of records: which rows count, how they are grouped, what of each group is told, in what order."""
    table = rng.choice(sorted(_TABLES))
    fields = _TABLES[table]
    texts = [name for name, kind in fields.items() if isinstance(kind, list)]
    numbers = [name for name, kind in fields.items() if not isinstance(kind, list)]
    by, other = rng.sample(texts, 2)
    what, second = rng.sample(numbers, 2)
    low, high = fields[second]
    assert isinstance(low, int) and isinstance(high, int)
    limit = rng.randint(low + 1, max(low + 1, (low + high) // 2))
    avoided = rng.choice(fields[other])
    where = rng.choice(["least", "not", "both", "either"])
    measure = rng.choice(["sum", "max", "count", "mean", "spread", "share", "first"])
    order = rng.choice(["name", "value_down", "value_up", "seen"])
    keep = rng.choice([0, 0, 2, 3])
    drop_small = rng.random() < 0.4
    shape = rng.choice(["dict", "pairs", "text", "names"])

    conditions = {
        "least": (f"row[{second!r}] >= {limit}", f"Only rows whose {second} is at least {limit} count."),
        "not": (f"row[{other!r}] != {avoided!r}", f"Rows whose {other} is {avoided!r} do not count."),
        "both": (f"row[{second!r}] >= {limit} and row[{other!r}] != {avoided!r}",
                 f"Only rows count whose {second} is at least {limit} and whose {other} is not {avoided!r}."),
        "either": (f"row[{second!r}] >= {limit} or row[{other!r}] == {avoided!r}",
                   f"Only rows count whose {second} is at least {limit}, or whose {other} is {avoided!r} whatever their {second}."),
    }  # fmt: skip
    measures = {
        "sum": (f"sum(row[{what!r}] for row in group)", f"the sum of {what}"),
        "max": (f"max(row[{what!r}] for row in group)", f"the largest {what}"),
        "count": (f"len({{row[{other!r}] for row in group}})", f"how many different values of {other} there are"),
        "mean": (f"sum(row[{what!r}] for row in group) // len(group)", f"the mean {what}, rounded down"),
        "spread": (
            f"max(row[{what!r}] for row in group) - min(row[{what!r}] for row in group)",
            f"the largest minus the smallest {what}",
        ),
        "share": (
            "100 * len(group) // sum(len(rows) for rows in groups.values())",
            "its share of the rows that count, in whole percent, rounded down",
        ),
        "first": (
            f"group[0][{what!r}] - group[-1][{what!r}]",
            f"the {what} of its first row minus that of its last row",
        ),
    }
    orders = {
        "name": ("sorted(found.items())", f"in alphabetical order of {by}"),
        "value_down": (
            "sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))",
            f"highest value first, equal values by {by}",
        ),
        "value_up": (
            "sorted(found.items(), key=lambda pair: (pair[1], pair[0]))",
            f"lowest value first, equal values by {by}",
        ),
        "seen": ("list(found.items())", f"in the order in which each {by} occurs first among the rows that count"),
    }
    shapes = {
        "dict": ("dict(pairs)", "a dict from {by} to value"), "pairs": ("pairs", "a list of ({by}, value) tuples"),
        "text": ('"; ".join(f"{name}={value}" for name, value in pairs)', "one text, 'NAME=VALUE' for each, joined by '; '"),
        "names": ("[name for name, _ in pairs]", "the list of the values of {by} alone"),
    }  # fmt: skip
    rules = [
        conditions[where][1],
        f"The rows that count are grouped by {by}; the value of a group is {measures[measure][1]}.",
    ]
    if drop_small:
        rules.append("Groups of a single row are left out at the end (they still count for everything before).")
    rules.append(f"Groups come {orders[order][1]}." + (f" Only the first {keep} are kept." if keep else ""))
    rules.append("The result is " + shapes[shape][1].format(by=by) + ".")
    name = rng.choice([f"{table}_by_{by}", f"summarize_{table}", f"rank_{by}", f"{by}_report"])
    lines = [
        f"def {name}(rows):", "    DOC", "    groups = {}", "    for row in rows:", f"        if {conditions[where][0]}:",
        f"            groups.setdefault(row[{by!r}], []).append(row)",
        f"    found = {{name: {measures[measure][0]} for name, group in groups.items()}}",
        *(["    found = {name: value for name, value in found.items() if len(groups[name]) > 1}"] if drop_small else []),
        f"    pairs = {orders[order][0]}" + (f"[:{keep}]" if keep else ""), f"    return {shapes[shape][0]}",
    ]  # fmt: skip

    def truth(rows: Rows) -> Any:
        tests: dict[str, Callable[[dict[str, Any]], bool]]
        tests = {"least": lambda r: r[second] >= limit, "not": lambda r: r[other] != avoided,
                  "both": lambda r: r[second] >= limit and r[other] != avoided,
                  "either": lambda r: r[second] >= limit or r[other] == avoided}  # fmt: skip
        kept = [row for row in rows if tests[where](row)]
        pairs = []
        for value in dict.fromkeys(row[by] for row in kept):
            group = [row for row in kept if row[by] == value]
            series = [row[what] for row in group]
            told = {"sum": sum(series), "max": max(series), "count": len({row[other] for row in group}),
                    "mean": sum(series) // len(series), "spread": max(series) - min(series),
                    "share": len(group) * 100 // len(kept), "first": series[0] - series[-1]}[measure]  # fmt: skip
            if len(group) > 1 or not drop_small:
                pairs.append((value, told))
        if order != "seen":
            pairs.sort()
        if order.startswith("value"):
            pairs.sort(key=lambda pair: pair[1] if order == "value_up" else -pair[1])
        pairs = pairs[: keep or None]
        if shape == "text":
            return "; ".join(f"{a}={b}" for a, b in pairs)
        return {"dict": dict(pairs), "pairs": pairs, "names": [a for a, _ in pairs]}[shape]

    facts = {"where": where, "measure": measure, "order": order, "shape": shape}
    return Function(name, f"{table}_report", f"a report on {table} by {by}", "(rows)",
                    f"Report on a list of {table}, each a dict with {', '.join(fields)}.", rules, "\n".join(lines) + "\n",
                    _cases(rng, table), truth, facts)  # fmt: skip
