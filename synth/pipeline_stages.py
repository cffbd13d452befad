"""The settings of each stage of a pipeline file. Fields named in a model's `OUTSIDE` (caps, targets) stay outside the
stage fingerprint: changing one keeps the rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, get_args

from pydantic import AfterValidator, Discriminator, Field, Tag, field_validator, model_validator

from synth.models.settings import ModelSettings
from synth.pipeline_executors import Executors
from synth.pipeline_problems import nearest
from synth.records import Kind
from synth.settings import Name, Settings, Share
from synth.traits import Trait

BUILT_IN_POLICIES = ("expert", "idle", "random", "refuser", "asker", "parrot", "first_tool")


class SplitShares(Settings):
    """Shares of root servers and domains held for validation and eval; the rest is train."""

    validation: Share = 0.06
    eval: Share = 0.10


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
    """`variant`: another number draws other tasks for the same agents. `writer`: a model that writes the user's side
    of a task anew; `paraphraser`: one that rephrases the turns."""

    variant: Annotated[int, Field(ge=0, lt=2**31)] = 0
    part_size: Annotated[int, Field(ge=1, le=10_000)] = 50
    oversample: Annotated[float, Field(ge=1.0, le=20.0)] = 1.25
    writer: Name | None = None
    paraphraser: Name | None = None
    OUTSIDE = frozenset({"oversample"})
    ROLES = ("writer", "paraphraser")


Part = Annotated[float, Field(gt=0.0, le=1.0)]
ShareOrShares = Annotated[
    Annotated[Part, Tag("one")] | Annotated[Annotated[dict[Kind, Part], Field(min_length=1)], Tag("kinds")],
    Discriminator(lambda value: "kinds" if isinstance(value, dict) else "one"),
]


class Beside(Settings):
    """A further policy of the rollouts: it plays this share of the tasks (each task is drawn by itself), of these kinds
    where kinds are given, so many times each. `share` may also say a share for each kind that it plays. `max_turns`:
    assistant messages of one of its episodes, where that is less than the rollouts allow; a small model that turns in
    circles would hold up the part."""

    share: ShareOrShares = 1.0
    attempts: Annotated[int, Field(ge=1, le=64)] = 1
    kinds: Annotated[list[Kind], Field(min_length=1)] | None = None
    max_turns: Annotated[int, Field(ge=1, le=1000)] = 1000
    # filled in by `Pipeline.stage` from `models`, never written in the file
    backend: ModelSettings | None = None

    @model_validator(mode="before")
    @classmethod
    def _share_alone(cls, value: object) -> object:
        return {"share": float(value)} if isinstance(value, int | float) and not isinstance(value, bool) else value

    @field_validator("backend")
    @classmethod
    def _not_in_the_file(cls, value: object) -> object:
        if value is not None:
            raise ValueError("is not written here; a policy beside the first is a model by its name in `models`")
        return value

    @model_validator(mode="after")
    def _kinds_once(self) -> Beside:
        if self.kinds is not None and isinstance(self.share, dict):
            raise ValueError("says its kinds twice, in `share` and in `kinds`; leave `kinds` out")
        return self

    def shares(self) -> dict[str, float]:
        """The share of each kind that it plays; the other kinds it does not."""
        if isinstance(self.share, dict):
            return {str(kind): share for kind, share in self.share.items()}
        return dict.fromkeys(self.kinds or get_args(Kind), self.share)

    def covered(self) -> dict[str, Any]:
        return super().covered() | {"backend": self.backend.covered() if self.backend else None}


class Player(NamedTuple):
    """Who plays the assistant, and which tasks: `backend` None is a built-in policy, `shares` are by kind. The first
    policy, which has none, plays every task."""

    name: str
    backend: ModelSettings | None
    attempts: int = 1
    shares: Mapping[str, float] | None = None
    max_turns: int = 1000

    @property
    def first(self) -> bool:
        return self.shares is None

    def share_of(self, kind: str) -> float:
        """Of the tasks of a kind, those that it plays."""
        return 1.0 if self.shares is None else self.shares.get(kind, 0.0)


class RolloutsSettings(Asking, OnPlaces):
    """`policy` plays each task `attempts` times; those `beside` it play shares of the tasks, so that several policies
    meet the same tasks in one run. `user`: a model that plays the user; `tools`: one that answers calls of tools
    without semantics."""

    ROLES = ("user", "tools")
    user: Name | None = None
    tools: Name | None = None
    policy: Annotated[str, Field(min_length=1, max_length=64)] = "expert"
    attempts: Annotated[int, Field(ge=1, le=64)] = 1
    beside: Annotated[dict[Annotated[str, Field(min_length=1, max_length=64)], Beside], Field(max_length=20)] = {}
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

    def players(self) -> list[Player]:
        """Everybody who plays the assistant, the first policy first."""
        beside = [
            Player(name, one.backend, one.attempts, one.shares(), one.max_turns) for name, one in self.beside.items()
        ]
        return [Player(self.policy, self.backend, self.attempts), *beside]

    def covered(self) -> dict[str, Any]:
        return super().covered() | {
            "backend": self.backend.covered() if self.backend else None,
            "beside": {name: one.covered() for name, one in self.beside.items()},
        }


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
    that have a trait. `policies`: whose rows may be kept, by their names in `stages.rollouts`; a task gives one row, of
    the first of them that passed it. None is all, in the order in which they are written there. `row_group_mib`: MiB of
    Arrow data per row group."""

    target: Annotated[dict[Cell, Annotated[int, Field(ge=0, le=10_000_000)]], Field(min_length=1)] = DEFAULT_TARGET
    shares: dict[Trait, Annotated[float, Field(ge=0.0, le=1.0)]] = {}
    policies: Annotated[list[str], Field(min_length=1, max_length=21)] | None = None
    caps: Caps = Caps()
    max_rounds: Annotated[int, Field(ge=1, le=1000)] = 24
    row_group_mib: Annotated[int, Field(ge=1, le=1024)] = 16
    dedup: bool = True
    max_infra_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.05
    allow_infra: bool = False
    # filled in by `Pipeline.stage` from `policies`: what rows call these policies
    order: list[str] = []
    OUTSIDE = frozenset({"policies", "caps", "max_rounds", "max_infra_share", "allow_infra"})

    @field_validator("order")
    @classmethod
    def _named_not_written(cls, value: list[str]) -> list[str]:
        if value:
            raise ValueError("is not written here; name policies of stages.rollouts in `policies`")
        return value

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
