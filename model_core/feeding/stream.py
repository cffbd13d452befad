"""Examples for the training loop without end: rows shuffled, varied and encoded anew each epoch, by many processes.

Same seed, same batches, for any number of processes.
"""

from __future__ import annotations

import multiprocessing
import random
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.pool import AsyncResult, Pool
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_core.declare import Declarations
from model_core.errors import ModelError
from model_core.feeding.drill import KIND, drill
from model_core.feeding.more import extended
from model_core.feeding.rows import Row, encode, system_of
from model_core.feeding.vary import Lexicon, varied
from model_core.tokens import Tokenizer, read_tokenizer

_AHEAD = 4  # batches each process may be ahead
Examples = list[tuple[NDArray[np.uint16], NDArray[np.bool_]]]  # ids and loss mask, one pair per example


@dataclass(frozen=True)
class Mix:
    """What an epoch is made of. `weights`: how often a row of a kind comes in an epoch, 1 where it is not named;
    `drill`: the share of tokens that are drilled, by epoch, the last one stays; `more`: the share of rows that look
    something up which go on with more of it. Raises `ModelError` for others."""

    weights: Mapping[str, float] = field(default_factory=dict)
    drill: Sequence[float] = (0.0,)
    more: float = 0.0

    def __post_init__(self) -> None:
        if not self.drill or not all(0.0 <= share < 1.0 for share in self.drill):
            raise ModelError(f"mix.drill is {list(self.drill)}; it must be shares from 0 to below 1, one at least")
        if not 0.0 <= self.more <= 1.0:
            raise ModelError(f"mix.more is {self.more}; it must be within 0 and 1")
        if bad := [kind for kind, weight in self.weights.items() if weight < 0]:
            raise ModelError(f"mix.weights.{bad[0]} is negative; it must be 0 or more")

    def share(self, epoch: int) -> float:
        """Of drilled tokens in an epoch."""
        return self.drill[min(epoch, len(self.drill) - 1)]


@dataclass(frozen=True)
class Source:
    """What batches are made of. `lengths`: tokens of each row as it is; `tokens`: of a batch, about; `longest`: longer
    rows are left out; `lexicon` None: rows stay as they are."""

    rows: Sequence[Row]
    lengths: Sequence[int]
    folder: Path  # of the vocabulary
    lexicon: Lexicon | None
    tokens: int
    longest: int
    seed: int
    mix: Mix = field(default_factory=Mix)
    form: Declarations = "compact"  # of the drill

    def plan(self, epoch: int) -> list[list[int]]:
        """The rows of each batch of an epoch: all rows that are not too long, as often as their kind's weight says."""
        rng = random.Random(f"{self.seed} plan {epoch}")
        order = []
        for place, length in enumerate(self.lengths):
            weight = self.mix.weights.get(self.rows[place].kind, 1.0)
            times = int(weight) + (weight % 1.0 > 0 and rng.random() < weight % 1.0)
            order += [place] * (times if length <= self.longest else 0)
        rng.shuffle(order)
        room = self.tokens * (1.0 - self.mix.share(epoch))
        batches: list[list[int]] = [[]]
        size = 0
        for place in order:
            if batches[-1] and size + self.lengths[place] > room:
                batches.append([])
                size = 0
            batches[-1].append(place)
            size += self.lengths[place]
        return batches

    def make(self, tokenizer: Tokenizer, epoch: int, number: int, places: Sequence[int]) -> Examples:
        """One batch. An example that other words make too long stays as it is."""
        rng = random.Random(f"{self.seed} rows {epoch} {number}")
        out: Examples = []
        for place in places:
            row = self.rows[place]
            new = extended(row, rng) if rng.random() < self.mix.more else row
            ids, mask = encode(new if self.lexicon is None else varied(new, self.lexicon, rng), tokenizer)
            if len(ids) > self.longest:
                ids, mask = encode(row, tokenizer)
            out.append((np.array(ids, np.uint16), np.array(mask, np.bool_)))
        drilled = self.tokens * self.mix.share(epoch)
        while drilled > 0:
            row = drilled_row(self.rows, self.lexicon, rng, self.form, rng.random() ** (2 if epoch == 0 else 1))
            ids, mask = encode(row, tokenizer)
            if len(ids) <= self.longest:
                out.append((np.array(ids, np.uint16), np.array(mask, np.bool_)))
            drilled -= len(ids)
        return out


def drilled_row(
    rows: Sequence[Row], lexicon: Lexicon | None, rng: random.Random, form: Declarations, level: float
) -> Row:
    """An example of the drill; system prompts are those of real rows."""
    systems = [text] if rows and (text := system_of(rng.choice(rows))) else []
    return drill(rng, lexicon.rare if lexicon is not None else (), systems, form, level)


def drilled_rows(count: int, rows: Sequence[Row], lexicon: Lexicon | None, seed: int, form: Declarations) -> list[Row]:
    """That many examples of the drill, of all levels."""
    rng = random.Random(f"{seed} {KIND}")
    return [drilled_row(rows, lexicon, rng, form, rng.random()) for _ in range(count)]


def lengths_of(rows: Sequence[Row], tokenizer: Tokenizer) -> list[int]:
    """Tokens of each row."""
    return [len(encode(row, tokenizer)[0]) for row in rows]


_here: tuple[Source, Tokenizer] | None = None  # of a worker process: set once, not sent with every batch


def _begin(source: Source) -> None:
    global _here
    _here = (source, read_tokenizer(source.folder))


def _make(epoch: int, number: int, places: list[int]) -> Examples:
    assert _here is not None
    source, tokenizer = _here
    return source.make(tokenizer, epoch, number, places)


class Examiner:
    """Hands out the batches of a source from any position on. `processes` 0: made in this process.

    Worker processes are forked here: make it before anything touches a GPU. Close it at the end.
    """

    def __init__(self, source: Source, processes: int) -> None:
        self.source = source
        self.position = 0
        self._tokenizer = read_tokenizer(source.folder)
        self._waiting: deque[AsyncResult[Examples]] = deque()
        self._pool: Pool | None = None
        if processes:
            self._pool = multiprocessing.get_context("fork").Pool(processes, _begin, (source,))
        self._ahead = processes * _AHEAD
        self.go_to(0)

    def go_to(self, position: int) -> None:
        """The next batch is this one, counted from the first of the first epoch."""
        self.position = position
        self._waiting.clear()
        self._jobs = self._jobs_from(position)
        self._fill()

    def next(self) -> Examples:
        """The next batch."""
        self.position += 1
        if self._pool is None:
            return self.source.make(self._tokenizer, *next(self._jobs))
        self._fill()
        return self._waiting.popleft().get()

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.terminate()
            self._pool.join()

    def _fill(self) -> None:
        while self._pool is not None and len(self._waiting) < self._ahead:
            self._waiting.append(self._pool.apply_async(_make, next(self._jobs)))

    def _jobs_from(self, position: int) -> Iterator[tuple[int, int, list[int]]]:
        epoch = 0
        while True:
            plan = self.source.plan(epoch)
            for number in range(min(position, len(plan)), len(plan)):
                yield epoch, number, plan[number]
            position = max(0, position - len(plan))
            epoch += 1
