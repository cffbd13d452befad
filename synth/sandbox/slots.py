"""Numbered places for sandboxes, unique on the machine: each is a locked file, so that the kernel frees a dead owner's.

A slot's number gives its control group's name and, for root, the spare user id that its jobs run under: the limit on
processes counts per user, and one sandbox's fork bomb must not starve another.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from synth.sandbox.engine import SandboxError

MOST: Final = 4096
FIRST_UID: Final = 1_900_000_000  # above the ranges that distributions, systemd and container engines hand out


class Slot(NamedTuple):
    """A held slot. Closing `lock` (and every copy of it) frees it."""

    number: int
    lock: int

    @property
    def uid(self) -> int:
        """Spare user and group id."""
        return FIRST_UID + self.number


def folder() -> Path:
    """Where this user's locks lie; made on first use."""
    root = os.geteuid() == 0
    home = Path("/run") if root else Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    place = home / ("synth-sandbox" if root else f"synth-sandbox-{os.getuid()}")
    place.mkdir(mode=0o755, exist_ok=True)
    return place


def take() -> Slot:
    """The lowest free slot. Raises SandboxError where all are taken."""
    for number in range(MOST):
        slot = try_take(number)
        if slot is not None:
            return slot
    raise SandboxError(f"all {MOST} sandbox slots of this machine are taken")


def try_take(number: int) -> Slot | None:
    """That slot, or None while its owner lives."""
    lock = os.open(folder() / f"slot-{number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return Slot(number, lock)
