"""What a pipeline file says of a model: its entry under `models`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from synth.models.k2.slots import Slots, cpus_here, gpus_here, slots_of
from synth.settings import Settings


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
