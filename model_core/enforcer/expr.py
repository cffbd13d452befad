"""Languages of text as small shared expressions, read one character at a time by derivatives (Brzozowski).

One expression serves twice: `lark.py` writes it out as the grammar that masks tokens, and `closing.py` finds the
shortest way to end it from wherever the text stands.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Any, Literal

Kind = Literal["never", "empty", "char", "lit", "seq", "alt", "rep", "and", "not", "term", "distinct", "span"]
Ranges = tuple[tuple[int, int], ...]  # code points, inclusive, ascending, apart
LAST = 0x10FFFF


class Node:
    """An expression. Made by `Builder` alone, which gives equal expressions the same object.

    `args` by kind: char (ranges), lit (text), seq (first, rest), alt and and (nodes...), rep (node, least, most or
    None), not (node), term (node, is it open text), distinct (values, used, least, most), span (source, places).
    """

    __slots__ = ("args", "id", "kind", "memo", "nullable")

    def __init__(self, kind: Kind, args: tuple[Any, ...], number: int, nullable: bool) -> None:
        self.kind, self.args, self.id, self.nullable = kind, args, number, nullable
        self.memo: dict[str, Node] = {}


class SpanSource:
    """A text in chunks (words, marks); a span of it is any run of whole chunks."""

    def __init__(self, chunks: list[str]) -> None:
        self.chunks = chunks
        self.text = "".join(chunks)
        self.edges: list[int] = [0]
        for chunk in chunks:
            self.edges.append(self.edges[-1] + len(chunk))
        self.is_edge = frozenset(self.edges)

    def next_edge(self, place: int) -> int:
        """The end of the chunk that `place` is in, or begins."""
        return self.edges[bisect_right(self.edges, place)] if place < len(self.text) else place


class Builder:
    """Makes expressions and remembers them; one per schema, so that they go when it goes."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Node] = {}
        self.has_open_keys = False  # objects with keys of one's own making
        self.never = self._make("never", (), False)
        self.empty = self._make("empty", (), True)

    def char(self, ranges: Iterable[tuple[int, int]]) -> Node:
        """One character of a class."""
        joined = join_ranges(ranges)
        return self._make("char", (joined,), False) if joined else self.never

    def one_of(self, characters: str) -> Node:
        """One of these characters."""
        return self.char((ord(c), ord(c)) for c in characters)

    def lit(self, text: str) -> Node:
        """Exactly this text."""
        return self._make("lit", (text,), False) if text else self.empty

    def seq(self, *parts: Node) -> Node:
        """One after another."""
        whole = self.empty
        for part in reversed(parts):
            whole = self._pair(part, whole)
        return whole

    def _pair(self, first: Node, rest: Node) -> Node:
        if first is self.never or rest is self.never:
            return self.never
        if first is self.empty:
            return rest
        if rest is self.empty:
            return first
        if first.kind == "seq":
            return self._pair(first.args[0], self._pair(first.args[1], rest))
        return self._make("seq", (first, rest), first.nullable and rest.nullable)

    def alt(self, *options: Node) -> Node:
        """Any of them."""
        flat: dict[int, Node] = {}
        for option in options:
            for node in option.args if option.kind == "alt" else (option,):
                if node is not self.never:
                    flat[node.id] = node
        if not flat:
            return self.never
        nodes = tuple(flat[number] for number in sorted(flat))
        if len(nodes) == 1:
            return nodes[0]
        return self._make("alt", nodes, any(node.nullable for node in nodes))

    def maybe(self, node: Node) -> Node:
        """It or nothing."""
        return self.alt(self.empty, node)

    def rep(self, node: Node, least: int = 0, most: int | None = None) -> Node:
        """From `least` to `most` of them; no limit where `most` is None."""
        if most is not None and most < least:
            return self.never
        if most == 0 or node is self.empty:
            return self.empty
        if node is self.never:
            return self.empty if least == 0 else self.never
        if least == most == 1:
            return node
        if node.nullable:
            least = 0
        return self._make("rep", (node, least, most), least == 0)

    def both(self, *parts: Node) -> Node:
        """What is in all of them."""
        flat: dict[int, Node] = {}
        for part in parts:
            for node in part.args if part.kind == "and" else (part,):
                flat[node.id] = node
        if self.never.id in flat:
            return self.never
        nodes = tuple(flat[number] for number in sorted(flat))
        if len(nodes) == 1:
            return nodes[0]
        return self._make("and", nodes, all(node.nullable for node in nodes))

    def no(self, node: Node) -> Node:
        """Any text that is not in it. Only beside another in `both`."""
        return node.args[0] if node.kind == "not" else self._make("not", (node,), not node.nullable)

    def term(self, node: Node, open_text: bool = False) -> Node:
        """A word of the grammar. `open_text`: the model's own words, which must not spell a marker of tool calls."""
        if node is self.never:
            return node
        return self._make("term", (node, open_text), node.nullable)

    def distinct(self, values: tuple[Node, ...], least: int, most: int, used: int = 0) -> Node:
        """Different ones of `values` in any order, ", " between them; `used` is a set of bits."""
        return self._make("distinct", (values, used, least, most), used.bit_count() >= least)

    def span(self, source: SpanSource, places: frozenset[int] | None = None) -> Node:
        """A run of whole chunks; `places` are where the text may stand in the source, None before the first."""
        if places is not None and not places:
            return self.never
        done = places is not None and any(place in source.is_edge for place in places)
        return self._make("span", (source, places), done)

    def derive(self, node: Node, character: str) -> Node:
        """What may follow once `character` was read."""
        found = node.memo.get(character)
        if found is None:
            found = node.memo[character] = self._derive(node, character)
        return found

    def after(self, node: Node, text: str) -> Node:
        """What may follow once `text` was read."""
        for character in text:
            node = self.derive(node, character)
        return node

    def opened(self, node: Node) -> Node:
        """A `distinct` with its next value spelled out."""
        values, used, least, most = node.args
        options = [self.empty] if node.nullable else []
        if used.bit_count() < most:
            between = self.lit(", ") if used else self.empty
            for place, value in enumerate(values):
                if not used >> place & 1:
                    options.append(self.seq(between, value, self.distinct(values, least, most, used | 1 << place)))
        return self.alt(*options)

    def _derive(self, node: Node, c: str) -> Node:
        kind, args = node.kind, node.args
        if kind == "lit":
            return self.lit(args[0][1:]) if args[0][0] == c else self.never
        if kind == "char":
            return self.empty if in_ranges(ord(c), args[0]) else self.never
        if kind == "seq":
            head = self._pair(self.derive(args[0], c), args[1])
            return self.alt(head, self.derive(args[1], c)) if args[0].nullable else head
        if kind == "alt":
            return self.alt(*(self.derive(option, c) for option in args))
        if kind == "rep":
            part, least, most = args
            rest = self.rep(part, max(least - 1, 0), None if most is None else most - 1)
            return self._pair(self.derive(part, c), rest)
        if kind == "and":
            return self.both(*(self.derive(part, c) for part in args))
        if kind == "not":
            return self.no(self.derive(args[0], c))
        if kind == "term":
            return self.derive(args[0], c)
        if kind == "distinct":
            return self.derive(self.opened(node), c)
        if kind == "span":
            return self._step_span(node, c)
        return self.never

    def _step_span(self, node: Node, c: str) -> Node:
        source, places = node.args
        text = source.text
        starts = source.edges if places is None else places
        return self.span(source, frozenset(p + 1 for p in starts if p < len(text) and text[p] == c))

    def _make(self, kind: Kind, args: tuple[Any, ...], nullable: bool) -> Node:
        key = (kind, *(("node", arg.id) if isinstance(arg, Node) else arg for arg in args))
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = Node(kind, args, len(self._known), nullable)
        return known


def join_ranges(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Ascending and apart."""
    joined: list[tuple[int, int]] = []
    for low, high in sorted(pair for pair in ranges if pair[0] <= pair[1]):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], high))
        else:
            joined.append((low, high))
    return tuple(joined)


def without(ranges: Iterable[tuple[int, int]], taken: Iterable[tuple[int, int]]) -> Ranges:
    """The characters of `ranges` that are not in `taken`."""
    left = list(join_ranges(ranges))
    for low, high in taken:
        left = [
            piece
            for first, last in left
            for piece in ((first, min(last, low - 1)), (max(first, high + 1), last))
            if piece[0] <= piece[1]
        ]
    return join_ranges(left)


def in_ranges(code: int, ranges: Ranges) -> bool:
    """Whether the character is in the class."""
    return any(low <= code <= high for low, high in ranges)


def lengths(node: Node) -> tuple[int, int | None]:
    """The fewest and most characters; None where there is no most. Of `and`, bounds from its parts."""
    kind, args = node.kind, node.args
    if kind == "lit":
        return len(args[0]), len(args[0])
    if kind == "char":
        return 1, 1
    if kind == "seq":
        (a, b), (c, d) = lengths(args[0]), lengths(args[1])
        return a + c, None if b is None or d is None else b + d
    if kind == "alt":
        pairs = [lengths(option) for option in args]
        tops = [most for _, most in pairs if most is not None]
        return min(least for least, _ in pairs), max(tops) if len(tops) == len(pairs) else None
    if kind == "rep":
        least, most = lengths(args[0])
        return least * args[1], None if most is None or args[2] is None else most * args[2]
    if kind == "and":
        pairs = [lengths(part) for part in args if part.kind != "not"]
        tops = [most for _, most in pairs if most is not None]
        return max(least for least, _ in pairs), min(tops, default=None)
    if kind == "term":
        return lengths(args[0])
    return 0, 0 if kind == "empty" else None


def capped_repeats(make: Builder, node: Node, most: int) -> Node:
    """The same with at most so many where there was no limit."""
    kind, args = node.kind, node.args
    if kind == "rep":
        part, least, top = args
        return make.rep(capped_repeats(make, part, most), least, max(most, least) if top is None else top)
    if kind in ("seq", "alt"):
        parts = [capped_repeats(make, part, most) for part in args]
        return make.seq(*parts) if kind == "seq" else make.alt(*parts)
    return node
