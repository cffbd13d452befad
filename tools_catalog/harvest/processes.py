"""Child processes that are not trusted: started in a group of their own, held to limits, ended for certain."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

import anyio
import anyio.abc

from tools_catalog.harvest import limits as launcher

FILE_BYTES = 2 * 2**30
_POLL = 0.02

Stopped = Literal["exited", "terminated", "killed"]


async def start(
    command: Sequence[str], *, env: Mapping[str, str], cwd: Path, cpu_seconds: int, pipe_stdin: bool
) -> anyio.abc.Process:
    """Start `command` as the leader of a new session, with exactly `env`. Raises OSError where Python itself cannot be
    started; a command that does not exist ends with status 127 and says so on stderr."""
    limited = [sys.executable, "-I", "-S", launcher.__file__, str(cpu_seconds), str(FILE_BYTES), "--", *command]
    return await anyio.open_process(
        limited,
        stdin=subprocess.PIPE if pipe_stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(env),
        cwd=cwd,
        start_new_session=True,
    )


async def exited_within(process: anyio.abc.Process, seconds: float) -> bool:
    """Whether the leader ends in time. Polls: waiting for the process would also wait for pipes its children hold."""
    deadline = anyio.current_time() + seconds
    while process.returncode is None:
        if anyio.current_time() >= deadline:
            return False
        await anyio.sleep(_POLL)
    return True


async def stop(process: anyio.abc.Process, home: Path, grace: float) -> Stopped:
    """End the whole process group: wait `grace`, SIGTERM once, wait again, SIGKILL. Then kill what escaped the group.

    Bounded by about three times `grace`; call it shielded from cancellation.
    """
    how: Stopped = "exited"
    if not await exited_within(process, grace):
        how = "terminated"
        _signal_group(process.pid, signal.SIGTERM)
        if not await exited_within(process, grace):
            how = "killed"
    _signal_group(process.pid, signal.SIGKILL)  # children that outlived their leader, too
    await exited_within(process, grace)
    sweep(home)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with suppress(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
                await stream.aclose()
    _close_transport(process)
    return how


def _close_transport(process: anyio.abc.Process) -> None:
    """Close asyncio's own handle on the child: it has no public name, and left open it complains at garbage
    collection when a survivor holds a pipe end. (The SDK's transport does the same.)"""
    close = getattr(getattr(getattr(process, "_process", None), "_transport", None), "close", None)
    if callable(close):
        with suppress(PermissionError, ProcessLookupError):
            close()


def _signal_group(leader: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def sweep(home: Path) -> int:
    """Kill processes that left their group (a daemon made by double fork): those whose environment still names the
    throw-away home, which exists for one server only. Linux; elsewhere nothing is swept. Returns how many."""
    mark = f"HOME={home}".encode()
    killed = 0
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)
                killed += 1
        except OSError:  # gone meanwhile, or not ours to read
            continue
    return killed
