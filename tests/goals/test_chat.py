"""`chat`: nothing is called, something of the conversation has to be told, and no fixed sentence will do."""

from __future__ import annotations

import random
from typing import Any

from desks import WORLDS, desk

import rubrics
from rubrics.normal import Text, mentions
from synth.goals import Built, Desk, build

PROMPT = "You work for Acorn Freight Ltd. Today is Monday, 2026-03-02."
FIXED = (
    "Hello! How can I help you?",
    "I'm sorry, I can't do that with the tools I have.",
    "Done. I have taken care of everything you asked for.",
    "Could you tell me more?",
)


def chats(n: int = 40) -> list[tuple[Desk, Built]]:
    out = []
    for name in WORLDS:
        for seed in range(n):
            d = desk(name, "no_tool", seed)
            d.prompt, d.about = PROMPT, {"organisation": "Acorn Freight Ltd", "date": "2026-03-02"}
            out.append((d, build(d, "chat", random.Random(f"{name} {seed}"))))
    return out


def verdict(b: Built, answers: list[str], calls: list[dict[str, Any]] | None = None) -> rubrics.Verdict:
    """The task's own criteria over a conversation with these answers."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": PROMPT}]
    for said, answer in zip(b.user.turns, answers, strict=True):
        messages += [{"role": "user", "content": said}, {"role": "assistant", "content": answer}]
    evidence = {
        "messages": messages, "calls": calls or [], "state_diff": [], "stop_reason": "done",
        "user": b.user.model_dump(), "goal": b.goal.model_dump(), "plan": b.plan.model_dump(), "params": {},
    }  # fmt: skip
    return rubrics.verdict(rubrics.score(b.rubric.model_dump(), evidence))


def test_what_the_expert_answers_passes() -> None:
    for _, b in chats():
        answers = [r.text for r in b.plan.replies]
        assert [r.turn for r in b.plan.replies] == list(range(len(b.user.turns)))
        assert not b.plan.steps
        assert verdict(b, answers).passed, verdict(b, answers).reasons


def test_no_fixed_sentence_passes() -> None:
    for _, b in chats():
        for sentence in FIXED:
            assert verdict(b, [sentence] * len(b.user.turns)).passed is False, (sentence, b.user.turns)


def test_a_call_or_a_claim_fails() -> None:
    for _, b in chats(10):
        answers = [r.text for r in b.plan.replies]
        call = {"id": "functions.x:0", "name": "x", "ok": True, "effect": "read", "arguments": {}, "result": {}}
        assert verdict(b, answers, [call]).passed is False
        assert verdict(b, [*answers[:-1], answers[-1] + " I have updated the ticket."]).passed is False


def test_facts_stand_in_the_prompt_the_declarations_or_an_earlier_message() -> None:
    seen = set()
    for d, b in chats():
        for t in b.goal.tell:
            assert t.source == "said"
            before = Text("\n".join(b.user.turns[: t.turn]))
            where = "prompt" if mentions(t.value, Text(PROMPT)) else "message" if mentions(t.value, before) else "tools"
            if where == "tools":
                assert isinstance(t.value, list)
                schemas = "\n".join(str(d.cw.tool(name).input_schema) for name in d.offered)
                assert all(v in schemas for v in t.value)
            else:
                assert not mentions(t.value, Text(b.user.turns[t.turn])) or t.value in ("Monday",)
            seen.add(where)
    assert {"prompt", "message"} <= seen
