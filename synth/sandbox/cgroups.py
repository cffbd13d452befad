"""Control groups: what bounds the memory and the processes of a whole tree. Version 1 and version 2, where writable.

Groups live under one folder per machine, `synth-sandbox`, one per slot (`synth.sandbox.slots`), so that a later run
finds what a killed one left.
"""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path
from typing import Final

from synth.sandbox.engine import SandboxError

FOLDER: Final = "synth-sandbox"
MOUNTS: Final = Path("/proc/self/mounts")
MIB: Final = 1 << 20


class Group:
    """The control group of one sandbox: a folder on version 2, one per controller on version 1."""

    def __init__(self, folders: dict[str, Path], version: int) -> None:
        self.folders, self.version = folders, version

    @property
    def paths(self) -> list[Path]:
        """Its folders, each once."""
        return list(dict.fromkeys(self.folders.values()))

    def make(self) -> None:
        """Create it, empty; what a dead owner left under its name goes first. Raises OSError."""
        for path in self.paths:
            if path.exists():
                remove(path)
            path.mkdir()

    def limit(self, memory_mb: int, processes: int) -> None:
        """Set both limits. Raises OSError (EBUSY: more memory than that is already in use)."""
        memory, pids = self.folders["memory"], self.folders["pids"]
        (pids / "pids.max").write_text(str(processes))
        if self.version == 2:
            (memory / "memory.max").write_text(str(memory_mb * MIB))
            _if_there(memory / "memory.swap.max", "0")
            return
        both = memory / "memory.memsw.limit_in_bytes"
        if both.exists():
            both.write_text("-1")  # it may never be lower than the limit without swap
        (memory / "memory.limit_in_bytes").write_text(str(memory_mb * MIB))
        _if_there(both, str(memory_mb * MIB))

    def oom_kills(self) -> int:
        """How many processes the kernel has killed for memory here; 0 where the group went with its sandbox."""
        name = "memory.events" if self.version == 2 else "memory.oom_control"
        try:
            text = (self.folders["memory"] / name).read_text()
        except FileNotFoundError:
            return 0
        found = re.search(r"^oom_kill (\d+)$", text, re.MULTILINE)
        return int(found[1]) if found else 0


class Cgroups:
    """Makes groups under one base folder per controller."""

    def __init__(self, bases: dict[str, Path], version: int) -> None:
        self.bases, self.version = bases, version

    def group(self, name: str) -> Group:
        """The group of that name; not created yet."""
        return Group({controller: base / name for controller, base in self.bases.items()}, self.version)

    def names(self) -> list[str]:
        """Groups that exist, by name."""
        return sorted({path.name for base in self.bases.values() for path in base.iterdir() if path.is_dir()})


def find(mounts: Path = MOUNTS) -> Cgroups | None:
    """The first hierarchy in which groups with memory and process limits can be made; None where there is none."""
    unified, controllers = _mounted(mounts)
    if {"memory", "pids"} <= set(controllers):
        bases = {name: controllers[name] / FOLDER for name in ("memory", "pids")}
        if all(_usable(base) for base in bases.values()):
            return Cgroups(bases, 1)
    for parent in _parents(unified) if unified else []:
        base = parent / FOLDER
        if _delegate(parent) and _usable(base) and _delegate(base):
            return Cgroups({"memory": base, "pids": base}, 2)
    return None


def remove(path: Path, patience: float = 5.0) -> None:
    """Kill what is in one group folder and remove it. Raises SandboxError where it stays busy."""
    deadline = time.monotonic() + patience
    while path.exists():
        for pid in _members(path):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it ended meanwhile
        try:
            path.rmdir()
        except FileNotFoundError:
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise SandboxError(f"the control group {path} cannot be removed: {error.strerror}") from error
            time.sleep(0.01)


def _mounted(mounts: Path) -> tuple[Path | None, dict[str, Path]]:
    """The mount point of version 2, and those of version 1 by controller."""
    unified: Path | None = None
    controllers: dict[str, Path] = {}
    for line in mounts.read_text().splitlines():
        _, place, kind, options, *_ = line.split(" ")
        if kind == "cgroup2":
            unified = Path(place)
        elif kind == "cgroup":
            controllers |= {name: Path(place) for name in options.split(",") if name in ("memory", "pids")}
    return unified, controllers


def _parents(unified: Path) -> list[Path]:
    """Where groups may be made on version 2: at the top for root, else in what systemd delegates to the user."""
    if os.geteuid() == 0:
        return [unified]
    uid = os.getuid()
    return [unified / "user.slice" / f"user-{uid}.slice" / f"user@{uid}.service"]


def _delegate(folder: Path) -> bool:
    """Whether groups below a version 2 folder have the two controllers; asks for them where it may."""
    try:
        have = (folder / "cgroup.subtree_control").read_text().split()
        missing = [name for name in ("memory", "pids") if name not in have]
        if missing:
            (folder / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in missing))
    except OSError:
        return False  # not there, or not ours: the next candidate
    return True


def _usable(base: Path) -> bool:
    try:
        base.mkdir(exist_ok=True)
    except OSError:
        return False  # read-only or not ours: the next candidate
    return os.access(base, os.W_OK)


def _members(path: Path) -> list[int]:
    try:
        return [int(line) for line in (path / "cgroup.procs").read_text().split()]
    except FileNotFoundError:
        return []


def _if_there(path: Path, value: str) -> None:
    if path.exists():
        path.write_text(value)
