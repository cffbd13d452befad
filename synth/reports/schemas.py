"""What a JSON Schema looks like: counts of what a caller meets in it, without a word of its topic.

A *parameter* is a property of the root object; a *leaf* is a property at any depth with no properties below it. Local
references are followed; one that leads back to itself is counted once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

MAX_DEPTH = 12
SCALARS = ("string", "integer", "number", "boolean")
_NOTHING: dict[str, Any] = {}
KINDS = (*SCALARS, "array", "object", "any")


@dataclass(slots=True)
class Shape:
    """Counts over one schema. `kinds` counts parameters by type, a union of several types as `several`."""

    names: list[str] = field(default_factory=list)  # of the parameters
    required: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    enums: list[int] = field(default_factory=list)  # sizes, parameters only
    marks: Counter[str] = field(default_factory=Counter)  # parameters that are nullable, several, default_null ...
    words: Counter[str] = field(default_factory=Counter)  # schema keywords anywhere
    leaves: int = 0
    depth: int = 0  # 0 without parameters, 1 where all are flat
    root: dict[str, Any] = field(default_factory=dict)

    @property
    def parameters(self) -> int:
        return len(self.names)


def shape_of(schema: dict[str, Any] | None) -> Shape:
    """Measure one schema; a schema of None is an empty one."""
    walk = _Walk(schema or {})
    root = walk.resolve(schema or {})
    shape = Shape(root=root)
    shape.names = list(walk.properties(root))
    shape.required = [n for n in root.get("required") or [] if n in walk.properties(root)]
    for node in walk.properties(root).values():
        _parameter(shape, walk, node)
    shape.depth = walk.height(root)
    shape.words, shape.leaves = walk.words, walk.leaves
    return shape


def _parameter(shape: Shape, walk: _Walk, node: Any) -> None:
    node = walk.resolve(node)
    types = walk.types(node)
    nullable = "null" in types
    plain = types - {"null"}
    shape.kinds["several" if len(plain) > 1 else next(iter(plain), "any")] += 1
    members = [m for option in walk.options(node) for m in option.get("enum") or () if m is not None]
    if members:
        shape.enums.append(len(members))
    marks = {
        "nullable": nullable, "nullable_by_union": nullable and "type" not in node, "several": len(plain) > 1,
        "default": "default" in node, "default_null": "default" in node and node["default"] is None,
        "bounded": any(k in o for o in walk.options(node) for k in ("minimum", "maximum", "exclusiveMinimum")),
        "length": any(k in o for o in walk.options(node) for k in ("minLength", "maxLength", "minItems", "maxItems")),
        "format": any("format" in o for o in walk.options(node)),
        "pattern": any("pattern" in o for o in walk.options(node)),
        "free_object": plain == {"object"} and not any(walk.properties(o) for o in walk.options(node)),
        "objects": any("object" in walk.types(walk.resolve(o.get("items") or {})) for o in walk.options(node)),
        "untyped_items": "array" in plain and not any(o.get("items") for o in walk.options(node)),
    }  # fmt: skip
    shape.marks.update(name for name, here in marks.items() if here)


class _Walk:
    """One root schema, its references, and what `height` met on its way."""

    def __init__(self, root: dict[str, Any]) -> None:
        self.root = root
        self.words: Counter[str] = Counter()
        self.leaves = 0
        self._heights: dict[int, int] = {}

    def resolve(self, node: Any) -> dict[str, Any]:
        """The node with its chain of local references followed; an empty one for anything that is no object."""
        for _ in range(MAX_DEPTH):
            if not isinstance(node, dict):
                return _NOTHING
            ref = node.get("$ref")
            if not isinstance(ref, str):
                return node
            node = self._target(ref)
        return _NOTHING

    def _target(self, ref: str) -> Any:
        node: Any = self.root
        for token in ref.removeprefix("#").strip("/").split("/"):
            if token:
                node = node.get(token.replace("~1", "/").replace("~0", "~")) if isinstance(node, dict) else None
        return node

    def options(self, node: dict[str, Any]) -> list[dict[str, Any]]:
        """The node and the branches of its unions, resolved."""
        out = [node]
        for key in ("anyOf", "oneOf", "allOf"):
            out += [self.resolve(b) for b in node.get(key) or ()]
        return out

    def properties(self, node: dict[str, Any]) -> dict[str, Any]:
        """Own properties and those that branches of an intersection add."""
        out = dict(node.get("properties") or {})
        for branch in node.get("allOf") or ():
            out |= self.resolve(branch).get("properties") or {}
        return out

    def types(self, node: dict[str, Any]) -> set[str]:
        """Type names of a node and of its branches, `null` among them where it may be null."""
        out: set[str] = set()
        for option in self.options(node):
            named = option.get("type")
            out.update([named] if isinstance(named, str) else named or ())
            members = option.get("enum", [option["const"]] if "const" in option else [])
            if named is None and members:
                out.update("null" if m is None else _type_of(m) for m in members)
            elif None in members:
                out.add("null")
            if named is None and option.get("properties"):
                out.add("object")
        return out

    def height(self, node: dict[str, Any]) -> int:
        """Levels of properties below a node; keywords and leaves are counted where a node is first met, so a definition
        that is used twice counts once, and one under way (a recursion) has no height."""
        known = self._heights.get(id(node))
        if known is not None:
            return known
        self._heights[id(node)] = 0
        self.words.update(k for k in node if k not in ("properties", "$defs"))
        below = [1 + self._child(child) for child in self.properties(node).values()]
        below += [self.height(branch) for branch in self._inside(node)]
        self._heights[id(node)] = max(below, default=0)
        return self._heights[id(node)]

    def _child(self, child: Any) -> int:
        if isinstance(child, dict) and "$ref" in child:
            self.words["$ref"] += 1
        node = self.resolve(child)
        met = id(node) in self._heights
        height = self.height(node)
        self.leaves += height == 0 and not met
        return height

    def _inside(self, node: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for key in ("anyOf", "oneOf", "allOf"):
            yield from (self.resolve(b) for b in node.get(key) or ())
        if isinstance(node.get("items"), dict):
            yield self.resolve(node["items"])
        if isinstance(node.get("additionalProperties"), dict):
            yield self.resolve(node["additionalProperties"])


def _type_of(value: Any) -> str:
    names = ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (list, "array"))
    return next((name for kind, name in names if isinstance(value, kind)), "object")
