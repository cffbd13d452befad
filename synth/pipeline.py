"""The pipeline file: YAML -> a frozen, checked `Pipeline`.

Reading it never raises anything but `PipelineError`, whose text is one sentence for the shell and whose `problems`
hold every mistake with its path in the file. Fields named in a model's `OUTSIDE` (caps, targets, worker counts) stay
outside the stage fingerprint: changing one keeps the rows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError, model_validator

from synth.careful_yaml import Problem, Wrong
from synth.models.said import said_by
from synth.models.settings import K2Model, ModelSettings, OpenAIModel, ScriptedModel
from synth.pipeline_executors import Executors
from synth.pipeline_problems import nearest, nearest_of, problem_of
from synth.pipeline_stages import (
    BUILT_IN_POLICIES,
    Asking,
    OnPlaces,
    Player,
    RolloutsSettings,
    ShardsSettings,
    Stages,
    ToolsSettings,
    WorldsSettings,
)
from synth.pipeline_yaml import PipelineError, override, parse, read_text
from synth.records import STAGES, StageName
from synth.settings import Name, Settings

__all__ = ["Pipeline", "PipelineError", "Problem", "check_named", "load_pipeline"]


class Pipeline(Settings):
    """A whole run as the user asked for it."""

    name: Name
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    models: Annotated[dict[Name, ModelSettings], Field(max_length=100)] = {}
    executors: Executors = Executors()
    stages: Stages = Stages()

    @model_validator(mode="after")
    def _something_to_work_on(self) -> Pipeline:
        worlds = self.stages.worlds
        if not worlds.servers and not worlds.files and not self.executors.real:
            raise ValueError(
                "stages.worlds names no server and no file; name at least one, write `servers: all`, or give"
                " `executors.code` or `executors.mcp`"
            )
        return self

    @model_validator(mode="after")
    def _models_are_known(self) -> Pipeline:
        rollouts, known = self.stages.rollouts, [*BUILT_IN_POLICIES, *self.models]
        for path, policy in (("policy", rollouts.policy), *(("beside", name) for name in rollouts.beside)):
            if policy not in known:
                raise ValueError(
                    f"stages.rollouts.{path} names {policy!r}, which is no policy and no model; "
                    f"{nearest(policy, known)}"
                )
        if rollouts.policy in rollouts.beside:
            raise ValueError(
                f"stages.rollouts.beside names {rollouts.policy!r}, which is stages.rollouts.policy; leave it out there"
            )
        playing = [rollouts.policy, *rollouts.beside]
        for name in self.stages.shards.policies or ():
            if name not in playing:
                raise ValueError(
                    f"stages.shards.policies names {name!r}, which plays nothing in stages.rollouts; "
                    f"{nearest(name, playing)}"
                )
        if taken := [name for name in self.models if name in BUILT_IN_POLICIES]:
            raise ValueError(f"models.{taken[0]} has the name of a built-in policy; choose another name")
        for path, name in self._named():
            if name not in self.models:
                raise ValueError(
                    f"{path} names {name!r}, which is not in `models`; "
                    + (nearest(name, list(self.models)) if self.models else "define it there")
                )
        return self

    def _named(self) -> list[tuple[str, str]]:
        """(path, model) of everything that names a model, policies apart."""
        propose = self.stages.worlds.propose
        found = [("stages.worlds.propose.model", propose.model)] if propose is not None else []
        for stage in Stages.model_fields:
            settings = getattr(self.stages, stage)
            if isinstance(settings, Asking):
                found += [(f"stages.{stage}.{role}", name) for role, name in settings.named().items()]
        return found

    def slots_asking(self) -> int:
        """How many slots are worth having open at once for the models that stages ask: what these take together."""
        names = {name for path, name in self._named()} | {player.name for player in self.stages.rollouts.players()}
        asked = [self.models[name] for name in sorted(names) if name in self.models]
        return sum(1 if isinstance(model, ScriptedModel) else model.in_flight for model in asked)

    def share_asking(self) -> float:
        """About how many slots that ask a model a task slot gives: small where models play beside the first policy."""
        if self._named() or self.stages.rollouts.policy in self.models:
            return 1.0
        return min(1.0, sum(episodes for player, episodes in self.episodes_per_task() if player.backend is not None))

    def episodes_per_task(self) -> list[tuple[Player, float]]:
        """Everybody who plays, and how many episodes of theirs to expect of a task slot, by the targets of kinds."""
        rollouts, target = self.stage("rollouts"), self.stages.shards.target
        assert isinstance(rollouts, RolloutsSettings)

        def share(player: Player) -> float:
            wanted = sum(rows * player.share_of(cell.partition("/")[0]) for cell, rows in target.items())
            return wanted / sum(target.values())

        return [(player, player.attempts * share(player)) for player in rollouts.players()]

    def stage(self, name: StageName) -> Settings:
        """The settings handed to a stage; a model policy carries its backend."""
        settings: Settings = getattr(self.stages, name)
        if isinstance(settings, OnPlaces):
            settings = settings.model_copy(update={"executors": self.executors})
        if isinstance(settings, Asking):
            backends = {role: self.models[model] for role, model in settings.named().items()}
            settings = settings.model_copy(update={"backends": backends})
        if isinstance(settings, RolloutsSettings):
            beside = {
                name: one.model_copy(update={"backend": self.models.get(name)}) for name, one in settings.beside.items()
            }
            return settings.model_copy(update={"backend": self.models.get(settings.policy), "beside": beside})
        if isinstance(settings, ShardsSettings):
            playing = [player.name for player in self.stages.rollouts.players()]
            named = [said_by(self.models.get(name), name) for name in settings.policies or playing]
            return settings.model_copy(update={"order": named})
        if isinstance(settings, WorldsSettings) and settings.propose is not None:
            backend = self.models[settings.propose.model]
            return settings.model_copy(update={"propose": settings.propose.model_copy(update={"backend": backend})})
        if isinstance(settings, ToolsSettings):
            return settings.model_copy(update={"worlds": self.stages.worlds})
        return settings


def load_pipeline(file: str | Path, overrides: list[str] | tuple[str, ...] = ()) -> Pipeline:
    """Read and check a pipeline file, with `a.b=value` overrides on top. Raises PipelineError only."""
    path = Path(file)
    try:
        root = parse(read_text(path))
        for one in overrides:
            override(root, one)
    except Wrong as wrong:
        raise PipelineError(str(file), [wrong.problem]) from None
    try:
        return _found(Pipeline.model_validate(root), path.parent)
    except ValidationError as error:
        raise PipelineError(str(file), [problem_of(Pipeline, e) for e in error.errors(include_url=False)]) from None
    except RecursionError:
        raise PipelineError(str(file), [Problem("", "is nested too deeply to be a pipeline")]) from None


def _found(pipeline: Pipeline, base: Path) -> Pipeline:
    """The pipeline with world files as absolute paths, and with scripts and checkpoints that lie beside its file, and
    not under the current folder, named from here."""
    worlds = pipeline.stages.worlds
    if worlds.files:
        files = [str((base / file).absolute()) for file in worlds.files]
        stages = pipeline.stages.model_copy(update={"worlds": worlds.model_copy(update={"files": files})})
        pipeline = pipeline.model_copy(update={"stages": stages})
    moved = {
        name: model.model_copy(update={field: str(base / named)})
        for name, model in pipeline.models.items()
        for field, named in _on_disk(model)
        if not Path(named).exists() and (base / named).exists()
    }
    return pipeline.model_copy(update={"models": {**pipeline.models, **moved}}) if moved else pipeline


def _on_disk(model: K2Model | OpenAIModel | ScriptedModel) -> list[tuple[str, str]]:
    """(field, path) of what a model names on disk."""
    if isinstance(model, ScriptedModel):
        return [("script", model.script)]
    if isinstance(model, K2Model) and model.checkpoint not in ("bundled", "random"):
        return [("checkpoint", model.checkpoint)]
    return []


def check_named(pipeline: Pipeline, base: Path) -> list[Problem]:
    """What the file names outside itself and is missing: scripts and checkpoints on disk, servers of the catalog,
    live servers, families of code tasks."""
    problems = []
    for name, model in pipeline.models.items():
        for field, named in _on_disk(model):
            if not any((root / named).exists() for root in (Path.cwd(), base)):
                problems.append(Problem(f"models.{name}.{field}", f"{named!r} does not exist"))
    if pipeline.executors.real:
        from synth.places.rows import unknown_of  # imports what this file describes

        problems += [Problem(*found) for found in unknown_of(pipeline.executors)]
    return problems + _unknown_servers(pipeline)


def _unknown_servers(pipeline: Pipeline) -> list[Problem]:
    chosen = pipeline.stages.worlds.servers
    if chosen == "all":
        return []
    from tools_catalog import load_catalog

    known = [server.id for server in load_catalog(prefer_cache=pipeline.stages.worlds.prefer_cache).servers]
    return [
        Problem("stages.worlds.servers", f"there is no server {server!r} in the catalog; {nearest_of(server, known)}")
        for server in chosen
        if server not in set(known)
    ]


assert set(Stages.model_fields) == set(STAGES), "the pipeline file and the rows must name the same stages"
