"""Does a text state a value? Numbers, dates, names and enum words are compared after normalising, never as raw text.

mentions(1250, Text("That comes to $12.50."))            True   (money in minor units)
mentions("in_progress", Text("It is in progress."))      True
mentions("2026-03-02", Text("due on March 2nd, 2026"))   True
mentions("pending", Text("It is not pending."))          False  (denied)
mentions("15:30", Text("2026-03-02T15:30:00+09:00"))     True
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import Any

_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_MONTH_NO = {name[:n]: i + 1 for i, name in enumerate(_MONTHS) for n in (3, 4, len(name))}
_WORDS = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
]  # fmt: skip
_NUMBER_WORD: dict[str, int] = {w: i for i, w in enumerate(_WORDS)} | {
    "a": 1, "an": 1, "single": 1, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90, "hundred": 100, "dozen": 12,
}  # fmt: skip
_NONE_WORDS = re.compile(
    r"\b(none|nobody|no one|nothing|null|empty|unassigned|unset|n/a|without"
    r"|not (?:been )?(?:set|assigned|given|specified|recorded|available)"
    r"|no \w+|(?:do|does|did|is|are|has|have)(?: not|n't) (?:have|any|a|an|yet))\b"
)
_YES = re.compile(r"\b(yes|true|enabled|active|on|it is|it does|it has|they are|there is|there are)\b")
_NO = re.compile(r"\b(no|not|false|disabled|inactive|off|isn't|doesn't|hasn't|aren't|there is no)\b")
_HEDGE = re.compile(
    r"\b(maybe|perhaps|possibly|not sure|might be|could be|either|or possibly|i guess|i assume|presumably)\b"
)
_DENIED = re.compile(r"(?:\bnot|n't|\bno longer|\bnever|\brather than|\binstead of)\s+(?:\w+\s+){0,2}$")

_HYPHEN = re.compile(r"(?<=\w)-|-(?!\d)")  # a minus before a digit is a sign and stays
_QUOTES = str.maketrans("’‘“”", "''\"\"")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?")
_ISO_WHOLE = re.compile(rf"^{_ISO.pattern}$")
_MDY = re.compile(r"\b([A-Za-z]{3,9})\.?\s+(\d{1,2})(?:st|nd|rd|th)?(?:\s*,?\s+(\d{4}))?\b")
_DMY = re.compile(r"\b(\d{1,2})(?:st|nd|rd|th)?\s+(?:of\s+)?([A-Za-z]{3,9})\.?(?:\s*,?\s+(\d{4}))?\b")
_TIME = re.compile(r"\d{2}:\d{2}")
_CLOCK = re.compile(r"\b(\d{1,2})(?::(\d{2}))?\s*(am|pm|a\.m\.|p\.m\.)?(?![\w:])", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.\-])(-?)[$€£¥]?\s?(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(?![\w]|-\w|\.\d)")


@lru_cache(4096)  # the same words and messages come up in check after check
def squash(text: str) -> str:
    """Lower case, plain quotes, runs of white space, `_` and hyphens as one blank."""
    if not text.isascii():
        text = text.translate(_QUOTES)
    if "-" in text:
        text = _HYPHEN.sub(" ", text)
    return " ".join(text.casefold().replace("_", " ").split())


class Text:
    """A text with its normal form, numbers and dates, each worked out when first asked for."""

    def __init__(self, raw: str) -> None:
        self.raw = raw

    @cached_property
    def norm(self) -> str:
        return squash(self.raw)

    @cached_property
    def numbers(self) -> dict[float, int]:
        """Number -> decimals it was written with. An amount with two decimals also counts in minor units."""
        found: dict[float, int] = {}
        for match in _NUMBER.finditer(_ISO.sub(" ", self.raw)):
            sign, whole, rest = match.groups()
            value = float(f"{sign}{whole.replace(',', '')}{rest or ''}")
            found[value] = max(found.get(value, 0), len(rest or ".") - 1)
            if rest and len(rest) == 3:
                found.setdefault(float(round(value * 100)), 0)
        for word in set(re.findall(r"[a-z]+", self.norm)) & _NUMBER_WORD.keys():
            found.setdefault(float(_NUMBER_WORD[word]), 0)
        return found

    @cached_property
    def dates(self) -> set[str]:
        """`YYYY-MM-DD`, and `MM-DD` where no year was written."""
        found = {f"{y}-{m}-{d}" for y, m, d, _, _ in _ISO.findall(self.raw)}
        for pattern, month_first in ((_MDY, True), (_DMY, False)):
            for a, b, year in pattern.findall(self.raw):
                month, day = (a, b) if month_first else (b, a)
                number = _MONTH_NO.get(month.casefold())
                if number is not None and 1 <= int(day) <= 31:
                    tail = f"{number:02d}-{int(day):02d}"
                    found.add(f"{year}-{tail}" if year else tail)
        return found

    @cached_property
    def times(self) -> set[str]:
        """`HH:MM` of every time of day."""
        found = {f"{h}:{m}" for _, _, _, h, m in _ISO.findall(self.raw) if h}
        for h, m, half in _CLOCK.findall(self.raw):
            if not m and not half:
                continue
            hour = int(h) % 12 + (12 if half[:1].lower() == "p" else 0) if half else int(h)
            found.add(f"{hour:02d}:{m or '00'}")
        return found


def occurrences(phrase: str, norm: str) -> Iterator[int]:
    """Where the normal form `phrase` stands as whole words in the normal form `norm`."""
    at = norm.find(phrase)
    while at >= 0:
        end = at + len(phrase)
        if not (at and norm[at - 1].isalnum() and phrase[0].isalnum()) and not (
            end < len(norm) and norm[end].isalnum() and phrase[-1].isalnum()
        ):
            yield at
        at = norm.find(phrase, at + 1)


@lru_cache(4096)
def phrase(value: str) -> str:
    return squash(value).strip(" .!?;:,\"'")


def holds(value: str, text: Text) -> bool:
    """Whether `value` stands in the text as whole words, case, white space and outer punctuation aside."""
    for form in {phrase(value), phrase(_CAMEL.sub(" ", value))} - {""}:
        if any(True for _ in occurrences(form, text.norm)):
            return True
    return False


def mentions(value: Any, text: Text, *, claimed: bool = False) -> bool:
    """Whether the text states `value`. `claimed`: as an assertion, so a denied or hedged mention does not count."""
    if claimed and _HEDGE.search(text.norm):
        kept = [s for s in re.split(r"(?<=[.!?])\s+|\n", text.raw) if not _HEDGE.search(squash(s))]
        text = Text(" ".join(kept))
    if value is None or value in ([], {}, ""):
        return bool(_NONE_WORDS.search(text.norm))
    if isinstance(value, bool):
        yes, no = bool(_YES.search(text.norm)), bool(_NO.search(text.norm))
        return no if not value else yes and not no
    if isinstance(value, int | float):
        return _has_number(value, text, claimed)
    if isinstance(value, dict):
        return all(mentions(v, text, claimed=claimed) for v in value.values())
    if isinstance(value, list | tuple):
        return all(mentions(v, text, claimed=claimed) for v in value)
    return _has_text(str(value), text, claimed)


def _has_number(value: float, text: Text, claimed: bool) -> bool:
    if claimed and _denied_everywhere(value, text.norm):
        return False
    if float(value) in text.numbers:
        # an article grounds a quantity of one, but "a ticket" does not state a count
        return not (claimed and value == 1) or bool(
            re.search(r"(?<![\w.])(1|one|single|once|only)(?![\w.])", text.norm)
        )
    return isinstance(value, float) and any(d and round(value, d) == n for n, d in text.numbers.items())


def _denied_everywhere(value: float, norm: str) -> bool:
    """Whether the number stands in figures and each time behind a "not"."""
    spots = [m.start() for m in _NUMBER.finditer(norm) if float(f"{m[1]}{m[2].replace(',', '')}{m[3] or ''}") == value]
    return bool(spots) and all(_DENIED.search(norm[max(0, at - 40) : at].rstrip("\"'*`$€£¥")) for at in spots)


def _has_text(value: str, text: Text, claimed: bool) -> bool:
    form = phrase(value)
    if not form:
        return bool(_NONE_WORDS.search(text.norm))
    spots = list(occurrences(form, text.norm)) or list(occurrences(phrase(_CAMEL.sub(" ", value)), text.norm))
    if spots:
        return not claimed or any(_affirmed(form, at, text.norm) for at in spots)
    if _TIME.fullmatch(value):
        return value in text.times
    when = _ISO_WHOLE.match(value)
    if when is not None:
        year, month, day, hour, minute = when.groups()
        dated = f"{year}-{month}-{day}" in text.dates or f"{month}-{day}" in text.dates
        return dated and (hour is None or f"{hour}:{minute}" in ("00:00", *text.times))
    return False


def _affirmed(form: str, at: int, norm: str) -> bool:
    """Whether the words at this place are claimed: not denied, and where they open a quotation, all of it."""
    end = at + len(form)
    if norm[at - 1 : at] == '"' and not norm[end:].lstrip(".,!?;: ").startswith('"'):
        return False
    return not _DENIED.search(norm[max(0, at - 40) : at].rstrip("\"'*`"))


def same(a: Any, b: Any) -> bool:
    """Equality of two JSON values in a state: strings aside from case, white space and outer punctuation; a boolean
    is no number; an absent value equals null."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, str) and isinstance(b, str):
        return a == b or (phrase(a) == phrase(b) and phrase(a) != "")
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return all(same(a.get(k), b.get(k)) for k in a.keys() | b.keys())
    return bool(a == b)


def leaves(value: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    """Every scalar of a JSON value with its JSON pointer."""
    if isinstance(value, dict):
        for k, v in value.items():
            yield from leaves(v, f"{pointer}/{str(k).replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list | tuple):
        for i, v in enumerate(value):
            yield from leaves(v, f"{pointer}/{i}")
    else:
        yield pointer, value


def flat_text(value: Any) -> str:
    """All scalars of a JSON value as lines: what a reader of a tool result can have seen."""
    found: list[str] = []
    _scalars(value, found)
    return "\n".join(found)


def _scalars(value: Any, found: list[str]) -> None:
    if isinstance(value, str):
        found.append(value)
    elif isinstance(value, dict):
        for inner in value.values():
            _scalars(inner, found)
    elif isinstance(value, list | tuple):
        for inner in value:
            _scalars(inner, found)
    elif value is not None and not isinstance(value, bool):
        found.append(str(value))
