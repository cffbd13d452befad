"""A scan of what servers say about their tools, for texts and shapes that attack who reads them."""

from tools_catalog.scan.finding import ATTACKS, Attack, Finding
from tools_catalog.scan.report import Quarantine, Report, quarantined, report_of
from tools_catalog.scan.tools import Before, scan_tools

__all__ = ["ATTACKS", "Attack", "Before", "Finding", "Quarantine", "Report", "quarantined", "report_of", "scan_tools"]
