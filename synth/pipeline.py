"""The pipeline file: YAML -> a frozen, checked `Pipeline`.

Reading it never raises anything but `PipelineError`, whose text is one sentence for the shell and whose `problems`
hold every mistake with its path in the file. Fields named in a model's `OUTSIDE` (caps, targets, worker counts) stay
outside the stage fingerprint: changing one keeps the rows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator

from synth.careful_yaml import Problem, Wrong
from synth.models.k2.slots import Slots, cpus_here, gpus_here, slots_of
from synth.pipeline_executors import Executors
from synth.pipeline_problems import nearest, nearest_of, problem_of
from synth.pipeline_yaml import PipelineError, override, parse, read_text
from synth.records import STAGES, Kind, StageName
from synth.settings import Name, Settings, Share
from synth.traits import Trait

__all__ = ["Pipeline", "PipelineError", "Problem", "check_named", "load_pipeline"]

BUILT_IN_POLICIES = ("expert", "idle", "random", "refuser", "asker", "parrot", "first_tool")


class SplitShares(Settings):
    """Shares of root servers and domains held for validation and eval; the rest is train."""

    validation: Share = 0.06
    eval: Share = 0.10


class K2Model(Settings):
    """A model of `model_core` on workers of this run. `checkpoint`: a folder, `bundled`, or `random` (weights of the
    preset `config`, drawn from `seed`). `workers: 0` is one in the run's own process. `enforcer`: calls are held to
    the declared tools; `grounded`: their strings also to what was said. `temperature` and `max_tokens` are of a reply
    where a role does not say."""

    kind: Literal["k2"]
    checkpoint: Annotated[str, Field(min_length=1, max_length=2000)] = "bundled"
    config: Annotated[str, Field(min_length=1, max_length=64)] = "tiny"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    enforcer: bool = True
    grounded: bool = False
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.6
    max_tokens: Annotated[int, Field(ge=1, le=131_072)] = 512
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    workers: Annotated[int, Field(ge=0, le=4096)] | Literal["auto"] = "auto"
    gpus_per_worker: Annotated[float, Field(ge=0, le=1)] | Literal["auto"] = "auto"
    max_batch: Annotated[int, Field(ge=1, le=4096)] = 32
    cache_tokens: Annotated[int, Field(ge=1024, le=2**31)] = 65_536
    OUTSIDE = frozenset({"device", "workers", "gpus_per_worker", "max_batch", "cache_tokens"})

    @model_validator(mode="after")
    def _fits(self) -> K2Model:
        if self.checkpoint != "random" and (given := {"config", "seed"} & self.model_fields_set):
            raise ValueError(f"{min(given)} is of random weights; write `checkpoint: random` or leave it out")
        if self.device == "cpu" and self.gpus_per_worker not in ("auto", 0):
            raise ValueError("gpus_per_worker is for a GPU and device is cpu; leave one of them out")
        if self.grounded and not self.enforcer:
            raise ValueError("grounded needs the enforcer; write `enforcer: true` or leave grounded out")
        return self

    def slots(self, cpus: int, gpus: float) -> Slots:
        """What workers it gets where there is so much."""
        return slots_of(self.workers, self.gpus_per_worker, self.device, self.dtype, cpus, gpus)

    @property
    def in_flight(self) -> int:
        """Requests worth having under way: a batch for each worker. Of `auto` workers, as many as this machine has."""
        return self.max_batch * self.slots(cpus_here(), gpus_here()).workers


class OpenAIModel(Settings):
    kind: Literal["openai"]
    base_url: Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=2000)]
    model: Annotated[str, Field(min_length=1, max_length=200)]
    api_key_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=200)] | None = None
    max_concurrency: Annotated[int, Field(ge=1, le=4096)] = 64
    timeout_s: Annotated[float, Field(gt=0, le=3600)] = 120.0
    usd_per_mtoken_in: Annotated[float, Field(ge=0, le=10_000)] = 0.0
    usd_per_mtoken_out: Annotated[float, Field(ge=0, le=10_000)] = 0.0
    OUTSIDE = frozenset({"api_key_env", "max_concurrency", "timeout_s", "usd_per_mtoken_in", "usd_per_mtoken_out"})

    @property
    def in_flight(self) -> int:
        return self.max_concurrency


class ScriptedModel(Settings):
    kind: Literal["scripted"]
    script: Annotated[str, Field(min_length=1, max_length=2000)]


ModelSettings = Annotated[K2Model | OpenAIModel | ScriptedModel, Field(discriminator="kind")]


class Asking(Settings):
    """A stage whose slots ask models in roles: each field named in `ROLES` gives the model of the role."""

    ROLES: ClassVar[tuple[str, ...]] = ()
    # filled in by `Pipeline.stage` from `models`, never written in the file
    backends: dict[str, ModelSettings] = {}

    @field_validator("backends")
    @classmethod
    def _named_not_written(cls, value: dict[str, Any]) -> dict[str, Any]:
        if value:
            raise ValueError("is not written here; name a model in `models` and give its name to a role")
        return value

    def covered(self) -> dict[str, Any]:
        return super().covered() | {"backends": {role: b.covered() for role, b in self.backends.items()}}

    def named(self) -> dict[str, str]:
        """{role: name of its model in the pipeline file}, roles without a model left out."""
        return {role: getattr(self, role) for role in self.ROLES if getattr(self, role) is not None}


class ProposeSettings(Settings):
    """What a model is asked for. `worlds`: how many new worlds; `new_tools` and `rewrite_descriptions`: shares of the
    evolved worlds that get tools of its making, and descriptions in its words. Admission decides what stays."""

    model: Name
    worlds: Annotated[int, Field(ge=0, le=100_000)] = 0
    new_tools: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    rewrite_descriptions: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    # filled in by `Pipeline.stage` from `models`, never written in the file
    backend: ModelSettings | None = None

    @field_validator("backend")
    @classmethod
    def _not_in_the_file(cls, value: object) -> object:
        if value is not None:
            raise ValueError("is not written here; name a model in `models` and give its name as `model`")
        return value

    @model_validator(mode="after")
    def _something(self) -> ProposeSettings:
        if not (self.worlds or self.new_tools or self.rewrite_descriptions):
            raise ValueError("asks the model for nothing; give `worlds`, `new_tools` or `rewrite_descriptions`")
        return self

    def covered(self) -> dict[str, Any]:
        return super().covered() | {"backend": self.backend.covered() if self.backend else None}


class OnPlaces(Settings):
    """A stage that deals with places: `executors` is filled in by `Pipeline.stage`, never written there, and counts
    only where calls are really run."""

    executors: Executors | None = None

    @field_validator("executors")
    @classmethod
    def _stands_elsewhere(cls, value: object) -> object:
        if value is not None:
            raise ValueError("is not written here; `executors` stands at the top of the file")
        return value

    @property
    def places(self) -> Executors | None:
        """The executors, where any call is really run."""
        return self.executors if self.executors is not None and self.executors.real else None

    def covered(self) -> dict[str, Any]:
        out = super().covered()
        del out["executors"]
        return out | ({"executors": self.places.covered()} if self.places else {})


class WorldsSettings(OnPlaces):
    """`synthetic` is the number of synthetic tools wanted. `files`: worlds that a person wrote (YAML or JSON), named
    from the pipeline file's folder. Their bytes are in the fingerprint, their place is not."""

    servers: Literal["all"] | Annotated[list[str], Field(max_length=10_000)] = "all"
    files: Annotated[list[Annotated[str, Field(min_length=1, max_length=2000)]], Field(max_length=1000)] = []
    synthetic: Annotated[int, Field(ge=0, le=1_000_000)] = 20_000
    split: SplitShares = SplitShares()
    prefer_cache: bool = False
    propose: ProposeSettings | None = None
    OUTSIDE = frozenset({"files"})

    @model_validator(mode="after")
    def _something(self) -> WorldsSettings:
        if not self.servers and self.synthetic and "synthetic" in self.model_fields_set:
            raise ValueError("synthetic tools grow from those of servers; name a server or leave `synthetic` out")
        if twice := [f for i, f in enumerate(self.files) if f in self.files[:i]]:
            raise ValueError(f"files names {twice[0]!r} twice")
        if not self.servers and self.propose:
            raise ValueError("proposals grow from the worlds of servers; name a server or leave `propose` out")
        return self

    def covered(self) -> dict[str, Any]:
        return super().covered() | {"propose": self.propose.covered() if self.propose else None}


class ToolsSettings(OnPlaces):
    """`tries`: calls admission may draw per tool before it gives up. `worlds` is filled in by `Pipeline.stage`."""

    tries: Annotated[int, Field(ge=1, le=10_000)] = 40
    worlds: WorldsSettings | None = None

    @field_validator("worlds")
    @classmethod
    def _not_in_the_file(cls, value: object) -> object:
        if value is not None:
            raise ValueError("is not written here; the tools stage follows stages.worlds")
        return value

    def covered(self) -> dict[str, Any]:
        return super().covered() | {"worlds": self.worlds.covered() if self.worlds else None}


class SurfacesSettings(Settings):
    """`share` of the agents see their tools otherwise than these are: renamed, wrapped, with less said about them."""

    share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.3


class AgentsSettings(Settings):
    """`min_tools` and `max_tools` bound the tool sets; most are near 12, on a log scale. `per_place`: agents of each
    workspace and live server, which hold all of its tools."""

    per_place: Annotated[int, Field(ge=1, le=10_000)] = 12
    count: Annotated[int, Field(ge=1, le=1_000_000)] = 3000
    min_tools: Annotated[int, Field(ge=2, le=128)] = 2
    max_tools: Annotated[int, Field(ge=2, le=128)] = 64
    surfaces: SurfacesSettings = SurfacesSettings()
    split: SplitShares = SplitShares()

    @model_validator(mode="after")
    def _ordered(self) -> AgentsSettings:
        if self.min_tools > self.max_tools:
            raise ValueError(f"min_tools ({self.min_tools}) is more than max_tools ({self.max_tools})")
        return self


class TasksSettings(Asking):
    """`writer`: a model that writes the user's side of a task anew; `paraphraser`: one that rephrases the turns."""

    part_size: Annotated[int, Field(ge=1, le=10_000)] = 50
    oversample: Annotated[float, Field(ge=1.0, le=20.0)] = 1.25
    writer: Name | None = None
    paraphraser: Name | None = None
    OUTSIDE = frozenset({"oversample"})
    ROLES = ("writer", "paraphraser")


class RolloutsSettings(Asking, OnPlaces):
    """`user`: a model that plays the user; `tools`: one that answers calls of tools without semantics."""

    ROLES = ("user", "tools")
    user: Name | None = None
    tools: Name | None = None
    policy: Annotated[str, Field(min_length=1, max_length=64)] = "expert"
    attempts: Annotated[int, Field(ge=1, le=64)] = 1
    max_turns: Annotated[int, Field(ge=1, le=1000)] = 120
    fault_rate: Annotated[float, Field(ge=0.0, le=1.0)] = 0.05
    # filled in by `Pipeline.stage` from `models`, never written in the file
    backend: ModelSettings | None = None

    @field_validator("backend")
    @classmethod
    def _not_in_the_file(cls, value: object) -> object:
        if value is not None:
            raise ValueError("is not written here; name a model in `models` and give its name as `policy`")
        return value

    def covered(self) -> dict[str, Any]:
        return super().covered() | {"backend": self.backend.covered() if self.backend else None}


class JudgeSettings(Asking):
    """`economy`: stop at the first failed success criterion; `min_score`: least mean score of a passed trajectory.
    `model`: one that answers rubric questions."""

    ROLES = ("model",)
    model: Name | None = None

    economy: bool = True
    min_score: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0


DEFAULT_TARGET: dict[str, int] = {
    "single": 300, "parallel": 300, "chain": 450, "multi_turn": 500, "clarify": 350, "no_tool": 200, "recover": 300,
    "chat": 150, "policy": 200, "change": 200, "injection": 150, "dual": 150, "long": 100,
}  # fmt: skip


class Caps(Settings):
    """What the rounds of a run may spend; 0 is no cap. `calls`: requests to models, or messages of a built-in policy;
    `tokens`: prompt and completion; `minutes`: wall clock from the start of the command."""

    calls: Annotated[int, Field(ge=0, le=10**12)] = 0
    tokens: Annotated[int, Field(ge=0, le=10**15)] = 0
    usd: Annotated[float, Field(ge=0.0, le=1e9)] = 0.0
    minutes: Annotated[float, Field(ge=0.0, le=1e6)] = 0.0


def _known_cell(cell: str) -> str:
    kind, slash, difficulty = cell.partition("/")
    if kind not in get_args(Kind):
        raise ValueError(f"unknown kind, {nearest(kind, list(get_args(Kind)))}")
    if slash and difficulty not in ("1", "2", "3", "4", "5"):
        raise ValueError(f"difficulty is 1 to 5, got {difficulty[:20]!r}")
    return cell


Cell = Annotated[str, AfterValidator(_known_cell)]


class ShardsSettings(Settings):
    """`target`: accepted rows wanted; a number (of each kind of the default run), or per kind, or per kind and
    difficulty (`{chain: {1: 50, 3: 100}}`, kept as `chain/1`, `chain/3`). `shares`: least shares of the accepted rows
    that have a trait. `row_group_mib`: MiB of Arrow data per row group."""

    target: Annotated[dict[Cell, Annotated[int, Field(ge=0, le=10_000_000)]], Field(min_length=1)] = DEFAULT_TARGET
    shares: dict[Trait, Annotated[float, Field(ge=0.0, le=1.0)]] = {}
    caps: Caps = Caps()
    max_rounds: Annotated[int, Field(ge=1, le=1000)] = 24
    row_group_mib: Annotated[int, Field(ge=1, le=1024)] = 16
    dedup: bool = True
    max_infra_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.05
    allow_infra: bool = False
    OUTSIDE = frozenset({"caps", "max_rounds", "max_infra_share", "allow_infra"})

    @field_validator("target", mode="before")
    @classmethod
    def _as_cells(cls, value: object) -> object:
        if isinstance(value, int) and not isinstance(value, bool):
            if value < 1:
                raise ValueError(f"asks for no row at all (got {value}); ask for at least one of each kind")
            return dict.fromkeys(DEFAULT_TARGET, value)
        if not isinstance(value, dict):
            return value
        cells: dict[Any, Any] = {}
        for kind, rows in value.items():
            cells |= {f"{kind}/{d}": n for d, n in rows.items()} if isinstance(rows, dict) else {kind: rows}
        return cells

    @model_validator(mode="after")
    def _something(self) -> ShardsSettings:
        if sum(self.target.values()) == 0:
            raise ValueError("target asks for no row at all; ask for at least one of some kind")
        if both := [kind for kind in self.target if any(cell.startswith(f"{kind}/") for cell in self.target)]:
            raise ValueError(f"target asks for {both[0]} with and without a difficulty; write one of the two")
        return self


class Stages(Settings):
    worlds: WorldsSettings = WorldsSettings()
    tools: ToolsSettings = ToolsSettings()
    agents: AgentsSettings = AgentsSettings()
    tasks: TasksSettings = TasksSettings()
    rollouts: RolloutsSettings = RolloutsSettings()
    judge: JudgeSettings = JudgeSettings()
    shards: ShardsSettings = ShardsSettings()


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
        policy = self.stages.rollouts.policy
        known = [*BUILT_IN_POLICIES, *self.models]
        if policy not in known:
            raise ValueError(
                f"stages.rollouts.policy names {policy!r}, which is no policy and no model; {nearest(policy, known)}"
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
        names = {name for path, name in self._named()} | {self.stages.rollouts.policy}
        asked = [self.models[name] for name in names if name in self.models]
        return sum(1 if isinstance(model, ScriptedModel) else model.in_flight for model in asked)

    def stage(self, name: StageName) -> Settings:
        """The settings handed to a stage; a model policy carries its backend."""
        settings: Settings = getattr(self.stages, name)
        if isinstance(settings, OnPlaces):
            settings = settings.model_copy(update={"executors": self.executors})
        if isinstance(settings, Asking):
            backends = {role: self.models[model] for role, model in settings.named().items()}
            settings = settings.model_copy(update={"backends": backends})
        if isinstance(settings, RolloutsSettings) and settings.policy in self.models:
            return settings.model_copy(update={"backend": self.models[settings.policy]})
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
