"""Prompts are files, filled in one pass: a value that looks like a template stays a text."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib import resources
from typing import Any

from jinja2 import FunctionLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment


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


def digests(*names: str) -> dict[str, str]:
    """SHA-256 of some prompts: they decide what a model is asked, so the fingerprint of a stage that asks has them."""
    return {f"prompt {name}": hashlib.sha256(_source(name).encode()).hexdigest() for name in names}
