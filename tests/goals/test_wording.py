"""A model's words for the user's turns: every value survives, nothing leaks in, else the template's words stay."""

from __future__ import annotations

import asyncio
import json

import pytest

from synth.goals.wording import check, reworded
from synth.models.roles import Role
from synth.models.scripted import Script, ScriptedClient
from synth.taskspec import Fact, Goal, Tell, UserProfile

PROFILE = UserProfile(
    name="Ada", style="plain", turns=['Set the ticket "Printer jam" to 3 stars.', "Who owns it now?"],
    facts=[Fact(id="a", say='the ticket "Printer jam"', value="Printer jam", about=["ticket"]),
           Fact(id="b", say="the reason is mould", value="mould", about=["reason"], told=None)],
    thanks="Thanks.", unknown="No idea.",
)  # fmt: skip
GOAL = Goal(changes=[], tell=[Tell(id="t", turn=1, say="the owner is Quentin", value="Quentin")])
GOOD = ['Would you give "Printer jam" 3 stars?', "And whose is it?"]


@pytest.mark.parametrize(
    ("turns", "part"),
    [
        (GOOD, None),
        (["Give it 3 stars.", GOOD[1]], "Printer jam"),
        (['Give "Printer jam" stars.', GOOD[1]], "'3'"),
        ([GOOD[0] + " It is 4 days old.", GOOD[1]], "'4'"),
        ([GOOD[0] + " See tick_9f2.", GOOD[1]], "tick_9f2"),
        ([GOOD[0] + " There is mould.", GOOD[1]], "mould"),
        ([GOOD[0], "Is it Quentin's now?"], "Quentin"),
        ([GOOD[0], "How can I help you with it?"], "assistant"),
        ([GOOD[0], "x " * 700], "too long"),
    ],
)
def test_what_is_lost_or_added_is_refused(turns: list[str], part: str | None) -> None:
    found = check(PROFILE, GOAL, turns)
    assert (found.value is not None) == (part is None)
    assert part is None or part in found.sentences[0]


def test_words_are_mended_once_or_left() -> None:
    def ask(*replies: list[str]) -> UserProfile | None:
        said = [{"content": json.dumps({"turns": turns})} for turns in replies]
        client = ScriptedClient(Script.model_validate({"replies": said}))
        return asyncio.run(reworded(Role("paraphraser", client, "scripted:p"), PROFILE, GOAL)).value

    wrong = ["Give it 3 stars.", GOOD[1]]
    mended = ask(wrong, GOOD)
    assert mended is not None and mended.turns == GOOD and mended.facts == PROFILE.facts
    assert ask(wrong, wrong, GOOD) is None
