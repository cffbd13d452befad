"""Places where code of strangers runs: engines that start sandboxes, with hard limits and no network."""

from synth.sandbox.engine import (
    Engine,
    Held,
    Limits,
    Outcome,
    Probe,
    Process,
    Ran,
    Sandbox,
    SandboxError,
    tightened,
)
from synth.sandbox.opening import open_engine

__all__ = [
    "Engine",
    "Held",
    "Limits",
    "Outcome",
    "Probe",
    "Process",
    "Ran",
    "Sandbox",
    "SandboxError",
    "open_engine",
    "tightened",
]
