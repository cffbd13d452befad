"""Live servers as a source of tasks: which are known, how they are started, and what can be asked of them."""

from synth.live.known import Known, is_known, known, launch, list_known, volatile
from synth.live.tasks import families, kinds, make

__all__ = ["Known", "families", "is_known", "kinds", "known", "launch", "list_known", "make", "volatile"]
