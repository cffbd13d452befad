"""Live servers as a source of tasks: which are known, how they are started, and what can be asked of them."""

from synth.live.known import Known, known, launch, list_known, volatile

__all__ = ["Known", "known", "launch", "list_known", "volatile"]
