"""Stage `agents` on rows in memory."""

from __future__ import annotations

import random
import re

import pytest
from rows import context, tool_rows, world_rows

from synth.agents import toolset
from synth.agents.prompt import system_prompt, words
from synth.agents.shelf import shape_of
from synth.goals.words import split_words
from synth.records import AgentRow, ToolRow, WorldRow
from synth.stage import Context
from synth.stages import agents
from synth.worlds.spec import World

LEGAL = re.compile(r"^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$")


@pytest.fixture(scope="module")
def made() -> tuple[Context, list[AgentRow], dict[str, ToolRow], dict[str, WorldRow]]:
    worlds = world_rows()
    tools = tool_rows(worlds)
    ctx = context(worlds=worlds, tools=tools)
    rows: list[AgentRow] = []
    for part in agents.waves(ctx)[0]:
        output = agents.run(ctx, part)
        output.check("agents")
        rows += output.rows  # type: ignore[arg-type]
    return ctx, rows, {t.tool_id: t for t in tools}, {w.world_id: w for w in worlds}


def test_parts_cover_the_slots(made: tuple) -> None:
    ctx = context(count=120, worlds=[], tools=[])
    (parts,) = agents.waves(ctx)
    assert [(p.start, p.stop) for p in parts] == [(0, 50), (50, 100), (100, 120)]
    assert len(made[1]) == 60


def test_an_agent_stays_inside_its_split(made: tuple) -> None:
    _, rows, tools, worlds = made
    assert {a.split for a in rows} == {"train", "validation", "eval"}
    for a in rows:
        assert {tools[t].split for t in a.tool_ids} == {a.split}
        assert {worlds[w].split for w in a.world_ids} == {a.split}


def test_names_are_legal_and_unique_and_lead_to_their_tools(made: tuple) -> None:
    for a in made[1]:
        offered = a.traits["offered"]
        assert all(LEGAL.match(n) for n in offered)
        assert list(offered.values()) == a.tool_ids
        assert 4 <= len(a.tool_ids) <= 24


def test_every_world_of_its_tools_is_listed_first_the_primary_one(made: tuple) -> None:
    _, rows, tools, _ = made
    for a in rows:
        assert a.world_ids[0] == a.traits["world_id"]
        assert {tools[t].world_id for t in a.tool_ids} - {None} == set(a.world_ids)
        own = [tools[t] for t in a.tool_ids if tools[t].world_id == a.world_ids[0]]
        assert "read" in {t.effect for t in own}
        assert len(a.world_ids) <= toolset.MOST_WORLDS


def test_some_hold_tools_back_and_some_have_distractors(made: tuple) -> None:
    _, rows, tools, _ = made
    assert sum(bool(a.traits["held_back"]) for a in rows) > len(rows) / 4
    assert sum(any(tools[t].world_id != a.world_ids[0] for t in a.tool_ids) for a in rows) > len(rows) / 3
    for a in rows:
        names = {tools[t].name for t in a.tool_ids if tools[t].world_id == a.world_ids[0]}
        assert not names & set(a.traits["held_back"])


def test_the_date_is_in_the_prompt_and_prompts_differ(made: tuple) -> None:
    _, rows, _, worlds = made
    for a in rows:
        assert World.load(worlds[a.world_ids[0]].spec).clock[:10] in a.system_prompt
        assert not re.search(r"\{[a-z_{%]", a.system_prompt)  # a brace of JSON stands before a quote
    assert len({a.system_prompt for a in rows}) == len(rows)
    assert len({a.traits["template"] for a in rows}) >= 4


def test_the_same_seed_gives_the_same_agents(made: tuple) -> None:
    ctx, rows, _, _ = made
    again = [r for part in agents.waves(ctx)[0] for r in agents.run(ctx, part).rows]
    assert again == rows


def test_without_a_world_every_slot_fails() -> None:
    ctx = context(count=3, worlds=[], tools=[])
    output = agents.run(ctx, agents.waves(ctx)[0][0])
    output.check("agents")
    assert [f.class_ for f in output.failed] == ["task"] * 3


def test_equal_agents_are_one_row_and_one_drop(monkeypatch: pytest.MonkeyPatch, made: tuple) -> None:
    ctx, rows, _, _ = made
    monkeypatch.setattr(agents, "make_agent", lambda *_: rows[0])
    output = agents.run(ctx, agents.waves(ctx)[0][1])
    output.check("agents")
    assert len(output.rows) == 1
    assert {d.reason for d in output.dropped} == {"duplicate"}


def test_values_are_never_read_as_templates(made: tuple) -> None:
    world = next(iter(made[3].values()))
    spec = {**world.spec, "title": "{{ 7 * 7 }} {% for x in y %}"}
    for n in range(40):  # every template
        text, _ = system_prompt(random.Random(n), [world.model_copy(update={"spec": spec})], "train")
        assert "49" not in text


def test_look_alikes_share_a_word_or_a_shape_with_the_core(made: tuple) -> None:
    _, rows, tools, _ = made
    seen = set()
    for a in rows:
        core = [tools[t] for n, t in a.traits["offered"].items() if n not in a.traits["distractors"]]
        assert all(t.world_id in a.traits["worlds"] for t in core)
        for name, why in a.traits["distractors"].items():
            tool = tools[a.traits["offered"][name]]
            seen.add(why)
            assert tool.world_id not in a.traits["worlds"]
            words = [split_words(t.name) for t in core]
            if why == "verb":
                assert split_words(tool.name)[0] in {w[0] for w in words}
            elif why == "noun":
                assert split_words(tool.name)[-1] in {w[-1] for w in words}
            elif why == "shape":
                assert shape_of(tool) in {shape_of(t) for t in core}
            elif why == "real":
                assert tool.world_id is None
    assert seen >= {"verb", "near", "real"}


def test_the_prompt_says_what_the_traits_say(made: tuple) -> None:
    rows = made[1]
    for a in rows:
        if a.traits["signed_in"]:
            assert a.traits["signed_in"] in a.system_prompt
        said = [m for m, forms in words(a.split)["manners"].items() if any(f in a.system_prompt for f in forms)]
        assert said == ([] if a.traits["manner"] == "none" else [a.traits["manner"]])
    assert {a.traits["manner"] for a in rows} == {"cautious", "brisk", "none"}
    assert 0 < sum(bool(a.traits["signed_in"]) for a in rows) < len(rows)


def test_sizes_spread_over_the_range() -> None:
    sizes = [toolset.draw_size(random.Random(n), 2, 64) for n in range(4000)]
    assert min(sizes) == 2
    assert max(sizes) > 56
    assert sorted(sizes)[2000] in range(8, 16)


def test_small_sets_hold_a_read_and_a_write(made: tuple) -> None:
    pool = [t for t in made[2].values() if t.world_id == made[1][0].world_ids[0]]
    for n in range(200):
        core, _ = toolset.draw_core(random.Random(n), pool, 3)
        assert {t.effect for t in core} == {"read", "write"}, [t.name for t in core]


def test_some_agents_work_in_two_worlds(made: tuple) -> None:
    _, rows, tools, _ = made
    both = [a for a in rows if len(a.traits["worlds"]) == 2]
    assert both
    for a in both:
        for world_id in a.traits["worlds"]:
            assert {"read", "write"} <= {tools[t].effect for t in a.tool_ids if tools[t].world_id == world_id}


def test_a_look_alike_is_never_the_same_name(made: tuple) -> None:
    for a in made[1]:
        squeezed = ["".join(split_words(made[2][t].name)) for t in a.tool_ids]
        assert len(squeezed) == len(set(squeezed))
