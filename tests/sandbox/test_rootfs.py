"""Root file systems in the cache: who holds one, and which are left-overs."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from synth.sandbox import rootfs as room
from synth.sandbox.rootfs import remove_unused, rootfs

OPENED = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache whose root file systems hold one file."""
    monkeypatch.setattr(room, "build_rootfs", lambda dest: (dest / "made").touch())
    return tmp_path / "cache"


def names(state: Path) -> list[str]:
    return sorted(path.name for path in state.iterdir() if path.is_dir())


def test_only_what_nobody_holds_and_nobody_would_use_is_removed(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as older:
        older.setattr(room, "VERSION", 0)
        old = rootfs(state)
        older.setattr(room, "VERSION", -1)
        rootfs(state).close()
    now = rootfs(state)
    now.close()  # of use to the next engine
    (state / "building-left").mkdir()
    assert remove_unused(state) == 2
    assert names(state) == sorted([old.path.name, now.path.name])
    old.close()
    assert remove_unused(state) == 1
    assert names(state) == [now.path.name]
    assert (now.path / "made").exists()


def test_a_dead_process_holds_nothing(state: Path) -> None:
    place = state / "rootfs-old"
    place.mkdir(parents=True)
    code = "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_SH); print(1, flush=True)"
    code += "; input()"
    holder = subprocess.Popen([sys.executable, "-c", code, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None and holder.stdout.readline() == b"1\n"
        assert remove_unused(state) == 0
    finally:
        holder.kill()
        holder.communicate()
    assert remove_unused(state) == 1 and not place.exists()


@pytest.mark.parametrize("moment", ["opened", "locked"])
def test_one_that_goes_while_it_is_taken_is_built_anew(
    state: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    place = rootfs(state)
    place.close()
    before = {"opened": (room.os, "open"), "locked": (room.fcntl, "flock")}[moment]
    real = getattr(*before)

    def late(*given: int) -> int:
        if given in ((place.path, OPENED), (given[0], fcntl.LOCK_SH)) and not (state / "removed-now").exists():
            place.path.rename(state / "removed-now")
        return int(real(*given) or 0)

    monkeypatch.setattr(*before, late)
    found = rootfs(state)
    assert (found.path / "made").exists() and (state / "removed-now").exists()
    assert os.path.samestat(os.fstat(found.lock), found.path.stat())
    found.close()


def test_there_may_be_no_cache(tmp_path: Path) -> None:
    assert remove_unused(tmp_path / "none") == 0
