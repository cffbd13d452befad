"""Pages, text and drawing, each against a plain way of doing the same."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from engines import tokenizer

from model_core import Request, SamplingParams
from model_core.engine.pages import Pages
from model_core.engine.sampling import draw, logprobs, new_row
from model_core.engine.text import TextReader

NONE_V = torch.zeros(50, dtype=torch.bool)


def test_pages_are_found_by_content_and_go_by_age() -> None:
    pages = Pages(count=5, size=2)
    a, b = pages.take(), pages.take()
    assert a and b and a != b
    assert pages.know(a, pages.key_after([], [1, 2])) == a
    assert pages.know(b, pages.key_after([a], [3, 4])) == b
    assert pages.find(pages.key_after([], [1, 2])) == a  # a second holder
    assert pages.find(pages.key_after([], [3, 4])) is None  # the same ids after nothing are another page
    assert pages.release([a, b]) == []
    assert pages.in_use == 1
    pages.release([a])
    assert pages.available == 4
    taken = [pages.take() for _ in range(3)]
    assert pages.find(pages.key_after([a], [3, 4])) is None  # the tail went first
    assert pages.find(pages.key_after([], [1, 2])) == a
    assert pages.take() is None
    assert 0 not in taken


def test_equal_pages_filled_in_one_step_become_one() -> None:
    pages = Pages(count=3, size=2)
    a, b = pages.take(), pages.take()
    assert a and b
    pages.know(a, pages.key_after([], [1, 2]))
    assert pages.know(b, pages.key_after([], [1, 2])) == a
    assert pages.available == 1
    pages.release([a])
    assert pages.in_use == 1


def test_text_never_holds_half_a_character() -> None:
    said = "Zürich 日本 👍🏽 'quoted' \ufffd end 日"
    ids = tokenizer().encode(said)
    reader = TextReader(tokenizer())
    parts = [reader.feed([token]) for token in ids]
    assert "".join(parts) + reader.end() == said == reader.text
    assert all(part in said for part in parts)
    broken = tokenizer().encode("日")[:1]
    reader = TextReader(tokenizer())
    assert reader.feed(broken) == ""
    assert reader.end() == "\ufffd" == reader.text


def test_random_bytes_stream_to_what_they_decode_to_at_once() -> None:
    rng = random.Random(1)
    for _ in range(200):
        ids = [rng.randrange(tokenizer().size) for _ in range(rng.randint(1, 30))]
        reader = TextReader(tokenizer())
        assert "".join(reader.feed([token]) for token in ids) + reader.end() == tokenizer().decode(ids)


@pytest.mark.parametrize(
    "stop", [("lo wo",), ("zzz", "wor"), ("ld!",), ("h",), ("l",), ("ab", "aab"), ("hello world!!",)]
)
def test_a_stop_string_cuts_where_a_search_of_the_whole_text_would(stop: tuple[str, ...]) -> None:
    for said in ("hello world!", "aaab hello", "hel", "lo wo"):
        reader = TextReader(tokenizer(), stop)
        parts = []
        for letter in said:  # across as many borders as there are
            parts.append(reader.feed(tokenizer().encode(letter)))
            if reader.stopped:
                break
        given = "".join(parts) + reader.end()
        # The first stop string to be complete counts, and of those the one that begins first.
        ends = [said.find(s) + len(s) for s in stop if s in said]
        cut = (
            min((said[: min(ends)].find(s) for s in stop if s in said[: min(ends)]), default=len(said))
            if ends
            else len(said)
        )
        assert given == said[:cut] == reader.text
        assert reader.stopped == bool(ends)


def likely(params: SamplingParams, logits: torch.Tensor, draws: int = 4000) -> Counter[int]:
    """How often each token is drawn."""
    row = new_row(Request("x", [1, 2], params))
    found = draw(logits.expand(draws, -1).clone(), [row] * draws, NONE_V)
    return Counter(token for token in found if token is not None)


def plainly(params: SamplingParams, logits: torch.Tensor) -> np.ndarray:
    """The distribution, written down from the definitions."""
    p = np.exp(logits.double().numpy() / params.temperature)
    p /= p.sum()
    p[p < params.min_p * p.max()] = 0
    p /= p.sum()
    order = np.argsort(-p, kind="stable")
    kept, mass = [], 0.0
    for token in order:
        if mass >= params.top_p:
            break
        kept.append(token)
        mass += p[token]
    cut = np.zeros_like(p)
    cut[kept] = p[kept]
    return cut / cut.sum()


@pytest.mark.parametrize(
    "params",
    [
        SamplingParams(seed=1),
        SamplingParams(seed=1, temperature=0.5),
        SamplingParams(seed=1, top_p=0.7),
        SamplingParams(seed=1, top_p=0.01),
        SamplingParams(seed=1, min_p=0.2),
        SamplingParams(seed=1, temperature=1.5, top_p=0.9, min_p=0.05),
    ],
)
def test_tokens_are_drawn_as_often_as_their_odds_say(params: SamplingParams) -> None:
    logits = torch.randn(50, generator=torch.Generator().manual_seed(3)) * 1.5
    odds, found = plainly(params, logits), likely(params, logits)
    assert set(found) <= set(np.flatnonzero(odds))
    for token in range(50):
        spread = (4000 * odds[token] * (1 - odds[token])) ** 0.5
        assert abs(found[token] - 4000 * odds[token]) < 5 * spread + 1


def test_top_p_beyond_the_shortlist_sorts_all() -> None:
    flat = torch.zeros(2000)
    row = new_row(Request("x", [1], SamplingParams(seed=2, top_p=0.999)))
    found = draw(flat.expand(3000, -1).clone(), [row] * 3000, torch.zeros(2000, dtype=torch.bool))
    assert len(set(found)) > 1300


def test_penalties_lower_what_was_said() -> None:
    logits = torch.linspace(-2, 3, 50)
    params = SamplingParams(temperature=0)
    for change, wanted in (
        ({}, 49),
        ({"presence_penalty": 0.25}, 47),  # 49 and 48 were said
        ({"frequency_penalty": 0.1}, 48),  # 49 was said thrice, 48 once
        ({"repetition_penalty": 1.2}, 46),  # and 47 stood in the prompt
    ):
        row = new_row(Request("x", [1, 47], replace(params, **change)))
        row.said.update([49, 49, 49, 48])
        assert draw(logits[None].clone(), [row], NONE_V) == [wanted]
    negative = new_row(Request("x", [1], replace(params, repetition_penalty=2.0)))
    negative.said.update([7])
    low = torch.full((1, 50), -3.0)
    low[0, 7], low[0, 9] = -2.0, -3.5
    assert draw(low, [negative], NONE_V) != [7]  # -2 becomes -4, not -1


def test_what_cannot_be_said_is_not_drawn() -> None:
    logits = torch.randn(3, 50, generator=torch.Generator().manual_seed(0))
    forbidden = NONE_V.clone()
    forbidden[10:] = True
    rows = [new_row(Request(str(n), [1], SamplingParams(seed=n, temperature=5))) for n in range(3)]
    rows[1].allowed = np.array([1 << 3 | 1 << 12, 0], dtype=np.int32)
    rows[2].allowed = np.array([0, 0], dtype=np.int32)
    for _ in range(50):
        free, bound, none = draw(logits.clone(), rows, forbidden)
        assert free is not None and free < 10
        assert bound == 3
        assert none is None


def test_logprobs_are_the_models_own() -> None:
    logits = torch.randn(50, generator=torch.Generator().manual_seed(0))
    found = logprobs(logits, 7, 3)
    all_of = logits.log_softmax(-1)
    assert found.logprob == pytest.approx(float(all_of[7]))
    assert [token for token, _ in found.top] == all_of.argsort(descending=True)[:3].tolist()
    assert found.top[0][1] == pytest.approx(float(all_of.max()))
