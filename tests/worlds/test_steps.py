"""Steps and moments: what callers write for them, and calendar buckets."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.worlds.steps import Step, moment_text, parse_moment, parse_span, parse_step

NOW = datetime(2026, 3, 2, 9)


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("day", Step("s", 86_400)), ("1d", Step("s", 86_400)), ("Daily", Step("s", 86_400)), ("15min", Step("s", 900)),
        ("4h", Step("s", 14_400)), ("1wk", Step("s", 604_800)), ("1M", Step("mo", 1)), ("1m", Step("s", 60)),
        ("3mo", Step("mo", 3)), ("quarterly", Step("mo", 3)), ("annual", Step("mo", 12)), ("often", None), ("0d", None),
        ("", None),
    ],
)  # fmt: skip
def test_words_for_steps(text: str, step: Step | None) -> None:
    assert parse_step(text) == step


@pytest.mark.parametrize(
    ("value", "end", "at"),
    [
        ("2024-05-06", False, "2024-05-06T00:00:00Z"), ("2024-05-06", True, "2024-05-06T23:59:59Z"),
        ("2024-02", True, "2024-02-29T23:59:59Z"), ("2024", False, "2024-01-01T00:00:00Z"),
        (2024, True, "2024-12-31T23:59:59Z"), ("2024Q2", False, "2024-04-01T00:00:00Z"),
        ("2024-Q4", True, "2024-12-31T23:59:59Z"), ("20240506", False, "2024-05-06T00:00:00Z"),
        ("5/6/2024", False, "2024-05-06T00:00:00Z"), (1_714_953_600, False, "2024-05-06T00:00:00Z"),
        ("now", False, "2026-03-02T09:00:00Z"), ("-7d", False, "2026-02-23T09:00:00Z"),
        ("now-1h", False, "2026-03-02T08:00:00Z"),
    ],
)  # fmt: skip
def test_words_for_moments(value: object, end: bool, at: str) -> None:
    found = parse_moment(value, NOW, end)
    assert found is not None and moment_text(found, "time") == at


@pytest.mark.parametrize("value", ["soon", "2024-13", True, None, "2024-02-30", -5, 1e14, [], "99/99/2024"])
def test_what_is_no_moment(value: object) -> None:
    assert parse_moment(value, NOW) is None


def test_spans() -> None:
    assert parse_span(30, None) == Step("s", 30 * 86_400)
    assert parse_span(6, "month") == Step("mo", 6)
    assert parse_span("1y", None) == Step("mo", 12)
    assert parse_span(0, None) is None and parse_span(True, None) is None


@given(
    st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1)),
    st.sampled_from(["15min", "hour", "day", "week", "month", "quarter", "year"]),
)
def test_a_bucket_holds_its_moment(at: datetime, text: str) -> None:
    step = parse_step(text)
    assert step is not None
    bucket = step.bucket(at)
    assert step.begin(bucket) <= at < step.begin(bucket + 1)
    assert step.bucket(step.begin(bucket)) == bucket
