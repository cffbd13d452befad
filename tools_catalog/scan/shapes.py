"""Schemas and sizes that hurt whoever handles them. Iterative and bounded: a bomb is measured, never unfolded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tools_catalog.scan.finding import Attack

DEEPEST = 32  # levels of nesting
MOST_NODES = 10_000
MOST_MEMBERS = 2_000  # of an enum
MOST_PROPERTIES = 500  # of one object
MOST_UNFOLDED = 200_000  # nodes, were every reference written out
LEAST_HUGE = 100_000  # a smallest length or number of items that has to be sent
LONGEST_PATTERN = 2_000
LONGEST = {"/name": 128, "/title": 400, "/description": 16_000}
LONGEST_TEXT = 8_000  # of a parameter
_QUANTIFIED = re.compile(r"(?:[*+]|\{\d+,\d*\})")


def of_tool(tool: dict[str, Any]) -> Iterator[tuple[Attack, str, str]]:
    """(attack, place, what was measured)."""
    for key, most in LONGEST.items():
        text = tool.get(key[1:])
        if isinstance(text, str) and len(text) > most:
            yield "oversize", key, f"{len(text)} characters, over {most}"
    for key in ("inputSchema", "outputSchema"):
        if isinstance(tool.get(key), dict):
            yield from _of_schema(tool[key], f"/{key}")


def _of_schema(schema: dict[str, Any], where: str) -> Iterator[tuple[Attack, str, str]]:
    nodes, deepest = 0, 0
    pending: list[tuple[Any, int]] = [(schema, 1)]
    while pending and nodes <= MOST_NODES:
        node, depth = pending.pop()
        nodes, deepest = nodes + 1, max(deepest, depth)
        if isinstance(node, dict):
            yield from _of_node(node, where)
            pending += [(v, depth + 1) for v in node.values()]
        elif isinstance(node, list):
            pending += [(v, depth + 1) for v in node]
        elif isinstance(node, str) and len(node) > LONGEST_TEXT:
            yield "oversize", where, f"a text of {len(node)} characters, over {LONGEST_TEXT}"
    if deepest > DEEPEST:
        yield "schema_bomb", where, f"nests {deepest} levels, over {DEEPEST}"
    if nodes > MOST_NODES:
        yield "schema_bomb", where, f"more than {MOST_NODES} nodes"
    elif (told := _unfolded(schema)) is not None:
        yield "schema_bomb", where, told


def _of_node(node: dict[str, Any], where: str) -> Iterator[tuple[Attack, str, str]]:
    for key, most in (("enum", MOST_MEMBERS), ("properties", MOST_PROPERTIES)):
        if isinstance(node.get(key), list | dict) and len(node[key]) > most:
            yield "schema_bomb", where, f"{key} has {len(node[key])} members, over {most}"
    for key in ("minLength", "minItems", "minProperties"):
        value = node.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and value > LEAST_HUGE:
            yield "schema_bomb", where, f"{key} {value} makes every call huge"
    patterns = [node["pattern"]] if isinstance(node.get("pattern"), str) else []
    named = node.get("patternProperties")
    for pattern in [*patterns, *(named if isinstance(named, dict) else ())]:
        if len(pattern) > LONGEST_PATTERN:
            yield "regex_bomb", where, f"a pattern of {len(pattern)} characters"
        elif explosive(pattern):
            yield "regex_bomb", where, f"repeats what repeats: {pattern[:80]}"


def explosive(pattern: str) -> bool:
    """Whether a repeated group can match the same text in many ways: a repetition whose body ends or consists of a
    repetition with nothing fixed around it, equal alternatives, or a huge count."""
    if any(int(n) > 1_000 for n in re.findall(r"\{(\d+)", pattern) + re.findall(r"\{\d*,(\d+)\}", pattern)):
        return pattern.count("{") > 1 or "(" in pattern
    stack: list[int] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            at += 2
            continue
        if char == "[":
            at = _class_end(pattern, at)
            continue
        if char == "(":
            stack.append(at)
        elif char == ")" and stack:
            body = pattern[stack.pop() + 1 : at]
            if _QUANTIFIED.match(pattern, at + 1) and _ambiguous(body):
                return True
        at += 1
    return False


def _class_end(pattern: str, at: int) -> int:
    """Behind the bracket expression that begins at `at`."""
    end = at + 1
    while end < len(pattern) and (pattern[end] != "]" or end == at + 1):
        end += 2 if pattern[end] == "\\" else 1
    return end + 1


_ATOM = r"(?:\\.|\[(?:\\.|[^\]])*\]|\((?:\\.|[^()])*\)|[^\\\[\](){}*+?|^$])"
_ONE = re.compile(
    rf"(?:\?[:=!]|\?<[=!]|\?P?<\w+>)?(?:{_ATOM}\?|{_ATOM}\*)*({_ATOM})(?:[*+]|\{{\d+,\d*\}})(?:{_ATOM}[?*])*\??"
)


def _ambiguous(body: str) -> bool:
    """`a+`, `\\w*\\s?`, `a|a`: repeated, such a body can be cut in many ways."""
    body = re.sub(r"\((?:\?:)?([^()]*)\)(?![*+?{])", r"\1", body)  # a group that is not repeated is its content
    branches = _split(re.sub(r"^\?(?:[:=!]|<[=!]|P?<\w+>)", "", body))
    if len(set(branches)) < len(branches):
        return True
    starts = [b[:1] for b in branches if b]
    if len(branches) > 1 and any(a != b and b.startswith(a) for a in branches for b in branches if a):
        return True
    if len(branches) > 1 and "." in starts:
        return True
    return any(_ONE.fullmatch(b) or (b.startswith("(") and b.endswith((")*", ")+"))) for b in branches)


def _split(body: str) -> list[str]:
    """The alternatives of a group, those of inner groups left whole."""
    out, depth, begin, at = [], 0, 0, 0
    while at < len(body):
        if body[at] == "\\":
            at += 2
            continue
        if body[at] == "[":
            at = _class_end(body, at)
            continue
        depth += {"(": 1, ")": -1}.get(body[at], 0)
        if body[at] == "|" and depth == 0:
            out.append(body[begin:at])
            begin = at + 1
        at += 1
    return [*out, body[begin:]]


def _unfolded(schema: dict[str, Any]) -> str | None:
    """Why the schema is too much once every local reference is written out: it multiplies, or it stands still."""
    sizes: dict[int, int] = {}
    running: set[int] = set()
    stack: list[tuple[dict[str, Any] | list[Any], bool]] = [(schema, False)]
    while stack:
        node, done = stack.pop()
        key = id(node)
        inner = _below(schema, node)
        if done:
            running.discard(key)
            sizes[key] = min(10 * MOST_UNFOLDED, 1 + sum(sizes.get(id(n), 1) for n in inner))
            continue
        if key in sizes or key in running:
            continue  # a tree of folders: honest recursion counts once
        running.add(key)
        stack.append((node, True))
        stack += [(n, False) for n in inner if id(n) not in sizes]
    total = sizes.get(id(schema), 0)
    if total > MOST_UNFOLDED:
        return f"references unfold to more than {MOST_UNFOLDED} nodes"
    return "a $ref leads back to itself at the same place" if _standing(schema) else None


def _below(schema: dict[str, Any], node: dict[str, Any] | list[Any]) -> list[dict[str, Any] | list[Any]]:
    values = list(node.values()) if isinstance(node, dict) else node
    out: list[dict[str, Any] | list[Any]] = [v for v in values if isinstance(v, dict | list)]
    target = _target(schema, node)
    return [*out, target] if target is not None else out


def _target(schema: dict[str, Any], node: Any) -> dict[str, Any] | None:
    ref = node.get("$ref") if isinstance(node, dict) else None
    if not isinstance(ref, str) or not ref.startswith("#"):
        return None
    found: Any = schema
    for token in ref[1:].split("/")[1:]:
        found = found.get(token.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def _standing(schema: dict[str, Any]) -> bool:
    """Whether following references and combinators alone comes back to where it began."""
    pending: list[Any] = [schema]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending += node
        elif isinstance(node, dict):
            pending += node.values()
            seen: set[int] = set()
            here = node
            while (here_next := _target(schema, here)) is not None:
                if id(here_next) in seen:
                    return True
                seen.add(id(here_next))
                here = here_next
    return False
