"""What a maker of tasks gives for a place, before the place has an id."""

from __future__ import annotations

from synth.records import Kind
from synth.taskspec import Ask, Fact, GoalChange, Part, PlaceCheck, PlaceStart, Reply, Step, Tell


class PlaceTask(Part):
    """A task of a place: `world_id` is empty in all its parts. The truth is what the place holds afterwards (`changes`
    of its difference, `checks` on it) and what the user was told; `steps` and `replies` are the expert's way there.

    `turns` are the user's words as they are said. Each leaf of a step's arguments has a source: `free` is work of the
    assistant's own (code, a patch)."""

    kind: Kind
    family: str
    difficulty: int  # 1 to 5
    turns: list[str]
    facts: list[Fact] = []
    style: str = "plain"
    start: PlaceStart
    changes: list[GoalChange] = []
    closed: bool = True  # nothing changes besides `changes` and `allowed_extra` ("/Entity")
    allowed_extra: list[str] = []
    tell: list[Tell] = []
    refuse: bool = False
    checks: list[PlaceCheck] = []
    steps: list[Step]
    asks: list[Ask] = []
    replies: list[Reply]
    text: str  # the goal, for a person
