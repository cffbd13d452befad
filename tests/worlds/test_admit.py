"""Admission admits sound tools and rejects each kind of unsound one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from synth.worlds import World
from synth.worlds.admit import admit_world

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
        ({"op": "do", "effect": "write", "do": [{"return": "{}"}]}, "no_success"),
        ({"op": "do", "do": [{"return": "rows(Ticket).map(a, rows(Ticket).map(b, 1))"}]}, "no_success"),
    ],
)  # fmt: skip
def test_an_unsound_tool_is_rejected_with_its_reason(spec: dict[str, Any], tool: dict[str, Any], reason: str) -> None:
    world = World.load({**spec, "tools": {**spec["tools"], "odd": tool}})
    admission = admit_world(world)["odd"]
    assert (admission.reason or "admitted") == reason, admission
