"""A task of a place before it is a row: what makers of tasks are turned into."""

from __future__ import annotations

from synth.records import Kind
from synth.taskspec import Goal, Part, PlaceStart, Plan, Rubric, UserProfile


class PlaceTask(Part):
    """The JSON columns of a task whose calls really run. The truth is what the place holds afterwards (`goal.changes`
    of its difference, `goal.checks` on it) and what the user was told; the plan is the expert's way there. `notes`
    stand under the system prompt."""

    kind: Kind
    family: str
    difficulty: int  # 1 to 5
    user: UserProfile
    goal: Goal
    start: PlaceStart
    plan: Plan
    rubric: Rubric
    notes: list[str] = []
