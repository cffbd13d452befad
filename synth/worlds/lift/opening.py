"""A tool's input schema opened into flat arguments: references followed, unions with null undone, envelopes unpacked.

An envelope is an object parameter that only wraps the real ones (`request`, `body`, `ticket_fields`). Its inner
properties become arguments of their own that remember where they sit (`at`). An envelope with nothing inside is
*opaque*: the payload exists and its shape is not told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.words import split

MAX_ARGUMENTS = 60
_KEEP = ("type", "enum", "const", "format", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")
_PAYLOAD_TAIL = lx.wordset(
    """data fields input body payload params request attributes properties details spec updates changes settings config
    json object record options resource item update create dto patch model definition"""
)


@dataclass(frozen=True, slots=True)
class Arg:
    """One argument. `name` is a legal identifier, unique in its tool; `at` its place in the arguments object."""

    name: str
    at: tuple[str, ...]
    words: tuple[str, ...]
    type: str  # string integer number boolean array object any
    schema: Mapping[str, Any]  # resolved, without prose, references and null branches
    required: bool
    nullable: bool = False
    opaque: bool = False  # an object payload of unknown shape

    @property
    def flat(self) -> str:
        return "_".join(self.words)

    @property
    def scalar(self) -> bool:
        return self.type in ("string", "integer", "number", "boolean")

    @property
    def enum(self) -> tuple[str, ...]:
        members = self.schema.get("enum")
        return tuple(str(m) for m in members if m is not None) if isinstance(members, list) else ()

    @property
    def default(self) -> Any:
        return self.schema.get("default")


class Opener:
    """Walks one input schema; see the module text."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root = root
        self.out: list[Arg] = []
        self.taken: set[str] = set()

    def run(self) -> list[Arg]:
        node, _ = self.resolve(self.root)
        self.walk(node, (), True, 0)
        return self.out

    def resolve(self, node: Any, depth: int = 0) -> tuple[Mapping[str, Any], bool]:
        """`node` without reference, null branch and union; second value: null was allowed."""
        if not isinstance(node, Mapping):
            return {}, False
        if depth > 8:
            return {}, False
        ref = node.get("$ref")
        if isinstance(ref, str) and ref.startswith("#/"):
            found: Any = self.root
            for part in ref[2:].split("/"):
                found = found.get(part) if isinstance(found, Mapping) else None
            inner, null = self.resolve(found, depth + 1)
            return {**inner, **{k: v for k, v in node.items() if k != "$ref"}}, null
        for union in ("anyOf", "oneOf"):
            branches = node.get(union)
            if isinstance(branches, list):
                real = [b for b in branches if not (isinstance(b, Mapping) and b.get("type") == "null")]
                null = len(real) < len(branches)
                rest = {k: v for k, v in node.items() if k != union}
                if not real:
                    return rest, True
                chosen, inner_null = self.choose([self.resolve(b, depth + 1)[0] for b in real])
                return {**chosen, **rest}, null or inner_null
        parts = node.get("allOf")
        if isinstance(parts, list):
            merged: dict[str, Any] = {k: v for k, v in node.items() if k != "allOf"}
            for part in parts:
                inner, _ = self.resolve(part, depth + 1)
                properties = {**merged.get("properties", {}), **inner.get("properties", {})}
                required = [*merged.get("required", []), *inner.get("required", [])]
                merged = {**inner, **merged}
                if properties:
                    merged["properties"] = properties
                    merged["required"] = required
            return merged, False
        kind = node.get("type")
        if isinstance(kind, list):
            real_kinds = [k for k in kind if k != "null"]
            return {**node, "type": real_kinds[0] if real_kinds else "string"}, len(real_kinds) < len(kind)
        return node, False

    def choose(self, branches: list[Mapping[str, Any]]) -> tuple[Mapping[str, Any], bool]:
        """One branch of a union: scalars merge to the widest, objects win over free text only where they are told."""
        enums = [b for b in branches if b.get("enum") or "const" in b]
        if len(enums) == len(branches) and len(branches) > 1:
            members: list[Any] = []
            for b in branches:
                members += [m for m in (b.get("enum") or [b.get("const")]) if m not in members]
            return {"type": branches[0].get("type", "string"), "enum": members}, False
        objects = [b for b in branches if b.get("properties")]
        if objects and len(objects) == len(branches):
            return objects[0], False
        order = {"string": 0, "integer": 1, "number": 2, "boolean": 3, "array": 4, "object": 5}
        return min(branches, key=lambda b: order.get(str(b.get("type")), 9)), False

    def walk(self, node: Mapping[str, Any], at: tuple[str, ...], required_here: bool, depth: int) -> None:
        properties = node.get("properties")
        if not isinstance(properties, Mapping):
            return
        wanted = node.get("required") or []
        for name, raw in properties.items():
            if len(self.out) >= MAX_ARGUMENTS or not isinstance(name, str):
                return
            inner, null = self.resolve(raw)
            required = required_here and name in wanted
            words = split(name) or (name.lower(),)
            kind = str(
                inner.get("type") or ("object" if inner.get("properties") else "array" if inner.get("items") else "any")
            )
            if kind == "any" and ("enum" in inner or "const" in inner):
                kind = "string"
            if kind == "object" and self.is_envelope(words, inner, len(properties), depth):
                if inner.get("properties") and depth < 3:
                    self.walk(
                        inner,
                        (*at, name),
                        required or (required_here and depth == 0 and len(properties) == 1),
                        depth + 1,
                    )
                    continue
                self.add(name, at, words, kind, inner, required, null, opaque=True)
                continue
            self.add(name, at, words, kind, inner, required, null)

    @staticmethod
    def is_envelope(words: tuple[str, ...], node: Mapping[str, Any], siblings: int, depth: int) -> bool:
        if depth >= 3:
            return False
        flat = "_".join(words)
        if flat in lx.ENVELOPES or "".join(words) in lx.ENVELOPES:
            return True
        if words[-1] in _PAYLOAD_TAIL and len(words) > 1 and words[0] not in ("custom", "meta"):
            return True
        return siblings == 1 and depth == 0 and len(node.get("properties") or {}) > 1

    def add(
        self, name: str, at: tuple[str, ...], words: tuple[str, ...], kind: str, node: Mapping[str, Any],
        required: bool, null: bool, opaque: bool = False,
    ) -> None:  # fmt: skip
        plain = re.sub(r"[^A-Za-z0-9_]", "_", name) or "arg"
        if not (plain[0].isalpha() or plain[0] == "_"):
            plain = f"p_{plain}"
        if plain in self.taken and at:
            plain = re.sub(r"[^A-Za-z0-9_]", "_", f"{at[-1]}_{plain}")
        base, n = plain, 2
        while plain in self.taken:
            plain, n = f"{base}_{n}", n + 1
        self.taken.add(plain)
        schema = self.reduce(node, 0)
        self.out.append(Arg(plain, (*at, name), words, kind, schema, required, null, opaque))

    def reduce(self, node: Mapping[str, Any], depth: int) -> dict[str, Any]:
        """A small fragment without references: enough to check a value by, small enough to read."""
        out: dict[str, Any] = {k: node[k] for k in _KEEP if k in node}
        default = node.get("default")
        if default is not None and not isinstance(default, dict | list):
            out["default"] = default
        kind = out.get("type")
        if kind == "array" or "items" in node:
            items, _ = self.resolve(node.get("items"))
            out["items"] = self.reduce(items, depth + 1) if depth < 3 else {}
        if node.get("properties") and depth < 3:
            props = {}
            for name, raw in list(node["properties"].items())[:12]:
                inner, _ = self.resolve(raw)
                props[name] = self.reduce(inner, depth + 1)
            out["type"] = "object"
            out["properties"] = props
            needed = list(dict.fromkeys(n for n in node.get("required") or [] if n in props))
            if needed:
                out["required"] = needed
        return out


def open_arguments(schema: Mapping[str, Any]) -> list[Arg]:
    """The flat arguments of one input schema, in its order. Never raises; at most `MAX_ARGUMENTS`."""
    return Opener(schema).run()


_ROWS = ("results", "data", "items", "rows", "records")


def gives_many(schema: Mapping[str, Any] | None) -> bool:
    """Whether an output schema tells of a list of records."""
    if not schema:
        return False
    opener = Opener(schema)
    node, _ = opener.resolve(schema)
    parts = node.get("properties")
    if not isinstance(parts, Mapping):
        return node.get("type") == "array"
    inner = [opener.resolve(parts[n])[0] for n in _ROWS if n in parts]
    return any(v.get("type") == "array" or bool(v.get("items")) for v in inner)


def open_output(schema: Mapping[str, Any] | None) -> list[Arg]:
    """Fields of one record as the output schema tells them: the deepest wrapper is followed to the record itself.
    Empty where the schema tells nothing (one `result` text, a free object)."""
    if not schema:
        return []
    opener = Opener(schema)
    node, _ = opener.resolve(schema)
    rows = False  # inside what surely are the rows
    for _ in range(4):
        if node.get("type") == "array" or node.get("items"):
            node, _null = opener.resolve(node.get("items"))
            continue
        properties = node.get("properties")
        if not isinstance(properties, Mapping) or not properties:
            return []
        inner = [(n, opener.resolve(v)[0]) for n, v in properties.items()]
        big = [
            v
            for _, v in inner
            if v.get("properties") or (v.get("items") and opener.resolve(v["items"])[0].get("properties"))
        ]
        scalars = [n for n, v in inner if v.get("type") in ("string", "integer", "number", "boolean")]
        named = [v for n, v in inner if n in _ROWS and v in big]
        if (len(big) == 1 or len(named) == 1) and len(scalars) <= 4:
            node, rows = (named or big)[0], rows or bool(named)
            continue
        if len(scalars) < (2 if rows else 3) or any(n in ("success", "error", "text", "annotations") for n in scalars):
            return []
        opener.walk({"properties": properties}, (), False, 3)
        return [a for a in opener.out if a.scalar][:14]
    return []
