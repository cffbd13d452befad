"""Arguments that must have been said: strings as runs of words of the conversation, numbers as they stand in it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from model_core.enforcer.expr import SpanSource

# Words keep their letters and digits together; every mark and space stands alone, so that a span may begin or end at
# a quotation mark.
_CHUNK = re.compile(r"\w+|\s|[^\w\s]")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Ground:
    """A conversation's words as JSON writes them, and its numbers."""

    text: str
    source: SpanSource = field(compare=False)
    numbers: tuple[str, ...] = field(compare=False)

    @staticmethod
    def of(text: str) -> Ground:
        """Of the text of a conversation."""
        chunks = [json.dumps(chunk, ensure_ascii=False)[1:-1] for chunk in _CHUNK.findall(text)]
        numbers = dict.fromkeys(_plain(found) for found in _NUMBER.findall(text))
        return Ground(text, SpanSource(chunks), tuple(number for number in numbers if number is not None))


def _plain(number: str) -> str | None:
    """As JSON writes it: no leading zeros. None for what is too long to be meant as a number."""
    sign, digits = ("-", number[1:]) if number.startswith("-") else ("", number)
    whole, point, fraction = digits.partition(".")
    return None if len(whole) > 15 else sign + (whole.lstrip("0") or "0") + point + fraction
