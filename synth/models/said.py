"""What rows call who wrote them."""

from __future__ import annotations

from typing import Any

from synth.models.k2 import checkpoints


def said_by(backend: Any, name: str) -> str:
    """`endpoint:<model>`, `scripted:<name in the pipeline file>`, `k2:<checkpoint>` (`checkpoints.said_of`); a built-in
    policy, which has no `backend`, by its name."""
    if backend is None:
        return name
    if backend.kind == "k2":
        return checkpoints.said_of(backend)
    return f"endpoint:{backend.model}" if backend.kind == "openai" else f"{backend.kind}:{name}"
