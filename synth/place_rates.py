"""What `synth plan` multiplies where calls are really run, and what the bundled model computes on CPUs."""

from __future__ import annotations

from collections import Counter
from typing import Any

from synth.models.k2.checkpoints import BUNDLED
from synth.models.settings import K2Model
from synth.pipeline import Pipeline
from synth.places.rows import CODE, agents_of, places_of

SIMULATED = "simulated"


def agents_by_origin(pipeline: Pipeline) -> dict[str, int]:
    """Slots of agents: `count` of simulated worlds, where there are any, and those of places by their origin."""
    worlds, settings = pipeline.stages.worlds, pipeline.stages.agents
    agents = Counter({SIMULATED: settings.count} if worlds.servers or worlds.files else {})
    for place in places_of(pipeline.executors):
        agents[place.origin] += agents_of(place.origin, place.split, settings)
    return dict(agents)


def task_shares(pipeline: Pipeline) -> dict[str, float]:
    """Which share of the task slots belongs to which origin: code tasks to workspaces, the others to live servers and
    simulated worlds as these have agents."""
    target, agents = pipeline.stages.shards.target, agents_by_origin(pipeline)
    code = sum(rows for cell, rows in target.items() if cell.partition("/")[0] == CODE) / max(1, sum(target.values()))
    others = {origin: count for origin, count in agents.items() if origin != "workspace"}
    shares = {origin: (1 - code) * count / sum(others.values()) for origin, count in others.items()}
    return shares | {"workspace": code}


def with_places(rates: dict[str, Any], pipeline: Pipeline) -> dict[str, Any]:
    """The rates of a pipeline: seconds per slot as far as calls are really run, tools listed from live servers."""
    if not pipeline.executors.real:
        return rates
    shares, places = task_shares(pipeline), rates["places"]
    for stage in ("tasks", "rollouts", "judge"):
        simulated = rates[stage]["seconds_per_slot"]
        rates[stage]["seconds_per_slot"] = sum(
            share * (places[origin][stage] if origin in places else simulated) for origin, share in shares.items()
        )
    if not pipeline.stages.worlds.servers and not pipeline.stages.worlds.files:
        asked = places_of(pipeline.executors)
        tools = sum(places[place.origin]["tools_of_one"] for place in asked)
        rates["tools"]["seconds_per_slot"] = sum(places[place.origin]["tools"] for place in asked) / tools
    return rates


def k2_seconds(pipeline: Pipeline, trajectories: int, rate: dict[str, float]) -> float:
    """CPU seconds of the bundled model for its share of the trajectories; on a GPU, and for other checkpoints, nothing
    is known and 0 is said."""
    playing = pipeline.episodes_per_task()
    share = sum(
        episodes for player, episodes in playing
        if isinstance(player.backend, K2Model) and player.backend.checkpoint == BUNDLED
        and player.backend.slots(2, 0).device == "cpu"
    ) / sum(episodes for _, episodes in playing)  # fmt: skip
    return trajectories * share * rate["cpu_seconds_per_episode"]
