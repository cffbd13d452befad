"""Data files that ship inside a package, read once per process."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import yaml


@cache
def packaged_yaml(package: str, file: str) -> dict[str, Any]:
    """The YAML object in `file`, a path inside `package`; shared, so nobody changes it."""
    text = resources.files(package).joinpath(file).read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded
