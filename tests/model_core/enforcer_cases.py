"""Schemas of every kind, each with values that are valid and must be admitted, and values that must not."""

from __future__ import annotations

from typing import Any


def thing(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


TREE = {
    "type": "object",
    "properties": {"root": {"$ref": "#/$defs/node"}},
    "required": ["root"],
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "below": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
            "required": ["name"],
            "additionalProperties": False,
        }
    },
}
SHAPES = {
    "oneOf": [
        {
            "type": "object",
            "properties": {"kind": {"const": "circle"}, "r": {"type": "number", "minimum": 0}},
            "required": ["kind", "r"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {"kind": {"const": "square"}, "side": {"type": "integer", "maximum": -3}},
            "required": ["kind", "side"],
            "additionalProperties": False,
        },
    ]
}
# A schema, values that are valid and must be admitted, values that must not.
CASES: dict[str, tuple[dict[str, Any], list[Any], list[Any]]] = {
    "string": (thing(a={"type": "string"}), [{"a": 'Zoë said "no"\n\\o/ 🎉'}, {"a": ""}], [{"a": 1}, {}]),
    "length": (
        thing(a={"type": "string", "minLength": 2, "maxLength": 4}),
        [{"a": "ab"}, {"a": "é€🎉x"}],
        [{"a": "a"}],
    ),
    "too long": (thing(a={"type": "string", "maxLength": 4}), [{"a": ""}], [{"a": "abcde"}]),
    "pattern": (thing(a={"type": "string", "pattern": "^[A-Z]{2}-\\d+$"}), [{"a": "AB-7"}], [{"a": "AB-"}]),
    "pattern inside": (thing(a={"type": "string", "pattern": "b+c"}), [{"a": "xbbcy"}], [{"a": "xbb"}]),
    "pattern and length": (
        thing(a={"type": "string", "pattern": "^(ab)*c?$", "minLength": 3, "maxLength": 7}),
        [{"a": "ababab"}],
        [{"a": "ab"}],
    ),
    "look ahead": (
        thing(a={"type": "string", "pattern": "^(?!\\.)(?!.*\\.\\.)[a-z.]+@x$"}),
        [{"a": "a.b@x"}],
        [{"a": "a..b@x"}],
    ),
    "either end": (
        thing(a={"type": "string", "pattern": "^$|^\\d{4}(-\\d\\d)?$"}),
        [{"a": ""}, {"a": "2024-05"}],
        [{"a": "1"}],
    ),
    "date": (
        thing(a={"type": "string", "format": "date"}),
        [{"a": "2024-02-29"}],
        [{"a": "2023-02-29"}, {"a": "1900-02-29"}],
    ),
    "moment": (
        thing(a={"type": "string", "format": "date-time"}),
        [{"a": "2024-12-31T23:59:59.5+02:00"}],
        [{"a": "2024-12-31"}],
    ),
    "time": (thing(a={"type": "string", "format": "time"}), [{"a": "07:00:00Z"}], [{"a": "24:00:00Z"}]),
    "uuid": (
        thing(a={"type": "string", "format": "uuid"}),
        [{"a": "0b1d9f6e-8f10-4b5f-9c3e-000000000000"}],
        [{"a": "0b1d"}],
    ),
    "email": (thing(a={"type": "string", "format": "email"}), [{"a": "a.b+c@mail.example.org"}], [{"a": "a@"}]),
    "uri": (thing(a={"type": "string", "format": "uri"}), [{"a": "https://example.org/a?b=c#d"}], [{"a": "example"}]),
    "ipv4": (thing(a={"type": "string", "format": "ipv4"}), [{"a": "10.0.255.1"}], [{"a": "10.0.256.1"}]),
    "integer": (thing(a={"type": "integer"}), [{"a": 0}, {"a": -120}], [{"a": 1.5}, {"a": "1"}]),
    "integers in bounds": (
        thing(a={"type": "integer", "minimum": -12, "maximum": 305}),
        [{"a": -12}, {"a": 305}],
        [{"a": 306}],
    ),
    "open bounds": (
        thing(a={"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5}),
        [{"a": 4}],
        [{"a": 3}, {"a": 5}],
    ),
    "multiples": (thing(a={"type": "integer", "multipleOf": 7}), [{"a": 0}, {"a": -49}, {"a": 1001}], [{"a": 1000}]),
    "multiples in bounds": (
        thing(a={"type": "integer", "multipleOf": 25, "minimum": 1, "maximum": 99}),
        [{"a": 75}],
        [{"a": 0}],
    ),
    "number": (thing(a={"type": "number"}), [{"a": 0.1}, {"a": -3}, {"a": 1e-07}], [{"a": "x"}]),
    "numbers in bounds": (
        thing(a={"type": "number", "minimum": -0.25, "exclusiveMaximum": 1.5}),
        [{"a": -0.25}, {"a": 1.49}],
        [{"a": 1.5}],
    ),
    "between": (
        thing(a={"type": "number", "minimum": 2.31, "maximum": 2.37}),
        [{"a": 2.31}, {"a": 2.365}],
        [{"a": 2.4}],
    ),
    "boolean and null": (thing(a={"type": ["boolean", "null"]}), [{"a": True}, {"a": None}], [{"a": 0}]),
    "enum": (
        thing(a={"enum": ["a", "ab", 1, 12, None, {"x": [1]}]}),
        [{"a": "ab"}, {"a": 12}, {"a": {"x": [1]}}],
        [{"a": 2}],
    ),
    "enum beside a type": (thing(a={"type": "string", "enum": ["a", 1]}), [{"a": "a"}], [{"a": 1}]),
    "const": (thing(a={"const": "only"}), [{"a": "only"}], [{"a": "other"}]),
    "optional": (
        {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}, "c": {"type": "integer"}},
            "required": ["b"],
        },
        [{"b": 1}, {"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3}],
        [{"a": 1}, {"a": 1, "c": 3}],
    ),
    "nested": (thing(a=thing(b=thing(c={"type": "string"}))), [{"a": {"b": {"c": "d"}}}], [{"a": {"b": {}}}]),
    "array": (thing(a={"type": "array", "items": {"type": "integer"}}), [{"a": []}, {"a": [1, 2, 3]}], [{"a": ["x"]}]),
    "array in bounds": (
        thing(a={"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 3}),
        [{"a": [True, False]}],
        [{"a": [True]}],
    ),
    "no more": (thing(a={"type": "array", "items": {"enum": [1]}, "maxItems": 2}), [{"a": [1, 1]}], [{"a": [1, 1, 1]}]),
    "tuple": (
        thing(
            a={"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False, "minItems": 2}
        ),
        [{"a": ["x", 1]}],
        [{"a": ["x"]}],
    ),
    "set": (
        thing(
            a={
                "type": "array",
                "uniqueItems": True,
                "items": {"enum": ["a", "ab", "b", "c"]},
                "minItems": 2,
                "maxItems": 3,
            }
        ),
        [{"a": ["c", "a"]}, {"a": ["ab", "a", "b"]}],
        [{"a": ["a", "a"]}, {"a": ["a"]}],
    ),
    "union": (
        thing(a={"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}, {"type": "null"}]}),
        [{"a": "x"}, {"a": ["x"]}, {"a": None}],
        [{"a": 1}],
    ),
    "union beside conditions": (
        {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
        },
        [{"a": 1}, {"b": 1}, {"a": 1, "b": 2}],
        [{}],
    ),
    "exclusive union": (
        thing(a=SHAPES),
        [{"a": {"kind": "circle", "r": 1.5}}],
        [{"a": {"kind": "circle", "side": -4}}],
    ),
    "all of": (
        thing(a={"allOf": [{"type": "integer", "minimum": 3, "maximum": 9}, {"minimum": 1, "maximum": 5}]}),
        [{"a": 3}, {"a": 5}],
        [{"a": 6}, {"a": 2}],
    ),
    "recursion": (TREE, [{"root": {"name": "a", "below": [{"name": "b", "below": []}]}}], [{"root": {"below": []}}]),
    "map": (
        thing(a={"type": "object", "additionalProperties": {"type": "integer"}}),
        [{"a": {}}, {"a": {"x": 1, "xy": 2, "é 1": 3}}],
        [{"a": {"x": "y"}}],
    ),
    "keys of a length": (
        thing(a={"type": "object", "additionalProperties": {"type": "null"}, "propertyNames": {"minLength": 2}}),
        [{"a": {"ab": None, "abc": None}}],
        [{"a": {"b": None}}],
    ),
    "keys by pattern": (
        thing(a={"type": "object", "patternProperties": {"^x[0-9]$": {"type": "null"}}, "additionalProperties": False}),
        [{"a": {"x1": None}}, {"a": {}}],
        [{"a": {"y": None}}],
    ),
    "at least one": (
        {"type": "object", "properties": {"a": {"type": "null"}, "b": {"type": "null"}}, "minProperties": 1},
        [{"a": None}, {"b": None}, {"a": None, "b": None}],
        [{}],
    ),
    "at most one": (
        {"type": "object", "properties": {"a": {"type": "null"}, "b": {"type": "null"}}, "maxProperties": 1},
        [{"a": None}, {}],
        [{"a": None, "b": None}],
    ),
    "anything": (thing(a={}), [{"a": [1, {"b": None}]}, {"a": "x"}], []),
    "no arguments": ({"type": "object", "properties": {}}, [{}], [{"a": 1}]),
}
