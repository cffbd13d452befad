"""User sentences: natural, literal, varied."""

from __future__ import annotations

import itertools
import random
import re
from collections import Counter

import pytest
from desks import KINDS, WORLDS, desk
from hypothesis import given
from hypothesis import strategies as st

from rubrics.normal import Text, mentions
from synth.goals import build
from synth.goals.speech import Clause, Speaker, fill, grammar
from synth.goals.words import a, field_words, joined, plural_of, say, sentence


def test_a_value_that_looks_like_a_slot_stays_as_it_is() -> None:
    assert fill("{c} and {v}", {"c": "{v}", "v": "x"}) == "{v} and x"
    with pytest.raises(KeyError):
        fill("{nobody}", {})


def test_every_template_can_be_filled() -> None:
    g = grammar()
    slots = {s: "x" for group in ("clauses", "questions", "asks") for ts in g[group].values() for t in ts
             for s in re.findall(r"\{([a-z_]+)\}", t)}  # fmt: skip
    assert slots.keys() == {"a_noun", "with", "field", "obj", "value", "sets", "is", "state", "verb", "left", "right",
                            "what", "plural", "where", "noun"}  # fmt: skip
    for persona in g["personas"]:
        for seed in range(60):
            speaker = Speaker(random.Random(seed), persona)
            clauses = [Clause(vp="close the ticket"), Clause(q="what is it", i="what it is")]
            texts = [speaker.opening(clauses, speaker.intro("Ana Lee", "Sales")), speaker.follow(clauses)]
            texts.append(speaker.answer("The priority should be high.", "high"))
            for text in texts:
                assert "{" not in text
                assert "  " not in text
                assert text == text.strip()
            assert "high" in texts[2]


@pytest.mark.parametrize(
    ("name", "entity", "words"),
    [("agent_id", "Ticket", "agent"), ("dueDate", "Task", "due date"), ("ticket_status", "Ticket", "status"),
     ("id", "Ticket", "ID"), ("created_at", "Ticket", "creation date"), ("webhookURL", "App", "webhook URL")],
)  # fmt: skip
def test_fields_are_spoken(name: str, entity: str, words: str) -> None:
    assert field_words(name, entity) == words


def test_words() -> None:
    assert [plural_of(w) for w in ("city", "box", "day", "status report")] == [
        "cities",
        "boxes",
        "days",
        "status reports",
    ]
    assert [a(w) for w in ("invoice", "user", "hour", "ticket")] == ["an invoice", "a user", "an hour", "a ticket"]
    assert joined(["a", "b", "c"]) == "a, b and c"
    assert sentence("x.y@example.org") == "x.y@example.org."
    assert sentence("close it") == "Close it."


@given(
    st.one_of(
        st.integers(-(10**9), 10**9),
        st.from_regex(r"[a-z]{3,9}( [a-z]{3,9}){0,4}", fullmatch=True),
        st.dates().map(str),
    )
)
def test_a_value_is_said_literally(value: int | str) -> None:
    assert mentions(value, Text(f"Set it to {say(value)}, please."))


def test_tasks_do_not_all_sound_alike() -> None:
    texts = []
    for n in range(280):
        kind = KINDS[n % len(KINDS)]
        d = desk(WORLDS[n % 2], kind, n)
        texts.append(" ".join(build(d, kind, random.Random(n)).user.turns))  # type: ignore[arg-type]
    pairs = [p for t in texts for p in _pairs(t)]
    openings = Counter(" ".join(t.split()[:4]) for t in texts)
    assert len(set(texts)) == len(texts)
    assert len(set(pairs)) / len(pairs) > 0.2
    assert openings.most_common(1)[0][1] / len(texts) < 0.05


def _pairs(text: str) -> list[tuple[str, str]]:
    words = re.findall(r"\w+|[^\w\s]", text.lower())
    return list(itertools.pairwise(words))
