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
from synth.goals.clauses import Piece, placed_object, tool_words, update_clause, with_currency
from synth.goals.decoys import decoy
from synth.goals.manner import own_words, spoken_as, typos
from synth.goals.speech import Clause, Slip, Speaker
from synth.goals.templates import Voice, fill, grammar, personas
from synth.goals.verbs import action, awkward, trait, when
from synth.goals.words import a, field_words, joined, plural_of, say, sentence
from synth.worlds.spec import FieldSpec


def test_a_value_that_looks_like_a_slot_stays_as_it_is() -> None:
    assert fill("{c} and {v}", {"c": "{v}", "v": "x"}) == "{v} and x"
    with pytest.raises(KeyError):
        fill("{nobody}", {})


@pytest.mark.parametrize("split", ["train", "eval"])
def test_every_template_can_be_filled(split: str) -> None:
    g = grammar(split)
    slots = {s for group in ("clauses", "questions", "asks") for ts in g[group].values() for t in ts
             for s in re.findall(r"\{([a-z_]+)\}", t)}  # fmt: skip
    assert slots <= {"a_noun", "with", "field", "obj", "value", "sets", "is", "state", "verb", "left", "right", "what",
                     "plural", "where", "noun", "q", "i", "thing", "moved", "source", "target", "pairs"}  # fmt: skip
    for persona in personas(split)["personas"]:
        for seed in range(60):
            speaker = Speaker(random.Random(seed), split, persona)
            clauses = [Clause(vp="close the ticket"), Clause(q="what is it", i="what it is")]
            texts = [speaker.opening(clauses, speaker.intro("Ana Lee", "Sales")), speaker.follow(clauses)]
            texts += [speaker.of("thanks"), speaker.of("unknown")]
            texts.append(speaker.answer("The priority should be high.", "high"))
            for text in texts:
                assert "{" not in text
                assert "  " not in text and "[" not in text
                assert text == text.strip()
            assert "high" in texts[-1].lower()  # a value of no task: shouters do not spare it


@pytest.mark.parametrize(
    ("name", "entity", "words"),
    [("agent_id", "Ticket", "agent"), ("dueDate", "Task", "due date"), ("ticket_status", "Ticket", "status"),
     ("id", "Ticket", "ID"), ("created_at", "Ticket", "creation date"), ("webhookURL", "App", "webhook URL"),
     ("distance_km", "Ride", "distance in km"), ("external_id", "Ride", "external ID")],
)  # fmt: skip
def test_fields_are_spoken(name: str, entity: str, words: str) -> None:
    assert field_words(name, entity) == words


@pytest.mark.parametrize(
    ("op", "tool", "of", "state", "verb"),
    [("move", "pause_campaign", "Campaign", "paused", "pause"), ("move", "defer_bill", "Bill", "deferred", "defer"),
     ("move", "mark_failed_job", "Job", "failed", None), ("move", "start_release", "Release", "draft", "start"),
     ("move", "set_lock_state", "Lock", "locked", None), ("delete", "check-out-bed", "Bed", None, "check out"),
     ("create", "register_room", "Room", None, "register"), ("move", "set_release", "Release", "draft", None),
     ("move", "deEscalateGroup", "Group", "draft", None), ("move", "escalateGroup", "Group", "urgent", "escalate")],
)  # fmt: skip
def test_the_verb_is_the_tools_own(op: str, tool: str, of: str, state: str | None, verb: str | None) -> None:
    assert action(op, tool, of, state) == verb


def test_moments_and_traits_are_asked_for_as_people_do() -> None:
    assert when("purchased_at", "the bed") == ("when was the bed purchased", "when the bed was purchased")
    assert when("joined", "Ana") == ("when did Ana join", "when Ana joined")
    assert when("due_date", "it") == ("when is it due", "when it is due")
    assert when("last_seen", "it") == ("when was it last seen", "when it was last seen")
    assert when("deadline", "it") is None
    assert [trait(x) for x in ("public", "is pinned", "tracking", "notify owner")] == ["public", "pinned", None, None]


def test_technical_fields_are_not_asked_for() -> None:
    odd = ["config_hash", "webhook_url", "offset", "sort_order", "assigned_to", "purchased", "public"]
    assert all(awkward(name, "text") for name in odd)
    assert not any(awkward(name, type_) for name, type_ in [("description", "text"), ("purchased", "date")])


def test_where_a_row_is_is_said_once_and_asks_for_nothing() -> None:
    scope = Piece("store", "the store Oak", row=True, scope=True)
    assert placed_object(Voice("train"), "the order 5", [scope]) == ("the order 5 of the store Oak", [])
    assert placed_object(Voice("train"), "the order 5 of the store Oak", [scope]) == (
        "the order 5 of the store Oak",
        [],
    )
    clause = update_clause(
        Voice("train"), "the order 5", [Piece("public", "yes", boolean=True)], random.Random(1), None
    )
    assert "public" in clause.vp
    assert "turn" not in clause.vp


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


KEPT = ["Ana Lee", "ORD-12", "Please", "2026-03-04", "carbon-logistics-lib"]
PLAIN = (
    "Please set the owner to Ana Lee, with “I Need This”. I'd like ORD-12 due 2026-03-04. "
    "Could you add carbon-logistics-lib?"
)


@pytest.mark.parametrize("manner", ["lower", "upper", "dictated", "typos"])
def test_a_manner_changes_the_words_and_no_value(manner: str) -> None:
    for seed in range(30):
        said = spoken_as(manner, PLAIN, KEPT, random.Random(seed))
        assert said != PLAIN
        assert all(v in said for v in (*KEPT, "“I Need This”"))
    assert spoken_as(None, PLAIN, KEPT, random.Random(1)) == PLAIN


def test_typos_fall_on_the_speakers_own_words_only() -> None:
    text = "please rename the tariff zone, could you change the tariff zone?"
    for seed in range(40):
        said = typos(text, ["change"], random.Random(seed))
        assert said.count("tariff zone") == 2  # names of things are nobody's own words
        assert "change" in said
    assert "please" in own_words()


def test_a_slip_is_put_right_in_the_same_message() -> None:
    clause = Clause(vp="set the priority of the ticket to high", slip=Slip("high", "low"))
    texts = [Speaker(random.Random(n), "train", "rambling").opening([clause]) for n in range(60)]
    slipped = [t for t in texts if "low" in t.split()[:-1] or " low" in t]
    assert 3 <= len(slipped) <= 30
    for text in slipped:
        assert text.index("to low") < text.index("high")
        assert mentions("high", Text(text))
    assert all("high" in t for t in texts)


def test_decoys_are_other_values_of_the_same_kind() -> None:
    rng = random.Random(2)
    assert decoy("a", "a", FieldSpec(type="enum", of=["a", "b_c"]), rng) == "b c"
    assert decoy("2026-03-04", "2026-03-04", FieldSpec(type="date"), rng) not in ("2026-03-04", None)
    assert re.fullmatch(r"\d\d\d\.34", str(decoy(16234, "162.34", FieldSpec(type="money"), rng)))
    assert decoy("a", "a", FieldSpec(type="enum", of=["a"]), rng) is None
    assert decoy("some text", "“some text”", FieldSpec(type="text"), rng) is None


def test_several_requests_may_come_as_a_list() -> None:
    clauses = [Clause(vp="close the ticket A"), Clause(q="what is B", i="what B is"), Clause(vp="delete C")]
    texts = [Speaker(random.Random(n), "train", "methodical").opening(clauses) for n in range(40)]
    assert sum(bool(re.search(r"\n(\S+) close the ticket A\n\1 ", t)) for t in texts) > 5
    assert all(part in t.lower() for t in texts for part in ("close the ticket a", "delete c"))


@pytest.mark.parametrize(
    ("tool", "obj", "what", "said"),
    [("recalculate_route_costs", "the route R-1", "route", "recalculate the costs of the route R-1"),
     ("school_hold_confirm", "the hold X", "hold", "confirm the hold X"),
     ("sync_inventory", None, "request", "sync the inventory"),
     ("charge_to_room", "the booking B", "booking", "charge to room for the booking B")],
)  # fmt: skip
def test_a_tool_without_a_standard_operation_is_asked_for_in_its_own_words(
    tool: str, obj: str | None, what: str, said: str
) -> None:
    assert tool_words(tool, [], obj, what) == said


def test_an_amount_takes_its_currency_along() -> None:
    amount, currency = Piece("amount", "162.34", money=True), Piece("currency", "EUR")
    assert [p.text for p in with_currency([amount, currency])] == ["162.34 EUR"]
    assert [p.text for p in with_currency([Piece("amount", "16234"), currency])] == ["16234", "EUR"]
    assert mentions(16234, Text("transfer 162.34 EUR"))
