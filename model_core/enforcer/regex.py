"""A JSON Schema `pattern` as an expression over what may stand, unescaped, inside a JSON string.

Patterns are ECMA regular expressions that may match anywhere in the text. What the expression says is never more than
the pattern allows: characters that JSON would escape are left out of classes, `\\d` and `\\w` are ASCII.
"""

from __future__ import annotations

import re
import re._constants as sre  # type: ignore[import-not-found]
import re._parser as sre_parser  # type: ignore[import-not-found]
from typing import Any

from model_core.enforcer.expr import LAST, Builder, Node, Ranges, join_ranges, without

RAW: Ranges = without([(0x20, LAST)], [(0x22, 0x22), (0x5C, 0x5C), (0x7F, 0x9F), (0xD800, 0xDFFF)])
_DIGITS: Ranges = ((0x30, 0x39),)
_WORDS: Ranges = join_ranges([(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)])
_RARE_SPACES = (0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF)
_SPACES: Ranges = join_ranges(
    (code, code) for code in (*range(9, 14), *range(28, 33), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200C), *_RARE_SPACES)
)
_ASCII: Ranges = ((0, 0x7F),)
_ALL: Ranges = ((0, LAST),)
_ESCAPED = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_WIDEST = 100_000  # a repeat count beyond it means no limit


class PatternError(ValueError):
    """The pattern cannot be expressed; the message says which part."""


def pattern_expr(make: Builder, pattern: str) -> Node:
    """The texts that a pattern is found in. Raises `PatternError`."""
    try:
        parsed = sre_parser.parse(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternError(f"the pattern cannot be read ({error})") from error
    if parsed.state.flags & ~re.UNICODE.value:
        raise PatternError("the pattern sets flags")
    return _Reader(make).search(list(parsed), True, True)


class _Reader:
    def __init__(self, make: Builder) -> None:
        self.make = make
        self.anything = make.rep(make.char(RAW))

    def search(self, items: list[Any], before: bool, after: bool) -> Node:
        """The items with any text `before` and `after`, unless an anchor or these say otherwise."""
        if items and items[0] == (sre.AT, sre.AT_BEGINNING):
            items, before = items[1:], False
        if items and _is_end(items[-1]):
            items, after = items[:-1], False
        if items and items[0][0] in (sre.ASSERT, sre.ASSERT_NOT):
            return self._look(items, before, after)
        if any(_anchored(item) for item in items):
            return self._inside_groups(items, before, after)
        found = self.sequence(items)
        pad = [self.anything] if before else []
        return self.make.seq(*pad, found, *([self.anything] if after else []))

    def _look(self, items: list[Any], before: bool, after: bool) -> Node:
        kind, (direction, body) = items[0]
        if direction != 1 or before:
            raise PatternError("the pattern looks around other than ahead of its beginning")
        seen = self.search(list(body), False, True)
        rest = self.search(items[1:], False, after)
        return self.make.both(rest, self.make.no(seen) if kind == sre.ASSERT_NOT else seen)

    def _inside_groups(self, items: list[Any], before: bool, after: bool) -> Node:
        """Anchors within the first or the last group: once for each of the group's alternatives."""
        for place in (0, len(items) - 1):
            if _anchored(items[place]):
                ways = _alternatives(items[place])
                rest = (items[:place], items[place + 1 :])
                return self.make.alt(*(self.search(rest[0] + way + rest[1], before, after) for way in ways))
        raise PatternError("the pattern has an anchor in its middle")

    def sequence(self, items: list[Any]) -> Node:
        return self.make.seq(*(self.item(item) for item in items))

    def item(self, item: Any) -> Node:
        kind, value = item
        if kind == sre.LITERAL:
            return self.literal(chr(value))
        if kind in (sre.IN, sre.NOT_LITERAL, sre.ANY):
            return self.make.char(_raw_only(_class_of(kind, value)))
        if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            least, most, body = value
            return self.make.rep(self.sequence(list(body)), int(least), int(most) if int(most) < _WIDEST else None)
        if kind == sre.SUBPATTERN:
            if value[1] or value[2]:
                raise PatternError("the pattern sets flags")
            return self.sequence(list(value[3]))
        if kind == sre.BRANCH:
            return self.make.alt(*(self.sequence(list(way)) for way in value[1]))
        names = {sre.ASSERT: "looks ahead in its middle", sre.ASSERT_NOT: "looks ahead in its middle"}
        names[sre.GROUPREF] = "refers back to a group"
        raise PatternError(f"the pattern {names.get(kind, f'uses {str(kind).lower()}')}")

    def literal(self, character: str) -> Node:
        if character in _ESCAPED:
            return self.make.lit(_ESCAPED[character])
        if not _raw_only(((ord(character), ord(character)),)):
            raise PatternError(f"the pattern asks for the character {character!r}")
        return self.make.lit(character)


def _is_end(item: Any) -> bool:
    return bool(item[0] == sre.AT and item[1] in (sre.AT_END, sre.AT_END_STRING))


def _anchored(item: Any) -> bool:
    kind, value = item
    if kind == sre.AT:
        return True
    if kind == sre.SUBPATTERN:
        return any(map(_anchored, value[3]))
    if kind == sre.BRANCH:
        return any(_anchored(inner) for way in value[1] for inner in way)
    if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        return any(map(_anchored, value[2]))
    return False


def _alternatives(item: Any) -> list[list[Any]]:
    kind, value = item
    if kind == sre.BRANCH:
        return [list(way) for way in value[1]]
    if kind == sre.SUBPATTERN:
        return [list(value[3])]
    raise PatternError("the pattern has an anchor inside a repeat, or a word boundary")


def _class_of(kind: Any, value: Any) -> Ranges:
    if kind == sre.ANY:
        return without(_ALL, [(10, 10), (13, 13), (0x2028, 0x2029)])
    if kind == sre.NOT_LITERAL:
        return without(_ALL, [(value, value)])
    ranges: list[tuple[int, int]] = []
    negated = False
    for part, inner in value:
        if part == sre.NEGATE:
            negated = True
        elif part == sre.LITERAL:
            ranges.append((inner, inner))
        elif part == sre.RANGE:
            ranges.append(inner)
        else:
            ranges += _category(inner, negated)
    return without(_ALL, ranges) if negated else join_ranges(ranges)


def _category(name: Any, will_be_negated: bool) -> Ranges:
    """Narrow where it is asked for, wide where it is to be left out."""
    outside = _ALL if will_be_negated else _ASCII
    return {
        sre.CATEGORY_DIGIT: _DIGITS,
        sre.CATEGORY_NOT_DIGIT: without(outside, _DIGITS),
        sre.CATEGORY_WORD: _WORDS,
        sre.CATEGORY_NOT_WORD: without(outside, _WORDS),
        sre.CATEGORY_SPACE: _SPACES,
        sre.CATEGORY_NOT_SPACE: without(_ALL, _SPACES),
    }[name]


def _raw_only(ranges: Ranges) -> Ranges:
    return without(ranges, without(_ALL, RAW))
