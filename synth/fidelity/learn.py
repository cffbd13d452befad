"""Facts of behaviour from an audit's calls: where a lifted tool differs from the live one always in the same way.

Only what three calls or more show and (nearly) none contradicts becomes a fact; `tools_catalog.observed` says what the
facts mean. A fact is about the live tool, so it holds however the tool is lifted later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from synth.fidelity.compare import Compared
from synth.fidelity.drawing import leaves
from synth.fidelity.setups import Setup
from synth.fidelity.twin import Twin

LEAST = 3  # calls that show a habit
MOST = 0.8  # share of the calls in question that must show it
Facts = dict[str, Any]


def learn(compared: Sequence[Compared], twin: Twin, setup: Setup) -> dict[str, Facts]:
    """Facts by tool name, in the order of the names; tools that show no habit are left out."""
    calls: dict[str, list[Compared]] = {}
    for c in compared:
        calls.setdefault(c.tool, []).append(c)
    out = {}
    for tool in sorted(calls):
        facts = _existing(calls[tool], twin) | _demanded(calls[tool], twin) | _references(calls[tool], twin, setup)
        facts |= _refused(calls[tool])
        if facts:
            out[tool] = facts
    return out


def _shown(calls: Sequence[Compared], asked: Callable[[Compared], bool], shows: Callable[[Compared], bool]) -> bool:
    """Whether enough of the calls in question show a habit."""
    those = [c for c in calls if asked(c)]
    return sum(map(shows, those)) >= max(LEAST, MOST * len(those))


def _existing(calls: list[Compared], twin: Twin) -> Facts:
    tool = twin.tool(calls[0].tool)
    if tool.op not in ("create", "upsert"):
        return {}
    if _shown(calls, lambda c: c.twin.error == "duplicate", lambda c: c.live.ok):
        return {"existing": "overwrites"}
    refused = [c for c in calls if c.live.error == "duplicate" and c.twin.ok]
    unique = [n for n, p in tool.params.items() if p.required]
    if len(refused) >= LEAST and unique:
        return {"existing": "refused", "unique": unique}
    return {}


def _demanded(calls: list[Compared], twin: Twin) -> Facts:
    params = [n for n, p in twin.tool(calls[0].tool).params.items() if not p.required]
    good = [set(c.arguments) for c in calls if c.live.ok]
    bad = [c for c in calls if c.live.error in ("invalid_arguments", "other") and c.twin.ok]
    if len(bad) < LEAST or len(good) < LEAST:
        return {}
    always = [p for p in params if all(p in g for g in good)]
    if always and all(any(p not in c.arguments for p in always) for c in bad):
        return {"required": always}
    group = [p for p in params if all(p not in c.arguments for c in bad) and any(p in g for g in good)]
    named = [p for p in group if all(p.lower() in c.live.text.lower() for c in bad)]
    for candidate in (named, group):
        if candidate and all(any(p in g for p in candidate) for g in good):
            return {"needs": [candidate]}
    return {}


def _references(calls: list[Compared], twin: Twin, setup: Setup) -> Facts:
    tool = calls[0].tool
    out: Facts = {}
    unknown = [c for c in calls if c.live.error == "not_found" and c.twin.ok]
    keys = {n for n, q in twin.tool(tool).params.items() if q.role == "key"}
    for p in _blamed(unknown, lambda c: c.live.text):
        entity = _entity(p, tool, twin, setup)
        if entity is not None and p not in keys:
            out.setdefault("refers", {})[p] = entity
    if twin.tool(tool).effect == "write":
        free = [c for c in calls if c.twin.error == "not_found" and c.live.ok]
        loose = [p for p in _blamed(free, lambda c: c.twin.text) if p not in keys]
        if loose:
            out["unchecked"] = loose
    return out


def _refused(calls: list[Compared]) -> Facts:
    """States of a row's life in which the live tool refuses what the lifted one does."""
    states = sorted({c.state for c in calls if c.state is not None})
    refused = {}
    for state in states:
        for kind in ("not_found", "precondition"):
            other = ("not_found",) if kind == "not_found" else ("precondition", "invalid_arguments", "other")

            def there(c: Compared, state: str = state) -> bool:
                return c.state == state and c.twin.ok

            def says_no(c: Compared, errors: tuple[str, ...] = other) -> bool:
                return c.live.error in errors

            if _shown(calls, there, says_no):
                refused[state] = kind
    return {"refused_in": refused} if refused else {}


def _blamed(calls: list[Compared], text: Callable[[Compared], str]) -> list[str]:
    """Top parameters given in all of the calls, a value of which stands in every error text."""
    if len(calls) < LEAST:
        return []
    common = set.intersection(*(set(c.arguments) for c in calls))
    return sorted(
        p
        for p in common
        if all(any(isinstance(v, str) and v and v in text(c) for _, v in leaves(c.arguments[p])) for c in calls)
    )


def _entity(param: str, tool: str, twin: Twin, setup: Setup) -> str | None:
    """The entity whose key shares the pool of `param`: what the parameter refers to."""
    where = {p: name for name, pool in setup.pools.items() for p in pool.params}
    pool = where.get(f"{tool}.{param}") or where.get(param)
    if pool is None:
        return None
    for name in twin.home:
        for n, p in twin.tool(name).params.items():
            same = (where.get(f"{name}.{n}") or where.get(n)) == pool
            if same and p.role == "key" and p.required:
                return p.entity or twin.tool(name).of
    return None
