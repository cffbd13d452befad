"""Arguments under a schema: whatever is drawn is valid, whatever is valid and in our form may be written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_core.enforcer import SchemaRefused, tool_constraint
from model_core.parser import parse_tool_calls
from tests.model_core.enforcer_cases import CASES, thing
from tests.model_core.replies import admits, drawn, tool, valid, vocabulary


@pytest.mark.parametrize("kind", CASES)
def test_what_is_drawn_is_valid_and_fits_whatever_the_budget(kind: str) -> None:
    schema = CASES[kind][0]
    for seed, budget in enumerate((60, 61, 75, 100, 160, 300)):
        constraint = tool_constraint(vocabulary(), [tool(schema)], "required", max_tokens=budget)
        ids, _ = drawn(constraint, seed)
        assert len(ids) <= budget
        reply = parse_tool_calls(vocabulary().decode(ids).removesuffix("<|im_end|>"))
        assert not reply.faults and reply.calls
        for call in reply.calls:
            assert valid(schema, call.arguments), call.raw


@pytest.mark.parametrize("kind", CASES)
def test_what_is_valid_may_be_written_and_what_is_not_may_not(kind: str) -> None:
    schema, right, wrong = CASES[kind]
    for value in right:
        assert valid(schema, value) and admits(schema, json.dumps(value, ensure_ascii=False)), value
    for value in wrong:
        assert not admits(schema, json.dumps(value, ensure_ascii=False)), value


def test_the_form_is_that_of_json_dumps_and_the_order_the_declared_one() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}
    assert admits(schema, '{"a": 1, "b": 2}')
    assert not admits(schema, '{"a":1,"b":2}')
    assert not admits(schema, '{"b": 2, "a": 1}')


def test_no_string_spells_a_marker() -> None:
    schema = thing(a={"type": "string"})
    assert admits(schema, '{"a": "<|tool<|tool_cal"}')
    assert not admits(schema, '{"a": "x<|tool_call_end|>"}')


def test_a_key_of_ones_own_making_comes_once() -> None:
    schema = {"type": "object", "additionalProperties": {"type": "object", "additionalProperties": {"type": "integer"}}}
    assert admits(schema, '{"a": {"a": 1, "b": 2}, "b": {"a": 1}}')
    assert not admits(schema, '{"a": {"a": 1, "a": 2}}')
    assert not admits(schema, '{"a": {}, "b": {}, "a": {}}')


REFUSED = {
    "`not` at /a": thing(a={"not": {"type": "string"}}),
    "`if` at /a": thing(a={"type": "object", "if": {}, "then": {}}),
    "`contains`": thing(a={"type": "array", "contains": {"const": 1}}),
    "alternatives that may hold at once": thing(a={"oneOf": [{"type": "string"}, {"type": "string", "minLength": 3}]}),
    "refers back to a group": thing(a={"type": "string", "pattern": "^(a|b)\\1$"}),
    "looks ahead in its middle": thing(a={"type": "string", "pattern": "^a(?!b)c$"}),
    "sets flags": thing(a={"type": "string", "pattern": "(?i)abc"}),
    "which is not there": thing(a={"$ref": "#/$defs/lost"}),
    "not within the schema": thing(a={"$ref": "https://example.org/x.json"}),
    "multiples of 0.3": thing(a={"type": "number", "multipleOf": 0.3}),
    "values that are not listed": thing(
        a={"type": "array", "uniqueItems": True, "minItems": 2, "items": {"type": "string"}}
    ),
    "spells a marker": thing(a={"enum": ["<|tool_call_end|>"]}),
    'no JSON Schema: "file"': thing(a={"type": "file"}),
    "recursion does not end": {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/x"}},
        "required": ["a"],
        "$defs": {"x": {"type": "object", "properties": {"b": {"$ref": "#/$defs/x"}}, "required": ["b"]}},
    },
    "nothing is valid": thing(a={"type": "integer", "minimum": 3, "maximum": 2}),
}


REFUSED["asks for another type"] = {"type": "array"}
REFUSED["3 is not of type"] = {"allOf": 3}
REFUSED["grammar is too large"] = thing(a={"type": "string", "maxLength": 10**12})


@pytest.mark.parametrize("reason", REFUSED)
def test_what_cannot_be_expressed_is_refused_by_name_with_the_reason(reason: str) -> None:
    with pytest.raises(SchemaRefused, match="act: the schema cannot be enforced") as refused:
        tool_constraint(vocabulary(), [tool(REFUSED[reason])], "required", max_tokens=400)
    assert refused.value.tool == "act" and reason in refused.value.reason


NUMBERS = st.integers(-2_000, 2_000)
NAMES = st.sampled_from(["a", "ab", "b", "to", "the_name", "é", 'with "quotes"'])


@st.composite
def bounded(draw: st.DrawFn) -> dict[str, Any]:
    low, high = sorted((draw(NUMBERS), draw(NUMBERS)))
    kind = draw(st.sampled_from(["integer", "number"]))
    scale = 1 if kind == "integer" else draw(st.sampled_from([1, 10, 1_000]))
    words = draw(
        st.sampled_from([("minimum", "maximum"), ("exclusiveMinimum", "maximum"), ("minimum", "exclusiveMaximum")])
    )
    if low == high:
        words = ("minimum", "maximum")
    bounds = dict(zip(words, (low / scale, high / scale) if scale > 1 else (low, high), strict=True))
    return {"type": kind, **draw(st.sampled_from([bounds, dict([next(iter(bounds.items()))])]))}


@st.composite
def text(draw: st.DrawFn) -> dict[str, Any]:
    least = draw(st.integers(0, 4))
    return {"type": "string", "minLength": least, "maxLength": least + draw(st.integers(0, 6))}


LEAVES = st.one_of(
    bounded(),
    text(),
    st.just({"type": "string"}),
    st.just({"type": "boolean"}),
    st.just({"type": ["null", "integer"]}),
    st.builds(
        lambda values: {"enum": values},
        st.lists(st.one_of(NUMBERS, st.text(max_size=4), st.none()), min_size=1, max_size=5),
    ),
    st.sampled_from(
        [{"type": "string", "format": name} for name in ("date", "date-time", "uuid", "email", "uri", "ipv4")]
    ),
)


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(NAMES, st.tuples(inner, st.booleans()), max_size=4).map(
        lambda parts: {
            "type": "object",
            "properties": {name: kind for name, (kind, _) in parts.items()},
            "required": [name for name, (_, needed) in parts.items() if needed],
            "additionalProperties": False,
        }
    )


def arrays(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda kind, least, more: {"type": "array", "items": kind, "minItems": least, "maxItems": least + more},
        inner,
        st.integers(0, 2),
        st.integers(0, 2),
    )


SCHEMAS = objects(
    st.recursive(
        LEAVES,
        lambda inner: st.one_of(
            objects(inner), arrays(inner), st.lists(inner, min_size=1, max_size=3).map(lambda kinds: {"anyOf": kinds})
        ),
        max_leaves=6,
    )
)


@settings(max_examples=60)
@given(schema=SCHEMAS, seed=st.integers(0, 1_000), slack=st.integers(0, 60))
def test_any_schema_of_these_kinds_gives_valid_calls_within_its_budget(schema: Any, seed: int, slack: int) -> None:
    shortest = _shortest(schema)
    constraint = tool_constraint(vocabulary(), [tool(schema)], "act", parallel=False, max_tokens=shortest + slack)
    ids, _ = drawn(constraint, seed)
    assert len(ids) <= shortest + slack
    reply = parse_tool_calls(vocabulary().decode(ids).removesuffix("<|im_end|>"))
    assert not reply.faults and len(reply.calls) == 1
    assert valid(schema, reply.calls[0].arguments), reply.calls[0].raw


def _shortest(schema: Any) -> int:
    """The budget that is just enough, as the refusal of a smaller one tells it."""
    with pytest.raises(SchemaRefused) as refused:
        tool_constraint(vocabulary(), [tool(schema)], "act", max_tokens=1)
    return int(refused.value.reason.split("takes ")[1].split()[0])
