"""Prompts are files, filled in one pass: a value that looks like a template stays a text."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib import resources
from typing import Any

from jinja2 import FunctionLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

FILES = (
    "propose_example.j2", "propose_language.j2", "propose_world.j2", "propose_tools.j2", "propose_repair.j2",
    "rewrite_descriptions.j2",
)  # fmt: skip


def _source(name: str) -> str:
    return resources.files("synth.prompts").joinpath(name).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _environment() -> SandboxedEnvironment:
    return SandboxedEnvironment(
        loader=FunctionLoader(_source),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )


def fill(name: str, **values: Any) -> str:
    """The prompt `name` with its values. They are data: never read as a template."""
    return _environment().get_template(name).render(values).strip()


def digests() -> dict[str, str]:
    """SHA-256 of every prompt: they decide what the model is asked."""
    return {f"prompt {name}": hashlib.sha256(_source(name).encode()).hexdigest() for name in FILES}
