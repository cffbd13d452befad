"""Admission admits sound tools and rejects each kind of unsound one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from synth.worlds import World, compile_world
from synth.worlds.admit import admit_world
from synth.worlds.broken import broken_arguments

HELPDESK = Path(__file__).parent / "data" / "helpdesk.yaml"


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    return World.load(yaml.safe_load(HELPDESK.read_text())).dump()


def test_a_sound_world_is_admitted_and_every_declared_error_was_reached(spec: dict[str, Any]) -> None:
    admissions = admit_world(World.load(spec))
    assert {n: a.reason for n, a in admissions.items() if not a.ok} == {}
    assert "invalid_move" in admissions["resolve_ticket"].errors
    assert "agent_inactive" in admissions["assign_ticket"].errors
    assert all("invalid_arguments" in a.errors for a in admissions.values())


@pytest.mark.parametrize(
    ("tool", "reason"),
    [
        ({"op": "get", "of": "Ticket", "require": [{"that": "it.nope", "else": "x"}]}, "does_not_compile"),
        ({"op": "get", "of": "Ticket", "require": [{"that": "false", "else": "x"}]}, "no_success"),
        ({"op": "get", "of": "Ticket", "require": [{"that": "true", "else": "never"}]}, "error_unreached"),
        ({"op": "get", "of": "Ticket", "output_schema": {"type": "object", "required": ["absent"]}}, "output_schema"),
        ({"op": "update", "of": "Ticket", "may": ["subject"], "do": None, "gives": "{}", "then": [
            {"find": "ns", "from": "Note", "where": []}, {"let": {"n": "ns.first()"}},
            {"set": "n", "of": "Note", "to": {"body": "'x'"}}]},
         "admitted"),
        ({"op": "do", "effect": "read", "params": {
            "x": {"role": "value", "schema": {"type": "string"}, "required": True}}, "do": [
            {"find": "ns", "from": "Note", "where": []}, {"let": {"n": "ns.first()"}},
            {"set": "n", "of": "Note", "to": {"body": "args.x"}}, {"return": "{}"}]}, "read_changed_state"),
        ({"op": "create", "of": "Note", "needs": ["ticket", "author", "body"], "idempotent_by": "mark",
          "gives": "{at: now}"}, "not_idempotent"),
        ({"op": "do", "effect": "write", "do": [{"return": "{}"}]}, "no_success"),
        ({"op": "do", "do": [{"return": "rows(Ticket).map(a, rows(Ticket).map(b, 1))"}]}, "no_success"),
    ],
)  # fmt: skip
def test_an_unsound_tool_is_rejected_with_its_reason(spec: dict[str, Any], tool: dict[str, Any], reason: str) -> None:
    note = spec["entities"]["Note"]
    marked = {**note, "fields": {**note["fields"], "mark": {"type": "text", "null": 0.9, "set_by": "system"}}}
    entities = {**spec["entities"], "Note": marked}
    world = World.load({**spec, "entities": entities, "tools": {**spec["tools"], "odd": tool}})
    admission = admit_world(world)["odd"]
    assert (admission.reason or "admitted") == reason, admission


def test_broken_arguments_cover_what_a_schema_refuses() -> None:
    world = World.load({
        "world": "w",
        "entities": {"Ticket": {"fields": {"subject": "text", "level": "low | high", "hours": "int?"}}},
        "tools": {"open": {"op": "create", "of": "Ticket", "params": {
            "subject": {"role": "field", "field": "subject", "required": True, "at": ["body", "subject"]},
            "level": {"role": "field", "field": "level", "required": True},
            "hours": {"role": "field", "field": "hours", "schema": {
                "anyOf": [{"type": "integer"}, {"type": "null"}]}}}}},
    })  # fmt: skip
    tool = compile_world(world).tool("open")
    good = {"body": {"subject": "x"}, "level": "low", "hours": 3}
    assert tool.problem(good) is None
    made = list(broken_arguments(tool, good))
    assert [tool.problem(arguments) is not None for arguments, _ in made] == [True] * len(made)
    assert {why for _, why in made} == {
        "unknown argument", "not an object", "missing subject", "null subject", "subject of another type",
        "missing level", "null level", "level of another type", "level not in its enum", "hours of another type",
    }  # fmt: skip


def test_a_case_is_rejected_by_its_own_name(spec: dict[str, Any]) -> None:
    cases = {"get": {"op": "get", "of": "Ticket"}, "never": {
        "op": "get", "of": "Ticket", "require": [{"that": "false", "else": "x"}]}}  # fmt: skip
    world = World.load({**spec, "tools": {"many": {"op": "choose", "by": "action", "cases": cases}}})
    admission = admit_world(world)["many"]
    assert (admission.reason, admission.detail[:11]) == ("no_success", "case never:")
    assert admission.calls > 0 and "x" in admission.errors
