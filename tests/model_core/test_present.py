"""Says in the report why the tests of the model core did not run, where they did not."""

from __future__ import annotations

from importlib.util import find_spec

import pytest


def test_the_tests_of_the_model_core_can_run() -> None:
    missing = [name for name in ("torch", "safetensors", "transformers") if find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed; pip install '.[model]' and transformers to test model_core")
