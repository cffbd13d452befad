"""Reduction keeps what a caller must send, drops every word, and always gives a valid, bounded schema."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tools_catalog.originals import original_sha256
from tools_catalog.reduce import MAX_NODES, is_fact_text, reduce_annotations, reduce_schema

PROSE = "Use this only after the user has answered. Never infer it."


def test_prose_goes_and_facts_stay() -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "title": "A title",
        "description": PROSE,
        "$comment": PROSE,
        "x-widget": {"help": PROSE},
        "properties": {
            "mode": {"type": "string", "enum": ["fast", "In Progress", PROSE, "x" * 80], "default": "fast"},
            "note": {"type": "string", "default": PROSE, "examples": [PROSE], "minLength": 1, "maxLength": 5},
            "when": {"type": ["string", "null"], "format": "date-time", "default": None},
            "code": {"type": "string", "pattern": r"^[A-Z]{2}-\d+$"},
            "wordy": {"type": "string", "pattern": "^(please give a name here)$"},
            "n": {"type": "integer", "minimum": 1, "maximum": 9, "default": 3},
            "strict": {"type": "number", "minimum": 0, "exclusiveMinimum": True},
            "kind": {"const": "a"},
            PROSE: {"type": "string"},
        },
        "required": ["mode", PROSE],
        "additionalProperties": False,
    }
    assert reduce_schema(schema) == {
        "type": "object",
        "properties": {
            "mode": {"type": "string", "enum": ["fast", "In Progress"], "default": "fast"},
            "note": {"type": "string", "minLength": 1, "maxLength": 5},
            "when": {"type": ["string", "null"], "format": "date-time", "default": None},
            "code": {"type": "string", "pattern": r"^[A-Z]{2}-\d+$"},
            "wordy": {"type": "string"},
            "n": {"type": "integer", "minimum": 1, "maximum": 9, "default": 3},
            "strict": {"type": "number", "exclusiveMinimum": 0},
            "kind": {"const": "a"},
        },
        "required": ["mode"],
    }  # a dropped property must stay allowed, so additionalProperties: false goes, too


def test_references_become_local_definitions() -> None:
    schema = {
        "$id": "https://example.com/s.json",
        "type": "object",
        "properties": {
            "a": {"$ref": "#/definitions/Thing"},
            "b": {"$ref": "#/properties/a"},
            "c": {"$ref": "https://example.com/s.json#/definitions/Thing"},
            "d": {"$ref": "#here"},
            "gone": {"$ref": "http://127.0.0.1:9/canary.json"},
            "dangling": {"$ref": "#/$defs/none"},
        },
        "definitions": {
            "Thing": {"type": "object", "properties": {"next": {"$ref": "#/definitions/Thing"}}, "description": PROSE},
            "Named": {"$anchor": "here", "type": "integer"},
            "Unused": {"type": "string"},
        },
    }
    reduced = reduce_schema(schema)
    Draft202012Validator.check_schema(reduced)
    assert set(reduced["$defs"]) == {"Thing", "Thing_2", "a", "here"}
    assert reduced["properties"]["gone"] == {}
    assert reduced["properties"]["dangling"] == {}
    assert reduced["$defs"]["here"] == {"type": "integer"}
    thing = reduced["$defs"][reduced["properties"]["a"]["$ref"].rsplit("/", 1)[1]]
    assert thing["properties"]["next"] == reduced["properties"]["a"]  # recursion stays a reference
    Draft202012Validator(reduced).validate({"a": {"next": {"next": {}}}, "d": 3})


def test_tuples_unions_and_conditions() -> None:
    schema = {
        "type": "object",
        "properties": {
            "pair": {"type": "array", "items": [{"type": "number"}, {"type": "string"}], "additionalItems": False},
            "exact": {"oneOf": [{"const": 1, "title": "One"}, {"const": 2}]},
            "loose": {"oneOf": [{"enum": ["a", PROSE]}, {"const": "b"}]},
        },
        "if": {"properties": {"m": {"const": "phone"}}, "required": ["m"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "not": {"properties": {"m": {"const": PROSE}}},
    }
    reduced = reduce_schema(schema)
    assert reduced["properties"]["pair"] == {
        "type": "array",
        "prefixItems": [{"type": "number"}, {"type": "string"}],
        "items": False,
    }
    assert "oneOf" in reduced["properties"]["exact"]
    assert "anyOf" in reduced["properties"]["loose"]  # something was lost: branches may overlap now
    assert reduced["then"] == {"required": ["phone"]}
    assert "not" not in reduced  # a loosened negation would refuse what the original takes


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=12) | st.just(PROSE),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["type", "properties", "items", "anyOf", "oneOf", "allOf", "enum", "const", "required", "$ref", "$defs",
                 "not", "if", "then", "minimum", "minLength", "pattern", "format", "default", "additionalProperties",
                 "prefixItems", "dependentRequired", "a", "$anchor"]
            )
            | st.text(max_size=6),
            inner | st.sampled_from(["object", "array", "string", "#", "#/properties/a", "#/$defs/a", "[", "(a+)+"]),
            max_size=5,
        )
    ),
    max_leaves=25,
)  # fmt: skip


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(json_values)
def test_whatever_comes_in_a_valid_schema_comes_out(value: Any) -> None:
    reduced = reduce_schema(value)
    Draft202012Validator.check_schema(reduced)
    assert PROSE not in json.dumps(reduced, allow_nan=False)
    for ref in re.findall(r'"\$ref": "#/\$defs/([^"]+)"', json.dumps(reduced)):
        assert ref in reduced["$defs"]
    assert reduce_schema(reduced) == reduced or "$ref" in json.dumps(reduced)


def test_a_schema_of_any_size_is_cut() -> None:
    wide = {"type": "object", "properties": {f"p{i}": {"type": "string"} for i in range(3 * MAX_NODES)}}
    described = [p for p in reduce_schema(wide)["properties"].values() if p]
    assert len(described) <= MAX_NODES
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(500):
        deep = {"type": "array", "items": deep}
    assert json.dumps(reduce_schema(deep)).count("items") < 30


@pytest.mark.parametrize("text", ["id", "In Progress", "date_time", "x" * 64, "United States of America", "", "a.b.c"])
def test_facts(text: str) -> None:
    assert is_fact_text(text)


@pytest.mark.parametrize(
    "text", [PROSE, "x" * 65, "Do it now.", "one two three four five six", "a\nb", "a\x1b[31m", "note: this", "w " * 30]
)
def test_prose(text: str) -> None:
    assert not is_fact_text(text)


def test_annotations_are_four_booleans() -> None:
    given_hints = {"readOnlyHint": True, "title": PROSE, "openWorldHint": None, "idempotentHint": "yes"}
    assert reduce_annotations(given_hints) == {"readOnlyHint": True}
    assert reduce_annotations(None) == {}


def test_the_hash_covers_what_was_said_and_nothing_else() -> None:
    tool = {"name": "a", "description": "b", "inputSchema": {"type": "object"}, "annotations": {"title": None}}
    assert original_sha256(tool) == original_sha256({**tool, "annotations": None, "title": None, "server_id": "x"})
    assert original_sha256(tool) != original_sha256({**tool, "description": "c"})
