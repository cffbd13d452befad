"""Tool surfaces: there and back is the identity, schemas take the same, and the world behind gives the same."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import Tables, context, tool_rows, world_rows

from synth.agents.surfacing import Style, draw_style, dress, shown_params, wrapper
from synth.pipeline_stages import JudgeSettings, RolloutsSettings, SurfacesSettings
from synth.records import AgentRow, TaskRow, ToolRow
from synth.replaying import replay_rows
from synth.sim.setup import Catalog, environment, seen_tools, seen_world
from synth.stage import Context, Part
from synth.stages import agents, judge, rollouts, tasks
from synth.surface import (
    Surface,
    can_rename,
    function_tool,
    own_arguments,
    shown_arguments,
    shown_schema,
    shown_world,
    surfaces_of,
)
from synth.worlds.draw import draw_arguments
from synth.worlds.simulate import compile_world, start_state
from synth.worlds.spec import World

LEGAL = re.compile(r"^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$")
NAMES = ("id", "query", "user_id", "dueDate", "limit", "name")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "open"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from([*NAMES, "input"]), inner, max_size=3),
    max_leaves=6,
)
FRAGMENTS = st.sampled_from(
    [{"type": "string"}, {"type": "integer"}, {"type": "boolean"}, {"enum": ["a", "open"]}, {}, {"$ref": "#/$defs/n"}]
)


@st.composite
def schemas(draw: Any) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=4))
    out: dict[str, Any] = {
        "type": "object", "properties": {n: draw(FRAGMENTS) for n in names}, "$defs": {"n": {"type": "null"}},
        "required": [n for n in names if draw(st.booleans())],
    }  # fmt: skip
    extra = draw(st.sampled_from([None, False, {"type": "integer"}]))
    return out if extra is None else {**out, "additionalProperties": extra}


@st.composite
def surfaces(draw: Any, schema: dict[str, Any]) -> Surface:
    """A surface as the stage draws one, moved further than it would by chance."""
    case, wrap = draw(st.sampled_from([None, "camel", "pascal", "snake"])), draw(st.sampled_from([None, "input"]))
    style = Style(param_case=case, wrap=wrap)
    words = draw(st.sampled_from([{}, {"id": "key", "query": "q", "name": "label", "limit": "count"}]))
    return Surface(tool="t", params=shown_params(schema, style, words), wrap=wrapper(schema, style))


@settings(max_examples=300)
@given(st.data())
def test_there_and_back_and_the_same_is_taken(data: st.DataObject) -> None:
    schema = data.draw(schemas())
    surface = data.draw(surfaces(schema))
    own, shown = jsonschema_rs.validator_for(schema), jsonschema_rs.validator_for(shown_schema(schema, surface))
    arguments = data.draw(st.dictionaries(st.sampled_from([*NAMES, "q", "key", "userId"]), JSON, max_size=4))
    there = shown_arguments(arguments, surface)
    assert own_arguments(there, surface) == arguments
    assert shown.is_valid(there) == own.is_valid(arguments)
    anything = data.draw(st.dictionaries(st.sampled_from([*NAMES, "q", "key", "input"]), JSON, max_size=4))
    back = own_arguments(anything, surface)
    assert shown.is_valid(anything) == (back is not None and own.is_valid(back))
    if back is not None:
        assert shown_arguments(back, surface) == anything


def test_what_cannot_be_renamed_exactly_is_left_alone() -> None:
    schema = {"type": "object", "properties": {"a_b": {}}, "required": ["a_b"], "patternProperties": {"^a": {}}}
    assert not can_rename(schema)
    style = Style(param_case="camel", wrap="input")
    assert (shown_params(schema, style, {}), wrapper(schema, style)) == ({}, None)


def test_less_is_said_but_names_and_choices_stay() -> None:
    schema = {
        "type": "object", "required": ["type"],
        "properties": {"type": {"type": "string", "description": "x", "enum": ["a"]},
                       "description": {"type": "integer", "minimum": 1}},
    }  # fmt: skip
    row = next(iter(tool_rows(world_rows()))).model_copy(update={"input_schema": schema, "description": "One. Two."})
    bare = function_tool("n", row, Surface(tool="t", description="short", notes=False, types=False))["function"]
    assert bare["description"] == "One."
    assert bare["parameters"] == {"required": ["type"], "properties": {"type": {"enum": ["a"]}, "description": {}}}


def test_descriptions_speak_of_the_shown_names() -> None:
    schema = {"type": "object", "properties": {"member_id": {"description": "the member_id"}}}
    row = next(iter(tool_rows(world_rows()))).model_copy(
        update={"description": "Call list_members first; needs member_id.", "input_schema": schema}
    )
    surface = Surface(tool="t", params={"member_id": "memberId"})
    shown = function_tool("n", row, surface, {"list_members": "browse-members"})
    assert shown["function"]["description"] == "Call browse-members first; needs memberId."
    assert shown["function"]["parameters"]["properties"] == {"memberId": {"description": "the memberId"}}


@pytest.mark.parametrize("n", range(4))
def test_a_shown_world_gives_the_same_results_and_states(n: int) -> None:
    worlds = world_rows()
    rng = random.Random(n)
    compared = errors = 0
    for row in worlds[:2]:
        base = compile_world(World.load(row.spec, row.world_id))
        mine = [t for t in tool_rows(worlds) if t.world_id == row.world_id]
        style = Style(param_case=rng.choice(["camel", "pascal"]), words=True, wrap=rng.choice([None, "input"]))
        _, faces = dress(rng, style, {t.name: t.tool_id for t in mine}, {t.tool_id: t for t in mine})
        by_own = {s.tool: s for s in faces.values()}
        view = shown_world(base, by_own)
        start = start_state(base.world, 5)
        for name, surface in by_own.items():
            assert view.tool(name).input_schema == shown_schema(base.tool(name).input_schema, surface)
            for _ in range(6):
                arguments = draw_arguments(view, name, start, rng)
                if arguments is None:
                    continue
                own = own_arguments(arguments, surface)
                assert own is not None
                (a, after_a), (b, after_b) = view.execute(start, name, arguments), base.execute(start, name, own)
                assert (a.ok, a.error, a.changes) == (b.ok, b.error, b.changes)
                assert a.value == b.value or not a.ok  # errors name what was shown
                assert after_a.digest() == after_b.digest()
                compared += a.ok
                if surface.moves and arguments != own:  # the own form is no longer taken
                    errors += view.execute(start, name, own)[0].error == "invalid_arguments"
    assert compared > 30
    assert errors > 10


@pytest.fixture(scope="module")
def played() -> tuple[list[AgentRow], list[TaskRow], list[Any], Catalog, Tables]:
    """A run whose agents all see their tools in another way."""
    worlds = world_rows()
    tools = tool_rows(worlds)
    ctx = context(worlds=worlds, tools=tools, count=40)
    ctx.settings.surfaces = SurfacesSettings(share=1.0)
    rows: list[AgentRow] = [r for p in agents.waves(ctx)[0] for r in agents.run(ctx, p).rows]  # type: ignore[misc]
    tables = Tables(worlds=worlds, tools=tools, agents=rows)
    indexed = tasks.rows_of(tables)  # type: ignore[arg-type]
    kinds = ("single", "chain", "multi_turn", "clarify", "recover", "no_tool", "parallel")
    built = [tasks.make_task(7, indexed, n, kinds[n % len(kinds)]) for n in range(70)]  # type: ignore[arg-type]
    made = [t for t in built if isinstance(t, TaskRow)]
    tables.tables["tasks"] = made
    part = Part("rollouts", 0, 0, len(made))
    output = rollouts.run(Context(7, RolloutsSettings(policy="expert"), tables), part)  # type: ignore[arg-type]
    assert not output.failed
    return rows, made, output.rows, Catalog.of(rows, tools, worlds), tables


def test_names_are_legal_unique_and_in_the_order_of_the_tools(played: tuple) -> None:
    for a in played[0]:
        offered = a.traits["offered"]
        assert all(LEGAL.match(n) for n in offered)
        assert list(offered.values()) == a.tool_ids
        assert set(a.traits["surfaces"]) <= set(offered)
    assert sum(bool(a.traits["surfaces"]) for a in played[0]) > 0.8 * len(played[0])


def test_tasks_build_play_pass_and_replay_in_the_shown_form(played: tuple) -> None:
    _, made, trajectories, catalog, tables = played
    assert len(made) > 60
    tables.tables["trajectories"] = trajectories
    verdicts = judge.run(Context(7, JudgeSettings(), tables), Part("judge", 0, 0, len(made))).rows  # type: ignore[arg-type]
    assert [v.reasons for v in verdicts if not v.passed] == []  # type: ignore[attr-defined]
    by_id = {t.task_id: t for t in made}
    assert all(replay_rows(t, by_id[t.task_id], catalog).equal for t in trajectories)


def test_calls_fit_what_was_shown_and_map_back_to_the_real_tool(played: tuple) -> None:
    _, _, trajectories, catalog, _ = played
    moved = 0
    for t in trajectories:
        agent = catalog.agents[t.agent_id]
        faces, schemas_ = surfaces_of(agent), seen_tools(agent, catalog.tools).schemas
        for call in t.calls:
            tool: ToolRow = catalog.tools[agent.traits["offered"][call.name]]
            surface = faces.get(call.name)
            own = call.arguments if surface is None else own_arguments(call.arguments, surface)
            assert jsonschema_rs.is_valid(schemas_[call.name], call.arguments)
            assert jsonschema_rs.is_valid(tool.input_schema, own)
            moved += own != call.arguments
    assert moved > 30


def test_the_assistant_reads_the_shown_functions(played: tuple) -> None:
    _, made, _, catalog, _ = played
    differ = 0
    for task in made[:20]:
        agent = catalog.agents[task.agent_id]
        env = environment(catalog, task, 1, 0.0)
        shown = {f["function"]["name"]: f["function"] for f in env.functions()}
        assert list(shown) == list(agent.traits["offered"])
        for name, function in shown.items():
            surface = surfaces_of(agent).get(name)
            if surface is not None and surface.description == "none":
                assert function["description"] == ""
            own = catalog.tools[agent.traits["offered"][name]].input_schema
            differ += json.dumps(function["parameters"]) != json.dumps(own)
    assert differ > 30


def test_every_way_of_showing_is_drawn() -> None:
    styles = [draw_style(random.Random(n)) for n in range(300)]
    assert Style() not in styles
    for part, plain in (("case", None), ("prefix", ""), ("verbs", False), ("param_case", None), ("words", False),
                        ("wrap", None), ("description", "own"), ("notes", True), ("types", True)):  # fmt: skip
        assert 10 < sum(getattr(s, part) != plain for s in styles) < 250


def test_a_world_without_moved_tools_is_the_world_itself(played: tuple) -> None:
    agent = played[0][0].model_copy(update={"traits": {**played[0][0].traits, "surfaces": {}}})
    row = next(iter(played[3].worlds.values()))
    assert seen_world(agent, played[3].tools, row) is compile_world(World.load(row.spec, row.world_id))
