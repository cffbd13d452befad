"""Figures of variety: what they are on texts where one can count by hand."""

from __future__ import annotations

import pytest

from synth.reports.variety import bare, distinct, grams, measure, self_bleu, texts_of, tokens


def test_distinct_counts_different_ngrams_within_texts() -> None:
    texts = [tokens("a b a b"), tokens("a b")]
    assert distinct(texts, 1) == pytest.approx(2 / 6)
    assert distinct(texts, 2) == pytest.approx(2 / 4)  # ab ba ab | ab: no pair across texts
    assert distinct(texts, 2, budget=4) == pytest.approx(2 / 3)  # the second text lies beyond the budget
    assert distinct([], 2) == 0.0
    assert list(grams(["a"], 2)) == []


def test_self_bleu_tells_copies_from_strangers() -> None:
    assert self_bleu([tokens("the cat sat on the mat")] * 3) == pytest.approx(1.0)
    strangers = self_bleu([tokens("one two three four five"), tokens("six seven eight nine ten")])
    alike = self_bleu([tokens("the cat sat on the mat"), tokens("the dog sat on the mat")])
    assert strangers < 0.05 < alike < 1.0


def test_an_own_repetition_is_no_hit() -> None:
    assert self_bleu([tokens("x x x x x"), tokens("y y y y y")]) < 0.05


def test_values_are_put_out_of_sight() -> None:
    assert bare('Set “Oak table” to "dark brown" for ORD-12, please.').split() == ["Set", "to", "for", "please."]


def test_sides_are_told_apart() -> None:
    talk = [
        {"role": "user", "content": "Hi."}, {"role": "assistant", "content": ""},
        {"role": "tool", "content": "{}"}, {"role": "assistant", "content": "Done."},
        {"role": "user", "content": "Ta."},
    ]  # fmt: skip
    assert texts_of(talk, "user") == "Hi.\nTa."
    assert texts_of(talk, "assistant") == "Done."
    figures = measure([texts_of(talk, "user"), texts_of(talk, "user")])
    assert figures["different_texts"] == 0.5
    assert figures["commonest_opening"] == 1.0
