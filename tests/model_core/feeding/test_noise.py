"""A user's carrier words change; values, what the tools are called by and what the assistant does stay."""

from __future__ import annotations

import json
import random

import pytest

from model_core.errors import ModelError
from model_core.feeding.noise import _LEADS, KINDS, another_word, noised
from model_core.feeding.rows import Row, row_of
from model_core.feeding.stream import Mix
from model_core.feeding.vary import Lexicon

TOOLS = [{"name": "retire_kayak", "description": "Retires.",
          "parameters": {"properties": {"reason": {"type": "string"}, "kayak_id": {"type": "string"}}}}]  # fmt: skip
SAID = 'Hello, could somebody kindly retire kayak KYK-17 with the reason "leaks somewhat" before 09:30? Regards, Ada'


def episode(kind: str = "single", said: str = SAID) -> Row:
    arguments = json.dumps({"kayak_id": "KYK-17", "reason": "leaks somewhat"})
    messages = [
        {"role": "system", "content": "You kindly look after somebody."},
        {"role": "user", "content": said},
        {"role": "assistant", "content": "", "tool_calls": [
            {"id": "a", "function": {"name": "retire_kayak", "arguments": arguments}}]},
        {"role": "tool", "tool_call_id": "a", "name": "retire_kayak", "content": '{"kindly": "somebody"}'},
        {"role": "assistant", "content": "The kayak is retired."},
    ]  # fmt: skip
    return row_of(kind, messages, TOOLS, "compact")  # type: ignore[arg-type]


def zzz(rng: random.Random) -> str:
    return "zzz"


def test_only_what_carries_the_request_changes() -> None:
    row, place = episode(), episode().parts.index(SAID)
    seen = set()
    for seed in range(60):
        new = noised(row, zzz, random.Random(seed))
        said = str(new.parts[place])
        seen.add(said)
        assert new.parts[:place] == row.parts[:place] and new.parts[place + 1 :] == row.parts[place + 1 :]
        assert new.learn == row.learn
        for kept in ("retire kayak", "KYK-17", "the reason", '"leaks somewhat"', "before", "09:30", "Ada", "with"):
            assert kept in said
    assert len(seen) > 30
    assert any("kindly" not in said for said in seen) and any("zzz" in said for said in seen)
    assert any(said[0] == "Z" for said in seen), "a capital stays one"
    leads = [said.split("retire kayak ")[1].split("KYK-17")[0].split() for said in seen]
    assert any(leads) and any(not lead for lead in leads), "words come in front of a value, not always"
    assert {word for lead in leads for word in lead} <= {"zzz", *_LEADS}


def test_kinds_that_turn_on_the_words_stay() -> None:
    assert {"chat", "no_tool", "injection", "policy"}.isdisjoint(KINDS)
    row = episode("no_tool")
    assert all(noised(row, zzz, random.Random(seed)) is row for seed in range(5))


def test_same_seed_same_words_and_half_of_them_are_other_users() -> None:
    rows = [episode(said="Bonjour amigo")] * 3
    draw = another_word(rows, Lexicon((), ("walnut",)))
    words = [draw(random.Random(seed)) for seed in range(80)]
    assert words == [draw(random.Random(seed)) for seed in range(80)]
    assert 20 < sum(word in ("bonjour", "amigo") for word in words) < 60
    assert "walnut" in words


def test_a_share_is_a_share() -> None:
    with pytest.raises(ModelError, match=r"mix\.noise is 2; it must be within 0 and 1"):
        Mix(noise=2)
