"""Desks on the two hand-written worlds, for tests of tasks."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import get_args

import yaml

from synth.goals import Desk
from synth.goals.kinds import BUILDERS
from synth.records import Kind
from synth.worlds.spec import World

DATA = Path(__file__).parent / "data"
WORLDS = ("helpdesk", "library")
STAMPED = frozenset({("Loan", "changed"), ("Ticket", "created"), ("Note", "created")})
KINDS = tuple(k for k in get_args(Kind) if k in BUILDERS)


@cache
def world(name: str) -> World:
    return World.load(yaml.safe_load((DATA / f"{name}.yaml").read_text()), name)


def desk(name: str, kind: str = "chain", seed: int = 0, split: str = "train") -> Desk:
    """All tools offered, except for no_tool: there some are held back."""
    tools = list(world(name).tools)
    if kind == "no_tool":
        held = {"helpdesk": {"create_ticket", "add_note", "delete_contact"}, "library": {"loans", "change_settings"}}
        tools = [t for t in tools if t not in held[name]]
    random.Random(seed).shuffle(tools)
    return Desk("world_1", world(name), {t: t for t in tools}, seed % 2, split, "You are an assistant.")
