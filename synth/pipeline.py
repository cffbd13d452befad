"""The pipeline file: YAML -> a frozen, checked `Pipeline`.

Reading it never raises anything but `PipelineError`, whose text is one sentence for the shell and whose `problems`
hold every mistake with its path in the file. Fields named in a model's `OUTSIDE` (caps, targets, worker counts) stay
outside the stage fingerprint: changing one keeps the rows.
"""

from __future__ import annotations

import difflib
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from synth.errors import UsageError
from synth.records import STAGES, Kind, StageName

MAX_FILE_BYTES = 1 << 20
BUILT_IN_POLICIES = ("expert", "idle", "random")

Share = Annotated[float, Field(ge=0.0, le=0.5)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


@dataclass(frozen=True)
class Problem:
    """One mistake: `path` like `stages.tasks.part_size`, empty for the file itself."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class PipelineError(UsageError):
    """The pipeline file is wrong; the text names the first problem, `problems` has all of them."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        more = f" (and {len(problems) - 1} more: `synth validate` lists them)" if len(problems) > 1 else ""
        super().__init__(f"{file}: {problems[0]}{more}")
        self.problems = problems


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
    OUTSIDE: ClassVar[frozenset[str]] = frozenset()  # fields that do not change any row this stage makes

    def covered(self) -> dict[str, Any]:
        """The settings that a stage fingerprint covers, as plain JSON."""
        return self.model_dump(mode="json", exclude=set(self.OUTSIDE))


class SplitShares(Settings):
    """Shares of root servers and domains held for validation and eval; the rest is train."""

    validation: Share = 0.06
    eval: Share = 0.10


class K2Model(Settings):
    kind: Literal["k2"]
    checkpoint: str = "bundled"
    workers: Annotated[int, Field(ge=1, le=4096)] | Literal["auto"] = "auto"
    gpus_per_worker: Annotated[float, Field(ge=0, le=64)] | Literal["auto"] = "auto"
    OUTSIDE = frozenset({"workers", "gpus_per_worker"})


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


class ScriptedModel(Settings):
    kind: Literal["scripted"]
    script: Annotated[str, Field(min_length=1, max_length=2000)]


ModelSettings = Annotated[K2Model | OpenAIModel | ScriptedModel, Field(discriminator="kind")]


class McpExecutor(Settings):
    """Live servers (ids of the catalog) that calls may be sent to."""

    servers: Annotated[list[str], Field(min_length=1, max_length=1000)]


class Executors(Settings):
    mcp: McpExecutor | None = None


class WorldsSettings(Settings):
    servers: Literal["all"] | Annotated[list[str], Field(min_length=1, max_length=10_000)] = "all"
    evolved: Annotated[int, Field(ge=0, le=50_000)] = 900
    split: SplitShares = SplitShares()
    prefer_cache: bool = False


class ToolsSettings(Settings):
    tries: Annotated[int, Field(ge=1, le=10_000)] = 40


class AgentsSettings(Settings):
    count: Annotated[int, Field(ge=1, le=1_000_000)] = 800
    min_tools: Annotated[int, Field(ge=1, le=128)] = 4
    max_tools: Annotated[int, Field(ge=1, le=128)] = 24
    split: SplitShares = SplitShares()

    @model_validator(mode="after")
    def _ordered(self) -> AgentsSettings:
        if self.min_tools > self.max_tools:
            raise ValueError(f"min_tools ({self.min_tools}) is more than max_tools ({self.max_tools})")
        return self


class TasksSettings(Settings):
    part_size: Annotated[int, Field(ge=1, le=10_000)] = 50
    oversample: Annotated[float, Field(ge=1.0, le=20.0)] = 1.25
    OUTSIDE = frozenset({"oversample"})


class RolloutsSettings(Settings):
    policy: Annotated[str, Field(min_length=1, max_length=64)] = "expert"
    attempts: Annotated[int, Field(ge=1, le=64)] = 1
    max_turns: Annotated[int, Field(ge=1, le=1000)] = 40
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


class JudgeSettings(Settings):
    """`economy`: stop at the first failed success criterion; `min_score`: least mean score of a passed trajectory."""

    economy: bool = True
    min_score: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0


DEFAULT_TARGET: dict[Kind, int] = {
    "single": 300, "parallel": 300, "chain": 450, "multi_turn": 500, "clarify": 350, "no_tool": 200, "recover": 300,
}  # fmt: skip


class ShardsSettings(Settings):
    """`target`: accepted rows wanted per kind. `row_group_mib`: MiB of Arrow data per row group."""

    target: Annotated[dict[Kind, Annotated[int, Field(ge=0, le=10_000_000)]], Field(min_length=1)] = DEFAULT_TARGET
    max_rounds: Annotated[int, Field(ge=1, le=1000)] = 6
    row_group_mib: Annotated[int, Field(ge=1, le=1024)] = 16
    dedup: bool = True
    max_infra_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.05
    allow_infra: bool = False
    OUTSIDE = frozenset({"max_rounds", "max_infra_share", "allow_infra"})

    @model_validator(mode="after")
    def _something(self) -> ShardsSettings:
        if sum(self.target.values()) == 0:
            raise ValueError("target asks for no row at all; ask for at least one of some kind")
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
    def _policy_is_known(self) -> Pipeline:
        policy = self.stages.rollouts.policy
        known = [*BUILT_IN_POLICIES, *self.models]
        if policy not in known:
            raise ValueError(f"stages.rollouts.policy names {policy!r}, which is {_nearest(policy, known)}")
        if taken := [name for name in self.models if name in BUILT_IN_POLICIES]:
            raise ValueError(f"models.{taken[0]} has the name of a built-in policy; choose another name")
        return self

    def stage(self, name: StageName) -> Settings:
        """The settings handed to a stage; a model policy carries its backend."""
        settings: Settings = getattr(self.stages, name)
        if isinstance(settings, RolloutsSettings) and settings.policy in self.models:
            return settings.model_copy(update={"backend": self.models[settings.policy]})
        return settings


def load_pipeline(file: str | Path, overrides: list[str] | tuple[str, ...] = ()) -> Pipeline:
    """Read and check a pipeline file, with `a.b=value` overrides on top. Raises PipelineError only."""
    path = Path(file)
    try:
        root = _parse(_read(path))
        for override in overrides:
            _override(root, override)
    except _Wrong as wrong:
        raise PipelineError(str(file), [wrong.problem]) from None
    try:
        return Pipeline.model_validate(root)
    except ValidationError as error:
        raise PipelineError(str(file), [_problem(e) for e in error.errors(include_url=False)]) from None
    except RecursionError:
        raise PipelineError(str(file), [Problem("", "is nested too deeply to be a pipeline")]) from None


def check_named(pipeline: Pipeline, base: Path) -> list[Problem]:
    """What the file names outside itself and is missing: scripts and checkpoints on disk."""
    problems = []
    for name, model in pipeline.models.items():
        named = model.script if isinstance(model, ScriptedModel) else None
        if isinstance(model, K2Model) and model.checkpoint != "bundled":
            named = model.checkpoint
        if named is not None and not any((root / named).exists() for root in (Path.cwd(), base)):
            field = "script" if isinstance(model, ScriptedModel) else "checkpoint"
            problems.append(Problem(f"models.{name}.{field}", f"{named!r} does not exist"))
    return problems


class _Wrong(Exception):  # noqa: N818 - private carrier of one problem
    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.problem = Problem(path, message)


def _read(path: Path) -> str:
    try:
        if path.is_dir():
            raise _Wrong("is a folder, not a pipeline file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise _Wrong(f"is larger than {MAX_FILE_BYTES >> 10} KiB, too large for a pipeline file")
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise _Wrong("does not exist; `pipelines/` has the shipped ones") from None
    except UnicodeDecodeError as error:
        raise _Wrong(f"is not UTF-8 text (byte {error.start})") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        raise _Wrong(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None


class _Loader(yaml.SafeLoader):
    """Safe YAML with two refusals on top: a key written twice, and aliases (which can grow without bound)."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise _Wrong(f"line {self.peek_event().start_mark.line + 1}: YAML aliases are not used in pipeline files")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                line = key.start_mark.line + 1
                raise _Wrong(f"line {line}: a key must be plain text, not {key.tag.rsplit(':', 1)[-1]}")
            if key.value in seen:
                raise _Wrong(f"line {key.start_mark.line + 1}: the key {key.value!r} is written twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _yaml(text: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - _Loader is a SafeLoader
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise _Wrong(_one_line(f"{where}not valid YAML: {error.problem or error.context or 'cannot be read'}")) from None
    except yaml.YAMLError as error:
        raise _Wrong(_one_line(f"not valid YAML: {error}")) from None
    except RecursionError:
        raise _Wrong("is nested too deeply to be a pipeline") from None
    except (ValueError, OverflowError) as error:  # impossible dates, integers of thousands of digits
        raise _Wrong(_one_line(f"a value cannot be read: {error}")) from None


def _parse(text: str) -> dict[str, Any]:
    root = _yaml(text)
    if root is None:
        raise _Wrong("is empty; a pipeline needs at least `name`")
    if not isinstance(root, dict):
        raise _Wrong(f"the top level must be a mapping with `name` and `stages`, not {_kind(root)}")
    return root


def _override(root: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    keys = key.strip().split(".")
    if not equals or not all(keys):
        raise _Wrong(f"--set {override!r} is not of the form a.b.c=value")
    at = root
    for depth, step in enumerate(keys[:-1]):
        if at.get(step) is None:
            at[step] = {}
        if not isinstance(at[step], dict):
            raise _Wrong(f"--set {key} goes through a value, not a mapping", ".".join(keys[: depth + 1]))
        at = at[step]
    at[keys[-1]] = _yaml(text)


def _problem(error: Any) -> Problem:
    loc = tuple(error["loc"])
    path = ".".join(str(step) for step in loc if not str(step).startswith(("function-", "literal[", "constrained-")))
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        known = _known_keys(loc[:-1])
        return Problem(_tagless(loc), f"unknown key, {_nearest(str(loc[-1]), known)}")
    if kind == "missing":
        return Problem(_tagless(loc), "is missing")
    if kind == "value_error":
        return Problem(_tagless(loc), _one_line(str(context.get("error", error["msg"]))))
    if kind == "literal_error" and len(loc) >= 2 and loc[-1] == "[key]":
        return Problem(_tagless(loc[:-1]), f"unknown kind, {_nearest(str(loc[-2]), list(get_args(Kind)))}")
    message = error["msg"][:1].lower() + error["msg"][1:]
    return Problem(_tagless(loc) or path, _one_line(f"{message}, got {_shown(error.get('input'))}"))


def _tagless(loc: tuple[Any, ...]) -> str:
    """The path as the user wrote it: pydantic's union branches (`int`, `literal['all']`, `openai`) taken out."""
    kept: list[str] = []
    for at, step in enumerate(loc):
        branch = at > 0 and not isinstance(step, int) and str(step) not in _known_keys(loc[:at], default=(str(step),))
        if branch or str(step) == "[key]":
            continue
        kept.append(str(step))
    if loc and len(kept) < len(loc) and not kept:
        kept = [str(loc[0])]
    # the unknown key itself is never among the known ones: put it back at the end
    if loc and isinstance(loc[-1], str) and _annotation(loc[:-1]) is not None and _is_model(_annotation(loc[:-1])):
        if not kept or kept[-1] != loc[-1]:
            kept.append(loc[-1])
    return ".".join(kept)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _annotation(loc: tuple[Any, ...]) -> Any:
    """The type that a pydantic error location points at, or None where it cannot be told."""
    at: Any = Pipeline
    for step in loc:
        at = _step(at, step)
        if at is None:
            return None
    return _strip(at)


def _strip(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def _step(at: Any, step: Any) -> Any:
    at = _strip(at)
    if _is_model(at):
        found = at.model_fields.get(str(step))
        return found.annotation if found else None
    origin = get_origin(at)
    if origin is dict:
        return get_args(at)[1]
    if origin is list:
        return get_args(at)[0]
    if origin in (Union, types.UnionType):
        for option in map(_strip, get_args(at)):
            if _is_model(option) and (option.__name__ == step or _tag(option) == step):
                return option
        models = [option for option in map(_strip, get_args(at)) if _is_model(option)]
        return _step(models[0], step) if len(models) == 1 else at
    return None


def _tag(model: Any) -> str | None:
    kind = model.model_fields.get("kind")
    return get_args(kind.annotation)[0] if kind else None


def _known_keys(loc: tuple[Any, ...], default: tuple[str, ...] = ()) -> list[str]:
    at = _annotation(loc)
    if get_origin(at) in (Union, types.UnionType):
        models = [option for option in map(_strip, get_args(at)) if _is_model(option)]
        if len(models) != 1:
            return []  # the next step is the name of a branch
        at = models[0]
    if _is_model(at):
        return list(at.model_fields)
    return list(default)


def _nearest(wrong: str, known: list[str]) -> str:
    near = difflib.get_close_matches(wrong, known, n=1, cutoff=0.5)
    listed = ", ".join(known[:12])
    return f"the nearest known one is {near[0]!r}" if near else f"known are {listed}" if listed else "not known here"


def _kind(value: Any) -> str:
    return {dict: "a mapping", list: "a list", str: "text", bool: "true or false", int: "a number"}.get(
        type(value), type(value).__name__
    )


def _shown(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**20:
        return "a number of more than 20 digits"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _one_line(text: str) -> str:
    return " ".join(text.split())


assert set(Stages.model_fields) == set(STAGES), "the pipeline file and the rows must name the same stages"  # noqa: S101
