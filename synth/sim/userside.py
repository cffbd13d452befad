"""The user's own side: apps, devices and things on the desk whose tools only the user can call (data/userside.yaml)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from synth.packaged import packaged_words, packaged_yaml
from synth.worlds.simulate import CompiledWorld, compile_world
from synth.worlds.spec import World

PREFIX = "user:"  # of the world id of a user's side


@dataclass(frozen=True)
class Place:
    """One of the user's things: its world and how it is spoken of. `entity` is its only table; the row's lifecycle
    goes from `shut` (nothing shows) to `open`, by the tool `gate`; `look` reads it."""

    name: str
    world: World
    words: dict[str, Any]

    @property
    def world_id(self) -> str:
        return PREFIX + self.name

    @property
    def entity(self) -> str:
        return next(iter(self.world.entities))

    @property
    def shut(self) -> str:
        members = self.world.entities[self.entity].fields["status"].of
        return str((members or [])[0])

    @property
    def open(self) -> str:
        return str(self.world.tools[self.words["gate"]].to)


def _file() -> dict[str, Any]:
    return packaged_yaml("synth.sim", "data/userside.yaml")


@cache
def places() -> dict[str, Place]:
    """By name, in the file's order."""
    return {
        n: Place(n, World.load(words["world"], n), {k: v for k, v in words.items() if k != "world"})
        for n, words in _file().items()
        if "world" in words
    }


def said_of(name: str, split: str) -> dict[str, list[str]]:
    """What people of the split say: of a place by its name, of one that is open already (`at_hand`), of what they do in
    the task's world with a tool of their own (`own_account`)."""
    found: dict[str, list[str]] = packaged_words("synth.sim", "userside.yaml", split)[name]
    return found


@cache
def compiled_side(world_id: str) -> CompiledWorld:
    """The compiled world of a user's side; KeyError where there is none of that id."""
    return compile_world(places()[world_id.removeprefix(PREFIX)].world)
