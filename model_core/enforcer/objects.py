"""Objects: declared properties in their order, or keys that the schema leaves open."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from model_core.enforcer.expr import LAST, Builder, Node
from model_core.enforcer.merge import Schema
from model_core.enforcer.regex import PatternError, pattern_expr

if TYPE_CHECKING:
    from model_core.enforcer.schema import _Reader

Property = tuple[Node, Node, bool]  # key with its colon, value, required


def object_expr(reader: _Reader, schema: Schema, path: str, depth: int) -> Node:
    """The objects of a schema."""
    properties = dict(schema.get("properties") or {})
    others = schema.get("additionalProperties")
    names = schema.get("propertyNames")
    required = schema.get("required") if isinstance(schema.get("required"), list) else []
    least, most = int(schema.get("minProperties", 0)), schema.get("maxProperties")
    for name in required or []:
        properties.setdefault(name, True if others is None else others)
    if isinstance(names, dict) and "enum" in names and not properties:
        properties = {str(name): True if others is None else others for name in names["enum"]}
    declared = "properties" in schema or (reader.arguments and not path)
    open_ended = not properties and others is not False and not (others is None and declared)
    if schema.get("patternProperties") and not properties:
        return _matched_keys(reader, schema, path, depth, least)
    if open_ended:
        key = _key_like(reader, names)
        value = reader.value(True if others is None else others, f"{path}/*", depth)
        return free_object(
            reader.make,
            key,
            value,
            least,
            most,
            single=isinstance(names, dict) and bool({"pattern", "maxLength"} & set(names)),
        )
    found = [
        (_key(reader.make, name), reader.value(kind, f"{path}/{name}", depth), name in (required or []))
        for name, kind in properties.items()
    ]
    return _declared(reader.make, found, least, most)


def _declared(make: Builder, properties: list[Property], least: int, most: int | None) -> Node:
    """In order; how many have come is followed as far as a bound asks."""
    always = sum(needed for _, _, needed in properties)
    least = least if least > always else 0
    counts = most is not None and most < len(properties)
    top = max(least, (most or 0) + 1 if counts else 0, 1)
    end = make.lit("}")
    follow = [
        end if so_far >= least and not (counts and so_far > (most or 0)) else make.never for so_far in range(top + 1)
    ]
    for key, value, needed in reversed(properties):
        entry = make.seq(key, value)
        follow = [
            make.alt(
                make.seq(make.lit(", ") if so_far else make.empty, entry, follow[min(so_far + 1, top)]),
                make.never if needed else follow[so_far],
            )
            for so_far in range(top + 1)
        ]
    return make.seq(make.lit("{"), follow[0])


def free_object(
    make: Builder, key: Node, value: Node, least: int = 0, most: int | None = None, single: bool = False
) -> Node:
    """Keys of the caller's choosing; that none comes twice is seen to by `repeats.py`, where keys are open text."""
    top = 1 if single else most
    if (top is not None and top < least) or least > 1:
        raise PatternError("`minProperties` of keys that are not declared")
    make.has_open_keys |= top is None or top > 1
    entry = make.seq(key, value)
    more = make.rep(make.seq(make.lit(", "), entry), 0, None if top is None else max(top - 1, 0))
    inside = make.empty if top == 0 else make.seq(entry, more)
    return make.seq(make.lit("{"), inside if least else make.maybe(inside), make.lit("}"))


def open_key(make: Builder, least: int = 1, most: int | None = None) -> Node:
    """Any key without escapes."""
    inside = make.rep(make.char([(0x20, 0x21), (0x23, 0x5B), (0x5D, 0x7E), (0xA0, LAST)]), max(least, 1), most)
    return make.term(make.seq(make.lit('"'), inside, make.lit('": ')), True)


def _key_like(reader: _Reader, names: object) -> Node:
    if not isinstance(names, dict):
        return open_key(reader.make)
    asked = set(names) & {"enum", "const", "pattern", "minLength", "maxLength", "format", "$ref", "anyOf", "oneOf"}
    if asked == {"pattern"}:
        return _pattern_key(reader.make, names["pattern"])
    if asked <= {"minLength", "maxLength"}:
        return open_key(reader.make, int(names.get("minLength", 1)), names.get("maxLength"))
    raise PatternError("`propertyNames` with conditions other than a pattern or a length")


def _pattern_key(make: Builder, pattern: str) -> Node:
    return make.term(make.seq(make.lit('"'), pattern_expr(make, pattern), make.lit('": ')), True)


def _matched_keys(reader: _Reader, schema: Schema, path: str, depth: int, least: int) -> Node:
    """One entry at most: keys of a pattern can run out, open ones cannot."""
    if len(schema["patternProperties"]) > 1:
        raise PatternError("more than one of `patternProperties`")
    ((pattern, kind),) = schema["patternProperties"].items()
    value = reader.value(kind, f"{path}/*", depth)
    return free_object(reader.make, _pattern_key(reader.make, pattern), value, least, None, single=True)


def _key(make: Builder, name: str) -> Node:
    return make.lit(json.dumps(name, ensure_ascii=False) + ": ")
