"""Mutations of Python source, one place each, found on the syntax tree and made in the text, so that all else stays as
it was."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple


class Mutation(NamedTuple):
    """`start` and `end` are offsets in the source. `cause` is a sentence for the report, about function `where`."""

    operator: str
    where: str
    start: int
    end: int
    text: str
    cause: str

    def apply(self, source: str) -> str:
        return source[: self.start] + self.text + source[self.end :]


_COMPARE = {
    ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">"), ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="), ast.In: ("in", "not in"), ast.NotIn: ("not in", "in"), ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
}  # fmt: skip
_ARITHMETIC = {
    ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "+"), ast.FloorDiv: ("//", "%"), ast.Mod: ("%", "//"),
}  # fmt: skip
_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
_METHODS = {"strip", "lower", "upper", "copy", "rstrip", "title"}
_SWAPPED = {"append": "remove", "startswith": "endswith", "endswith": "startswith", "setdefault": "get",
            "split": "rsplit", "ljust": "rjust", "rjust": "ljust"}  # fmt: skip


def mutations(source: str) -> list[Mutation]:
    """Every mutation of the functions in a module, in the order of the text."""
    tree = ast.parse(source)
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line.encode()))
    found: list[Mutation] = []
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            maker = _Maker(source, starts, function.name)
            body = function.body[1:] if _documented(function) else function.body
            for statement in body:
                found += maker.statement(statement, last=statement is function.body[-1])
    return sorted(set(found), key=lambda m: (m.start, m.operator, m.text))


def _documented(function: ast.FunctionDef) -> bool:
    first = function.body[0]
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)


class _Maker:
    def __init__(self, source: str, starts: list[int], where: str) -> None:
        if not source.isascii():
            raise ValueError("offsets are those of bytes: the source has to be ASCII")
        self._source, self._starts, self._where = source, starts, where

    def statement(self, node: ast.stmt, last: bool) -> Iterator[Mutation]:
        if isinstance(node, ast.FunctionDef):
            return  # walked by itself
        yield from self._dropped(node, last)
        for child in ast.walk(node):
            yield from self._expression(child)

    def _at(self, node: ast.AST) -> tuple[int, int]:
        line, column, end_line, end = node.lineno, node.col_offset, node.end_lineno, node.end_col_offset  # type: ignore[attr-defined]
        return self._starts[line - 1] + column, self._starts[end_line - 1] + end

    def _between(
        self, left: ast.AST, right: ast.AST, old: str, new: str, operator: str, cause: str
    ) -> Iterator[Mutation]:
        """The operator that stands between two nodes, replaced."""
        start, end = self._at(left)[1], self._at(right)[0]
        at = self._source.find(old, start, end)
        if at >= 0:
            yield Mutation(operator, self._where, at, at + len(old), new, cause)

    def _whole(self, node: ast.AST, text: str, operator: str, cause: str) -> Mutation:
        return Mutation(operator, self._where, *self._at(node), text, cause)

    def _without(self, node: ast.AST, operator: str, cause: str) -> Mutation:
        """The statement's lines taken out; `pass` in its place where it is alone in its block."""
        start, end = self._at(node)
        line = self._source.rfind("\n", 0, start) + 1
        after = self._source.find("\n", end) + 1 or len(self._source)
        try:
            ast.parse(self._source[:line] + self._source[after:])
        except SyntaxError:
            return Mutation(operator, self._where, start, end, "pass", cause)
        return Mutation(operator, self._where, line, after, "", cause)

    def _text(self, node: ast.AST) -> str:
        start, end = self._at(node)
        return self._source[start:end]

    def _dropped(self, node: ast.stmt, last: bool) -> Iterator[Mutation]:
        """A guard or an effect that is missing."""
        for child in ast.walk(node):
            guard = isinstance(child, ast.If) and not child.orelse and len(child.body) == 1
            if guard and isinstance(child.body[0], ast.Raise | ast.Continue | ast.Return):  # type: ignore[attr-defined]
                test = self._text(child.test)  # type: ignore[attr-defined]
                yield self._without(child, "guard_missing", f"`{self._where}` lacked the check `if {test}`.")
            effect = isinstance(child, ast.AugAssign) or (
                isinstance(child, ast.Expr) and isinstance(child.value, ast.Call)
            )
            if effect and not (child is node and last):
                text = self._text(child).split("\n")[0]
                yield self._without(child, "effect_missing", f"`{self._where}` lacked the line `{text}`.")

    def _expression(self, node: ast.AST) -> Iterator[Mutation]:
        said = f"`{self._where}`"
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            old, new = _COMPARE[type(node.ops[0])]
            cause = f"in {said} the comparison was `{new}` where `{old}` is right."
            yield from self._between(node.left, node.comparators[0], old, new, "comparison", cause)
        elif isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC and not _texts(node):
            old, new = _ARITHMETIC[type(node.op)]
            cause = f"in {said} the operator was `{new}` where `{old}` is right."
            yield from self._between(node.left, node.right, old, new, "arithmetic", cause)
        elif isinstance(node, ast.BoolOp):
            old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
            cause = f"in {said} two conditions were joined by `{new}` instead of `{old}`."
            yield from self._between(node.values[0], node.values[1], old, new, "connective", cause)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield self._whole(node, self._text(node.operand), "negation", f"in {said} a `not` was missing.")
        elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add | ast.Sub):
            old, new = ("+=", "-=") if isinstance(node.op, ast.Add) else ("-=", "+=")
            cause = f"{said} used `{new}` where `{old}` is right."
            yield from self._between(node.target, node.value, old, new, "accumulation", cause)
            cause = f"{said} used `=` where `{old}` is right."
            yield from self._between(node.target, node.value, old, "=", "accumulation", cause)
        elif isinstance(node, ast.Constant):
            yield from self._constant(node, said)
        elif isinstance(node, ast.Call):
            yield from self._call(node, said)
        elif isinstance(node, ast.IfExp):
            text = f"{self._text(node.orelse)} if {self._text(node.test)} else {self._text(node.body)}"
            yield self._whole(node, text, "branches", f"in {said} the two branches of a condition were exchanged.")

    def _constant(self, node: ast.Constant, said: str) -> Iterator[Mutation]:
        if isinstance(node.value, bool):
            cause = f"in {said} a flag was `{not node.value}` instead of `{node.value}`."
            yield self._whole(node, str(not node.value), "flag", cause)
        elif isinstance(node.value, int):
            other = node.value + 1 if node.value < 2 else node.value - 1
            cause = f"in {said} a number was `{other}` instead of `{node.value}`."
            yield self._whole(node, str(other), "number", cause)

    def _call(self, node: ast.Call, said: str) -> Iterator[Mutation]:
        name = node.func
        if isinstance(name, ast.Name) and name.id in _NAMES:
            new = _NAMES[name.id]
            yield self._whole(name, new, "builtin", f"{said} called `{new}` where `{name.id}` is right.")
        if isinstance(name, ast.Attribute):
            if name.attr in _METHODS and not node.args:
                text = self._text(name.value)
                yield self._whole(node, text, "call_missing", f"in {said} the call of `{name.attr}` was missing.")
            if name.attr in _SWAPPED:
                start, end = self._at(name)
                new = _SWAPPED[name.attr]
                cause = f"{said} called `{new}` where `{name.attr}` is right."
                yield Mutation("method", self._where, end - len(name.attr), end, new, cause)
        if len(node.args) >= 2 and all(isinstance(one, ast.Name | ast.Attribute) for one in node.args[:2]):
            first, second = node.args[:2]
            start, end = self._at(first)[0], self._at(second)[1]
            text = f"{self._text(second)}, {self._text(first)}"
            cause = f"in {said} two arguments stood in the wrong order."
            yield Mutation("argument_order", self._where, start, end, text, cause)
        for keyword in node.keywords:
            if keyword.arg == "reverse":
                cause = f"in {said} the sort order was wrong."
                text = f"not {self._text(keyword.value)}" if not isinstance(keyword.value, ast.Constant) else "False"
                yield self._whole(keyword.value, text, "sort_order", cause)


def _texts(node: ast.BinOp) -> bool:
    """Whether it joins texts or lists rather than adding numbers."""
    return any(
        isinstance(side, ast.JoinedStr | ast.List) or (isinstance(side, ast.Constant) and isinstance(side.value, str))
        for side in (node.left, node.right)
    )
