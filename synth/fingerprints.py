"""Stage fingerprints: what a stage's rows depend on besides the rows before it.

Covered: the run's seed, the stage's own settings (less its `OUTSIDE` ones), its VERSION, the bytes of its ASSETS
(prompts, rubrics, catalog), what it reads from outside the package (`depends`), the schema version and the
fingerprints before it. Not covered: targets, caps, workers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synth.errors import UsageError
from synth.pipeline import Pipeline
from synth.records import SCHEMA_VERSION, STAGES, StageName, content_hash

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Fingerprint:
    """`digest` names what `covers` says."""

    digest: str
    covers: dict[str, Any]


def fingerprints(pipeline: Pipeline, modules: Mapping[StageName, Any]) -> dict[StageName, Fingerprint]:
    """One fingerprint per stage, each over all before it. Raises UsageError when an asset is missing."""
    made: dict[StageName, Fingerprint] = {}
    before = ""
    for stage in STAGES:
        module = modules[stage]
        covers = {
            "schema": SCHEMA_VERSION,
            "seed": pipeline.seed,
            "version": module.VERSION,
            "settings": pipeline.stage(stage).covered(),
            "outside": module.depends(pipeline.stage(stage)) if hasattr(module, "depends") else {},
            "assets": {name: _sha256(stage, name) for name in sorted(getattr(module, "ASSETS", []))},
            "before": before,
        }
        before = content_hash([stage, covers])
        made[stage] = Fingerprint(before, covers)
    return made


def _sha256(stage: str, name: str) -> str:
    path = ROOT / name  # an absolute name stays absolute
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(
            f"stage {stage} needs {name}, which cannot be read ({error.strerror}); reinstall the package"
        ) from None
