"""How the tools of servers that nobody knows did when they were probed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic_core import from_json

from synth.store.views import open_run


def of_run(run_dir: Path) -> list[dict[str, Any]]:
    """One object per probed tool, by server and name: `server`, `tool`, `calls`, `answered`, `kept`, `refused`."""
    columns = open_run(run_dir).table("tools").filter("origin = 'live'").select("server, name, provenance")
    out = []
    for server, name, provenance in columns.order("server, name").fetchall():
        probe = from_json(provenance).get("probe")
        if probe is not None:
            counts = {key: probe[key] for key in ("calls", "answered", "kept", "refused")}
            out.append({"server": server, "tool": name, **counts})
    return out
