"""Which evolved tools repeat an earlier tool, and which shapes are used too often.

Worlds are taken in table order, lifted ones first. Lifted tools are facts and stay; real servers repeat each other too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from synth.records import WorldRow, world_tool_id
from synth.worlds.evolve.hashes import Mark, marks_of
from synth.worlds.spec import World

SIMILAR = 0.7
SHAPE_SHARE = 0.004  # of the evolved tools may have one shape ...
SHAPE_LEAST = 12  # ... or this many, in small runs


class Marked(NamedTuple):
    """What is asked about one world."""

    world_id: str
    origin: str
    marks: Mapping[str, Sequence[str]]


class Surplus(NamedTuple):
    """Why a tool is one too many: `near_duplicate` of a tool, or `common_shape`."""

    reason: str
    detail: str


class Index:
    """Tools seen so far, asked one at a time in order."""

    def __init__(self) -> None:
        self.named: dict[str, str] = {}
        self.ids: dict[str, list[str]] = {}
        self.prints: dict[str, npt.NDArray[np.uint16]] = {}  # by shape, one row per tool; grows by doubling

    def twin(self, mark: Mark) -> str | None:
        """The earlier tool that `mark` repeats, or None."""
        if mark.named in self.named:
            return self.named[mark.named]
        ids = self.ids.get(mark.shape)
        if not ids:
            return None
        same = (self.prints[mark.shape][: len(ids)] == _print(mark)).mean(axis=1)
        best = int(same.argmax())
        return ids[best] if same[best] >= SIMILAR else None

    def add(self, tool_id: str, mark: Mark) -> None:
        self.named.setdefault(mark.named, tool_id)
        ids = self.ids.setdefault(mark.shape, [])
        row = _print(mark)
        kept = self.prints.get(mark.shape)
        if kept is None:
            self.prints[mark.shape] = row[None, :]
        else:
            if len(ids) == len(kept):
                kept = self.prints[mark.shape] = np.concatenate([kept, np.empty_like(kept)])
            kept[len(ids)] = row
        ids.append(tool_id)


def _print(mark: Mark) -> npt.NDArray[np.uint16]:
    return np.frombuffer(bytes.fromhex(mark.text), dtype=np.uint16)


def surplus(worlds: Iterable[Marked]) -> dict[str, Surplus]:
    """{tool id: why} of the evolved tools that are one too many."""
    rows = sorted(worlds, key=lambda w: w.origin == "synthetic")
    most = max(SHAPE_LEAST, int(SHAPE_SHARE * sum(len(w.marks) for w in rows if w.origin == "synthetic")))
    index, used = Index(), dict[str, int]()
    out: dict[str, Surplus] = {}
    for row in rows:
        for name, body in row.marks.items():
            mark, tool_id = Mark(*body), world_tool_id(row.world_id, name)
            if row.origin == "synthetic":
                twin = index.twin(mark)
                if twin is not None:
                    out[tool_id] = Surplus("near_duplicate", f"of {twin}")
                    continue
                if used.get(mark.shape, 0) >= most:
                    out[tool_id] = Surplus("common_shape", f"{most} tools of this run have it already")
                    continue
                used[mark.shape] = used.get(mark.shape, 0) + 1
            index.add(tool_id, mark)
    return out


def marked(rows: Iterable[WorldRow]) -> list[Marked]:
    """Rows with their marks, made where a row carries none."""
    return [Marked(r.world_id, r.origin, r.marks or marks_of(World.load(r.spec, r.world_id))) for r in rows]


def near_duplicates(rows: Iterable[WorldRow]) -> dict[str, str]:
    """Evolved tools that repeat an earlier tool of any origin: {tool id: the earlier one's}."""
    found = surplus(marked(rows))
    return {t: s.detail.removeprefix("of ") for t, s in found.items() if s.reason == "near_duplicate"}


def from_columns(rows: Iterable[Mapping[str, Any]]) -> list[Marked]:
    """The columns `world_id`, `origin` and `marks` of the worlds table."""
    return [Marked(r["world_id"], r["origin"], r["marks"]) for r in rows]
