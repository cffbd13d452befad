"""Where a call is run."""

from synth.executors.protocol import Executor, Outcome
from synth.executors.world import WorldExecutor

__all__ = ["Executor", "Outcome", "WorldExecutor"]
