"""Verified multi-turn tool-use trajectories grown from real MCP tools. Names are handed on when first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synth.replaying import replay_trajectory as replay
    from synth.run import run_pipeline
    from synth.store.views import open_run

__all__ = ["open_run", "replay", "run_pipeline"]

_FROM = {
    "run_pipeline": ("synth.run", "run_pipeline"),
    "open_run": ("synth.store.views", "open_run"),
    "replay": ("synth.replaying", "replay_trajectory"),
}


def __getattr__(name: str) -> Any:
    if name not in _FROM:
        raise AttributeError(f"module 'synth' has no attribute {name!r}")
    module, attribute = _FROM[name]
    return getattr(import_module(module), attribute)
