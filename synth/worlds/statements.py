"""The core statements by their keys: what each must and may hold. One table for the compiler, the JSON Schema and the
reference (docs/worlds.md)."""

from __future__ import annotations

from typing import Any, NamedTuple

from synth.errors import SpecError


class Form(NamedTuple):
    """Keys besides the one that names the statement."""

    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()


STATEMENTS: dict[str, Form] = {
    "let": Form(),
    "load": Form(("from", "key", "else"), ("by", "ambiguous")),
    "find": Form(("from",), ("where",)),
    "require": Form(("else",), ("with",)),
    "when": Form(("do",), ("otherwise",)),
    "each": Form(("in", "do")),
    "append": Form(("value",)),
    "insert": Form((), ("given", "row", "like", "as")),
    "set": Form(("of",), ("given", "to")),
    "delete": Form(("of",)),
    "return": Form(),
    "use": Form(),
}
TYPES: dict[str, Any] = {
    **dict.fromkeys(("let", "with", "given", "row", "to"), dict),
    **dict.fromkeys(("do", "otherwise", "where", "by"), list),
}  # of what stands under a key; the others are texts
_EXPRESSIONS = ("require", "when", "return")


class Made(dict[str, Any]):
    """A statement that lowering alone makes (`series`, `batch`): no body holds one, so its keys need no check."""

    def __init__(self, kind: str, keys: dict[str, Any]) -> None:
        super().__init__(keys)
        self.kind = kind


def kind_of(stmt: Any, where: str) -> str:
    """The statement's kind. SpecError where it has none, lacks a key, has one too many, or one of the wrong type."""
    if not isinstance(stmt, dict):
        raise SpecError(where, f"a statement is a mapping, not {stmt!r}")
    kinds = [k for k in STATEMENTS if k in stmt]
    if not kinds:
        keys = ", ".join(sorted(map(str, stmt)))
        raise SpecError(where, f"unknown statement with keys {keys}; known are {', '.join(STATEMENTS)}")
    kind = kinds[0]
    form = STATEMENTS[kind]
    for key in form.needs:
        if key not in stmt:
            raise SpecError(where, f"`{kind}` needs `{key}`")
    for key, value in stmt.items():
        if key != kind and key not in form.needs + form.may:
            allowed = ", ".join(form.needs + form.may) or "nothing else"
            raise SpecError(where, f"`{kind}` has no `{key}`; it takes {allowed}")
        wanted = TYPES.get(key, str)
        if key in _EXPRESSIONS and not isinstance(value, str):
            raise SpecError(f"{where}.{key}", f"an expression is a text, not {value!r}")
        if not isinstance(value, wanted):
            name = {dict: "a mapping", list: "a list", str: "a text"}[wanted]
            raise SpecError(f"{where}.{key}", f"is {name}, not {value!r}"[:200])
    return kind
