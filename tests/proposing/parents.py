"""A real parent, and replies that a model might give for it."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from synth.proposing.worlds import Slot
from synth.records import WorldRow
from synth.worlds import World
from synth.worlds.evolve.__main__ import lifted_rows
from tools_catalog.taxonomy import load_taxonomy

DESK = Path(__file__).parents[1] / "worlds" / "data" / "helpdesk.yaml"


@cache
def parent_row() -> WorldRow:
    """A lifted world of at least six tools."""
    row: WorldRow = next(r for r in lifted_rows(12) if len(r.spec["tools"]) >= 6)
    return row


@cache
def parent() -> World:
    return World.load(parent_row().spec, parent_row().world_id)


@cache
def desk() -> World:
    """A world that new tools and new words are written for."""
    return World.load(yaml.safe_load(DESK.read_text()))


def slot(ordinal: int = 0) -> Slot:
    return Slot(ordinal, 7, parent_row(), load_taxonomy().get("expense reporting"))


def reply(grows_from: str | None = None, **changes: Any) -> dict[str, Any]:
    """The example of the prompt as a reply, its tools grown from one tool of the parent."""
    origin = grows_from or next(iter(parent().tools))
    text = resources.files("synth.prompts").joinpath("propose_example.j2").read_text(encoding="utf-8")
    for word in ("LIST", "CREATE", "UPDATE"):
        text = text.replace(f'"grows_from": "{word}"', f'"grows_from": {json.dumps(origin)}')
    made: dict[str, Any] = json.loads(text)
    return made | changes


def tool(**body: Any) -> dict[str, Any]:
    """A new tool for the desk."""
    return {"grows_from": "get_ticket", "description": "Tells how many tickets an agent has open.", **body}
