"""Functions on graphs given as lists of edges."""

from __future__ import annotations

import itertools
import random
from typing import Any

from synth.code.functions.base import Case, Function

Edges = list[tuple[str, str, int]]
_NODES = "abcdefg"


def _edges(rng: random.Random, acyclic: bool) -> Edges:
    nodes = _NODES[: rng.randint(3, 7)]
    found = {}
    for _ in range(rng.randint(1, 10)):
        a, b = rng.sample(nodes, 2)
        if acyclic and a > b:
            a, b = b, a
        found[a, b] = (a, b, rng.randint(1, 9))
    edges = list(found.values())
    rng.shuffle(edges)
    return edges


def graph_queries(rng: random.Random) -> Function:
    """Routes, reachable nodes, layers, parts and loops of a graph."""
    what = rng.choice(["route", "cost", "reach", "layers", "parts", "loop", "critical"])
    directed = what in ("layers", "loop", "critical") or rng.random() < 0.5
    blocked = rng.random() < 0.5 and what in ("route", "cost", "reach")
    most = rng.choice([0, 2, 3]) if what in ("cost", "reach") else 0
    heavy = rng.choice([0, 7, 8]) if what not in ("layers", "critical") else 0
    rules = ["An edge is a tuple (from, to, length); nodes are texts, lengths whole numbers from 1."]
    rules.append("Edges can be used from `from` to `to` only." if directed else "Edges can be used in both directions.")
    if heavy:
        rules.append(f"Edges longer than {heavy} are ignored, as if they were not there.")
    if blocked:
        rules.append("Nodes in the list `closed` can be neither entered nor left, not even as start or goal.")
    ends = "start, goal" if what in ("route", "cost") else "start" if what == "reach" else ""
    params = ", ".join(["edges", *([ends] if ends else []), *(["closed"] if blocked else [])])
    limit = f" of at most {most} edges" if most else ""
    rules += {
        "route": ["The result is the list of nodes of the route from `start` to `goal` with the fewest edges, both included; of several such routes the first in alphabetical order.",
                  "None where there is no route. A route from a node to itself is that node alone, also for a node without edges."],
        "cost": [f"The result is the smallest total length of a route{limit} from `start` to `goal`, None where there is none.",
                 "A node has length 0 to itself."],
        "reach": [f"The result is the sorted list of nodes that can be reached from `start` by a route{limit}, `start` itself left out."],
        "layers": ["An edge says that `from` has to be done before `to`. The result is a list of sorted lists: first the nodes that need nothing, then those that need only nodes of lists before, and so on.",
                   "Every node stands in the earliest list possible. Where some nodes can never be done, ValueError is raised."],
        "parts": ["Two nodes belong together where there is a route from one to the other" + (" in each direction." if directed else "."),
                  "The result is the list of groups of nodes that belong together, each a sorted list; larger groups first, equal ones in alphabetical order."],
        "loop": ["The result is the smallest number of edges of a closed route (from a node back to itself), None where there is none."],
        "critical": ["An edge says that `from` has to be done before `to`, and that `to` can be finished `length` days after `from` at the earliest. Nodes that need nothing are finished at day 0.",
                     "The result is a dict from each node to the day on which it can be finished at the earliest. ValueError is raised where some nodes can never be done."],
    }[what]  # fmt: skip
    name = {"route": "find_route", "cost": "cheapest", "reach": "reachable", "layers": "build_order", "parts": "groups",
            "loop": "shortest_loop", "critical": "earliest_days"}[what]  # fmt: skip
    head = [
        f"def _neighbours(edges{', closed' if blocked else ''}):",
        "    found = {}",
        "    for a, b, length in edges:",
    ]
    if heavy:
        head += [f"        if length > {heavy}:", "            continue"]
    if blocked:
        head += ["        if a in closed or b in closed:", "            continue"]
    head += ["        found.setdefault(a, []).append((b, length))", "        found.setdefault(b, [])" if directed
             else "        found.setdefault(b, []).append((a, length))", "    return found", "", ""]  # fmt: skip
    start = f"    near = _neighbours(edges{', closed' if blocked else ''})"
    body = {
        "route": [*(["    if start in closed or goal in closed:", "        return None"] if blocked else []),
                  "    routes, seen = [[start]], {start}", "    while routes:", "        done = sorted(r for r in routes if r[-1] == goal)",
                  "        if done:", "            return done[0]", "        longer = {}", "        for route in sorted(routes):",
                  "            for node, _ in near.get(route[-1], []):", "                if node not in seen:",
                  "                    longer.setdefault(node, route + [node])", "        seen |= set(longer)",
                  "        routes = list(longer.values())", "    return None"],
        "cost": [*(["    if start in closed or goal in closed:", "        return None"] if blocked else []),
                 "    best = {start: 0}", f"    for _ in range({most or 'len(near)'}):", "        better = dict(best)",
                 "        for node, length in best.items():", "            for other, more in near.get(node, []):",
                 "                better[other] = min(better.get(other, length + more), length + more)", "        best = better",
                 "    return best.get(goal)"],
        "reach": [*(["    if start in closed:", "        return []"] if blocked else []), "    seen, edge = {start}, {start}",
                  f"    for _ in range({most or 'len(near)'}):",
                  "        edge = {other for node in edge for other, _ in near.get(node, [])} - seen", "        seen |= edge",
                  "    return sorted(seen - {start})"],
        "layers": ["    left, found = set(near), []", "    while left:",
                   "        waiting = {other for node in left for other, _ in near[node]}", "        ready = sorted(left - waiting)",
                   "        if not ready:", "            raise ValueError('a loop')", "        found.append(ready)",
                   "        left -= set(ready)", "    return found"],
        "parts": ["    reach = {}", "    for node in near:", "        seen, todo = {node}, [node]", "        while todo:",
                  "            for other, _ in near[todo.pop()]:", "                if other not in seen:",
                  "                    seen.add(other)", "                    todo.append(other)", "        reach[node] = seen",
                  "    found = {tuple(sorted(o for o in reach[node] if node in reach[o])) for node in near}",
                  "    return [list(group) for group in sorted(found, key=lambda group: (-len(group), group))]"],
        "loop": ["    best = None", "    for node in near:", "        edge, seen = {node}, set()", "        for steps in range(1, len(near) + 1):",
                 "            edge = {other for one in edge for other, _ in near[one]} - seen", "            seen |= edge",
                 "            if node in edge:", "                best = steps if best is None else min(best, steps)",
                 "                break", "    return best"],
        "critical": ["    days, waiting = {}, {node: [] for node in near}", "    for a, b, length in edges:",
                     "        waiting[b].append((a, length))", "    while len(days) < len(near):", "        before = len(days)",
                     "        for node, needs in waiting.items():", "            if node not in days and all(a in days for a, _ in needs):",
                     "                days[node] = max((days[a] + length for a, length in needs), default=0)",
                     "        if len(days) == before:", "            raise ValueError('a loop')", "    return days"],
    }[what]  # fmt: skip
    cases: list[Case] = []
    while len(cases) < 26:
        edges = _edges(rng, what in ("layers", "critical") and rng.random() < 0.75)
        nodes = sorted({n for a, b, _ in edges for n in (a, b)})
        case: list[Any] = [edges]
        if ends:
            case += rng.sample(nodes, 2) if ends == "start, goal" else [rng.choice(nodes)]
        if blocked:
            case.append(rng.sample(nodes, rng.randint(0, 1)))
        cases.append(tuple(case))

    def truth(edges: Edges, *rest: Any) -> Any:
        closed = rest[-1] if blocked else []
        usable = [(a, b, w) for a, b, w in edges if not (heavy and w > heavy) and a not in closed and b not in closed]
        if not directed:
            usable += [(b, a, w) for a, b, w in usable]
        nodes = sorted({n for a, b, _ in usable for n in (a, b)})
        far = dict.fromkeys(itertools.product(nodes, nodes), 99999)
        for a, b, _ in usable:
            far[a, b] = 1
        for k, a, b in itertools.product(nodes, nodes, nodes):
            far[a, b] = min(far[a, b], far[a, k] + far[k, b])
        if what == "loop":
            return min((far[n, n] for n in nodes if far[n, n] < 99_999), default=None)
        if what == "parts":
            both = {n: [n, *(m for m in nodes if m != n and max(far[n, m], far[m, n]) < 99_999)] for n in nodes}
            groups = {tuple(sorted(group)) for group in both.values()}
            return sorted((list(g) for g in groups), key=lambda g: (-len(g), g))
        if what in ("layers", "critical"):
            if any(far[n, n] < 99_999 for n in nodes):
                raise ValueError
            depth: dict[str, int] = {}
            for n in sorted(nodes, key=lambda n: sum(far[m, n] < 99_999 for m in nodes)):
                steps = [depth[a] + (w if what == "critical" else 1) for a, b, w in usable if b == n]
                depth[n] = max(steps, default=0)
            if what == "critical":
                return depth
            return [sorted(n for n in nodes if depth[n] == d) for d in range(max(depth.values()) + 1)]
        if what == "reach":
            return (
                [n for n in nodes if n != rest[0] and rest[0] in nodes and far[rest[0], n] <= (most or 99_998)]
                if rest[0] not in closed
                else []
            )
        begin, goal = rest[0], rest[1]
        if begin in closed or goal in closed:
            return None
        if begin == goal:
            return [begin] if what == "route" else 0
        routes: list[tuple[Any, ...]] = []
        for size in range(len(nodes) - 1):
            for inner in itertools.permutations([n for n in nodes if n not in (begin, goal)], size):
                path = [begin, *inner, goal]
                weights = [[w for a, b, w in usable if (a, b) == step] for step in itertools.pairwise(path)]
                if all(weights) and not (most and len(weights) > most):
                    routes.append((len(path), path) if what == "route" else (sum(map(min, weights)),))
        best = min(routes, default=None)
        return None if best is None else best[-1]

    return Function(name, rng.choice(["network", "graph", "links"]), f"a graph function ({name.replace('_', ' ')})", f"({params})",
                    "Answer a question about the graph given by its list of edges.", rules,
                    "\n".join([*head, f"def {name}({params}):", "    DOC", start, *body]) + "\n", cases, truth,
                    {"what": what, "directed": directed, "blocked": blocked, "most": most, "heavy": heavy})  # fmt: skip
