"""A server that several runs want at once is installed by one of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import anyio
import pytest

from tools_catalog.harvest import installed as module
from tools_catalog.harvest.environment import Workspace
from tools_catalog.harvest.outcome import HarvestFailure
from tools_catalog.servers import ServerSpec

SPEC = ServerSpec("toy", "pypi", "toy-mcp", "1.0", "MIT", "toys", 1)
RUNS = 4


def all_at_once(folder: Path) -> list[module.Installed | str]:
    start = Barrier(RUNS)

    def one(_: int) -> module.Installed | str:
        start.wait()
        try:
            return anyio.run(module.installed, SPEC, folder)
        except HarvestFailure as failure:
            return failure.reason

    with ThreadPoolExecutor(RUNS) as pool:
        return list(pool.map(one, range(RUNS)))


def test_one_installs_and_the_others_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []

    async def install(spec: ServerSpec, space: Workspace) -> tuple[list[str], Path]:
        made.append(space.root)
        (space.install / "half").touch()
        await anyio.sleep(0.2)
        (space.install / "half").rename(space.install / "whole")  # fails where another run removed the folder
        return [str(space.install / "toy")], space.install

    monkeypatch.setattr(module, "install", install)
    found = all_at_once(tmp_path)
    assert made == [tmp_path / "toy-1.0"]
    assert found == [module.Installed(tmp_path / "toy-1.0", tmp_path / "toy-1.0/env", "toy")] * RUNS
    assert (tmp_path / "toy-1.0/env/whole").exists()


def test_a_failure_leaves_the_next_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []

    async def install(spec: ServerSpec, space: Workspace) -> tuple[list[str], Path]:
        tries.append(len(tries))
        if len(tries) < RUNS:
            raise HarvestFailure("install_failed", "the index is away")
        return [str(space.install / "toy")], space.install

    monkeypatch.setattr(module, "install", install)
    found = all_at_once(tmp_path)
    assert found.count("install_failed") == RUNS - 1
    assert len(tries) == RUNS
