"""Generated text to calls: what counts, what is a fault of which kind, and that the cutting of chunks never matters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_core.parser import (
    ARGUMENT_BEGIN,
    CALL_BEGIN,
    CALL_END,
    SECTION_BEGIN,
    SECTION_END,
    Call,
    Fault,
    ReplyReader,
    parse_tool_calls,
)


def call(call_id: str = "functions.book_room:0", arguments: str = '{"nights": 2}') -> str:
    return f"{CALL_BEGIN}{call_id}{ARGUMENT_BEGIN}{arguments}{CALL_END}"


def section(*calls: str) -> str:
    return SECTION_BEGIN + "".join(calls) + SECTION_END


BOOKED = Call("functions.book_room:0", "book_room", 0, {"nights": 2}, '{"nights": 2}')


def test_a_reply_of_words_is_words() -> None:
    reply = parse_tool_calls("Which hotel do you mean? <b>")
    assert (reply.text, reply.calls, reply.faults) == ("Which hotel do you mean? <b>", [], [])


def test_calls_of_all_sections_count_and_the_words_around_them_stay() -> None:
    second = call("functions.pay-bill.v2:7", "{}")
    reply = parse_tool_calls(
        "First " + section(call()) + " then " + section(second, call("find:8", '{"q": "ü<|x"}')) + " done"
    )
    assert reply.text == "First  then  done"
    assert reply.calls[0] == BOOKED
    assert [(c.name, c.index, c.arguments) for c in reply.calls[1:]] == [
        ("pay-bill.v2", 7, {}), ("find", 8, {"q": "ü<|x"}),
    ]  # fmt: skip
    assert reply.faults == []


def test_space_around_the_parts_of_a_call_means_nothing() -> None:
    inside = f'{CALL_BEGIN}\nfunctions.book_room:0 {ARGUMENT_BEGIN} {{"nights": 2}}\n{CALL_END}'
    spaced = f"{SECTION_BEGIN}\n {inside} {SECTION_END}"
    reply = parse_tool_calls(spaced)
    assert reply.calls == [BOOKED]
    assert reply.faults == []


def test_the_other_spelling_of_a_section_is_one() -> None:
    reply = parse_tool_calls("<|tool_call_section_begin|>" + call() + "<|tool_call_section_end|>")
    assert reply.calls == [BOOKED]
    assert reply.faults == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (call(arguments='{"nights": 2'), Fault("not_json", '{"nights": 2', "book_room")),
        (call(arguments='{"a": NaN}'), Fault("not_json", '{"a": NaN}', "book_room")),
        (call(arguments="[" * 100_000), Fault("not_json", "[" * 100_000, "book_room")),
        (call(arguments="[1]"), Fault("not_an_object", "[1]", "book_room")),
        (call(arguments='"two"'), Fault("not_an_object", '"two"', "book_room")),
        (call(arguments='"{\\"nights\\": 2}"'), Fault("double_encoded", '"{\\"nights\\": 2}"', "book_room")),
        (call(arguments='{"a": 1, "a": 2}'), Fault("repeated_key", '{"a": 1, "a": 2}', "book_room")),
        (call("0"), Fault("bad_id", "0" + ARGUMENT_BEGIN + '{"nights": 2}')),
        (call("functions.book_room"), Fault("bad_id", "functions.book_room" + ARGUMENT_BEGIN + '{"nights": 2}')),
        (call(""), Fault("bad_id", ARGUMENT_BEGIN + '{"nights": 2}')),
        (f"{CALL_BEGIN}functions.ping:3{CALL_END}", Fault("no_arguments", "functions.ping:3", "ping")),
        (f"{CALL_BEGIN}functions.ping:3", Fault("not_closed", "functions.ping:3", "ping")),
        (f"{CALL_BEGIN}ping:3{ARGUMENT_BEGIN}{{}}", Fault("not_closed", f"ping:3{ARGUMENT_BEGIN}{{}}", "ping")),
        ("book the room", Fault("stray_text", "book the room")),
        (CALL_END, Fault("stray_text", CALL_END)),
    ],
)  # fmt: skip
def test_what_is_malformed_is_kept_as_a_fault_and_spoils_nothing_else(body: str, fault: Fault) -> None:
    reply = parse_tool_calls("So: " + section(body, call()))
    assert reply.faults == [fault]
    assert reply.calls == [BOOKED]
    assert reply.text == "So: "


def test_a_reply_that_breaks_off_keeps_its_closed_calls() -> None:
    reply = parse_tool_calls(SECTION_BEGIN + call() + CALL_BEGIN + "functions.ping:1" + ARGUMENT_BEGIN + '{"to')
    assert reply.calls == [BOOKED]
    cut = Fault("cut_off", "functions.ping:1" + ARGUMENT_BEGIN + '{"to', "ping")
    assert reply.faults == [cut, Fault("section_not_closed", "")]
    assert parse_tool_calls(SECTION_BEGIN + call()).faults == [Fault("section_not_closed", "")]
    assert parse_tool_calls("wait " + SECTION_BEGIN[:9]).text == "wait " + SECTION_BEGIN[:9]


def test_a_call_without_a_section_is_text_and_is_told() -> None:
    reply = parse_tool_calls("Now " + call())
    assert reply.calls == []
    assert reply.text == "Now " + call()
    assert [fault.kind for fault in reply.faults] == ["outside_section"] * 3


def test_reasoning_is_apart_even_where_a_section_breaks_it() -> None:
    assert parse_tool_calls("<think>why</think>Yes.").reasoning == "why"
    assert parse_tool_calls("<think>why</think>Yes.").text == "Yes."
    broken = parse_tool_calls("<think>why" + section(call()) + "after</think>")
    assert (broken.reasoning, broken.text, broken.calls) == ("why", "after</think>", [BOOKED])
    assert parse_tool_calls("<think>never said").reasoning == "never said"
    assert parse_tool_calls("<thin").text == "<thin"


PIECES = st.sampled_from(
    [SECTION_BEGIN, SECTION_END, CALL_BEGIN, CALL_END, ARGUMENT_BEGIN, "<think>", "</think>", "functions.f:0", "{}",
     '{"a": "<|"}', "words ", "<", "<|tool_call", "|>", "\n"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=14).map("".join), st.lists(st.integers(1, 9), min_size=1))
def test_chunks_give_what_the_whole_gives(text: str, cuts: list[int]) -> None:
    reader, shown, at = ReplyReader(), "", 0
    for turn in range(len(text)):
        size = cuts[turn % len(cuts)]
        shown += reader.feed(text[at : at + size])
        at += size
    reply = reader.finish()
    assert reply == parse_tool_calls(text)
    assert reply.text.startswith(shown)  # nothing is shown that is taken back


@given(st.lists(PIECES, max_size=14).map("".join))
def test_no_character_is_lost(text: str) -> None:
    """Letters that are in the reply are in its text, its reasoning, a call or a fault."""
    reply = parse_tool_calls(text)
    kept = (
        reply.text + reply.reasoning + "".join(c.id + c.raw for c in reply.calls) + "".join(f.raw for f in reply.faults)
    )
    for word in ("words", "functions.f:0"):
        assert kept.count(word) == text.count(word)
