"""Examples of one agent behind its prompt, which is then read once for all of them: tools and system prompt are most of
a short conversation's tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

from model_core.feeding.rows import Part, Row
from model_core.parser import SECTION_END

MOST = 8  # examples behind one prompt
_USER: Part = ("<|im_user|>",)
_END: Part = ("<|im_end|>",)


def prompt_of(row: Row) -> list[Part]:
    """What stands before the first word of a user: tools and system prompt. Empty where no user speaks."""
    return row.parts[: row.parts.index(_USER)] if _USER in row.parts else []


def until_last_call(row: Row) -> Row:
    """The conversation up to the end of the message with the last call; whole where there is none. What is told
    afterwards is learnt from other examples."""
    ends = [place for place, part in enumerate(row.parts) if part == (SECTION_END,)]
    if not ends:
        return row
    end = row.parts.index(_END, ends[-1]) + 1
    return Row(row.kind, row.parts[:end], row.learn[:end])


def joined(rows: Sequence[Row]) -> tuple[Row, list[int]]:
    """Rows that share their prompt as one: the prompt, then what follows it in each; and how many parts each of these
    has, the prompt's number first."""
    own = len(prompt_of(rows[0]))
    parts, learn, counts = list(rows[0].parts[:own]), list(rows[0].learn[:own]), [own]
    for row in rows:
        parts += row.parts[own:]
        learn += row.learn[own:]
        counts.append(len(row.parts) - own)
    return Row(rows[0].kind, parts, learn), counts


def parted(row: Row, counts: Sequence[int], kinds: Sequence[str]) -> list[Row]:
    """`joined` taken apart again: the prompt alone, then what follows it in each row, of these kinds."""
    out, begin = [], 0
    for count, kind in zip(counts, ["", *kinds], strict=True):
        out.append(Row(kind, row.parts[begin : begin + count], row.learn[begin : begin + count]))
        begin += count
    return out
