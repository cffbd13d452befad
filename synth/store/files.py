"""Small file moves that survive a crash, and the lock that keeps two drivers off one run folder."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from synth.errors import RefusedError


def sync_dir(folder: Path) -> None:
    """Make renames in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json(path: Path, value: Any) -> None:
    """Replace a JSON file atomically: a reader sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tmp = path.with_name(f".{path.name}.tmp")
    with tmp.open("w", encoding="utf-8") as sink:
        json.dump(value, sink, indent=1, ensure_ascii=False)
        sink.write("\n")
        sink.flush()
        os.fsync(sink.fileno())
    tmp.replace(path)
    sync_dir(path.parent)


def read_json(path: Path) -> dict[str, Any] | None:
    """The object of a JSON file, or None where there is none or it is damaged (the writer above never leaves a torn
    one)."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def sha256_of(path: Path) -> str:
    """The checksum of a file, read in pieces."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def is_locked(run_dir: Path) -> bool:
    """Whether a driver holds the run folder now."""
    try:
        with (run_dir / ".lock").open("r") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


@contextmanager
def locked(run_dir: Path) -> Iterator[None]:
    """Hold the run folder for one driver. The kernel lets go when the process dies. Raises RefusedError."""
    run_dir.mkdir(parents=True, exist_ok=True)
    with (run_dir / ".lock").open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            handle.seek(0)
            holder = handle.read().strip() or "another process"
            raise RefusedError(
                f"{run_dir} is in use by {holder}; wait for it, or give another folder with --out"
            ) from None
        handle.truncate(0)
        handle.write(f"process {os.getpid()}")
        handle.flush()
        yield
