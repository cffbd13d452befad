"""One container engine for all tests of a session."""

from __future__ import annotations

from collections.abc import Iterator

import dockerd
import pytest


@pytest.fixture(scope="session")
def docker_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where an engine answers; skips, or fails in CI, where there is none."""
    with dockerd.running(tmp_path_factory.mktemp("dockerd")) as host:
        yield host
