"""Stage `agents` on rows in memory."""

from __future__ import annotations

import random
import re

import pytest
from rows import context, tool_rows, world_rows

from synth.records import AgentRow, ToolRow, WorldRow
from synth.stage import Context
from synth.stages import agents
from synth.worlds.spec import World

LEGAL = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")


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
    ctx = context(count=120)
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
        assert len(a.world_ids) <= agents.MOST_WORLDS


def test_some_hold_tools_back_and_some_have_distractors(made: tuple) -> None:
    _, rows, tools, _ = made
    assert sum(bool(a.traits["held_back"]) for a in rows) > len(rows) / 4
    assert sum(any(tools[t].world_id != a.world_ids[0] for t in a.tool_ids) for a in rows) > len(rows) / 2
    for a in rows:
        names = {tools[t].name for t in a.tool_ids if tools[t].world_id == a.world_ids[0]}
        assert not names & set(a.traits["held_back"])


def test_the_date_is_in_the_prompt_and_prompts_differ(made: tuple) -> None:
    _, rows, _, worlds = made
    for a in rows:
        assert World.load(worlds[a.world_ids[0]].spec).clock[:10] in a.system_prompt
        assert "{" not in a.system_prompt
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
    text, _ = agents.system_prompt(random.Random(1), world.model_copy(update={"spec": spec}), "train")
    assert "49" not in text
