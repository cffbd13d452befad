"""An expression written out as an llguidance grammar: terms become its lexemes, what holds them together its rules.

Literals stay apart (`{` and `"name": ` are two lexemes): the lexer takes the longest match and never goes back, so no
lexeme may begin like two others in a row.
"""

from __future__ import annotations

import json

from model_core.enforcer.expr import LAST, Node

MARKER_STEM = "<|tool_call"  # how all markers of tool calls begin
_STEM = r"/(?s:.*)<\|tool_call(?s:.*)/"


def write_lark(root: Node) -> str:
    """The grammar whose texts are those of `root`."""
    writer = _Writer()
    start = writer.rule(root)
    lines = [f"start: {start}", *writer.lines]
    if writer.open_text:
        lines.append(f"MARKER: {_STEM}")
    return "\n".join(lines) + "\n"


def free_text() -> str:
    """Any text that spells no marker."""
    return f"start: TEXT\nTEXT: /(?s:.*)/ & ~MARKER\nMARKER: {_STEM}\n"


class _Writer:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.open_text = False
        self._names: dict[int, str] = {}

    def rule(self, node: Node) -> str:
        """What stands for the node within a rule."""
        if node.kind == "lit":
            return json.dumps(node.args[0], ensure_ascii=False)
        if node.kind == "empty":
            return '""'
        name = self._names.get(node.id)
        if name is None:
            name = self._names[node.id] = f"{'T' if node.kind == 'term' else 'r'}{node.id}"
            self._define(name, node)
        return name

    def _define(self, name: str, node: Node) -> None:
        kind, args = node.kind, node.args
        if kind == "seq":
            body = " ".join(self.rule(part) for part in _chain(node))
        elif kind == "alt":
            body = " | ".join(self.rule(option) for option in args)
        elif kind == "rep":
            body = f"({self.rule(args[0])}){_times(args[1], args[2])}"
        elif kind == "term":
            self.open_text |= args[1]
            body = self.term(args[0])
            body = f"({body}) & ~MARKER" if args[1] else body
        elif kind == "distinct":
            self._define_distinct(name, node)
            return
        else:
            raise AssertionError(f"{kind} outside a term")
        self.lines.append(f"{name}: {body}")

    def _define_distinct(self, name: str, node: Node) -> None:
        values, _, least, most = node.args
        items = [self.rule(value) for value in values]
        first = [f"{item} {name}x::{hex(1 << place)}" for place, item in enumerate(items)]
        self.lines.append(f"{name}: " + " | ".join(([] if least else ['""']) + first))
        more = [
            f'", " {item} {name}x::set_bit({place}) %if and(bit_clear({place}), bit_count_lt(_, {most}))'
            for place, item in enumerate(items)
        ]
        end = f'"" %if bit_count_ge(_, {max(least, 1)})'
        self.lines.append(f"{name}x::_ : " + "\n  | ".join([end, *more]))

    def term(self, node: Node) -> str:
        """What stands for the node within a lexeme."""
        if not _has_logic(node):
            return f"/{_regex(node)}/"
        kind, args = node.kind, node.args
        if kind == "seq":
            return " ".join(self._named(part) for part in _chain(node))
        if kind == "alt":
            return " | ".join(self._named(option) for option in args)
        if kind == "rep":
            return self._named(args[0]) + _times(args[1], args[2])
        if kind == "and":
            return " & ".join(self._named(part) for part in args)
        if kind == "not":
            return "~" + self._named(args[0])
        if kind == "term":
            return self.term(args[0])
        source = args[0]  # a span; the empty one is left out
        chunks = self._line("S", node, "%regex " + json.dumps({"substring_chunks": source.chunks}, ensure_ascii=False))
        return f"{chunks} & /(?s:.+)/"

    def _named(self, node: Node) -> str:
        if not _has_logic(node):
            return f"/{_regex(node)}/"
        return self._names.get(node.id) or self._line("L", node, self.term(node))

    def _line(self, letter: str, node: Node, body: str) -> str:
        name = f"{letter}{node.id}"
        self.lines.append(f"{name}: {body}")
        return name


def _chain(node: Node) -> list[Node]:
    parts = []
    while node.kind == "seq":
        parts.append(node.args[0])
        node = node.args[1]
    return [*parts, node]


def _has_logic(node: Node) -> bool:
    """Whether it has what a plain regular expression cannot say."""
    if node.kind in ("and", "not", "span"):
        return True
    return any(_has_logic(arg) for arg in node.args if isinstance(arg, Node))


def _regex(node: Node) -> str:
    kind, args = node.kind, node.args
    if kind == "lit":
        return "".join(map(_escaped, args[0]))
    if kind == "char":
        return "[" + "".join(_range(low, high) for low, high in args[0]) + "]"
    if kind == "seq":
        return "".join(map(_regex, _chain(node)))
    if kind == "alt":
        options = "|".join(_regex(option) for option in args if option.kind != "empty")
        return f"({options})" + ("?" if any(option.kind == "empty" for option in args) else "")
    if kind == "rep":
        return f"({_regex(args[0])}){_times(args[1], args[2])}"
    if kind == "term":
        return _regex(args[0])
    if kind == "empty":
        return "()"
    raise AssertionError(f"{kind} inside a regular expression")


def _range(low: int, high: int) -> str:
    # Surrogates are no characters.
    if low < 0xD800 and high > 0xDFFF:
        return _range(low, 0xD7FF) + _range(0xE000, high)
    return _code(low) if low == high else f"{_code(low)}-{_code(min(high, LAST))}"


def _escaped(character: str) -> str:
    return character if character.isascii() and character.isalnum() else _code(ord(character))


def _code(code: int) -> str:
    character = chr(code)
    return character if character.isascii() and character.isalnum() else f"\\x{{{code:x}}}"


def _times(least: int, most: int | None) -> str:
    if most is None:
        return {0: "*", 1: "+"}.get(least, f"{{{least},}}")
    return "?" if (least, most) == (0, 1) else f"{{{least},{most}}}"
