"""The shortest way to end an expression, and what it costs in tokens; so that a call is closed before its budget ends.

Costs add up piece by piece (a literal is one piece, a character another) and the pieces are fed as they were counted,
so a cost is never too low.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import pairwise

from model_core.enforcer.expr import LAST, Builder, Node, in_ranges

_STATES = 3_000  # of one intersection
_NEVER = 1 << 30
_NICE = [ord(c) for c in "a0A-_./"]


class TooManyStatesError(ValueError):
    """An intersection is too large to look through."""


class Closer:
    """Costs and shortest texts of one builder's expressions, in tokens as `count` counts them."""

    def __init__(self, make: Builder, count: Callable[[str], int]) -> None:
        self.make, self.count = make, count
        self._cost: dict[int, int] = {}
        self._bound: dict[int, int] = {}
        self._exits: dict[int, tuple[int, str, Node | None]] = {}  # of states of intersections

    def cost(self, node: Node) -> int:
        """Tokens to the nearest end; `_NEVER` and more where there is none."""
        found = self._cost.get(node.id)
        if found is None:
            found = self._cost[node.id] = self._find_cost(node)
        return found

    def ends(self, node: Node) -> bool:
        """Whether there is an end at all."""
        return self.cost(node) < _NEVER

    def pieces(self, node: Node) -> list[str]:
        """The text of the nearest end, in the pieces that `cost` counted."""
        kind, args = node.kind, node.args
        if node.nullable:
            return []
        if kind == "lit":
            return [args[0]]
        if kind == "char":
            return [chr(_nice(args[0]))]
        if kind == "seq":
            return self.pieces(args[0]) + self.pieces(args[1])
        if kind == "alt":
            return self.pieces(min(args, key=lambda option: (self.cost(option), option.id)))
        if kind == "rep":
            return self.pieces(args[0]) * args[1]
        if kind == "term":
            return self.pieces(args[0])
        if kind == "distinct":
            return self.pieces(self._next_value(node))
        if kind == "span":
            return [self._span_end(node)]
        self.cost(node)
        _, character, following = self._exits[node.id]
        return [] if following is None else [character, *self.pieces(following)]

    def bound(self, node: Node) -> int:
        """A cost that nothing exceeds which can come to stand from here."""
        found = self._bound.get(node.id)
        if found is None:
            found = self._bound[node.id] = max(self._find_bound(node), self.cost(node))
        return found

    def _find_cost(self, node: Node) -> int:
        kind, args = node.kind, node.args
        if node.nullable:
            return 0
        if kind == "lit":
            return self.count(args[0])
        if kind == "char":
            return self.count(chr(_nice(args[0])))
        if kind == "seq":
            return min(self.cost(args[0]) + self.cost(args[1]), _NEVER)
        if kind == "alt":
            return min(map(self.cost, args))
        if kind == "rep":
            return min(self.cost(args[0]) * args[1], _NEVER)
        if kind == "term":
            return self.cost(args[0])
        if kind == "distinct":
            return self.cost(self._next_value(node))
        if kind == "span":
            return self.count(self._span_end(node))
        if kind == "and":
            self._explore(node)
            return self._exits[node.id][0]
        return _NEVER

    def _find_bound(self, node: Node) -> int:
        kind, args = node.kind, node.args
        if kind == "lit":
            return len(args[0].encode())
        if kind == "seq":
            return max(min(self.bound(args[0]) + self.cost(args[1]), _NEVER), self.bound(args[1]))
        if kind == "alt":
            return max(map(self.bound, args))
        if kind == "rep":
            return min(self.bound(args[0]) + self.cost(args[0]) * max(args[1] - 1, 0), _NEVER)
        if kind == "term":
            return self.bound(args[0])
        if kind == "distinct":
            values, _, least, _ = args
            return (max(map(self.bound, values)) + 2) * max(least, 1)
        if kind == "span":
            return max((len(chunk.encode()) for chunk in args[0].chunks), default=0)
        if kind == "and":
            seen = self._explore(node)
            return max((self._exits[number][0] for number in seen if self._exits[number][0] < _NEVER), default=0)
        return self.cost(node)

    def _next_value(self, node: Node) -> Node:
        """The cheapest value not yet used, and what follows it."""
        options = self.make.opened(node)
        ways = options.args if options.kind == "alt" else (options,)
        return min(ways, key=lambda way: (self._head_cost(way), way.id))

    def _head_cost(self, way: Node) -> int:
        """Of the parts before the `distinct` that comes after them."""
        total = 0
        while way.kind == "seq":
            total += self.cost(way.args[0])
            way = way.args[1]
        return total

    def _span_end(self, node: Node) -> str:
        source, places = node.args
        starts = source.edges[:-1] if places is None else places
        ends = ((source.next_edge(place) - place, place) for place in starts if place < len(source.text))
        size, place = min(ends)
        text: str = source.text[place : place + size]
        return text

    def _explore(self, node: Node) -> list[int]:
        """Find the exits of all states of an intersection; the ids of these states."""
        nodes, before = _walk(self.make, node)
        best: dict[int, tuple[int, str, Node | None]] = {}
        queue: list[tuple[int, int]] = []
        for number, state in nodes.items():
            best[number] = (0, "", None) if state.nullable else (_NEVER, "", None)
            if state.nullable:
                heappush(queue, (0, number))
        while queue:
            cost, number = heappop(queue)
            if cost > best[number][0]:
                continue
            for origin, character in before.get(number, ()):
                total = cost + self.count(character)
                if total < best[origin][0]:
                    best[origin] = (total, character, nodes[number])
                    heappush(queue, (total, origin))
        self._exits.update(best)
        for number, exit_ in best.items():
            self._cost[number] = exit_[0]
        return list(best)


def has_text(make: Builder, node: Node) -> bool:
    """Whether an expression has any text at all; by walking its states."""
    return any(state.nullable for state in _walk(make, node)[0].values())


def _walk(make: Builder, start: Node) -> tuple[dict[int, Node], dict[int, list[tuple[int, str]]]]:
    """All states, and for each the states and characters that lead to it; one character for each class of them."""
    nodes = {start.id: start}
    before: dict[int, list[tuple[int, str]]] = {}
    waiting = [start]
    while waiting:
        state = waiting.pop()
        for character in _representatives(state):
            following = make.derive(state, character)
            if following is make.never:
                continue
            before.setdefault(following.id, []).append((state.id, character))
            if following.id not in nodes:
                if len(nodes) >= _STATES:
                    raise TooManyStatesError(f"the conditions on a string have more than {_STATES:,} states together")
                nodes[following.id] = following
                waiting.append(following)
    return nodes, before


def _representatives(node: Node) -> list[str]:
    cuts: set[int] = {0x20, LAST + 1}
    _cuts(node, cuts)
    edges = sorted(cut for cut in cuts if cut >= 0x20)
    return [chr(_nice(((low, high - 1),))) for low, high in pairwise(edges)]


def _cuts(node: Node, cuts: set[int]) -> None:
    """Where the classes of the next character begin and end."""
    kind, args = node.kind, node.args
    if kind == "lit":
        cuts.update((ord(args[0][0]), ord(args[0][0]) + 1))
    elif kind == "char":
        for low, high in args[0]:
            cuts.update((low, high + 1))
    elif kind == "seq":
        _cuts(args[0], cuts)
        if args[0].nullable:
            _cuts(args[1], cuts)
    elif kind in ("alt", "and"):
        for part in args:
            _cuts(part, cuts)
    elif kind in ("rep", "not", "term"):
        _cuts(args[0], cuts)


def _nice(ranges: tuple[tuple[int, int], ...]) -> int:
    """A plain character of a class."""
    return next((code for code in _NICE if in_ranges(code, ranges)), ranges[0][0])
