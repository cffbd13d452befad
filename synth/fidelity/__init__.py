"""Simulation fidelity: the same calls through a live MCP server and through the worlds lifted from it."""

from synth.fidelity.compare import Figures, Tally
from synth.fidelity.setups import Setup, load_setups

__all__ = ["Figures", "Setup", "Tally", "load_setups"]
