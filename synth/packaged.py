"""Data files that ship inside a package, read once per process."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import yaml

HELD_OUT = "eval"  # the split whose people and prompts speak in words of their own


@cache
def packaged_yaml(package: str, file: str) -> dict[str, Any]:
    """The YAML object in `file`, a path inside `package`; shared, so nobody changes it."""
    text = resources.files(package).joinpath(file).read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


@cache
def packaged_words(package: str, name: str, split: str) -> dict[str, Any]:
    """`data/NAME` as a split speaks: `data/eval/NAME` laid over it for `eval`, key by key, lists as a whole. What that
    file leaves out (facts, the assistant's words) is the same in every split."""
    base = packaged_yaml(package, f"data/{name}")
    return _laid_over(base, packaged_yaml(package, f"data/eval/{name}")) if split == HELD_OUT else base


def _laid_over(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    both = {k: (base[k], own[k]) for k in base.keys() & own.keys()}
    merged = {k: _laid_over(a, b) if isinstance(a, dict) and isinstance(b, dict) else b for k, (a, b) in both.items()}
    return {k: merged.get(k, v) for k, v in {**base, **own}.items()}
