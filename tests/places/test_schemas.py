"""What is told of a parameter by its schema alone."""

from __future__ import annotations

from typing import Any

import pytest

from synth.places.schemas import kind_of, resolved

ROOT: dict[str, Any] = {
    "$defs": {
        "Hull": {"type": "object", "properties": {"length": {"type": "number"}}, "required": ["length"]},
        "Colour": {"enum": ["red", "teal"]},
        "Loop": {"$ref": "#/$defs/Loop"},
    }
}


@pytest.mark.parametrize(
    ("part", "kind", "told"),
    [
        ({"$ref": "#/$defs/Colour"}, "string", {"enum": ["red", "teal"]}),
        ({"anyOf": [{"type": "null"}, {"type": "integer", "minimum": 3}]}, "integer", {"minimum": 3}),
        ({"anyOf": [{"$ref": "#/$defs/Hull"}, {"type": "null"}], "default": None}, "object", {"default": None}),
        ({"type": ["null", "boolean"]}, "boolean", {}),
        ({"$ref": "#/$defs/Loop"}, "string", {}),
        ({"$ref": "#/$defs/Nowhere"}, "string", {}),
    ],
)
def test_references_and_unions_are_undone(part: dict[str, Any], kind: str, told: dict[str, Any]) -> None:
    found = resolved(part, ROOT)
    assert kind_of(found) == kind
    assert {key: found[key] for key in told} == told


def test_all_parts_of_an_object_are_joined() -> None:
    """An object of several parts is drawn whole: with the first alone every call would be refused."""
    sail = {"type": "object", "properties": {"sail": {"type": "string"}}, "required": ["sail"]}
    found = resolved({"allOf": [{"$ref": "#/$defs/Hull"}, sail]}, ROOT)
    assert set(found["properties"]) == {"length", "sail"} and set(found["required"]) == {"length", "sail"}
