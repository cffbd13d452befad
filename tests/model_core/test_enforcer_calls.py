"""Whole replies: text, calls, their numbers and names, and the choice of tool."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from model_core.enforcer import SchemaRefused, schema_constraint, tool_constraint
from model_core.enforcer.vocabulary import allowed_ids, allows
from model_core.errors import ModelError
from model_core.parser import parse_tool_calls
from tests.model_core.replies import MARKERS, call_ids, drawn, refusal, tool, vocabulary

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
NONE: dict[str, Any] = {"type": "object", "properties": {}}
TOOLS = [tool(CITY, "get_weather"), tool(CITY, "get_weather_alerts"), tool(NONE, "list_cities")]
BEGIN, CALL, ARGUMENT, CALL_END, SECTION_END, END = (vocabulary().special[marker] for marker in MARKERS)


def constraint(choice: str = "auto", max_tokens: int = 200, **options: Any) -> Any:
    return tool_constraint(vocabulary(), TOOLS, choice, max_tokens=max_tokens, **options)


def read(ids: list[int]) -> Any:
    return parse_tool_calls(vocabulary().decode(ids).removesuffix(MARKERS[-1]))


def mask_of(held: Any) -> np.ndarray:
    mask = np.zeros((vocabulary().size + 31) // 32, dtype=np.int32)
    held.mask(mask)
    return mask


def allowed_after(held: Any, ids: list[int]) -> set[int]:
    held.accept(ids)
    return set(map(int, allowed_ids(mask_of(held), vocabulary().size)))


def test_auto_allows_text_text_and_calls_and_calls() -> None:
    calls = call_ids("get_weather", '{"city": "Oslo"}')
    for before in ("", "I look that up. a<b <| c"):
        assert refusal(constraint(), vocabulary().encode(before) + calls) is None
    assert refusal(constraint(), [*vocabulary().encode("Nothing to do."), END]) is None


def test_text_spells_no_marker_and_no_special_token_but_the_two_comes_in_it() -> None:
    spelled = vocabulary().encode("see <|tool_call_begin|>")
    assert refusal(constraint(), spelled) is not None
    specials = set(vocabulary().special.values())
    assert allowed_after(constraint(), vocabulary().encode("Well")) & specials == {BEGIN, END}


def test_none_has_no_calls() -> None:
    assert refusal(constraint("none"), [*vocabulary().encode("Hello"), END]) is None
    assert refusal(constraint("none"), [BEGIN]) == 0


def test_required_begins_with_a_call_and_a_name_asks_for_that_tool() -> None:
    assert constraint("required").forced()[0] == BEGIN
    named = constraint("list_cities", parallel=False)
    ids, draws = drawn(named, 0)
    assert draws == 0 and ids == call_ids("list_cities", "{}")
    with pytest.raises(ModelError, match="'list_city' is no declared tool; declared: get_weather"):
        constraint("list_city")
    assert refusal(constraint("required"), vocabulary().encode("Hello")) == 0


def test_calls_count_on_and_are_one_where_they_may_not_be_several() -> None:
    one, two = call_ids("list_cities", "{}", 7)[:-2], call_ids("get_weather", '{"city": "x"}', 8)[1:]
    assert refusal(constraint(first_index=7), one + two) is None
    assert refusal(constraint(first_index=7), one + call_ids("list_cities", "{}", 7)[1:]) is not None
    assert refusal(constraint(first_index=7, parallel=False), one + two) == len(one)


def test_a_name_that_another_one_begins_with_is_told_apart() -> None:
    for name in ("get_weather", "get_weather_alerts"):
        assert refusal(constraint(), call_ids(name, '{"city": "x"}')) is None
    assert refusal(constraint(), call_ids("get_weather_alert", '{"city": "x"}')) is not None


def test_names_come_in_their_canonical_tokens() -> None:
    shown = vocabulary().encode("functions.")
    held = constraint("required")
    held.accept([BEGIN, CALL])
    assert held.forced()[: len(shown)] == shown
    first = vocabulary().encode("functions.get_weather:0")[len(shown)]
    other = vocabulary().encode("functions.list_cities:0")[len(shown)]
    assert allowed_after(held, shown) == {first, other}


def test_names_that_could_not_be_read_back_are_refused() -> None:
    with pytest.raises(SchemaRefused, match="could not be read back"):
        tool_constraint(vocabulary(), [tool(NONE, "two words")], max_tokens=100)


def test_every_reply_is_closed_within_its_budget_and_names_declared_tools() -> None:
    names = {"get_weather", "get_weather_alerts", "list_cities"}
    seen = set()
    for seed in range(60):
        budget = 30 + 3 * seed
        ids, _ = drawn(constraint("required", budget), seed)
        reply = read(ids)
        assert len(ids) <= budget and ids[-1] == END and not reply.faults
        assert {call.name for call in reply.calls} <= names
        assert [call.index for call in reply.calls] == list(range(len(reply.calls)))
        seen.add(len(reply.calls))
    assert {1, 2} <= seen


def test_no_call_is_begun_that_does_not_fit() -> None:
    tight = constraint(max_tokens=len(call_ids("list_cities", "{}")))
    assert allows(mask_of(tight), BEGIN)
    tight.accept(vocabulary().encode("a"))
    assert not allows(mask_of(tight), BEGIN)
    with pytest.raises(SchemaRefused, match=r"list_cities.* takes .* tokens, and max_tokens is 5"):
        constraint("required", 5)


def test_of_several_tools_only_those_that_fit_can_be_named() -> None:
    budget = len(call_ids("list_cities", "{}"))
    for seed in range(8):
        assert read(drawn(constraint("required", budget), seed)[0]).calls[0].name == "list_cities"


def test_what_was_not_allowed_is_an_error_that_says_so() -> None:
    held = constraint()
    with pytest.raises(ModelError, match="not allowed"):
        held.accept([CALL_END])
    held = constraint("required")
    with pytest.raises(ModelError, match="not allowed"):
        held.accept([END])
    with pytest.raises(ModelError, match="not allowed by the schema of list_cities"):
        constraint("list_cities").accept([*call_ids("list_cities", "{")[:-2]])


def test_response_format_holds_the_whole_reply_to_a_schema() -> None:
    for seed in range(10):
        ids, _ = drawn(schema_constraint(vocabulary(), CITY, max_tokens=40), seed)
        assert ids[-1] == END and set(json.loads(vocabulary().decode(ids[:-1]))) == {"city"}
        anything = {"type": "object", "additionalProperties": True}
        ids, _ = drawn(schema_constraint(vocabulary(), anything, max_tokens=60), seed)
        assert isinstance(json.loads(vocabulary().decode(ids[:-1])), dict)
    number = schema_constraint(vocabulary(), {"type": "integer"}, max_tokens=9)
    assert refusal(number, [*vocabulary().encode("120"), END]) is None
    with pytest.raises(SchemaRefused, match="response_format"):
        schema_constraint(vocabulary(), {"not": {"type": "null"}}, max_tokens=9)


def test_arguments_are_an_object_and_a_response_is_what_its_schema_says() -> None:
    for schema in ({}, {"anyOf": [{"type": "string"}, CITY]}, {"enum": ["x", {"city": "x"}]}):
        ids, _ = drawn(tool_constraint(vocabulary(), [tool(schema)], "act", max_tokens=60), 1)
        assert all(isinstance(call.arguments, dict) for call in read(ids).calls) and not read(ids).faults
    word = schema_constraint(vocabulary(), {"enum": ["x", 3]}, max_tokens=9)
    assert refusal(word, [*vocabulary().encode('"x"'), END]) is None
    anything = schema_constraint(vocabulary(), {"type": "object"}, max_tokens=30)
    assert refusal(anything, [*vocabulary().encode('{"a": 1}'), END]) is None


SAID = 'Please book room 12 at "Hôtel du Lac" for Anna-Lena, 3.50 a night.'
BOOK = {
    "type": "object",
    "properties": {"hotel": {"type": "string"}, "room": {"type": "integer"}, "price": {"type": "number"},
                   "kind": {"enum": ["single", "double"]}, "day": {"type": "string", "format": "date"}},
}  # fmt: skip


def grounded() -> Any:
    return tool_constraint(vocabulary(), [tool(BOOK, "book")], "book", max_tokens=120, grounded=SAID, parallel=False)


def test_grounded_arguments_were_said() -> None:
    for right in (
        '{"hotel": "Hôtel du Lac", "room": 12, "price": 3.50, "kind": "double", "day": "2030-01-01"}',
        '{"hotel": "Anna-Lena"}',
        '{"hotel": "at \\"Hôtel du Lac\\""}',
    ):
        assert refusal(grounded(), call_ids("book", right)) is None, right
    for wrong in ('{"hotel": "Hilton"}', '{"hotel": "Hôt"}', '{"hotel": ""}', '{"room": 13}', '{"room": 3.50}'):
        assert refusal(grounded(), call_ids("book", wrong)) is not None, wrong
    for seed in range(20):
        arguments = read(drawn(grounded(), seed)[0]).calls[0].arguments
        assert arguments.get("hotel", "Lac") in SAID and arguments.get("room", 12) == 12
