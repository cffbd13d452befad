"""Who owns a sandbox, told so that a later process can see whether that owner still lives.

A process id alone is not enough: ids are given out again. With the time the process started, the boot it belongs to and
its process namespace, an owner is told from every other process there has been on the machine.
"""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

State = Literal[
    "alive", "dead", "elsewhere"
]  # elsewhere: on another machine or in another pid namespace; we cannot tell


class Owner(NamedTuple):
    """One process of one machine."""

    host: str
    boot: str  # id of the boot; empty where the system has none
    namespace: str  # of process ids: two pods of one node have the same boot and other process ids
    pid: int
    started: str  # clock ticks after boot; empty where the system does not tell

    def __str__(self) -> str:
        return "/".join(map(str, self))

    @property
    def state(self) -> State:
        """Whether this owner still lives, as far as this process can see."""
        here = me()
        if (self.host, self.namespace) != (here.host, here.namespace):
            return "elsewhere"
        if self.boot != here.boot:
            return "dead"
        return "alive" if started_of(self.pid) == self.started else "dead"


def parse(text: str) -> Owner | None:
    """The owner that `str(owner)` told, or None where the text is none of ours."""
    parts = text.split("/")
    if len(parts) != len(Owner._fields) or not parts[3].isdigit():
        return None
    return Owner(parts[0], parts[1], parts[2], int(parts[3]), parts[4])


def me() -> Owner:
    """This process."""
    pid = os.getpid()
    return Owner(*_machine(), pid, started_of(pid) or "")


@cache
def _machine() -> tuple[str, str, str]:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = Path("/proc/self/ns/pid").readlink().name
    except OSError:  # not Linux
        boot = namespace = ""
    return platform.node().replace("/", "-"), boot, namespace


def started_of(pid: int) -> str | None:
    """When a process started, in clock ticks after boot: empty where the system does not tell, None where there is no
    such process (a zombie is none: it runs nothing)."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None if Path("/proc/self/stat").exists() else _seen(pid)
    return None if state == "Z" else fields[18]


def _seen(pid: int) -> str | None:
    """Where there is no /proc: a process with that id is taken for the one meant."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return ""
