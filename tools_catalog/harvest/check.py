"""One listed tool, checked: a plain name, and schemas that are bounded, valid in their dialect and finite."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from jsonschema.validators import validator_for

from tools_catalog.harvest.outcome import DroppedTool, DropReason, Limits, plain

MAX_NAME = 128
_IN_PLACE = ("allOf", "anyOf", "oneOf")  # keywords that apply to the same instance
_IN_PLACE_ONE = ("not", "if", "then", "else")


class _Refused(Exception):
    def __init__(self, reason: DropReason, detail: str) -> None:
        super().__init__(detail)
        self.reason: DropReason = reason
        self.detail = detail


def check_tool(tool: dict[str, Any], seen: set[str], limits: Limits) -> DroppedTool | None:
    """None where the tool is fit to keep (its name is then added to `seen`), else why it is dropped.

    `tool` has the keys of a harvest line. Never raises on hostile content; work is bounded by `limits`.
    """
    name = tool.get("name")
    shown = plain(name, MAX_NAME) if isinstance(name, str) else ""
    try:
        if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME or not name.isprintable() or " " in name:
            raise _Refused("bad_name", "a name is 1 to 128 printable characters without spaces")
        if name in seen:
            raise _Refused("duplicate_name", "listed more than once; the first is kept")
        for key in ("inputSchema", "outputSchema"):
            if tool.get(key) is not None:
                check_schema(tool[key], key, limits)
    except _Refused as refused:
        return DroppedTool(shown, refused.reason, plain(refused.detail))
    seen.add(name)
    return None


def check_schema(schema: Any, key: str, limits: Limits) -> None:
    """Raise `_Refused` where one schema is over a bound, invalid, or cannot be resolved."""
    if not isinstance(schema, dict):
        raise _Refused("schema_invalid", f"{key} is not an object")
    _check_size(schema, key, limits)
    try:
        dialect = validator_for(schema, default=Draft202012Validator)
        dialect.check_schema(schema)
    except SchemaError as error:
        raise _Refused("schema_invalid", f"{key}: {error.message}") from error
    except (RecursionError, ValueError, TypeError, AttributeError) as error:
        raise _Refused("schema_invalid", f"{key}: {type(error).__name__}") from error
    _check_references(schema, key)


def _check_size(schema: dict[str, Any], key: str, limits: Limits) -> None:
    """Depth and node count first and without recursion: encoding a nesting bomb would overflow the stack."""
    pending: list[tuple[Any, int]] = [(schema, 1)]
    nodes = 0
    while pending:
        node, depth = pending.pop()
        nodes += 1
        if depth > limits.schema_depth:
            raise _Refused("schema_too_deep", f"{key} nests deeper than {limits.schema_depth}")
        if nodes > limits.schema_nodes:
            raise _Refused("schema_too_large", f"{key} has more than {limits.schema_nodes} nodes")
        if isinstance(node, dict):
            pending.extend((value, depth + 1) for value in node.values())
        elif isinstance(node, list):
            pending.extend((value, depth + 1) for value in node)
    size = len(json.dumps(schema))
    if size > limits.schema_bytes:
        raise _Refused("schema_too_large", f"{key} is {size} bytes, over {limits.schema_bytes}")


def _check_references(schema: dict[str, Any], key: str) -> None:
    """Every `$ref` is local and resolves, and no chain of references stands still.

    A schema may be recursive through a property or an item (a tree of folders is); one that refers to itself at the
    same place describes nothing and makes validators recurse without end.
    """
    names = _named(schema)
    edges: dict[int, list[int]] = {}
    for node in _nodes(schema):
        targets = [_child for _child in _same_place(node) if isinstance(_child, dict)]
        ref = node.get("$ref")
        if isinstance(ref, str):
            target = _resolve(schema, ref, names)
            if target is None:
                raise _Refused("schema_unresolved_ref", f"{key}: $ref {ref!r} is remote or leads nowhere")
            targets.append(target)
        edges[id(node)] = [id(t) for t in targets]
    if _has_cycle(edges):
        raise _Refused("schema_recursive", f"{key}: a $ref leads back to itself without passing a property or an item")


def _nodes(schema: dict[str, Any]) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    pending: list[Any] = [schema]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            out.append(node)
            pending.extend(value for k, value in node.items() if k not in ("enum", "const", "default", "examples"))
        elif isinstance(node, list):
            pending.extend(node)
    return out


def _same_place(node: dict[str, Any]) -> list[Any]:
    out: list[Any] = [node[k] for k in _IN_PLACE_ONE if k in node]
    for k in _IN_PLACE:
        if isinstance(node.get(k), list):
            out.extend(node[k])
    return out


def _named(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    out: dict[str, dict[str, Any]] = {}
    for node in _nodes(schema):
        for keyword in ("$anchor", "$dynamicAnchor"):
            if isinstance(node.get(keyword), str):
                out.setdefault("#" + node[keyword], node)
        if isinstance(node.get("$id"), str) and node["$id"]:
            out.setdefault(node["$id"], node)
    return out


def _resolve(root: dict[str, Any], ref: str, names: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    if ref in names:
        return names[ref]
    base, _, pointer = ref.partition("#")
    if base:
        if base not in names:
            return None
        root = names[base]
    target: Any = root
    for token in unquote(pointer).split("/")[1:] if pointer.startswith("/") else []:
        part = token.replace("~1", "/").replace("~0", "~")
        if isinstance(target, dict) and part in target:
            target = target[part]
        elif isinstance(target, list) and part.isdigit() and int(part) < len(target):
            target = target[int(part)]
        else:
            return None
    if pointer and not pointer.startswith("/"):
        return None
    return target if isinstance(target, dict) else {} if isinstance(target, bool) else None


def _has_cycle(edges: dict[int, list[int]]) -> bool:
    state: dict[int, int] = {}  # 1 on the path, 2 done
    for start in edges:
        if start in state:
            continue
        stack: list[tuple[int, int]] = [(start, 0)]
        state[start] = 1
        while stack:
            node, at = stack.pop()
            following = edges.get(node, [])
            if at == len(following):
                state[node] = 2
                continue
            stack.append((node, at + 1))
            target = following[at]
            if state.get(target) == 1:
                return True
            if target not in state:
                state[target] = 1
                stack.append((target, 0))
    return False
