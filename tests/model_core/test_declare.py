"""Tools on one line each: what a call needs is there, and the checkpoint says which form it was trained on."""

from __future__ import annotations

import json

import pytest

from model_core.config import ModelConfig
from model_core.declare import declare, told
from model_core.errors import ModelError

TOOL = {
    "type": "function",
    "function": {
        "name": "put_reader",
        "description": "Creates a reader.  Returns it.",
        "parameters": {
            "type": "object",
            "properties": {
                "email": {"type": "string", "format": "email"},
                "full_name": {"type": "string", "description": "Who it is"},
                "age": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                "tags": {"type": "array", "items": {"enum": ["new", "old"]}},
                "home": {"$ref": "#/$defs/Place"},
                "anything": {},
                "kind": {"type": ["string", "null"]},
            },
            "required": ["email", "full_name"],
            "$defs": {"Place": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}},
        },
    },
}


def test_one_line_with_names_types_values_and_the_first_sentence() -> None:
    assert declare([TOOL], "compact") == (
        "put_reader(email: email, full_name, age?: integer, tags?: (new|old)[], home?: {city}, anything?: any, kind?)"
        " Creates a reader."
    )


def test_bare_functions_no_parameters_no_description() -> None:
    assert declare([{"name": "ping"}, TOOL["function"]], "compact").splitlines()[0] == "ping()"


def test_a_schema_that_holds_itself_ends() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/N"}}}
    tool = {"name": "walk", "parameters": {"properties": {"n": {"$ref": "#/$defs/N"}}, "$defs": {"N": node}}}
    assert declare([tool], "compact").startswith("walk(n?: {next?: ")
    lost = {"name": "walk", "parameters": {"properties": {"n": {"$ref": "#/nowhere/N"}}}}
    assert declare([lost], "compact") == "walk(n?: any)"


def test_json_is_the_default_and_an_unknown_form_is_refused() -> None:
    assert json.loads(declare([TOOL["function"]])) == [TOOL]
    with pytest.raises(ModelError, match="json or compact or compact_id_last, not 'xml'"):
        declare([TOOL], "xml")  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="tool_declarations='xml'"):
        ModelConfig.preset("tiny").scaled(tool_declarations="xml")


def test_the_form_travels_with_the_config() -> None:
    config = ModelConfig.preset("tiny").scaled(tool_declarations="compact")
    assert ModelConfig.from_public(config.to_public()).tool_declarations == "compact"


def test_the_id_of_a_listed_record_is_told_last() -> None:
    result = '{"items": [{"id": "a", "name": "Ash é", "tags": [{"k": 1, "v": 2}]}, 3], "next": {"id": 1, "x": 2.5}}'
    assert told(result, "compact_id_last") == (
        '{"items": [{"name": "Ash é", "tags": [{"v": 2, "k": 1}], "id": "a"}, 3], "next": {"id": 1, "x": 2.5}}'
    )
    assert told('[{"id": 1, "name": "x"}]', "compact") == '[{"id": 1, "name": "x"}]'


@pytest.mark.parametrize("result", ["not json", '[{"id": 1, "id": 2, "x": 3}]', "7", '"text"', ""])
def test_other_results_stay_as_they_are(result: str) -> None:
    assert told(result, "compact_id_last") == result
