"""What a training run is told. Plain dataclasses, so that a machine with torch alone can read them."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from model_core.errors import ModelError


@dataclass(frozen=True)
class OptimizerSettings:
    """`lr` of the matrices under MuonClip, of everything under AdamW; `adam_lr` of what MuonClip leaves to AdamW
    (embeddings, norms), `lr` where it is 0. `tau`: the largest attention logit QK-Clip lets stand."""

    kind: Literal["muonclip", "adamw"] = "muonclip"
    lr: float = 1e-3
    adam_lr: float = 0.0
    weight_decay: float = 0.1
    momentum: float = 0.95
    tau: float = 100.0


@dataclass(frozen=True)
class Settings:
    """One run of the loop. A step is `accumulate` batches (on each rank) of at most `batch_tokens` tokens.

    The learning rate rises over `warmup` steps, stays, and falls to `floor` of itself over the last `decay` share of
    the run. The run ends after `steps`, or after `max_minutes` (0: no limit) if that comes first: progress is whichever
    of the two is further, so the fall is complete in time. `max_minutes` makes a run depend on the clock.
    `bias_rate`: how far an expert's balancing bias moves per step. `held_out_tokens` at most are looked at for the
    held-out loss. A checkpoint is written every `checkpoint_every` steps and, if given, every `checkpoint_minutes`.
    `prompt_weight`: what a token of the prompt counts beside 1 for the assistant's. `precision`: of the forward pass
    and its gradients; auto is bf16 on a GPU and fp32 on a CPU (bf16 pays on a CPU with matrix units for it, AMX).
    Raises `ModelError` for values that make no sense.
    """

    steps: int
    batch_tokens: int = 16384
    accumulate: int = 1
    prompt_weight: float = 0.0
    warmup: int = 50
    decay: float = 0.2
    floor: float = 0.0
    max_minutes: float = 0.0
    clip: float = 1.0
    bias_rate: float = 1e-3
    seed: int = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    log_every: int = 10
    held_out_every: int = 100
    held_out_tokens: int = 200_000
    checkpoint_every: int = 200
    checkpoint_minutes: float = 0.0
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)

    # What may differ when a run is taken up again: the numbers it makes do not depend on it, or only on the clock.
    FREE = ("max_minutes", "device", "log_every", "held_out_every", "held_out_tokens", "checkpoint_every",
            "checkpoint_minutes")  # fmt: skip

    def __post_init__(self) -> None:
        for name in ("steps", "batch_tokens", "accumulate", "log_every", "held_out_every", "checkpoint_every"):
            _need(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        for name in ("warmup", "max_minutes", "bias_rate", "seed", "held_out_tokens", "checkpoint_minutes"):
            _need(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        for name in ("prompt_weight", "decay", "floor"):
            _need(0.0 <= getattr(self, name) <= 1.0, name, getattr(self, name), "within 0 and 1")
        _need(self.precision in ("auto", "bf16", "fp32"), "precision", self.precision, "auto, bf16 or fp32")
        _need(self.clip > 0, "clip", self.clip, "positive")
        _need(self.optimizer.kind in ("muonclip", "adamw"), "optimizer.kind", self.optimizer.kind, "muonclip or adamw")
        for name in ("lr", "tau"):
            _need(getattr(self.optimizer, name) > 0, f"optimizer.{name}", getattr(self.optimizer, name), "positive")
        _need(self.optimizer.weight_decay >= 0, "optimizer.weight_decay", self.optimizer.weight_decay, "0 or more")
        _need(0 <= self.optimizer.momentum < 1, "optimizer.momentum", self.optimizer.momentum, "within 0 and 1")
        _need(self.optimizer.adam_lr >= 0, "optimizer.adam_lr", self.optimizer.adam_lr, "0 or more")

    @staticmethod
    def from_json(given: Mapping[str, Any]) -> Settings:
        """From plain JSON. Raises `ModelError` for an unknown or a missing key, naming the nearest known one."""
        known = dict(checked(given, Settings, ""))
        if "optimizer" in known:
            known["optimizer"] = OptimizerSettings(**checked(known["optimizer"], OptimizerSettings, "optimizer."))
        if "steps" not in known:
            raise ModelError("steps is missing; say how many steps the run has")
        return Settings(**known)

    @staticmethod
    def read(path: Path | str) -> Settings:
        """From a JSON file."""
        return Settings.from_json(json.loads(Path(path).read_text()))

    def binding(self) -> dict[str, Any]:
        """The settings that a run taken up again must share."""
        return {key: value for key, value in asdict(self).items() if key not in self.FREE}


def _need(holds: bool, name: str, value: object, wanted: str) -> None:
    if not holds:
        raise ModelError(f"{name} is {value}; it must be {wanted}")


def checked(given: Mapping[str, Any], kind: type[Any], path: str) -> Mapping[str, Any]:
    """`given`, once all its keys are fields of the dataclass `kind`. Raises `ModelError` with the nearest known one."""
    known = [field.name for field in fields(kind)]
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            mend = f"the nearest known one is {near[0]!r}" if near else f"known ones are {', '.join(known)}"
            raise ModelError(f"{path}{key}: unknown key, {mend}")
    return given
