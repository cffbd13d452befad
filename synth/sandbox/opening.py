"""The engine that a name stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from synth.errors import UsageError
from synth.sandbox.engine import Engine

EngineName = Literal["local", "docker", "auto"]
NOTHING: Mapping[str, Any] = {}


def open_engine(name: EngineName, *, local: Mapping[str, Any] = NOTHING, docker: Mapping[str, Any] = NOTHING) -> Engine:
    """The engine of that name; `auto` takes docker where a daemon answers, else local. `local` and `docker`: the
    engine's own settings (`LocalSettings`, `DockerSettings`). Raises UsageError where the engine is not there."""
    if name == "local":
        return _local(local)
    if name == "docker":
        return _docker(docker)
    try:
        return _docker(docker)
    except UsageError as no_docker:
        try:
            return _local(local)
        except UsageError as no_local:
            raise UsageError(f"no sandbox is to be had; docker: {no_docker}; local: {no_local}") from no_local


def _local(settings: Mapping[str, Any]) -> Engine:
    from synth.sandbox.local import LocalEngine

    return LocalEngine(**settings)


def _docker(settings: Mapping[str, Any]) -> Engine:
    from synth.sandbox.docker import DockerEngine

    return DockerEngine(**settings)
