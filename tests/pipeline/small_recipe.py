"""The shipped recipe cut to ten servers and 160 rows: some ten seconds in this process."""

from __future__ import annotations

from pathlib import Path

from synth.pipeline import Pipeline, load_pipeline

RECIPE = Path(__file__).parents[2] / "pipelines" / "tooluse.yaml"
SERVERS = "[gitlab-zereight, paddle, trello, beads, redis, documenso, iterable, postman, hostinger, zabbix]"
SMALL = [
    "stages.rollouts.beside={}",
    f"stages.worlds.servers={SERVERS}",
    "stages.worlds.synthetic=600",
    "stages.agents.count=90",
    "stages.tasks.part_size=20",
    "stages.shards.target={single: 24, parallel: 24, chain: 24, multi_turn: 24, clarify: 24, no_tool: 16, recover: 24}",
]


def small(*more: str) -> Pipeline:
    return load_pipeline(RECIPE, [*SMALL, *more])
