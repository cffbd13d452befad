"""What stands in a work folder, read as rows: files, tables, sheets, documents, graphs, repositories."""

from synth.executors.artefacts.rows import Rows, differences
from synth.executors.artefacts.snapshot import snapshot

__all__ = ["Rows", "differences", "snapshot"]
