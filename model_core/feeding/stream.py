"""Examples for the training loop without end: rows shuffled, varied and encoded anew each epoch, by many processes.

Same seed, same batches, for any number of processes.
"""

from __future__ import annotations

import multiprocessing
import random
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing.pool import AsyncResult, Pool
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model_core.declare import Declarations
from model_core.errors import ModelError
from model_core.feeding.drill import KIND, drill
from model_core.feeding.more import extended
from model_core.feeding.noise import another_word, noised
from model_core.feeding.rows import Part, Row, encode, system_of
from model_core.feeding.sharing import MOST, joined, parted, prompt_of, until_last_call
from model_core.feeding.vary import Lexicon, varied
from model_core.tokens import Tokenizer, read_tokenizer

_AHEAD = 4  # batches each process may be ahead


class Examples(NamedTuple):
    """Of a batch: ids and loss mask of each document, and which one each goes on from, -1 for none."""

    pairs: list[tuple[NDArray[np.uint16], NDArray[np.bool_]]]
    after: list[int]

    def add(self, row: Row, tokenizer: Tokenizer, longest: int, after: int = -1) -> int:
        """Returns its tokens. A row that is too long is left out."""
        ids, mask = encode(row, tokenizer)
        if len(ids) <= longest:
            self.pairs.append((np.array(ids, np.uint16), np.array(mask, np.bool_)))
            self.after.append(after)
        return len(ids)


@dataclass(frozen=True)
class Mix:
    """What an epoch is made of. `weights`: how often a row of a kind comes in an epoch, 1 where it is not named;
    `drill`: the share of tokens that are drilled, by epoch, the last one stays; `more`: the share of rows that look
    something up which go on with more of it; `noise`: the share of rows whose user's words are a little off; `shared`:
    whether rows of one prompt stand behind it together, the prompt being read once; `cut`: the share of these that end
    with their last call. Raises `ModelError` for others."""

    weights: Mapping[str, float] = field(default_factory=dict)
    drill: Sequence[float] = (0.0,)
    more: float = 0.0
    noise: float = 0.0
    shared: bool = False
    cut: float = 0.0

    def __post_init__(self) -> None:
        if not self.drill or not all(0.0 <= share < 1.0 for share in self.drill):
            raise ModelError(f"mix.drill is {list(self.drill)}; it must be shares from 0 to below 1, one at least")
        for name, share in (("more", self.more), ("noise", self.noise), ("cut", self.cut)):
            if not 0.0 <= share <= 1.0:
                raise ModelError(f"mix.{name} is {share}; it must be within 0 and 1")
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
        """The rows of each batch of an epoch: all rows that are not too long, as often as their kind's weight says.
        Rows that share a prompt follow each other where that is asked for."""
        rng = random.Random(f"{self.seed} plan {epoch}")
        order = []
        for place, length in enumerate(self.lengths):
            weight = self.mix.weights.get(self.rows[place].kind, 1.0)
            times = int(weight) + (weight % 1.0 > 0 and rng.random() < weight % 1.0)
            order += [place] * (times if length <= self.longest else 0)
        rng.shuffle(order)
        groups = self._of_one_prompt(order) if self.mix.shared else [[place] for place in order]
        room = self.tokens * (1.0 - self.mix.share(epoch))
        batches: list[list[int]] = [[]]
        size = 0.0
        for group in groups:
            tokens = self._tokens_of(group)
            if batches[-1] and size + tokens > room:
                batches.append([])
                size = 0
            batches[-1] += group
            size += tokens
        return batches

    def _of_one_prompt(self, order: Sequence[int]) -> list[list[int]]:
        """The same places, at most `MOST` of one prompt together, each once; in the order of their first ones."""
        open_ones: dict[str, list[int]] = {}
        groups: list[list[int]] = []
        for place in order:
            prompt = repr(prompt_of(self.rows[place]))
            group = open_ones.get(prompt)
            if group is None or len(group) == MOST or place in group:
                group = open_ones[prompt] = []
                groups.append(group)
            group.append(place)
        return groups

    def _tokens_of(self, group: Sequence[int]) -> float:
        """About how many: texts are shared out by their letters."""
        if not self.mix.shared:
            return self.lengths[group[0]]
        total = 0.0
        for number, place in enumerate(group):
            row = self.rows[place]
            own, whole = _letters(prompt_of(row)), _letters(row.parts)
            told = (1 - self.mix.cut) * whole + self.mix.cut * _letters(until_last_call(row).parts)
            total += self.lengths[place] * (told - (own if number else 0)) / whole
        return total

    def make(self, tokenizer: Tokenizer, epoch: int, number: int, places: Sequence[int]) -> Examples:
        """One batch. An example that other words make too long stays as it is."""
        rng = random.Random(f"{self.seed} rows {epoch} {number}")
        out = Examples([], [])
        if self.mix.shared:
            for group in self._of_one_prompt(places):
                self._add_group(out, group, tokenizer, rng)
        else:
            for place in places:
                row = self.rows[place]
                new = self._in_other_words(extended(row, rng) if rng.random() < self.mix.more else row, rng)
                if out.add(self._noised(new, rng), tokenizer, self.longest) > self.longest:
                    out.add(row, tokenizer, self.longest)
        drilled = self.tokens * self.mix.share(epoch)
        while drilled > 0:
            row = drilled_row(self.rows, self.lexicon, rng, self.form, rng.random() ** (2 if epoch == 0 else 1))
            drilled -= out.add(row, tokenizer, self.longest)
        return out

    def _add_group(self, out: Examples, places: Sequence[int], tokenizer: Tokenizer, rng: random.Random) -> None:
        """Rows of one prompt, about the same other things; what becomes too long is left out."""
        rows = [self.rows[place] for place in places]
        rows = [extended(row, rng) if rng.random() < self.mix.more else row for row in rows]
        rows = [until_last_call(row) if rng.random() < self.mix.cut else row for row in rows]
        whole, counts = joined(rows)
        prompt, *told = parted(self._in_other_words(whole, rng), counts, [row.kind for row in rows])
        first = len(out.pairs)
        size = out.add(prompt, tokenizer, self.longest) if prompt.parts else 0
        for row in told:
            if size <= self.longest:
                out.add(self._noised(row, rng, prompt), tokenizer, self.longest - size, first if prompt.parts else -1)

    def _in_other_words(self, row: Row, rng: random.Random) -> Row:
        return row if self.lexicon is None else varied(row, self.lexicon, rng)

    def _noised(self, row: Row, rng: random.Random, prompt: Row | None = None) -> Row:
        if self.lexicon is None or not self.mix.noise or rng.random() >= self.mix.noise:
            return row
        return noised(row, another_word(self.rows, self.lexicon), rng, prompt)


def _letters(parts: Sequence[Part]) -> int:
    return sum(len(part) if isinstance(part, str) else 4 for part in parts)


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
    """Hands out the batches of a source from any position on. `processes` 0: made in this process. Of `ranks`, the
    one of this `rank` gets each so-many-th batch; positions are those of all together.

    Worker processes are forked here: make it before anything touches a GPU. Close it at the end.
    """

    def __init__(self, source: Source, processes: int, rank: int = 0, ranks: int = 1) -> None:
        self.source = source
        self.position = 0
        self._rank, self._ranks = rank, ranks
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
        self._jobs = islice(self._jobs_from(position), self._rank, None, self._ranks)
        self._fill()

    def next(self) -> Examples:
        """This rank's next batch."""
        self.position += self._ranks
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
