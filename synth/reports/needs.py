"""The libraries of the extra `report`: said in one sentence where they are missing."""

from __future__ import annotations

from importlib.util import find_spec

from synth.errors import UsageError

LIBRARIES = ("sklearn", "matplotlib", "openTSNE")


def check_installed() -> None:
    """Raises UsageError naming the extra where one of its libraries is missing."""
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        raise UsageError(f"synth report needs {', '.join(missing)}: pip install 'synth-tooluse[report]'")
