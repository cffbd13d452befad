"""The read-only file system of a sandbox, copied from this machine: python, its standard library, a shell, small tools
and the shared libraries they need. Nothing is downloaded. Docker images are made from the same folder.

Who uses a folder holds a shared lock on it, which the kernel frees when its process ends, however it ends. A folder
that nobody holds and that no engine of this code would use is a left-over (`remove_unused`)."""

from __future__ import annotations

import compileall
import fcntl
import hashlib
import os
import platform
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from synth.sandbox.engine import SandboxError

VERSION: Final = 1  # of this recipe; a new one builds a new folder
INSIDE: Final = Path(__file__).parent / "inside"
SHELLS: Final = ("dash", "bash", "sh")
PROGRAMS: Final = """
    awk basename cat chmod cmp comm cp cut date diff dirname du echo env expr false find grep head id join ln ls
    md5sum mkdir mktemp mv nl od paste patch printf pwd readlink realpath rm rmdir sed seq sha256sum sleep
    sort split stat tac tail tee test touch tr true uname uniq wc xargs
""".split()  # noqa: SIM905  words read better as words
# parts of the standard library that no job needs, or that need a display or a network
LEFT_OUT: Final = frozenset(
    {"test", "tests", "idlelib", "idle_test", "turtledemo", "tkinter", "ensurepip", "lib2to3", "site-packages",
     "dist-packages", "__pycache__", "pydoc_data", "turtle.py", "_tkinter"}
)  # fmt: skip
PASSWD: Final = "root:x:0:0:root:/:/bin/false\nagent:x:1000:1000:agent:/work:/bin/sh\n"
GROUP: Final = "root:x:0:\nagent:x:1000:\n"


class Rootfs(NamedTuple):
    """A root file system in use, until `close`."""

    path: Path
    lock: int

    def close(self) -> None:
        os.close(self.lock)


def rootfs(state: Path) -> Rootfs:
    """The folder for this python and this recipe under `state`, built on first use (seconds, some 60 MB); safe with
    several processes at once. Raises SandboxError where the machine lacks what it is copied from."""
    while True:
        place = _built(state)
        try:
            lock = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:  # removed in between
            continue
        fcntl.flock(lock, fcntl.LOCK_SH)
        if place.is_dir() and os.path.samestat(os.fstat(lock), place.stat()):
            return Rootfs(place, lock)
        os.close(lock)


def remove_unused(state: Path) -> int:
    """Remove the folders of older recipes and other pythons that no living process holds, and what a killed builder or
    remover left. How many went."""
    if not state.is_dir():
        return 0
    with _building(state):
        for place in sorted(state.glob("rootfs-*/")):
            if place.name != f"rootfs-{_key()}":
                _hide_unheld(place)
        gone = sorted([*state.glob("removed-*"), *state.glob("building-*")])
        for place in gone:
            shutil.rmtree(place)
    return len(gone)


def _hide_unheld(place: Path) -> None:
    """Out of sight under the lock, unless somebody holds it: who waits for the lock then sees that it is gone."""
    lock = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        place.rename(place.with_name(place.name.replace("rootfs-", "removed-", 1)))
    except BlockingIOError:
        pass
    finally:
        os.close(lock)


@contextmanager
def _building(state: Path) -> Iterator[None]:
    """One at a time builds here, or removes."""
    with (state / "rootfs.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _built(state: Path) -> Path:
    place = state / f"rootfs-{_key()}"
    if place.is_dir():
        return place
    state.mkdir(parents=True, exist_ok=True)
    with _building(state):  # the second builder waits and finds it done
        if not place.is_dir():
            for dead in state.glob("building-*"):
                shutil.rmtree(dead)
            building = Path(tempfile.mkdtemp(prefix="building-", dir=state))
            build_rootfs(building)
            building.chmod(0o755)  # the job's user reads it
            building.rename(place)
    return place


def build_rootfs(dest: Path) -> None:
    """Copy a root file system into the empty folder `dest`. Raises SandboxError."""
    for folder in ("usr/bin", "usr/lib", "etc", "tmp", "work", "proc", "dev", "opt", "run"):
        (dest / folder).mkdir(parents=True, exist_ok=True)
    for name in ("bin", "lib", "lib64", "sbin"):
        (dest / name).symlink_to(f"usr/{'bin' if name == 'sbin' else name}")
    for name in ("tmp", "work"):
        (dest / name).chmod(0o1777)
    (dest / "etc/passwd").write_text(PASSWD, encoding="utf-8")
    (dest / "etc/group").write_text(GROUP, encoding="utf-8")
    interpreter, binaries = _interpreter(), []
    shell = next((path for name in SHELLS if (path := shutil.which(name))), None)
    if shell is None:
        raise SandboxError("no shell (dash, bash, sh) is on PATH to copy into sandboxes")
    for source, program in ((interpreter, "python3"), (Path(shell), "sh"), *_programs()):
        _copy(source, dest / "usr/bin" / program)
        binaries.append(source)
    (dest / "usr/bin/python").symlink_to("python3")
    library = dest / "usr/lib" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    extensions = _standard_library(library)
    _shared_libraries([*binaries, *extensions], dest)
    shutil.copytree(INSIDE, dest / "opt/inside", ignore=shutil.ignore_patterns("__pycache__"))
    for sources in (library, dest / "opt/inside"):  # a module that does not compile stays source, as python leaves it
        compileall.compile_dir(
            sources, quiet=2, stripdir=str(dest), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
        )


def _key() -> str:
    interpreter = _interpreter()
    stat = interpreter.stat()
    inside = [path.read_bytes() for path in sorted(INSIDE.glob("*.py"))]
    seen = (
        inside,
        VERSION,
        platform.machine(),
        sys.version,
        str(interpreter),
        stat.st_size,
        stat.st_mtime_ns,
        PROGRAMS,
    )
    version = ".".join(map(str, sys.version_info[:3]))
    return f"{version}-{hashlib.sha256(repr(seen).encode()).hexdigest()[:12]}"


def _interpreter() -> Path:
    """The real binary, outside any virtual environment."""
    base = Path(getattr(sys, "_base_executable", None) or sys.executable).resolve()
    if not base.is_file():
        raise SandboxError(f"the python binary {base} cannot be read")
    return base


def _programs() -> list[tuple[Path, str]]:
    """Small tools this machine has (which of them is no part of any promise)."""
    found = ((shutil.which(name), name) for name in PROGRAMS)
    return [(Path(path).resolve(), name) for path, name in found if path is not None]


def _standard_library(dest: Path) -> list[Path]:
    """Copy the library; returns the sources of its extension modules."""
    source = Path(sysconfig.get_path("stdlib"))
    left_out = shutil.ignore_patterns(*LEFT_OUT, "config-*", "*.a", "*.pyc", "_test*", "_tkinter*")
    shutil.copytree(source, dest, ignore=left_out, symlinks=False, ignore_dangling_symlinks=True)
    dynamic = Path(sysconfig.get_path("platstdlib")) / "lib-dynload"
    if not (dest / "lib-dynload").is_dir() and dynamic.is_dir():
        shutil.copytree(dynamic, dest / "lib-dynload", ignore=left_out)
    for folder, _, _ in os.walk(dest):
        Path(folder).chmod(0o755)
    return sorted((dest / "lib-dynload").glob("*.so"))


def _shared_libraries(binaries: list[Path], dest: Path) -> None:
    """Copy what `ldd` finds, each to where the loader looks: its own path, or beside libc for one that a private
    run path names (a python under somebody's home)."""
    needed: dict[str, Path] = {}
    for start in range(0, len(binaries), 100):
        found = subprocess.run(
            ["ldd", *map(str, binaries[start : start + 100])], capture_output=True, text=True, check=False
        )
        for name, path in re.findall(r"^\s+(?:(\S+) => )?(/\S+) \(0x", found.stdout, re.MULTILINE):
            needed[name or Path(path).name] = Path(path)
    if "libc.so.6" not in needed:
        raise SandboxError("ldd found no libc: sandboxes are built from dynamically linked glibc programs")
    standard = needed["libc.so.6"].parent
    for path in needed.values():
        own = path if str(path).startswith(("/lib", "/usr/lib")) else standard / path.name
        inside = own.relative_to("/") if own.is_relative_to("/usr") else Path("usr") / own.relative_to("/")
        _copy(path, dest / inside)


def _copy(source: Path, dest: Path) -> None:
    dest.parent.mkdir(parents=True, exist_ok=True)
    if not dest.exists():
        shutil.copyfile(source.resolve(), dest)
        dest.chmod(0o755)
