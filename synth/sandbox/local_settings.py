"""What a pipeline file may say about local sandboxes: `executors: {local: {...}}`."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict


class LocalSettings(BaseModel):
    """`allow_uncontained`: run even where the probe finds a part that is not contained (no memory limit, say). `state`:
    the folder that keeps the root file system, instead of a cache folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    allow_uncontained: bool = False
    state: Path | None = None
