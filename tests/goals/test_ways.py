"""The many ways of saying a thing: each keeps value and field together, and each is understood by the other side."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import Any

import pytest

from rubrics.claims import claims_done
from rubrics.normal import Text, mentions
from synth.goals.clauses import Piece, changes, refers_back, update_clause, with_words
from synth.goals.describe import named, qualified
from synth.goals.speech import Clause, Speaker
from synth.goals.templates import Voice, fill, forms, grammar, peeked, personas, worded
from synth.sim.user import asked_for, is_question, sentences_of
from synth.taskspec import Fact

SPLITS = ("train", "eval")
VALUE, FIELD = "Qx7-B", "berth depth"


def listed(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for value in node.values():
            yield from listed(value)
    elif isinstance(node, list):
        for value in node:
            yield from listed(value)


def test_a_voice_says_the_same_thing_alike_and_leaves_the_stream_alone() -> None:
    rng = random.Random(4)
    before = rng.getstate()
    salts = {peeked(rng), peeked(rng)}
    assert rng.getstate() == before and len(salts) == 1
    said = {worded(Voice("train", str(n)), "rows", "by_key", noun="ticket", field="code", value="A") for n in range(60)}
    assert len(said) > 8
    again = [worded(Voice("train", "x"), "rows", "that", noun="loan") for _ in range(3)]
    assert len(set(again)) == 1


def test_a_list_of_values_is_all_of_a_kind() -> None:
    pieces, seen = [Piece("priority", "high"), Piece("tag", "b2")], set()
    for n in range(40):
        one, other = changes(Voice("train", str(n)), pieces)["sets"].split(" and ")
        assert one.replace("priority", "#").replace("high", "%") == other.replace("tag", "#").replace("b2", "%")
        seen.add(one)
    assert len(seen) > 8


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("salt", range(60))
def test_a_value_stands_literally_beside_its_field(split: str, salt: int) -> None:
    voice = Voice(split, str(salt))
    texts = [
        "the pier" + qualified(voice, [(FIELD, VALUE)]),
        worded(voice, "rows", "by_key", noun="pier", field=FIELD, value=VALUE),
        worded(voice, "facts", "is", field=FIELD, value=VALUE),
        worded(voice, "facts", "should", field=FIELD, value=VALUE),
        "add a pier" + with_words(voice, [Piece(FIELD, VALUE), Piece("lit", "yes", boolean=True)]),
        update_clause(voice, "the pier", [Piece(FIELD, VALUE)], random.Random(salt), None).vp,
        update_clause(voice, "the pier", [Piece(FIELD, VALUE), Piece("owner", "Al")], random.Random(salt), None).vp,
    ]
    for text in texts:
        assert VALUE in text and FIELD in text, text
        assert mentions(VALUE, Text(text)), text
    assert VALUE in named(voice, "the pier", "pier", VALUE)


def test_no_form_that_may_open_a_sentence_begins_with_a_value() -> None:
    """The first letter of a sentence is made a capital: a code would be another one."""
    g = grammar("train")
    opening = [g["facts"], g["clauses"], g["questions"], forms("train")["statements"], forms("train")["own"]]
    opening += [g["rows"][k] for k in ("that", "new", "some", "state", "head", "by_id", "by_key")]
    assert [t for t in listed(opening) if t.startswith(("{value}", '"{value}', "({value}"))] == []


def test_what_points_back_is_known_again() -> None:
    for way in grammar("train")["rows"]["that"]:
        assert refers_back("train", fill(way, {"noun": "ticket"})), way
    assert refers_back("eval", fill(str(grammar("eval")["rows"]["that"]), {"noun": "ticket"}))
    assert not refers_back("train", 'the ticket "Broken link"')


def test_the_user_hears_every_question_of_the_assistant() -> None:
    fact = Fact(id="f0", say="x", value="x", about=[FIELD], told=None)
    for way in [*grammar("train")["asks"]["value"], *grammar("train")["asks"]["which"]]:
        said = fill(way, {"field": FIELD, "noun": "pier"})
        questions = [s for s in sentences_of(said) if is_question(s)]
        assert asked_for([fact], questions) == [fact], said
        assert "?" in said, said  # what the rubric takes for a question
        assert claims_done(Text(said)) is None, said


def test_statements_are_for_people_of_training() -> None:
    clause = Clause(vp="close the ticket A", stated="the ticket A can go")
    said = {s: [Speaker(random.Random(n), s, p).body([clause]) for p in personas(s)["personas"] for n in range(8)]
            for s in SPLITS}  # fmt: skip
    share = sum("the ticket a can go" in t.lower() for t in said["train"]) / len(said["train"])
    assert 0.2 < share < 0.4
    assert not any("can go" in t.lower() for t in said["eval"]) and forms("eval") == {}


def test_a_statement_that_asks_keeps_its_mark() -> None:
    asks = Clause(vp="get A", stated="can we get A")
    texts = [Speaker(random.Random(n), "train", "plain").body([asks]) for n in range(80)]
    assert any(re.search(r"[Cc]an we get A\?", t) for t in texts)
    assert not any(re.search(r"an we get A\.$", t) for t in texts)
