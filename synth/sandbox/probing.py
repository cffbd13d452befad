"""What an engine really enforces, found out by small jobs that try to get past it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Final

from synth.sandbox.engine import Held, Limits, Part, Probe, Ran, Sandbox, SandboxError

LIMITS: Final = Limits(seconds=20, memory_mb=64, processes=16, disk_mb=8, inodes=512)

MEMORY = "data = bytearray(200 << 20); data[::4096] = b'x' * len(data[::4096]); print('escaped')"
PROCESSES = """
import os, time
for number in range(64):
    try:
        if os.fork() == 0:
            time.sleep(10)
            os._exit(0)
    except OSError:
        print('held')
        break
else:
    print('escaped')
"""
NETWORK = """
import socket
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_VSOCK, socket.AF_NETLINK):
    try:
        socket.socket(family, socket.SOCK_RAW if family == socket.AF_NETLINK else socket.SOCK_STREAM)
        print('escaped')
    except OSError:
        pass
names = [line.split(':')[0].strip() for line in open('/proc/net/dev') if ':' in line]
print('held' if names == ['lo'] else 'escaped')
"""
DISK = """
try:
    for number in range(12):
        with open(f'fill{number}', 'wb') as file:
            file.write(bytes(1 << 20))
    print('escaped')
except OSError:
    print('held')
"""
INODES = """
try:
    for number in range(200000):
        open(f'inode{number}', 'x').close()
    print('escaped')
except OSError:
    print('held')
"""
SYSCALLS = """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWUSER, PTRACE_ATTACH = 0x10000000, 16
tries = [libc.unshare(CLONE_NEWUSER), libc.ptrace(PTRACE_ATTACH, 1, 0, 0), libc.setuid(0),
         libc.mount(b'none', b'/tmp', b'tmpfs', 0, None)]
print('held' if all(one == -1 for one in tries) else 'escaped')
"""
HOST_FILES = """
import os
seen = []
for path in ('/etc/shadow', '/root', '/home', '/var', '/boot', '/sys/kernel'):
    try:
        seen += [path] if not os.path.isdir(path) and open(path).read(1) or os.listdir(path) else []
    except OSError:
        pass
for path in ('/probe', '/usr/probe', '/etc/probe', '/proc/sys/kernel/hostname', '/sys/fs/cgroup/cgroup.procs',
             '/sys/fs/cgroup/memory/cgroup.procs'):
    try:
        open(path, 'w')
        seen.append(path)
    except OSError:
        pass
print('escaped' if seen else 'held', *seen)
"""
HOST_PROCESSES = """
import os
pids = [name for name in os.listdir('/proc') if name.isdigit()]
try:
    os.readlink('/proc/1/fd/0')
    print('escaped')
except OSError:
    print('held' if len(pids) <= 4 and os.getppid() <= 1 else 'escaped')
"""
PROGRAMS: Final[tuple[tuple[Part, str, str], ...]] = (
    ("memory", MEMORY, "a job of 200 MiB at a limit of 64"),
    ("processes", PROCESSES, "64 forks at a limit of 16"),
    ("network", NETWORK, "no socket but local ones, no interface but an own loopback"),
    ("disk", DISK, "12 MiB at a limit of 8"),
    ("inodes", INODES, "200,000 files at a limit of 512"),
    ("syscalls", SYSCALLS, "namespaces, tracing, mounts, another user"),
    ("host files", HOST_FILES, "files of the machine, writing outside /work and /tmp"),
    ("host processes", HOST_PROCESSES, "processes outside, and PID 1 inside"),
)


def probe_engine(name: str, open_one: Callable[[Limits], Sandbox], detail: str) -> Probe:
    """Try every part in sandboxes of this engine. `detail` goes into the result where all works."""
    held: list[Held] = []
    try:
        for part, source, what in PROGRAMS:
            with contextlib.closing(open_one(LIMITS)) as sandbox:
                held.append(_held(part, sandbox.python(source), what))
    except SandboxError as error:
        return Probe(name, False, tuple(held), str(error))
    return Probe(name, True, tuple(held), detail)


def _held(part: Part, ran: Ran, what: str) -> Held:
    """Contained is only what was seen to be: killed for memory, or told so by the job and nothing else."""
    said = ran.stdout.split()
    good = ran.outcome == "ok" and said == [b"held"]
    if part in ("memory", "inodes"):
        good = good or ran.outcome == "oom"
    if good:
        return Held(part, True, what)
    return Held(part, False, f"{what}: {ran.outcome} {ran.stdout[:100].decode('utf-8', 'replace').strip()}".rstrip())
