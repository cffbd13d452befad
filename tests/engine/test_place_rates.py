"""What a plan says of calls that are really run, and of the bundled model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import toys

from synth.measured import read_rates
from synth.pipeline import Pipeline, load_pipeline
from synth.place_rates import SIMULATED, agents_by_origin, k2_seconds, task_shares, with_places
from synth.planning import plan

BEFORE = read_rates()


def seconds(pipeline: Pipeline, stage: str) -> float:
    told: float = with_places(read_rates(), pipeline)[stage]["seconds_per_slot"]
    return told


def test_code_tasks_have_rates_of_their_own(root: Path) -> None:
    code = load_pipeline(root / "pipelines" / "code.yaml")
    assert task_shares(code) == {"workspace": 1.0}
    for stage in ("tasks", "rollouts", "judge"):
        assert seconds(code, stage) == BEFORE["places"]["workspace"][stage]
    told = {line["stage"]: line for line in plan(code, root / "none", toys.modules())["stages"]}
    assert told["rollouts"]["seconds"] == pytest.approx(
        told["rollouts"]["slots"] * BEFORE["places"]["workspace"]["rollouts"], abs=0.1
    )


def test_live_servers_cost_what_they_take_to_start(root: Path) -> None:
    live = load_pipeline(root / "pipelines" / "mcp_live.yaml", ["executors.mcp.servers=[filesystem, time]"])
    rate = BEFORE["places"]["live"]
    assert task_shares(live)["live"] == 1.0
    assert seconds(live, "tools") * 2 * rate["tools_of_one"] == pytest.approx(2 * rate["tools"])
    assert seconds(live, "rollouts") == rate["rollouts"]


def test_a_mixed_run_has_shares_of_each(root: Path) -> None:
    more = ["stages.worlds.servers=all", "stages.agents.count=36", "stages.shards.target={code: 100, single: 300}"]
    mixed = load_pipeline(root / "pipelines" / "code.yaml", [*more, "executors.mcp={servers: [filesystem]}"])
    agents = agents_by_origin(mixed)
    shares = task_shares(mixed)
    assert shares["workspace"] == 0.25 and sum(shares.values()) == pytest.approx(1)
    assert shares[SIMULATED] / shares["live"] == pytest.approx(agents[SIMULATED] / agents["live"])
    rates = [BEFORE["rollouts"]["seconds_per_slot"], *(BEFORE["places"][o]["rollouts"] for o in ("workspace", "live"))]
    assert min(rates) < seconds(mixed, "rollouts") < max(rates)


@pytest.mark.parametrize(
    ("model", "known"),
    [
        ({"kind": "k2"}, True),
        ({"kind": "k2", "checkpoint": "random"}, False),
        ({"kind": "k2", "device": "cuda"}, False),
        ({"kind": "openai", "base_url": "http://127.0.0.1:1", "model": "m"}, False),
    ],
)
def test_the_bundled_model_takes_seconds_of_a_cpu(model: dict[str, Any], known: bool, tmp_path: Path) -> None:
    file: dict[str, Any] = {
        "name": "toy", "models": {"m": model},
        "stages": {"rollouts": {"beside": {"m": 0.5}}, "shards": {"target": {"single": 100}}},
    }  # fmt: skip
    pipeline = Pipeline.model_validate(file)
    assert k2_seconds(pipeline, 300, BEFORE["k2"]) == (100 * BEFORE["k2"]["cpu_seconds_per_episode"] if known else 0)
    told = {line["stage"]: line for line in plan(pipeline, tmp_path / "none", toys.modules())["stages"]}["rollouts"]
    alone = told["slots"] * BEFORE["rollouts"]["seconds_per_slot"]
    assert told["seconds"] == pytest.approx(alone + told["model_seconds"] / 2, abs=0.2)
    assert bool(told["model_seconds"]) is known
