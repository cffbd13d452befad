"""The file of `synth flywheel`: YAML -> a checked `FlywheelFile`, and the pipelines that its rounds run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from model_core.errors import ModelError
from model_core.training.settings import Settings
from synth.checked_file import joined, load_file
from synth.errors import UsageError
from synth.models import clients
from synth.models.settings import K2Model
from synth.pipeline import Pipeline
from synth.pipeline_problems import problem_of
from synth.training_file import TrainingFile

CORE = "core"  # the model's name in the pipelines of the rounds
OURS = ("name", "models")  # of a pipeline file, but not of `run`


@dataclass(frozen=True)
class RolloutsOfRound:
    """`target`: rows wanted of each kind in a round; the core plays every task `attempts` times at `temperature`, the
    expert a share `expert` of them."""

    target: dict[str, int]
    attempts: int = 2
    temperature: float = 0.7
    expert: float = 1.0


@dataclass(frozen=True)
class Evaluation:
    """`tasks` of each kind, all `kinds` that the rounds play where none are named; greedy, one episode each."""

    tasks: int = 100
    kinds: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class FlywheelFile:
    """What `synth flywheel` is told. `run`: a pipeline without name, models and policies. The expert plays it once,
    which gives the worlds of all rounds, the examples to mix in and the tasks of the evaluation. `core`: who plays
    first, `bundled` or a checkpoint folder; its calls are held to the tools throughout. `replay`: the expert's rows of
    that run per row of the rounds. `max_tokens`: of one reply. Rows longer than `max_length` tokens are not trained
    on."""

    name: str
    run: dict[str, Any]
    rollouts: RolloutsOfRound
    training: Settings
    core: str = "bundled"
    rounds: int = 2
    replay: float = 1.0
    max_length: int = 3072
    max_tokens: int = 512
    evaluation: Evaluation = field(default_factory=Evaluation)

    def __post_init__(self) -> None:
        if self.rounds < 1 or self.evaluation.tasks < 1:
            raise ModelError("rounds and evaluation.tasks must be at least 1")
        if not 0 <= self.replay <= 1000:
            raise ModelError(f"replay is {self.replay}; it must be within 0 and 1000")
        TrainingFile(self.name, "", self.training, max_length=self.max_length)  # the two must fit

    def kinds(self) -> tuple[str, ...]:
        """The kinds that are evaluated."""
        return tuple(self.evaluation.kinds or sorted({cell.partition("/")[0] for cell in self.rollouts.target}))

    def model(self, checkpoint: str, temperature: float) -> K2Model:
        """The core as a model of a pipeline."""
        return K2Model(kind="k2", checkpoint=checkpoint, temperature=temperature, max_tokens=self.max_tokens)

    def ground(self) -> Pipeline:
        """The expert's run."""
        return _pipeline(self.name, self.run, {"policy": "expert"}, {}, {})

    def round(self, number: int, checkpoint: str) -> Pipeline:
        """The run of a round: other tasks on the same worlds, played by the core and the expert. Where the core passes
        a task its row is kept, else the expert's."""
        told, beside = self.rollouts, {}
        if told.expert:
            beside = {"expert": {"share": float(told.expert)}}
        rollouts = {"policy": CORE, "attempts": told.attempts, "beside": beside}
        shards = {"target": dict(told.target), "policies": [CORE, *beside]}
        models = {CORE: self.model(checkpoint, told.temperature).model_dump(exclude_unset=True)}
        run = self.run | {"models": models}
        return _pipeline(self.name, run, rollouts, shards, {"variant": number})


def _pipeline(
    name: str, run: dict[str, Any], rollouts: dict[str, Any], shards: dict[str, Any], tasks: dict[str, Any]
) -> Pipeline:
    stages = dict(run.get("stages") or {})
    for stage, more in (("rollouts", rollouts), ("shards", shards), ("tasks", tasks)):
        stages[stage] = {**(stages.get(stage) or {}), **more}
    return Pipeline.model_validate({**run, "name": name, "stages": stages})


def load_flywheel_file(file: str | Path, overrides: list[str] | tuple[str, ...] = ()) -> FlywheelFile:
    """Read and check a flywheel file, with `a.b=value` overrides on top. Raises UsageError only."""
    try:
        told = load_file(FlywheelFile, file, overrides, "flywheel file", "`pipelines/flywheel.yaml` is one")
    except ModelError as error:
        raise UsageError(f"{file}: {error}") from None
    for key in OURS:
        if key in told.run:
            raise UsageError(f"{file}: run.{key} is given by the flywheel file itself; leave it out")
    for key in ("policy", "attempts", "beside"):
        if key in ((told.run.get("stages") or {}).get("rollouts") or {}):
            raise UsageError(f"{file}: run.stages.rollouts.{key} is chosen by the rounds; leave it out")
    try:
        told.ground()
        told.round(1, told.core)
    except ValidationError as error:
        problems = [problem_of(Pipeline, one) for one in error.errors(include_url=False)]
        raise UsageError(f"{file}: run: {joined(problems)}") from None
    if wrong := clients.problems(told.model(told.core, 0.0)):
        raise UsageError(f"{file}: core: {wrong[0]}")
    return told
