"""What audits of live servers saw of tools' behaviour that names and schemas do not tell: `data/observed.json`.

Facts only, measured by `python -m synth.fidelity --learn`, per server and tool:
`existing: overwrites` (making a row under a taken name replaces it) or `existing: refused` with `unique` (parameters
whose values together may not repeat); `needs` (groups of optional parameters, at least one of each is demanded);
`required` (optional in the schema, demanded all the same); `refers` (parameter -> entity that must exist);
`unchecked` (parameters whose reference is not checked); `refused_in` (state of a row -> `not_found` or `precondition`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "data" / "observed.json"
Observed = Mapping[str, Mapping[str, Any]]  # tool -> facts


@lru_cache(maxsize=1)
def load_observed() -> dict[str, Observed]:
    """Facts by server id and tool name; servers that were not audited are not in it."""
    if not FILE.is_file():
        return {}
    found: dict[str, Observed] = json.loads(FILE.read_text(encoding="utf-8"))
    return found
