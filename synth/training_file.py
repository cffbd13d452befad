"""The file of `synth train`: YAML -> a checked `TrainingFile`. Every mistake is one sentence with its path."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from model_core.errors import ModelError
from model_core.training.settings import Settings
from synth.careful_yaml import Problem, Wrong, kind_of, load_yaml, read_text
from synth.errors import UsageError
from synth.pipeline_problems import problem_of
from synth.pipeline_yaml import override

WHAT = "training file"
HINT = "`pipelines/train.yaml` is one"


@dataclass(frozen=True)
class TrainingFile:
    """What `synth train` is told. `shards`: the `sft` folder of a run. `vocabulary`: a folder that has one, or how many
    tokens one that is learnt from the shards is to have. Rows longer than `max_length` tokens are left out, never cut.
    `model`: a preset, or a checkpoint folder to go on from; `sizes`: changes to the preset. `declarations`: how tools
    are told (model_core/declare.py). `ranks`: processes that train together, through Ray where there are several;
    `training`: the loop's own settings."""

    name: str
    shards: str
    training: Settings
    vocabulary: int | str = 4096
    declarations: Literal["json", "compact"] = "json"
    max_length: int = 4096
    model: str = "tiny"
    sizes: dict[str, Any] = field(default_factory=dict)
    weights: Literal["float32", "bfloat16"] = "float32"
    file_mib: int = 4096
    ranks: int = 1

    def __post_init__(self) -> None:
        for name in ("max_length", "file_mib", "ranks"):
            if getattr(self, name) < 1:
                raise ModelError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.max_length > self.training.batch_tokens:
            raise ModelError(
                f"max_length is {self.max_length}, more than a batch of training.batch_tokens = "
                f"{self.training.batch_tokens} can hold; lower the one or raise the other"
            )


def load_training_file(file: str | Path, overrides: list[str] | tuple[str, ...] = ()) -> TrainingFile:
    """Read and check a training file, with `a.b=value` overrides on top. Raises UsageError only."""
    try:
        root = load_yaml(read_text(Path(file), WHAT, HINT), WHAT)
        if not isinstance(root, dict):
            said = "is empty" if root is None else f"the top level must be a mapping, not {kind_of(root)}"
            raise Wrong(f"{said}; a training file has at least `name`, `shards` and `training`")
        for one in overrides:
            override(root, one)
    except Wrong as wrong:
        raise UsageError(f"{file}: {wrong.problem}") from None
    checked = _mirror(TrainingFile)
    try:
        told: TrainingFile = _back(TrainingFile, checked.model_validate(root))
        return told
    except ValidationError as error:
        problems = [problem_of(checked, one) for one in error.errors(include_url=False)]
        raise UsageError(f"{file}: {_listed(problems)}") from None
    except ModelError as error:
        raise UsageError(f"{file}: {error}") from None


def _listed(problems: list[Problem]) -> str:
    return "; ".join(str(problem) for problem in problems)


def _mirror(kind: type[Any]) -> type[BaseModel]:
    """A pydantic model with the fields of a dataclass, so that each field is written down once."""
    hints = get_type_hints(kind)
    wanted: dict[str, Any] = {}
    for one in fields(kind):
        hint = _mirror(hints[one.name]) if is_dataclass(hints[one.name]) else hints[one.name]
        required = one.default is MISSING and one.default_factory is MISSING
        nested = one.default_factory is not MISSING and is_dataclass(hints[one.name])
        default = ... if required else hint() if nested else _default(one)
        wanted[one.name] = (hint, default)
    config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
    return create_model(kind.__name__, __config__=config, **wanted)


def _default(one: Any) -> Any:
    return one.default if one.default is not MISSING else one.default_factory()


def _back(kind: type[Any], checked: BaseModel) -> Any:
    """The dataclass from its mirror."""
    hints = get_type_hints(kind)
    given = {one.name: getattr(checked, one.name) for one in fields(kind)}
    return kind(**{
        name: _back(hints[name], value) if isinstance(value, BaseModel) else value for name, value in given.items()
    })  # fmt: skip
