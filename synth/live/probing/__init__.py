"""What a server does that nobody knows, found by calling it: nothing that it says of itself is believed."""

from synth.live.probing.probe import probed
from synth.live.probing.records import Course, ProbedCall, ToolProbe

__all__ = ["Course", "ProbedCall", "ToolProbe", "probed"]
