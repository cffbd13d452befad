"""Rendered conversations as text: what `render` would encode, before it is encoded. A file of them is small, needs no
vocabulary, and its words can still be changed.

A file is xz-compressed JSON lines: `{"format": 1}`, then `{"kind": str, "parts": [...], "learn": "0110..."}` a row. A
part is a text or the name of a special token in a list of its own; `learn` has a digit per part.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_core.chat import render
from model_core.declare import Declarations
from model_core.errors import ModelError
from model_core.tokens import K2_SPECIAL, Tokenizer

FORMAT = 1
Part = str | tuple[str]  # a text, or the name of a special token


@dataclass(frozen=True)
class Row:
    """One example. `learn[i]`: whether the assistant says `parts[i]`."""

    kind: str
    parts: list[Part]
    learn: list[bool]


class _Recorder:
    """A vocabulary in which every text is one token: `render` walks, and what it walked over stays text."""

    def __init__(self) -> None:
        self._names = list(K2_SPECIAL)
        self.special = {name: number for number, name in enumerate(self._names)}
        self._texts: list[str] = []

    @property
    def size(self) -> int:
        return len(self._names) + len(self._texts)

    def encode(self, text: str) -> list[int]:
        if not text:
            return []
        self._texts.append(text)
        return [self.size - 1]

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(p if isinstance(p, str) else p[0] for p in map(self.part, ids))

    def part(self, number: int) -> Part:
        first = len(self._names)
        return (self._names[number],) if number < first else self._texts[number - first]


def row_of(
    kind: str, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]], declarations: Declarations
) -> Row:
    """A conversation as `render` lays it out. Raises `ModelError` as it does."""
    recorder = _Recorder()
    ids, mask = render(messages, tools, recorder, declarations=declarations)
    return Row(kind, [recorder.part(number) for number in ids], mask)


def system_of(row: Row) -> str:
    """What the system prompt says; empty where there is none."""
    for place in range(len(row.parts) - 3):
        if row.parts[place : place + 3] == [("<|im_system|>",), "system", ("<|im_middle|>",)]:
            body = row.parts[place + 3]
            return body if isinstance(body, str) else ""
    return ""


def encode(row: Row, tokenizer: Tokenizer) -> tuple[list[int], list[bool]]:
    """Ids and loss mask, as `render` gives them."""
    ids: list[int] = []
    mask: list[bool] = []
    for part, learn in zip(row.parts, row.learn, strict=True):
        new = tokenizer.encode(part) if isinstance(part, str) else [tokenizer.special[part[0]]]
        ids += new
        mask += [learn] * len(new)
    return ids, mask


def write_rows(path: Path, rows: Iterable[Row]) -> int:
    """Returns how many were written."""
    count = 0
    with lzma.open(path, "wt", preset=3, encoding="utf-8") as file:
        file.write(json.dumps({"format": FORMAT}) + "\n")
        for row in rows:
            learn = "".join("1" if one else "0" for one in row.learn)
            line = {"kind": row.kind, "parts": row.parts, "learn": learn}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            count += 1
    return count


def read_rows(path: Path) -> Iterator[Row]:
    """Raises `ModelError` for a file of another form."""
    with lzma.open(path, "rt", encoding="utf-8") as file:
        if json.loads(next(file, "null")) != {"format": FORMAT}:
            raise ModelError(f"{path} holds no packed rows of format {FORMAT}; make it anew")
        for line in file:
            read = json.loads(line)
            parts: list[Part] = [p if isinstance(p, str) else (p[0],) for p in read["parts"]]
            yield Row(read["kind"], parts, [c == "1" for c in read["learn"]])
