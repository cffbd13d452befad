"""JSON Schemas put together (`allOf`, a union beside other conditions) and told apart (`oneOf`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")
# Keywords that say what is valid and are expressed here.
EXPRESSED = {
    "$ref", "type", "enum", "const", "anyOf", "oneOf", "allOf", "properties", "required", "additionalProperties",
    "patternProperties", "propertyNames", "minProperties", "maxProperties", "items", "prefixItems", "minItems",
    "maxItems", "uniqueItems", "additionalItems", "minLength", "maxLength", "pattern", "format", "minimum", "maximum",
    "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "not",
}  # fmt: skip
# Keywords that say what is valid and are not.
REFUSED = {
    "if", "then", "else", "contains", "minContains", "maxContains", "dependentRequired", "dependentSchemas",
    "dependencies", "unevaluatedItems", "$dynamicRef", "$recursiveRef",
}  # fmt: skip
_HIGHEST = {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}
_LOWEST = {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}


class MergeError(ValueError):
    """Two conditions that are not put together here; the message names the keyword."""


def types_of(schema: Schema) -> tuple[str, ...]:
    """The types a schema speaks of: the declared ones, else the one its other keywords are about, else all."""
    declared = schema.get("type")
    if isinstance(declared, str):
        return (declared,)
    if isinstance(declared, list):
        return tuple(declared)
    for name, about in _ABOUT.items():
        if any(keyword in schema for keyword in about):
            return (name,)
    return TYPES


_ABOUT = {
    "object": ("properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties"),
    "array": ("items", "prefixItems", "minItems", "maxItems", "uniqueItems"),
    "string": ("pattern", "format", "minLength", "maxLength"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}


def merge(one: Schema, other: Schema) -> dict[str, Any]:
    """A schema that holds where both do. Raises `MergeError`."""
    merged = dict(one)
    for keyword, value in other.items():
        if keyword not in merged:
            merged[keyword] = value
        elif keyword in EXPRESSED and merged[keyword] != value:
            merged[keyword] = _together(keyword, merged[keyword], value)
    closed = [part for part in (one, other) if part.get("additionalProperties") is False]
    if closed and "properties" in merged:
        kept = {
            name: schema
            for name, schema in merged["properties"].items()
            if all(name in part.get("properties", {}) for part in closed)
        }
        merged["properties"] = kept
        if any(name not in kept for name in merged.get("required", ())):
            merged["not"] = {}
    return merged


def _together(keyword: str, one: Any, other: Any) -> Any:
    if keyword == "type":
        first, second = ((kinds,) if isinstance(kinds, str) else tuple(kinds) for kinds in (one, other))
        both = [kind for kind in first if kind in second]
        if "integer" in first + second and "number" in first + second and "integer" not in both:
            both.append("integer")
        return both
    if keyword == "properties":
        return {name: _either(one.get(name), other.get(name)) for name in {**one, **other}}
    if keyword == "required":
        return list(dict.fromkeys([*one, *other]))
    if keyword == "enum":
        return [value for value in one if value in other]
    if keyword in _HIGHEST:
        return max(one, other)
    if keyword in _LOWEST:
        return min(one, other)
    if keyword in ("additionalProperties", "items"):
        return False if False in (one, other) else _either(one, other)
    if keyword == "not":
        return {}
    raise MergeError(f"two conditions `{keyword}` at once")


def _either(one: Any, other: Any) -> Any:
    for first, second in ((one, other), (other, one)):
        if first is None or first is True:
            return second
        if first is False:
            return False
    return merge(one, other)


def apart(made: Any, other: Any) -> bool:
    """Whether what is made from the schema `made` (declared properties alone) surely does not hold in `other`."""
    if not isinstance(made, Mapping) or not isinstance(other, Mapping):
        return other is False
    first, second = set(types_of(made)), set(types_of(other))
    if "number" in second:
        second.add("integer")
    if not first & second and not ("number" in first and "integer" in second):
        return True
    values, others = _values(made), _values(other)
    if values is not None and others is not None:
        return not any(value == other and type(value) is type(other) for value in values for other in others)
    if first != {"object"} or second != {"object"}:
        return False
    mine, theirs = made.get("properties", {}), other.get("properties", {})
    if mine and any(name not in mine for name in other.get("required", ())):
        return True
    for name in made.get("required", ()):
        if name in theirs and name in mine and apart(mine[name], theirs[name]):
            return True
        if name not in theirs and other.get("additionalProperties") is False:
            return True
    return False


def _values(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")
