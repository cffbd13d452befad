"""The contract suite over the docker engine."""

from __future__ import annotations

from collections.abc import Iterator

import contract
import pytest

from synth.sandbox import Engine
from synth.sandbox.docker import DockerEngine


@pytest.fixture(scope="module")
def engine(docker_host: str) -> Iterator[Engine]:
    one = DockerEngine(host=docker_host)
    yield one
    one.close()


class TestEveryday(contract.Everyday):
    pass


@pytest.mark.slow
class TestBounds(contract.Bounds):
    pass


@pytest.mark.slow
class TestEscapes(contract.Escapes):
    pass


@pytest.mark.slow
class TestLongRunning(contract.LongRunning):
    pass
