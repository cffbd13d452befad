"""Guesses save passes and change no token."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from engines import engine, model, prompt, tokenizer
from test_engine import MIXED, same

from model_core import Engine, Request, SamplingParams
from model_core.enforcer import tool_constraint
from model_core.engine.guessing import Lookup

TOOL = {
    "type": "function",
    "function": {
        "name": "note",
        "parameters": {
            "type": "object",
            "properties": {"text": {"type": "string"}, "count": {"type": "integer"}},
            "required": ["text", "count"],
        },
    },
}


def requests(count: int) -> list[Request]:
    """Prompts that repeat themselves, and that go on for long."""
    rng = random.Random(7)
    made = []
    for number in range(count):
        piece = prompt(rng.randint(3, 12), seed=number)
        params = replace(MIXED[number % len(MIXED)], max_tokens=60)
        made.append(Request(f"r{number}", [*piece, *prompt(5, seed=99), *piece], params))
    return made


@pytest.mark.parametrize("guess", [1, 4, 9])
def test_every_request_says_what_it_says_without_guesses(guess: int) -> None:
    plain = engine(max_batch=5).run(requests(12))
    one = engine(max_batch=5, guess=guess)
    guessed = one.run(requests(12))
    assert all(same(a, b) for a, b in zip(plain, guessed, strict=True))
    assert 0 < one.counts.right_guesses < one.counts.guessed_tokens  # both ways happen
    said = sum(len(completion.ids) for completion in guessed)
    assert one.counts.generated_tokens == said
    steps = sum(completion.model_steps for completion in guessed)
    assert steps == said - one.counts.right_guesses


def test_logprobs_are_those_of_the_tokens_said() -> None:
    params = SamplingParams(temperature=0, max_tokens=50, top_logprobs=2)
    (plain,) = engine().run([Request("a", [*prompt(9), *prompt(9)], params)])
    (guessed,) = engine(guess=4).run([Request("a", [*prompt(9), *prompt(9)], params)])
    assert plain.logprobs is not None and guessed.logprobs is not None
    assert [p.id for p in plain.logprobs] == [p.id for p in guessed.logprobs] == plain.ids
    assert [p.logprob for p in guessed.logprobs] == pytest.approx([p.logprob for p in plain.logprobs])


def test_what_a_constraint_allows_and_forces_stays_so() -> None:
    ids = tokenizer().encode('note {"text": "get_weather days 3", "count": 3} note {"text": "get_weather')
    said = []
    for guess in (0, 3):
        asked = [
            Request(
                str(seed),
                list(ids),
                SamplingParams(temperature=1, seed=seed, max_tokens=80),
                tool_constraint(tokenizer(), [TOOL], "required", max_tokens=80),
            )
            for seed in range(8)
        ]
        one = Engine(model(), tokenizer(), cache_tokens=2048, guess=guess)
        said.append([(c.ids, c.finish_reason) for c in one.run(asked)])
    assert said[0] == said[1]
    assert one.counts.guessed_tokens > 0


def test_a_lookup_finds_the_latest_place_and_gives_up_where_it_is_wrong() -> None:
    ids = [1, 2, 3, 4, 5, 9, 2, 3, 7, 8, 6, 2, 3]
    lookup = Lookup()
    assert lookup.guess(ids, 2) == [7, 8]
    assert lookup.guess([*ids, 4], 1) == [5]  # the latest two are 3, 4
    assert lookup.guess(ids[:2], 2) == []
    for _ in range(20):
        lookup.learn(0, 2)
    assert [lookup.guess([*ids, 4], 1) for _ in range(30)].count([]) > 20
    lookup.learn(2, 2)
    lookup.learn(2, 2)
    assert lookup.guess([*ids, 4], 1) == [5]
