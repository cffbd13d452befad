"""The harvest repeated on the user's machine: install, launch, list, check, record. See docs/catalog.md."""

from tools_catalog.harvest.listing import list_tools
from tools_catalog.harvest.outcome import DroppedTool, HarvestOutcome, Limits
from tools_catalog.harvest.run import harvest

__all__ = ["DroppedTool", "HarvestOutcome", "Limits", "harvest", "list_tools"]
