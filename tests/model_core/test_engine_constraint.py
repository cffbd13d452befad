"""A constraint binds its own request: masks, forced chunks, its end and its failures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from engines import GREEDY, engine, greedily, prompt, tokenizer

from model_core import Request, SamplingParams


class Toy:
    """Allows some tokens anywhere, forces a chunk after a given token, ends after so many."""

    def __init__(self, allowed: set[int], chunks: dict[int | None, list[int]] | None = None, length: int = 99) -> None:
        self.allowed, self.chunks, self.length = allowed, chunks or {}, length
        self.came: list[int] = []
        self.pending = list(self.chunks.get(None, []))

    def mask(self, out: np.ndarray) -> None:
        bits = np.zeros(len(out) * 32, dtype=bool)
        bits[sorted(self.allowed)] = True
        out[:] = np.packbits(bits, bitorder="little").view(np.int32)

    def forced(self) -> list[int]:
        return self.pending

    def accept(self, ids: Sequence[int]) -> None:
        self.came += ids
        self.pending = list(self.chunks.get(ids[-1], []))

    @property
    def done(self) -> bool:
        return len(self.came) >= self.length


class Broken(Toy):
    def mask(self, out: np.ndarray) -> None:
        if len(self.came) == 3:
            raise RuntimeError("no such state")
        super().mask(out)


ALL = set(range(tokenizer().size))


def test_a_constraint_that_does_not_bind_changes_nothing() -> None:
    free = SamplingParams(max_tokens=20, seed=3, top_p=0.95)
    one = engine()
    bound = one.run([Request("a", prompt(20), free, Toy(ALL)), Request("b", prompt(9), GREEDY, Toy(ALL))])
    assert bound[0].ids == engine().run([Request("a", prompt(20), free)])[0].ids
    assert bound[1].ids == greedily(prompt(9), 12)


def test_only_allowed_tokens_come_and_the_end_is_the_constraints() -> None:
    constraint = Toy({5, 6, 200}, length=7)
    bound, free = engine().run(
        [Request("a", prompt(20), SamplingParams(seed=1), constraint), Request("b", prompt(9), GREEDY)]
    )
    assert (bound.finish_reason, len(bound.ids)) == ("stop", 7)
    assert set(bound.ids) <= {5, 6, 200}
    assert bound.ids == constraint.came
    assert free.ids == greedily(prompt(9), 12)


def test_forced_tokens_are_one_chunk() -> None:
    chunk = list(range(100, 120))
    chunks = {None: [90, 91], 5: chunk, 119: [40]}
    one = engine()
    params = SamplingParams(seed=1, max_tokens=25, top_logprobs=2)
    said = one.run([Request("a", prompt(20), params, Toy({5}, chunks))])[0]
    assert said.ids == [90, 91, 5, *chunk, 40, 5]
    assert said.model_steps == 2
    assert said.finish_reason == "length"
    assert one.counts.computed_tokens == 20 + 2 + 1 + 20 + 1
    assert said.logprobs is not None
    assert [p.id for p in said.logprobs] == said.ids
    assert [bool(p.top) for p in said.logprobs] == [token == 5 for token in said.ids]
    # The numbers after the chunk are those of a full pass.
    text = [*prompt(20), 90, 91, 5, *chunk, 40]
    after = engine().run([Request("b", text, SamplingParams(seed=1, max_tokens=1, top_logprobs=2))])[0]
    assert after.logprobs is not None
    assert abs(after.logprobs[0].top[0][1] - said.logprobs[-1].top[0][1]) < 1e-9


def test_a_failing_constraint_ends_its_own_request() -> None:
    bad, dead, good = engine().run(
        [
            Request("bad", prompt(20), GREEDY, Broken(ALL)),
            Request("dead", prompt(20), GREEDY, Toy(set())),
            Request("good", prompt(9), GREEDY),
        ]
    )
    assert (bad.finish_reason, len(bad.ids)) == ("error", 3)
    assert bad.error == "the constraint failed: no such state"
    assert (dead.finish_reason, dead.error) == ("error", "the constraint allows no token here")
    assert good.ids == greedily(prompt(9), 12)
