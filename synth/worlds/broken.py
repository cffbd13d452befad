"""Arguments that a tool has to refuse, made from ones that it accepts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from synth.worlds.simulate import CompiledTool

# one value per JSON type; a parameter gets the first whose type it does not take
_OTHERS: tuple[tuple[str, Any], ...] = (
    ("object", {"zz": 1}), ("array", [["zz"]]), ("boolean", True), ("number", 1.5), ("string", "zz none"),
)  # fmt: skip
NOBODY = "zz-no-such-member"


def broken_arguments(tool: CompiledTool, arguments: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    """(arguments, what is wrong with them): an unknown name, no object, and for every parameter the value missing,
    null, of another type or no member of its enum, as far as its schema speaks of these."""
    yield {**arguments, "surely_not_a_parameter_": 1}, "unknown argument"
    yield [arguments], "not an object"
    for name, p in tool.params.items():
        at = p.at or [name]
        node = _node(tool.input_schema, at)
        holder = _holder(arguments, at)
        if holder is None or node is None:
            continue  # its envelope is not there, or its place is inside a list
        given = at[-1] in holder
        if p.required and given and at[-1] in _required(tool.input_schema, at):
            yield _without(arguments, at), f"missing {name}"
        kinds = types_of(node)
        if kinds and "null" not in kinds and at[-1] in _required(tool.input_schema, at):
            yield _with(arguments, at, None), f"null {name}"
        if kinds:
            wrong = next((v for t, v in _OTHERS if t not in kinds and not (t == "number" and "integer" in kinds)), None)
            if wrong is not None:
                yield _with(arguments, at, wrong), f"{name} of another type"
        if kinds == {"string"} and node.get("enum"):
            yield _with(arguments, at, NOBODY), f"{name} not in its enum"


def types_of(node: Mapping[str, Any]) -> set[str]:
    """JSON types that a schema names; empty where it does not confine them."""
    kinds = node.get("type")
    if isinstance(kinds, str):
        return {kinds}
    if isinstance(kinds, list):
        return set(kinds)
    branches = node.get("anyOf") or node.get("oneOf")
    if not branches:
        return set()
    found = [types_of(b) if isinstance(b, dict) else set() for b in branches]
    return set().union(*found) if all(found) else set()


def _node(schema: Any, at: list[str]) -> dict[str, Any] | None:
    for step in at:
        schema = (schema.get("properties") or {}).get(step) if isinstance(schema, dict) else None
    return schema if isinstance(schema, dict) else None


def _required(schema: Any, at: list[str]) -> list[str]:
    parent = _node(schema, at[:-1])
    return list(parent.get("required") or []) if parent is not None else []


def _holder(arguments: Any, at: list[str]) -> dict[str, Any] | None:
    for step in at[:-1]:
        arguments = arguments.get(step) if isinstance(arguments, dict) else None
    return arguments if isinstance(arguments, dict) else None


def _with(arguments: dict[str, Any], at: list[str], value: Any) -> dict[str, Any]:
    head, *rest = at
    return {**arguments, head: _with(arguments[head], rest, value) if rest else value}


def _without(arguments: dict[str, Any], at: list[str]) -> dict[str, Any]:
    head, *rest = at
    if rest:
        return {**arguments, head: _without(arguments[head], rest)}
    return {k: v for k, v in arguments.items() if k != head}
