"""What a pipeline file may say about containers: `executors: {docker: {...}}`. Limits are per process that opens
sandboxes, so per node where one such process runs on each."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class DockerSettings(BaseModel):
    """`host`: the engine's address, instead of DOCKER_HOST. `image`: an image with python3 from a registry, by digest;
    none is an image made of this machine's own python, without a registry. `runtime`: another one than the engine's
    own (`runsc`). `cpus`: cores of one container. `warm`: containers started ahead. `at_most`: containers at once; who
    opens one more waits. `starting`: containers started at the same time."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
    host: Annotated[str, Field(pattern=r"^(unix|tcp|ssh|http|https)://\S+$", max_length=500)] | None = None
    image: Annotated[str, Field(pattern=r"^\S+@sha256:[0-9a-f]{64}$", max_length=500)] | None = None
    runtime: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] | None = None
    cpus: Annotated[float, Field(gt=0, le=1024)] = 1.0
    warm: Annotated[int, Field(ge=0, le=256)] = 2
    at_most: Annotated[int, Field(ge=1, le=4096)] = 64
    starting: Annotated[int, Field(ge=1, le=64)] = 4
