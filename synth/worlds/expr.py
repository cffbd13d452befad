"""Expressions: a closed subset of CEL's surface syntax, own parser, compiled to closures.

    expr   = or ('?' expr ':' expr)?          or = and ('||' and)*        and = cmp ('&&' cmp)*
    cmp    = sum (('=='|'!='|'<'|'<='|'>'|'>='|'in') sum)?               sum = mul (('+'|'-') mul)*
    mul    = unary (('*'|'/'|'%') unary)*     unary = ('-'|'!')? post
    post   = prim ('.' name | '.' name '(' args ')' | '[' expr ']')*
    prim   = number | 'text' | true | false | null | name | fn '(' args ')' | '(' expr ')' | '[' args ']'
           | '{' (name ':' expr | '..' expr) ',' ... '}'

Total: null spreads through `.`, `[]` and arithmetic; an ordered comparison with null is false; `/ 0` is null; nothing
raises at run time but `Fuel` (bounded work). No recursion, no eval, no regular expressions from specs. What can be
known is checked when a world is loaded: unknown names, fields, functions, numbers of arguments and wrong types are a
SpecError with the column.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from synth.errors import SpecError

MAX_NODES = 200
MAX_DEPTH = 12  # nesting of brackets and operators a person can still read


class Node(NamedTuple):
    """One node of the syntax tree; `at` is the column in the source text."""

    kind: str
    at: int
    parts: tuple[Any, ...]


Env = dict[str, Any]
Closure = Callable[[Env], Any]

_TOKEN = re.compile(
    r"""\s*(?:(?P<num>\d+\.\d+|\d+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<str>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
    r"""|(?P<op>\|\||&&|==|!=|<=|>=|\.\.|[-+*/%<>!?:.,()\[\]{}]))"""
)
_ESCAPES = {"n": "\n", "t": "\t", "'": "'", '"': '"', "\\": "\\"}


def _tokens(text: str) -> list[tuple[str, Any, int]]:
    out: list[tuple[str, Any, int]] = []
    pos = 0
    while pos < len(text):
        if text[pos:].strip() == "":
            break
        m = _TOKEN.match(text, pos)
        if m is None:
            raise SpecError(f"column {pos + 1}", f"unexpected character {text[pos:].lstrip()[0]!r} in `{text}`")
        kind = str(m.lastgroup)
        raw = m.group(kind)
        value: Any = raw
        if kind == "num":
            value = float(raw) if "." in raw else int(raw)
        elif kind == "str":
            value = re.sub(r"\\(.)", lambda g: _ESCAPES.get(g.group(1), g.group(1)), raw[1:-1])
        out.append((kind, value, m.start(kind)))
        pos = m.end()
    out.append(("end", None, len(text)))
    return out


BINDERS = {
    "map", "filter", "all", "exists", "first", "sum", "count", "min", "max", "sort", "flat", "index", "group",
    "map_values",
    "rank",
}  # fmt: skip


_COMPARES = 2
_BINDS = {
    op: level for level, ops in enumerate(("|| ", "&&", "== != < <= > >= in", "+ -", "* / %")) for op in ops.split()
}


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.toks = _tokens(text)
        self.i = 0
        self.nodes = 0
        self.depth = 0

    def fail(self, message: str) -> SpecError:
        at = self.toks[min(self.i, len(self.toks) - 1)][2]  # the end may have been taken already
        return SpecError(f"column {at + 1}", f"{message} in `{self.text}`")

    def node(self, kind: str, at: int, *parts: Any) -> Node:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self.fail(f"more than {MAX_NODES} nodes")
        return Node(kind, at, parts)

    def peek(self, *ops: str) -> bool:
        kind, value, _ = self.toks[self.i]
        return (kind == "op" and value in ops) or (kind == "name" and value == "in" and "in" in ops)

    def take(self) -> tuple[str, Any, int]:
        tok = self.toks[self.i]
        self.i += 1
        return tok

    def expect(self, op: str) -> None:
        if not self.peek(op):
            raise self.fail(f"expected `{op}`")
        self.i += 1

    def whole(self) -> Node:
        out = self.expr()
        if self.toks[self.i][0] != "end":
            raise self.fail(f"unexpected `{self.toks[self.i][1]}`")
        return out

    def expr(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fail(f"nested deeper than {MAX_DEPTH}")
        at = self.toks[self.i][2]
        out = self.binary(0)
        if self.peek("?"):
            self.i += 1
            yes = self.expr()
            self.expect(":")
            out = self.node("if", at, out, yes, self.expr())
        self.depth -= 1
        return out

    def binary(self, least: int) -> Node:
        """Operators that bind at least as strongly as `least`, by precedence climbing; comparisons do not chain."""
        out = self.unary()
        most = _COMPARES + 1
        while True:
            kind, op, at = self.toks[self.i]
            level = _BINDS.get(op, -1) if kind == "op" or (kind == "name" and op == "in") else -1
            if level < least or (level == _COMPARES and most <= _COMPARES):
                return out
            self.i += 1
            out = self.node("op", at, op, out, self.binary(level + 1))
            most = min(most, level)

    def unary(self) -> Node:
        if self.peek("-", "!"):
            _, op, at = self.take()
            return self.node("neg" if op == "-" else "not", at, self.unary_operand())
        return self.post()

    def unary_operand(self) -> Node:
        return self.unary() if self.peek("-", "!") else self.post()

    def post(self) -> Node:
        out = self.prim()
        while True:
            if self.peek("."):
                _, _, at = self.take()
                kind, name, _ = self.take()
                if kind != "name":
                    raise self.fail("expected a name after `.`")
                if self.peek("("):
                    self.i += 1
                    out = self.method(at, out, str(name))
                else:
                    out = self.node("dot", at, out, name)
            elif self.peek("["):
                _, _, at = self.take()
                inner = self.expr()
                self.expect("]")
                out = self.node("at", at, out, inner)
            else:
                return out

    def method(self, at: int, target: Node, name: str) -> Node:
        if name in BINDERS and not self.peek(")"):
            kind, var, _ = self.take()
            if kind != "name" or not self.peek(","):
                raise self.fail(f".{name}(variable, expression) expected")
            self.expect(",")
            body = self.expr()
            extra: Node | None = None
            if self.peek(","):
                self.i += 1
                extra = self.expr()
            self.expect(")")
            return self.node("bind", at, name, target, var, body, extra)
        return self.node("method", at, name, target, self.args(")"))

    def args(self, close: str) -> tuple[Node, ...]:
        out: list[Node] = []
        while not self.peek(close):
            out.append(self.expr())
            if not self.peek(close):
                self.expect(",")
        self.expect(close)
        return tuple(out)

    def prim(self) -> Node:
        kind, value, at = self.take()
        if kind in ("num", "str"):
            return self.node("lit", at, value)
        if kind == "name":
            if value in ("true", "false", "null"):
                return self.node("lit", at, {"true": True, "false": False, "null": None}[value])
            if self.peek("("):
                self.i += 1
                return self.node("call", at, value, self.args(")"))
            return self.node("name", at, value)
        if kind == "op" and value == "(":
            inner = self.expr()
            self.expect(")")
            return inner
        if kind == "op" and value == "[":
            return self.node("list", at, self.args("]"))
        if kind == "op" and value == "{":
            return self.record(at)
        self.i -= 1
        raise self.fail("expected a value" if kind != "end" else "unexpected end")

    def record(self, at: int) -> Node:
        items: list[tuple[str | None, Node]] = []
        while not self.peek("}"):
            if self.peek(".."):
                self.i += 1
                items.append((None, self.expr()))
            else:
                kind, name, _ = self.take()
                if kind not in ("name", "str"):
                    self.i -= 1
                    raise self.fail("expected a field name")
                self.expect(":")
                items.append((str(name), self.expr()))
            if not self.peek("}"):
                self.expect(",")
        self.expect("}")
        return self.node("rec", at, tuple(items))


@lru_cache(maxsize=20_000)
def parse(text: str) -> Node:
    """Parse one expression; SpecError with the column on bad syntax."""
    return _Parser(text).whole()


class Scope(NamedTuple):
    """What a name may mean where an expression stands. `types` maps names to types (see synth.worlds.types); `entities`
    are the world's tables by name with the types of their fields."""

    types: Mapping[str, str]
    entities: Mapping[str, Mapping[str, str]]

    def with_(self, **types: str) -> Scope:
        return Scope({**self.types, **types}, self.entities)
