"""Shared by the tests of the model core; they are skipped where torch is not installed."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

WANTED = ("torch", "safetensors", "transformers", "llguidance")
MISSING = [name for name in WANTED if find_spec(name) is None]


def pytest_ignore_collect(collection_path: object) -> bool | None:
    """Without torch the files cannot even be imported; `test_present.py` says so in the report."""
    return True if MISSING and not str(collection_path).endswith(("model_core", "test_present.py")) else None


if not MISSING:
    import torch

    @pytest.fixture(autouse=True, scope="session")
    def _one_thread() -> None:
        torch.set_num_threads(1)
