"""Distinctness of agents is measured, not asserted."""

from __future__ import annotations

import random

from synth.records import AgentRow
from synth.reports.agents import NEAR, jaccard, measure, near_duplicates, nearest_overlaps, shingles

WORDS = [f"w{n}" for n in range(400)]


def agent(n: int, prompt: str, tools: list[str], **traits: object) -> AgentRow:
    return AgentRow(agent_id=f"agent_{n}", split="train", world_ids=["w"], tool_ids=tools, system_prompt=prompt,
                    traits=traits)  # fmt: skip


def test_near_duplicates_are_the_pairs_that_a_full_comparison_finds() -> None:
    rng = random.Random(3)
    texts = []
    for _ in range(60):
        base = [rng.choice(WORDS) for _ in range(120)]
        texts.append(" ".join(base))
        for changed in (1, 4, 30):
            copy = list(base)
            for at in rng.sample(range(120), changed):
                copy[at] = rng.choice(WORDS)
            texts.append(" ".join(copy))
    cut = [shingles(t) for t in texts]
    wanted = {i for i in range(len(texts)) if any(jaccard(cut[i], cut[j]) >= NEAR for j in range(i))}
    assert 50 < len(wanted) < 130
    assert near_duplicates(texts) == wanted


def test_the_closest_tool_set_is_exact() -> None:
    sets = [frozenset("abcd"), frozenset("abce"), frozenset("xyz"), frozenset("q")]
    assert nearest_overlaps(sets) == [0.6, 0.6, 0.0, 0.0]


def test_the_figures() -> None:
    rows = [
        agent(0, "You are one.", ["a", "b"], worlds=["w"], manner="brisk", distractors={"b": "verb"}),
        agent(1, "You are one.", ["a", "b"], worlds=["w"], manner="brisk", signed_in="Ada"),
        agent(2, "Another prompt with other words in it.", ["a", "b", "c", "d", "e"], worlds=["w", "v"], manner="none",
              surfaces={"x": {"tool": "a", "wrap": "input"}}),
    ]  # fmt: skip
    found = measure(rows)
    assert (found["agents"], found["distinct_prompts"], found["distinct_tool_sets"]) == (3, 2, 2)
    assert found["near_duplicate_prompts"] == round(1 / 3, 4)
    assert found["sizes"] == {"2-3": 2, "4-7": 1}
    assert found["works_in"] == {"1": 2, "2": 1}
    assert found["look_alikes"] == {"verb": 1}
    assert found["ways_of_showing"] == {"renamed": 1, "wrapped": 1}
    assert measure([]) == {}
