"""The language as JSON Schema: takes every world we have, refuses what the loader refuses by shape, stays shallow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from synth.errors import SpecError
from synth.worlds import World, compile_world, tool_schema, world_schema
from synth.worlds.lift import lift_server
from synth.worlds.real import catalog_of

DATA = Path(__file__).parent / "data"
FILES = sorted([*DATA.glob("*.yaml"), *(Path(__file__).parent / "domains").glob("*.yaml")])


def written(file: Path) -> dict[str, Any]:
    spec: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return spec


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_worlds_as_written_and_as_dumped_fit(file: Path) -> None:
    check = jsonschema_rs.validator_for(world_schema())
    spec = json.loads(json.dumps(written(file)))
    assert [e.message for e in check.iter_errors(spec)] == []
    assert [e.message for e in check.iter_errors(World.load(spec).dump())] == []
    one = jsonschema_rs.validator_for(tool_schema())
    assert all(one.is_valid(tool) for tool in spec["tools"].values())


def test_lifted_worlds_fit() -> None:
    check, catalog = jsonschema_rs.validator_for(world_schema()), catalog_of(False)
    for server in ("trello", "paddle", "redis"):
        tools = catalog.tools_of(server)
        for world in lift_server(server, tools[0].category, tools).worlds:
            assert [e.message for e in check.iter_errors(world.dump())] == []


@pytest.mark.parametrize(
    "change",
    [
        lambda w: w.pop("entities"),
        lambda w: w.update(colour="red"),
        lambda w: w["tools"]["get_ticket"].update(op="fetch"),
        lambda w: w["tools"]["get_ticket"].update(off="Ticket"),
        lambda w: w["entities"]["Ticket"]["fields"].update(size={"type": "huge"}),
        lambda w: w["tools"].update(x={"op": "do", "do": [{"lod": "it"}]}),
        lambda w: w["tools"].update(x={"op": "do", "do": [{"let": "it"}]}),
    ],
)
def test_what_the_loader_or_compiler_refuses_by_shape_does_not_fit(change: Any) -> None:
    spec = written(DATA / "helpdesk.yaml")
    change(spec)
    assert not jsonschema_rs.validator_for(world_schema()).is_valid(spec)
    with pytest.raises(SpecError):
        bad = compile_world(World.load(spec)).check()
        raise next(iter(bad.values()))


@pytest.mark.parametrize("brief", [True, False])
def test_it_is_shallow(brief: bool) -> None:
    """No definition leads back to itself, so that a decoder needs no stack."""
    defs = world_schema(brief)["$defs"]

    def walk(node: Any, path: tuple[str, ...]) -> None:
        if isinstance(node, list):
            for n in node:
                walk(n, path)
        elif isinstance(node, dict):
            if "$ref" in node:
                name = node["$ref"].rsplit("/", 1)[-1]
                assert name not in path, (*path, name)
                walk(defs[name], (*path, name))
            for n in node.values():
                walk(n, path)

    walk({k: v for k, v in world_schema(brief).items() if k != "$defs"}, ())
    if brief:  # a model leaves out what it does not want to say
        assert '"type": "null"' not in json.dumps(world_schema(brief))


def test_the_brief_form_hides_provenance() -> None:
    assert "roots" in world_schema()["properties"] and "roots" not in world_schema(brief=True)["properties"]
    assert "params" not in tool_schema(brief=True)["properties"]
    assert len(json.dumps(tool_schema(brief=True))) < len(json.dumps(tool_schema()))
