"""The two-sample test: chance on halves of one set, sure of a planted mark, and silent about topics."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
from samples import plain_tools

from synth.errors import UsageError
from synth.reports.form import form, style_of
from synth.reports.schemas import shape_of
from synth.reports.twosample import battery, compare, headline, main, sides


def test_two_halves_of_one_set_look_alike() -> None:
    tools = plain_tools(240)
    told = compare("halves", sides(tools[::2], tools[1::2]))
    assert 0.35 <= told.auc <= 0.65 and 0.35 <= told.linear <= 0.65


def test_a_planted_mark_is_found_and_named() -> None:
    tools = plain_tools(240)
    marked = [
        dataclasses.replace(t, origin="synthetic", input_schema={**t.input_schema, "additionalProperties": False})
        for t in tools[1::2]
    ]
    told = headline([*tools[::2], *marked], [], 120)
    assert told.auc > 0.99 and told.giveaways[0].feature == "input.closed"
    assert told.giveaways[0].real == 0.0 and told.giveaways[0].synthetic == 1.0
    assert told.groups["input"] > 0.99 and told.groups["name"] < 0.7


def test_folds_of_whole_servers_do_not_reward_remembering_a_server() -> None:
    tools = plain_tools(400)  # sizes of names follow from the server alone; servers are split between the sides
    wide = [
        dataclasses.replace(t, name=f"get_{'x' * (3 + 7 * int(t.server[1:]) % 41)}", server=t.server) for t in tools
    ]
    first = [t for t in wide if int(t.server[1:]) % 2]
    second = [t for t in wide if not int(t.server[1:]) % 2]
    told = compare("servers", sides(first, second))
    assert told.ungrouped > told.auc + 0.1


def test_topic_words_do_not_show() -> None:
    tool = plain_tools(1)[0]
    schema: dict[str, Any] = {"type": "object", "properties": {"cat_name": {"type": "string"}}}
    other = {"type": "object", "properties": {"dog_fame": {"type": "string"}}}
    a = form(dataclasses.replace(tool, name="get_cat", description="Gets a cat.", input_schema=schema))
    b = form(dataclasses.replace(tool, name="get_dog", description="Gets a dog.", input_schema=other))
    assert all(a[k] == b[k] or (math.isnan(a[k]) and math.isnan(b[k])) for k in a)


@pytest.mark.parametrize(
    ("name", "style"),
    [
        ("get_x", "snake"),
        ("getX", "camel"),
        ("GetX", "pascal"),
        ("get-x", "kebab"),
        ("get", "lower"),
        ("get.x", "other"),
    ],
)
def test_styles(name: str, style: str) -> None:
    assert style_of(name) == style


def test_a_schema_counted_by_hand() -> None:
    inner = {"type": "object", "properties": {"f": {}}}
    shape = shape_of(
        {
            "type": "object", "required": ["a", "missing"],
            "$defs": {"N": {"type": "object", "properties": {"n": {"$ref": "#/$defs/N"}, "v": {"type": "string"}}}},
            "properties": {
                "a": {"type": "string", "enum": ["x", "y"]},
                "b": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
                "c": {"type": ["string", "number"]},
                "d": {"type": "object", "properties": {"e": {"type": "array", "items": inner}}},
                "g": {"$ref": "#/$defs/N"},
                "h": {"type": "object"},
            },
        }
    )  # fmt: skip
    assert shape.parameters == 6 and shape.required == ["a"] and shape.enums == [2]
    assert shape.kinds == {"string": 1, "integer": 1, "several": 1, "object": 3}
    assert shape.marks["nullable"] == shape.marks["nullable_by_union"] == shape.marks["default_null"] == 1
    assert shape.marks["free_object"] == 1 and shape.marks["several"] == 1
    assert shape.depth == 3 and shape.leaves == 6  # a b c f v h; the recursion is no leaf of its own


def test_a_run_that_is_none_is_one_sentence(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(("count", "servers"), [(20, 40), (200, 3)])
def test_too_few_tools_or_servers_are_said(count: int, servers: int) -> None:
    tools = [*plain_tools(count, servers=servers), *plain_tools(count, "synthetic", servers)]
    with pytest.raises(UsageError, match="needs 50 real and 50 synthetic"):
        headline(tools, [], 100)
    assert battery(tools, [], 100) == []
