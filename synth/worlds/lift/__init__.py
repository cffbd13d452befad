"""Lifting: a server's tools become worlds that run. `lift_server` does it; `python -m synth.worlds.lift` counts."""

from synth.worlds.lift.build import Dropped, Lift, lift_server
from synth.worlds.lift.read import REASONS, Bound, Reading, Reason, read_server

__all__ = ["REASONS", "Bound", "Dropped", "Lift", "Reading", "Reason", "lift_server", "read_server"]
