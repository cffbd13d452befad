"""A tool's JSON Schema reduced to facts: what a caller must send, without a word of the author's prose.

Kept: property names, types, enums, constants, required, formats, bounds, items, nesting, unions, local references,
short patterns, and defaults that are numbers, booleans, null, empty, or members of the enum beside them.
Dropped: description, title, examples, comments, vendor extensions, string defaults, long or sentence-like strings.

The result is always valid JSON Schema 2020-12 whatever went in (tuple `items` become `prefixItems`, `definitions`
become `$defs`), its references are local and resolvable, and it is never larger than `MAX_NODES` sub-schemas.
Reduction loosens: an instance the original accepts is accepted by the reduced schema, except that a dropped enum
member is no longer listed.
"""

from __future__ import annotations

import math
import re
from typing import Any

from tools_catalog.originals import canonical

MAX_DEPTH = 24  # nesting of sub-schemas; the deepest real tool measured needs 14 property levels
MAX_NODES = 4000  # sub-schemas per tool; the largest real tool measured has about 1,900
MAX_IDENTIFIER = 64
MAX_LABEL = 40  # strings with spaces in them: "In Progress" is a fact, a sentence is not
MAX_WORDS = 5
MAX_ENUM = 400

TYPES = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
_SENTENCE = re.compile(r"[.!?;](\s|$)|:\s|,\s.*,\s")
_PROSE_PATTERN = re.compile(r"\s|[A-Za-z]{12,}")
_NESTED_REPEAT = re.compile(r"[+*}]\)+[+*{]")
_FORMAT = re.compile(r"[a-z][a-z0-9-]{1,30}")


def is_fact_text(text: str, limit: int = MAX_IDENTIFIER) -> bool:
    """Whether a string is an identifier or a short label (a fact) rather than prose.

    One token up to `limit` characters, or at most five words and 40 characters without sentence punctuation.
    """
    if len(text) > limit or not text.isprintable():
        return False
    words = text.split()
    if len(words) <= 1:
        return True
    return len(text) <= MAX_LABEL and len(words) <= MAX_WORDS and not _SENTENCE.search(text)


def reduce_schema(schema: Any) -> dict[str, Any]:
    """The facts of one schema; see the module text. Never raises: what cannot be understood becomes `{}` (anything)."""
    return _Reducer(schema).run()


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


class _Reducer:
    """One walk over one root schema; `lost` counts what was dropped that could change validation."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self.nodes = 0
        self.lost = 0
        self.defs: dict[str, Any] = {}
        self.named: dict[str, str] = {}  # original reference -> name under $defs
        self.anchors: dict[str, Any] | None = None

    def run(self) -> dict[str, Any]:
        reduced = self.schema(self.root, 0)
        out = reduced if isinstance(reduced, dict) else {}
        if self.defs:
            out["$defs"] = {name: self.defs[name] for name in sorted(self.defs)}
        return out

    def schema(self, node: Any, depth: int) -> Any:
        if isinstance(node, bool):
            return node
        self.nodes += 1
        if not isinstance(node, dict) or depth > MAX_DEPTH or self.nodes > MAX_NODES:
            self.lost += 1
            return {}
        out: dict[str, Any] = {}
        self._reference(node, out, depth)
        self._type(node, out)
        self._values(node, out)
        self._bounds(node, out)
        self._object(node, out, depth)
        self._array(node, out, depth)
        self._unions(node, out, depth)
        self._default(node, out)
        return out

    # -- references ---------------------------------------------------------------------------------------------

    def _reference(self, node: dict[str, Any], out: dict[str, Any], depth: int) -> None:
        ref = node.get("$ref")
        if ref is None:
            return
        if not isinstance(ref, str):
            self.lost += 1
            return
        if ref not in self.named:
            found, target = self._resolve(ref)
            if not found:  # remote or dangling: never fetched, anything is accepted there
                self.lost += 1
                return
            name = self._name(ref)
            self.named[ref] = name
            self.defs[name] = {}  # placeholder, so that a recursive schema meets its own name
            self.defs[name] = self.schema(target, depth + 1)
        out["$ref"] = f"#/$defs/{self.named[ref]}"

    def _name(self, ref: str) -> str:
        base = re.sub(r"[^A-Za-z0-9_]+", "_", ref.rsplit("/", 1)[-1].lstrip("#"))[:48].strip("_") or "root"
        taken = set(self.named.values())
        name, count = base, 2
        while name in taken:
            name, count = f"{base}_{count}", count + 1
        return name

    def _resolve(self, ref: str) -> tuple[bool, Any]:
        base = self.root.get("$id") if isinstance(self.root, dict) else None
        if isinstance(base, str) and base and ref.startswith(base):
            ref = ref[len(base) :] or "#"
        if not ref.startswith("#"):
            return False, None
        if ref in ("#", "#/"):
            return True, self.root
        if not ref.startswith("#/"):
            anchors = self._anchors()
            return ref[1:] in anchors, anchors.get(ref[1:])
        target: Any = self.root
        for token in ref[2:].split("/"):
            key = token.replace("%25", "%").replace("~1", "/").replace("~0", "~")
            if isinstance(target, dict) and key in target:
                target = target[key]
            elif isinstance(target, list) and key.isdigit() and int(key) < len(target):
                target = target[int(key)]
            else:
                return False, None
        return True, target

    def _anchors(self) -> dict[str, Any]:
        if self.anchors is None:
            self.anchors = {}
            pending, seen = [self.root], 0
            while pending and seen < 10 * MAX_NODES:
                node, seen = pending.pop(), seen + 1
                if isinstance(node, dict):
                    anchor = node.get("$anchor")
                    if isinstance(anchor, str):
                        self.anchors.setdefault(anchor, node)
                    pending.extend(node.values())
                elif isinstance(node, list):
                    pending.extend(node)
        return self.anchors

    # -- keywords -----------------------------------------------------------------------------------------------

    def _type(self, node: dict[str, Any], out: dict[str, Any]) -> None:
        kind = node.get("type")
        if isinstance(kind, str) and kind in TYPES:
            out["type"] = kind
        elif isinstance(kind, list) and kind and all(isinstance(k, str) and k in TYPES for k in kind):
            unique = list(dict.fromkeys(kind))
            out["type"] = unique[0] if len(unique) == 1 else unique
        elif kind is not None:
            self.lost += 1

    def _values(self, node: dict[str, Any], out: dict[str, Any]) -> None:
        members = node.get("enum")
        if isinstance(members, list):
            kept = [m for m in members if self._scalar_fact(m)][:MAX_ENUM]
            unique = list({canonical(m): m for m in kept}.values())
            self.lost += len(members) - len(kept)
            if unique:
                out["enum"] = unique
        if "const" in node:
            if self._scalar_fact(node["const"]):
                out["const"] = node["const"]
            else:
                self.lost += 1
        fmt = node.get("format")
        if isinstance(fmt, str) and _FORMAT.fullmatch(fmt):
            out["format"] = fmt
        pattern = node.get("pattern")
        if isinstance(pattern, str) and self._is_plain_pattern(pattern):
            out["pattern"] = pattern
        elif pattern is not None:
            self.lost += 1

    @staticmethod
    def _scalar_fact(value: Any) -> bool:
        if isinstance(value, str):
            return is_fact_text(value)
        return value is None or isinstance(value, bool) or _number(value)

    @staticmethod
    def _is_plain_pattern(pattern: str) -> bool:
        if len(pattern) > MAX_LABEL or not pattern.isprintable() or _PROSE_PATTERN.search(pattern):
            return False
        if any(part in pattern for part in ("(?", "\\p", "\\Z")) or _NESTED_REPEAT.search(pattern):
            return False  # look-around and flags differ between regex dialects; nested repeats can stall an engine
        try:
            re.compile(pattern)
        except re.error:
            return False
        return True

    def _bounds(self, node: dict[str, Any], out: dict[str, Any]) -> None:
        for key in _BOUNDS:
            if _number(node.get(key)):
                out[key] = node[key]
        for low, strict in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
            if node.get(strict) is True and low in out:  # the draft-04 spelling
                out[strict] = out.pop(low)
        if _number(node.get("multipleOf")) and node["multipleOf"] > 0:
            out["multipleOf"] = node["multipleOf"]
        for key in _COUNTS:
            value = node.get(key)
            if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
                out[key] = value
        if isinstance(node.get("uniqueItems"), bool):
            out["uniqueItems"] = node["uniqueItems"]

    def _object(self, node: dict[str, Any], out: dict[str, Any], depth: int) -> None:
        properties = node.get("properties")
        if isinstance(properties, dict):
            out["properties"] = {
                name: self.schema(sub, depth + 1) for name, sub in properties.items() if self._key(name)
            }
        required = node.get("required")
        if isinstance(required, list):
            names = list(dict.fromkeys(n for n in required if isinstance(n, str) and self._key(n)))
            if names:
                out["required"] = names
        open_ended = isinstance(properties, dict) and len(out.get("properties", {})) < len(properties)
        for key in ("additionalProperties", "unevaluatedProperties"):
            if key in node and not open_ended and not isinstance(node.get("patternProperties"), dict):
                out[key] = self.schema(node[key], depth + 1)
        if isinstance(node.get("propertyNames"), dict):
            out["propertyNames"] = self.schema(node["propertyNames"], depth + 1)
        dependent = node.get("dependentRequired")
        if isinstance(dependent, dict):
            kept = {
                name: [n for n in names if isinstance(n, str) and self._key(n)]
                for name, names in dependent.items()
                if self._key(name) and isinstance(names, list)
            }
            if kept:
                out["dependentRequired"] = kept

    def _key(self, name: str) -> bool:
        if len(name) <= 2 * MAX_IDENTIFIER and is_fact_text(name, 2 * MAX_IDENTIFIER):
            return True
        self.lost += 1
        return False

    def _array(self, node: dict[str, Any], out: dict[str, Any], depth: int) -> None:
        items = node.get("items")
        prefix = node.get("prefixItems")
        if isinstance(items, list):  # draft-07 tuples
            prefix, items = items, node.get("additionalItems")
        if isinstance(prefix, list) and prefix:
            out["prefixItems"] = [self.schema(sub, depth + 1) for sub in prefix]
        if isinstance(items, dict | bool):
            out["items"] = self.schema(items, depth + 1)
        if isinstance(node.get("contains"), dict):
            out["contains"] = self.schema(node["contains"], depth + 1)

    def _unions(self, node: dict[str, Any], out: dict[str, Any], depth: int) -> None:
        for key in ("anyOf", "allOf", "oneOf"):
            members = node.get(key)
            if not isinstance(members, list) or not members:
                continue
            before = self.lost
            reduced = [self.schema(sub, depth + 1) for sub in members]
            if key != "oneOf" or self.lost == before:
                out[key] = reduced
            elif "anyOf" not in out:  # looser branches may overlap: a lossy oneOf would refuse what the original takes
                out["anyOf"] = reduced
        if isinstance(node.get("not"), dict) and (negated := self._exact(node["not"], depth)) is not None:
            out["not"] = negated
        if isinstance(node.get("if"), dict) and (condition := self._exact(node["if"], depth)) is not None:
            out["if"] = condition
            for key in ("then", "else"):
                if isinstance(node.get(key), dict | bool):
                    out[key] = self.schema(node[key], depth + 1)

    def _exact(self, sub: Any, depth: int) -> Any | None:
        """Negated positions must not be loosened: the reduced schema, or None where anything was lost."""
        before = self.lost
        reduced = self.schema(sub, depth + 1)
        return reduced if self.lost == before else None

    def _default(self, node: dict[str, Any], out: dict[str, Any]) -> None:
        if "default" not in node:
            return
        value = node["default"]
        plain = value is None or isinstance(value, bool) or _number(value) or value in ("", [], {})
        if plain or (isinstance(value, str) and value in out.get("enum", [])):
            out["default"] = value


def reduce_annotations(annotations: Any) -> dict[str, bool]:
    """The four boolean hints of an MCP tool; everything else (titles, vendor keys) is dropped."""
    if not isinstance(annotations, dict):
        return {}
    hints = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")
    return {hint: annotations[hint] for hint in hints if isinstance(annotations.get(hint), bool)}
