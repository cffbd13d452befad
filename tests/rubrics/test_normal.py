"""What counts as stating a value."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rubrics.normal import Text, mentions, same, squash


@pytest.mark.parametrize(
    ("value", "text", "stated"),
    [
        (12, "There are 12 open tickets.", True),
        (12, "There are twelve open tickets.", True),
        (12, "Ticket TCK-12A is open.", False),
        (12, "There are 120 tickets.", False),
        (1200, "It costs 1,200 dollars", True),
        (1250, "The total is $12.50.", True),
        (3.14159, "about 3.14", True),
        (3.14159, "about 3.15", False),
        (1, "There is a ticket.", False),
        (1, "There is one ticket.", True),
        ("in_progress", "It is in progress.", True),
        ("inProgress", "It is in progress.", True),
        ("pending", "It is suspending.", False),
        ("pending", "It isn't pending.", False),
        ("pending", "It might be pending.", False),
        ("2026-03-02", "on March 2, 2026", True),
        ("2026-03-02", "on 2 March", True),
        ("2026-03-02", "on March 3, 2026", False),
        ("2026-03-02T14:30:00Z", "on 2026-03-02 at 2:30 pm", True),
        ("2026-03-02T14:30:00Z", "on 2026-03-02 at 3:30 pm", False),
        ("Zoë O'Neil", "that is ZOË O’NEIL.", True),
        (None, "Nobody is assigned.", True),
        (None, "Kim is assigned.", False),
        (True, "Yes, it is active.", True),
        (False, "No, it is disabled.", True),
        (True, "No, it is not.", False),
        (["red", "blue"], "blue and red", True),
        (["red", "blue"], "only red", False),
        ("large files", 'the title is "large files x"', False),
    ],
)
def test_claims(value: Any, text: str, stated: bool) -> None:
    assert mentions(value, Text(text), claimed=True) is stated


@given(st.integers(-(10**9), 10**9))
def test_a_number_is_found_in_a_sentence_and_its_neighbour_is_not(number: int) -> None:
    text = Text(f"the value is {number}.")
    assert mentions(number, text)
    assert number in (0, 1) or not mentions(number + 1, text) or number + 1 in (0, 1)


@given(st.text(max_size=200), st.one_of(st.text(max_size=20), st.integers(), st.floats(allow_nan=False), st.none()))
def test_any_text_is_read_without_an_exception(text: str, value: Any) -> None:
    assert mentions(value, Text(text), claimed=True) in (True, False)


def test_equality_of_state_values() -> None:
    assert same("Call back.", "call  back")
    assert same(5, 5.0)
    assert not same(True, 1)
    assert not same("A-1", "A-2")
    assert not same(["a"], ["a", "b"])
    assert not same("", "x")


def test_a_sign_is_kept_and_a_hyphen_is_not() -> None:
    assert mentions(-55.5964, Text("The latitude is -55.5964."))
    assert not mentions(55.5964, Text("The latitude is -55.5964."))
    assert squash("in-progress follow-up -5 2026-03-02") == "in progress follow up -5 2026 03 02"
