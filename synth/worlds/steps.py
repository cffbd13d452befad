"""Time as series know it: steps of equal width, the bucket a moment lies in, and what callers write for both.

A step is (unit, n): `("s", 3600)` is an hour, `("mo", 3)` a quarter. Buckets are numbered from 1970-01-01T00:00; weeks
begin on Monday. Times are UTC and naive.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

_EPOCH = datetime(1970, 1, 1)
_MONDAY = 4 * 86_400  # 1970-01-05 was a Monday
_WEEK = 7 * 86_400


class Step(NamedTuple):
    unit: str  # "s" or "mo"
    size: int

    def bucket(self, at: datetime) -> int:
        """Number of the bucket that `at` lies in."""
        if self.unit == "mo":
            return ((at.year - 1970) * 12 + at.month - 1) // self.size
        return (int((at - _EPOCH).total_seconds()) - self._shift) // self.size

    def begin(self, bucket: int) -> datetime:
        """First moment of a bucket."""
        if self.unit == "mo":
            year, month = divmod(bucket * self.size, 12)
            return datetime(1970 + year, month + 1, 1)
        return _EPOCH + timedelta(seconds=bucket * self.size + self._shift)

    @property
    def _shift(self) -> int:
        return _MONDAY if self.size % _WEEK == 0 else 0

    @property
    def seconds(self) -> int:
        """Its length, a month taken as 30 days."""
        return self.size * (30 * 86_400 if self.unit == "mo" else 1)

    def coarser(self, other: Step) -> Step:
        return self if self.seconds >= other.seconds else other


_UNITS = {
    "s": Step("s", 1), "min": Step("s", 60), "h": Step("s", 3600), "d": Step("s", 86_400), "w": Step("s", _WEEK),
    "mo": Step("mo", 1), "q": Step("mo", 3), "y": Step("mo", 12),
}  # fmt: skip
_WORDS = {
    "s": "s sec secs second seconds", "min": "m min mins minute minutes minutely", "h": "h hr hrs hour hours hourly",
    "d": "d day days daily", "w": "w wk wks week weeks weekly", "mo": "mo mon mth month months monthly",
    "q": "q qtr quarter quarters quarterly", "y": "y yr yrs a year years yearly annual annually",
}  # fmt: skip
_UNIT_OF = {word: unit for unit, text in _WORDS.items() for word in text.split()}
_STEP = re.compile(r"^(\d{0,4})[\s_-]*([A-Za-z]+)$")
STEP_WORDS = ("hour", "day", "week", "month", "quarter", "year")


@lru_cache(maxsize=1024)
def parse_step(text: str) -> Step | None:
    """`day`, `daily`, `1d`, `15min`, `4h`, `1M`, `quarterly` ... -> a step; None where it is none."""
    match = _STEP.match(text.strip())
    if match is None:
        return None
    count, word = int(match[1] or 1), match[2]
    unit = "mo" if word == "M" else _UNIT_OF.get(word.lower())
    if unit is None or count == 0:
        return None
    base = _UNITS[unit]
    return Step(base.unit, base.size * count)


_YEAR = re.compile(r"^(\d{4})$")
_MONTH = re.compile(r"^(\d{4})-(\d{2})$")
_QUARTER = re.compile(r"^(\d{4})-?Q([1-4])$", re.IGNORECASE)
_PACKED = re.compile(r"^(\d{4})(\d{2})(\d{2})$")
_SLASHED = re.compile(r"^(\d{1,2})/(\d{1,2})/(\d{4})$")  # month first
_AGO = re.compile(r"^(?:now)?\s*-\s*(\d{1,4}[\s_-]*[A-Za-z]+)$")


def parse_moment(value: Any, now: datetime, end: bool = False) -> datetime | None:
    """What a caller gives for a bound: a date, a time, a year, a month, a quarter, seconds since 1970, `now`, `-7d`.
    With `end` the last second of a date, month, quarter or year."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        if 1000 <= value <= 2999 and value == int(value):
            return _whole(int(value), 1, 12, end)
        return _since(value)
    text = str(value).strip()
    if text.lower() in ("now", "today", "latest"):
        return now
    for pattern, months in ((_YEAR, 12), (_MONTH, 1), (_QUARTER, 3)):
        match = pattern.match(text)
        if match:
            part = int(match[2]) if months < 12 else 1
            return _whole(int(match[1]), (part - 1) * 3 + 1 if months == 3 else part, months, end)
    match = _PACKED.match(text)
    if match:
        text = f"{match[1]}-{match[2]}-{match[3]}"
    match = _SLASHED.match(text)
    if match:
        text = f"{match[3]}-{int(match[1]):02d}-{int(match[2]):02d}"
    match = _AGO.match(text)
    if match:
        step = parse_step(match[1])
        return back(now, step) if step else None
    return _iso(text, end)


def _iso(text: str, end: bool) -> datetime | None:
    try:
        at = datetime.fromisoformat(text.replace("Z", ""))
    except ValueError:
        return None
    at = at.replace(tzinfo=None)
    return at + timedelta(seconds=86_399) if end and len(text) == 10 else at


def _since(value: float) -> datetime | None:
    seconds = value / 1000 if value > 1e11 else value
    if not 0 <= seconds <= 7_258_118_400:  # the year 2200
        return None
    return _EPOCH + timedelta(seconds=int(seconds))


def _whole(year: int, month: int, months: int, end: bool) -> datetime | None:
    if not 1 <= month <= 12 or not 1000 <= year <= 2999:
        return None
    if not end:
        return datetime(year, month, 1)
    last = year * 12 + month - 1 + months
    return datetime(last // 12, last % 12 + 1, 1) - timedelta(seconds=1)


def back(at: datetime, step: Step, count: int = 1) -> datetime:
    """`count` steps before `at`."""
    if step.unit == "mo":
        month = at.year * 12 + at.month - 1 - step.size * count
        return at.replace(year=max(1, month // 12), month=month % 12 + 1, day=min(at.day, 28))
    return at - timedelta(seconds=step.size * count)


def parse_span(value: Any, unit: str | None) -> Step | None:
    """A length of time: `30d`, `1y`, or a number of `unit` (default days)."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        base = parse_step(unit or "day")
        return Step(base.unit, base.size * int(value)) if base is not None and value >= 1 else None
    return parse_step(value) if isinstance(value, str) else None


def moment_text(at: datetime, kind: str) -> str:
    """As a field of type `date` or `time` shows it."""
    return at.date().isoformat() if kind == "date" else at.isoformat(timespec="seconds") + "Z"
