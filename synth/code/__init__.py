"""Code tasks: folders of generated code whose truth is a hidden test suite."""

from synth.code.families import FAMILIES, Family, families, generate, make
from synth.code.lazy import lazy
from synth.code.task import CodeTask, ExpertStep, Hidden, Probe, ToolCall, solved_files, start_files
from synth.code.wording import speak

__all__ = [
    "FAMILIES",
    "CodeTask",
    "ExpertStep",
    "Family",
    "Hidden",
    "Probe",
    "ToolCall",
    "families",
    "generate",
    "lazy",
    "make",
    "solved_files",
    "speak",
    "start_files",
]
