"""The file of `synth train`: YAML -> a checked `TrainingFile`. Every mistake is one sentence with its path."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from model_core.declare import Declarations
from model_core.errors import ModelError
from model_core.training.settings import Settings
from synth.checked_file import load_file
from synth.errors import UsageError


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
    declarations: Declarations = "json"
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
        return load_file(TrainingFile, file, overrides, "training file", "`pipelines/train.yaml` is one")
    except ModelError as error:
        raise UsageError(f"{file}: {error}") from None
