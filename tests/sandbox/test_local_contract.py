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
    if not os.environ.get("CI"):
        if shutil.which("bwrap") is None:
            pytest.skip(MISSING)
        if os.geteuid() != 0:
            pytest.skip("memory and inodes are held only for root (or with a delegated control group)")
    with LocalEngine() as one:
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
