"""What was measured once and serves as an estimate until a run has measured itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "measured.json"


def read_rates() -> dict[str, Any]:
    """Rates per stage, of model use and of proposals (`note` in the file says what they are)."""
    rates: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return rates
