"""The simulated user: answers what is asked, and nothing else."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.sim.user import PATIENCE, SimulatedUser, sentence, sentences_of
from synth.taskspec import Fact, UserProfile

FACTS = [
    Fact(id="priority", say="the priority should be high", value="high", about=["priority", "urgency"], told=None),
    Fact(
        id="customer",
        say="the customer name is Ida Holm",
        value="Ida Holm",
        about=["customer name", "customer"],
        told=None,
    ),
    Fact(id="name", say="the file name is a.txt", value="a.txt", about=["name", "file name"], told=None),
    Fact(id="later", say="the colour is mauve", value="mauve", about=["colour"], told=1),
]


class Talked:
    """A user whose replies are waited for."""

    def __init__(self, user: SimulatedUser) -> None:
        self.user = user

    def reply(self, text: str) -> str | None:
        return asyncio.run(self.user.reply(text))

    @property
    def left(self) -> bool:
        return self.user.left


def make(style: str = "plain", seed: int = 3) -> Talked:
    profile = UserProfile(
        name="Kim",
        style=style,
        turns=["Please open a ticket.", "Now the colour: mauve."],
        facts=FACTS,
        thanks="Thank you!",
        unknown="I don't know that.",
    )
    return Talked(SimulatedUser(profile, random.Random(seed)))


@pytest.mark.parametrize("style", ["plain", "terse", "chatty", "formal", "hurried", "never heard of"])
def test_a_question_is_answered_with_exactly_the_fact_asked_for(style: str) -> None:
    for seed in range(10):
        answer = make(style, seed).reply("Sure. Which priority should it have?")
        assert answer is not None
        assert "high" in answer
        assert not any(v in answer for v in ("Ida Holm", "a.txt", "mauve"))


def test_two_questions_give_two_facts() -> None:
    answer = make().reply("What is the priority, and what's the customer's name?")
    assert answer is not None
    assert "high" in answer
    assert "Ida Holm" in answer


def test_nested_words_mean_the_closer_fact() -> None:
    answer = make().reply("What is the customer name?")
    assert answer is not None
    assert "Ida Holm" in answer
    assert "a.txt" not in answer


def test_a_fact_of_a_later_turn_is_not_revealed_early() -> None:
    user = make()
    assert user.reply("Which colour do you want?") == "I don't know that."
    assert user.reply("Done.") == "Now the colour: mauve."
    assert "mauve" in (user.reply("Which colour was it?") or "")


def test_a_request_without_a_question_mark_is_a_question() -> None:
    assert "high" in (make().reply("Please tell me the priority.") or "")
    assert "high" in (make().reply("Let me know which priority you want.") or "")


@pytest.mark.parametrize(
    "text",
    [
        "Done. Is there anything else I can help with?",
        "All set!",
        "I've created it. Let me know if you need anything else.",
        "The ticket is open. How else can I help?",
    ],
)
def test_a_report_brings_the_next_turn_and_then_the_end(text: str) -> None:
    user = make()
    assert user.reply(text) == "Now the colour: mauve."
    rest = [user.reply(text), user.reply(text)]
    assert rest in ([None, None], ["Thank you!", None])
    assert not user.left


def test_a_promise_is_no_report() -> None:
    user = make()
    answer = user.reply("Let me look into that.")
    assert answer not in (None, "Now the colour: mauve.")


def test_a_confirmation_reveals_nothing() -> None:
    answer = make().reply("Shall I go ahead and also close the old one?")
    assert answer is not None
    assert any(word in answer for word in ("ask", "request", "wrote"))
    assert not any(v in answer for v in ("high", "Ida Holm", "a.txt", "mauve"))


def test_patience_ends() -> None:
    user = make()
    answers = [user.reply("What is the meaning of it all?") for _ in range(PATIENCE + 1)]
    assert answers[:-1] == ["I don't know that."] * PATIENCE
    assert answers[-1] is None
    assert user.left


@given(st.lists(st.text(max_size=80), max_size=12))
def test_the_user_copes_with_anything_and_reveals_only_what_is_asked(said: list[str]) -> None:
    user = make()
    for text in said:
        answer = user.reply(text)
        if answer is None:
            return
        if "Ida Holm" in answer:
            assert "custom" in text.casefold()


def test_sentences() -> None:
    assert sentences_of("Which v1.2? a@b.com is it. Done!") == ["Which v1.2?", "a@b.com is it.", "Done!"]
    assert sentence("the status is open") == "The status is open."
    assert sentence("a.txt is it") == "a.txt is it."
