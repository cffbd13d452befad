"""SFT rows for other trainers: one module per family of formats, each row proved by reading it back."""

from synth.exporting.export import export
from synth.exporting.targets import FORMATS

__all__ = ["FORMATS", "export"]
