"""The contract suite over the local engine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import contract
import pytest

from synth.sandbox import Engine
from synth.sandbox.local import LocalEngine

MISSING = "bubblewrap is not installed (apt-get install bubblewrap)"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    if shutil.which("bwrap") is None and not os.environ.get("CI"):
        pytest.skip(MISSING)
    with LocalEngine() as one:
        probe = one.probe()
        if not probe.contains and not os.environ.get("CI"):
            pytest.skip(f"the local sandbox does not contain here: {probe}")
        yield one


class TestEveryday(contract.Everyday):
    pass


@pytest.mark.slow
class TestBounds(contract.Bounds):
    pass


class TestEscapes(contract.Escapes):
    pass


class TestLongRunning(contract.LongRunning):
    pass
