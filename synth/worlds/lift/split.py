"""A server's tools become worlds: connected components over their tables, cut and packed to size."""

from __future__ import annotations

from collections.abc import Mapping

MAX_TOOLS = 25
SMALL = 4  # components below this many tools are pooled with others of their server


def components(touch: Mapping[str, frozenset[str]], owner: Mapping[str, str]) -> list[list[str]]:
    """Groups of tool names. `touch`: entities a tool names; `owner`: the one it works on, in `touch` order."""
    groups = _connected(touch, frozenset())
    out: list[list[str]] = []
    for group in groups:
        out += [group] if len(group) <= MAX_TOOLS else _cut({t: touch[t] for t in group}, owner)
    return _pool(out)


def _connected(touch: Mapping[str, frozenset[str]], cut: frozenset[str]) -> list[list[str]]:
    """Components of tools that share an entity outside `cut`."""
    root: dict[str, str] = {}

    def find(x: str) -> str:
        while root.setdefault(x, x) != x:
            root[x] = root[root[x]]
            x = root[x]
        return x

    for tool, entities in touch.items():
        for e in sorted(entities - cut):
            root[find("e:" + e)] = find("t:" + tool)
        find("t:" + tool)
    groups: dict[str, list[str]] = {}
    for tool in touch:
        groups.setdefault(find("t:" + tool), []).append(tool)
    return list(groups.values())


def _cut(touch: dict[str, frozenset[str]], owner: Mapping[str, str]) -> list[list[str]]:
    """Split one large component: entities that many others hang on stop to connect, until the pieces fit; pieces are
    then packed around the hub they hang on."""
    degree: dict[str, set[str]] = {}
    for tool, entities in touch.items():
        for e in entities:
            degree.setdefault(e, set()).update(owner[t] for t in [tool])
    hubs = sorted(degree, key=lambda e: (-len(degree[e]), e))
    cut: frozenset[str] = frozenset()
    pieces = [list(touch)]
    for hub in hubs:
        if all(len(p) <= MAX_TOOLS for p in pieces) or len(degree[hub]) < 2:
            break
        cut |= {hub}
        own = {t: frozenset({owner[t]}) if owner[t] in cut else touch[t] - cut for t in touch}
        pieces = _connected(own, frozenset())
    out: list[list[str]] = []
    for piece in pieces:
        out += [piece] if len(piece) <= MAX_TOOLS else _by_owner(piece, owner)
    return _pack(out, touch, owner)


def _by_owner(piece: list[str], owner: Mapping[str, str]) -> list[list[str]]:
    """Last resort: by the entity worked on, then in chunks."""
    groups: dict[str, list[str]] = {}
    for t in piece:
        groups.setdefault(owner[t], []).append(t)
    return [g[i : i + MAX_TOOLS] for g in groups.values() for i in range(0, len(g), MAX_TOOLS)]


def _pack(pieces: list[list[str]], touch: Mapping[str, frozenset[str]], owner: Mapping[str, str]) -> list[list[str]]:
    """Join pieces while the sum fits, preferring those that share an entity."""
    pieces = sorted(pieces, key=lambda p: -len(p))
    entities = [frozenset(e for t in p for e in touch[t]) for p in pieces]
    out: list[list[str]] = []
    seen: list[frozenset[str]] = []
    for piece, names in zip(pieces, entities, strict=True):
        best, shared = -1, 0
        for i, world in enumerate(out):
            common = len(names & seen[i])
            if len(world) + len(piece) <= MAX_TOOLS and common > shared:
                best, shared = i, common
        if best < 0:
            out.append(list(piece))
            seen.append(names)
        else:
            out[best] += piece
            seen[best] |= names
    return out


def _pool(groups: list[list[str]]) -> list[list[str]]:
    """Small components of one server live together: one application, a few unconnected corners."""
    large = [g for g in groups if len(g) >= SMALL]
    pool: list[list[str]] = []
    for g in groups:
        if len(g) < SMALL:
            if pool and len(pool[-1]) + len(g) <= MAX_TOOLS - 5:
                pool[-1] += g
            else:
                pool.append(list(g))
    if pool and len(pool[-1]) < SMALL and large:  # a lone profile belongs to the application it stands in
        room = min(large, key=len)
        if len(room) + len(pool[-1]) <= MAX_TOOLS:
            room += pool.pop()
    return large + pool
