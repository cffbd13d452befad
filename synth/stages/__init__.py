"""The seven stages, by name. A module is imported when it is first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from synth.records import StageName

STAGES: dict[StageName, str] = {
    "worlds": "synth.stages.worlds",
    "tools": "synth.stages.tools",
    "agents": "synth.stages.agents",
    "tasks": "synth.stages.tasks",
    "rollouts": "synth.stages.rollouts",
    "judge": "synth.stages.judge",
    "shards": "synth.stages.shards",
}


def load(stages: dict[StageName, str] | None = None) -> dict[StageName, Any]:
    """Import the stage modules (the default seven, or module names of your own)."""
    return {name: import_module(module) for name, module in (stages or STAGES).items()}
