"""The engine that a name stands for."""

from __future__ import annotations

from typing import Any, Literal

from synth.errors import UsageError
from synth.sandbox.engine import Engine

EngineName = Literal["local", "docker", "auto"]


def open_engine(name: EngineName, **settings: Any) -> Engine:
    """The engine of that name; `auto` takes docker where a daemon answers, else local. `settings` are the engine's own
    (`synth.sandbox.local.LocalSettings`). Raises UsageError where the engine is not there."""
    if name == "docker":
        from synth.sandbox.docker import DockerEngine

        return DockerEngine(**settings)
    if name in ("local", "auto"):
        from synth.sandbox.local import LocalEngine

        return LocalEngine(**settings)
    raise UsageError(f"the sandbox engine {name!r} is not built in (settings {sorted(settings)})")
