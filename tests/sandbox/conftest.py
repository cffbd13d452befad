"""One container engine for all tests of a session."""

from __future__ import annotations

from collections.abc import Iterator

import dockerd
import pytest
from contract import LIMITS, usable

from synth.sandbox import Engine, Sandbox


@pytest.fixture(scope="session")
def docker_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where an engine answers; skips, or fails in CI, where there is none."""
    with dockerd.running(tmp_path_factory.mktemp("dockerd")) as host:
        yield host


@pytest.fixture(scope="module")
def shared(engine: Engine) -> Iterator[Sandbox]:
    """One sandbox for a whole module, of the engine that the module gives."""
    one = engine.open(LIMITS)
    yield one
    assert usable(one)
    one.close()
