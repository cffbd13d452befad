"""The system calls a job may make, as a classic BPF program for `seccomp(2)`.

An allow-list: `syscalls.json` holds names with their numbers on x86_64 and aarch64 (the kernel's tables); whatever is
not in it answers EPERM, so also every namespace, mount, ptrace, bpf, io_uring, keyring and System V IPC call. Some are
let through by argument: `socket` and `socketpair` for AF_UNIX only (a network namespace does not confine AF_VSOCK),
`clone` without new namespaces, `ioctl` but for typing into a terminal, `personality` only to ask, and limits and
scheduling of the caller only (PID 1 runs under the same user, and a job could starve it). Arguments are compared by
their low 32 bits, as the kernel reads them: a filter over all 64 lets TIOCSTI through with a bit set in the upper half.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

ARCHES: Final = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column in the table, AUDIT_ARCH
X32_BIT: Final = 0x40000000
EPERM, ENOSYS, EAFNOSUPPORT = 1, 38, 97
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
CLONE3: Final = 435  # the same on every architecture; its flags lie in memory, so libc must fall back to clone
NEW_NAMESPACES: Final = 0x7E020080  # CLONE_NEW{TIME,NS,CGROUP,UTS,IPC,USER,PID,NET}
AF_UNIX: Final = 1
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
ASK_PERSONALITY: Final = 0xFFFFFFFF

# classic BPF: code, jump if true, jump if false, operand
LOAD, JUMP_EQ, JUMP_GT, JUMP_GE, AND, RETURN = 0x20, 0x15, 0x25, 0x35, 0x54, 0x06
ARCH_AT, NUMBER_AT, ARGUMENTS_AT = 4, 0, 16  # offsets in struct seccomp_data


class Op(NamedTuple):
    """One instruction."""

    code: int
    yes: int
    no: int
    operand: int


class ByArgument(NamedTuple):
    """A call that depends on one argument: `(low 32 bits & mask) in values` decides."""

    name: str
    argument: int
    mask: int
    values: tuple[int, ...]
    allow_listed: bool  # True: only these values pass; False: all but these
    errno: int


OWN_ONLY: Final = ("prlimit64", "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler")
BY_ARGUMENT: Final = (
    ByArgument("socket", 0, 0xFFFFFFFF, (AF_UNIX,), True, EAFNOSUPPORT),
    ByArgument("socketpair", 0, 0xFFFFFFFF, (AF_UNIX,), True, EAFNOSUPPORT),
    ByArgument("clone", 0, NEW_NAMESPACES, (0,), True, EPERM),
    ByArgument("ioctl", 1, 0xFFFFFFFF, (TIOCSTI, TIOCLINUX), False, EPERM),
    ByArgument("personality", 0, 0xFFFFFFFF, (0, ASK_PERSONALITY), True, EPERM),
    *(ByArgument(name, 0, 0xFFFFFFFF, (0,), True, EPERM) for name in OWN_ONLY),
)


@cache
def numbers(machine: str) -> dict[str, int]:
    """Allowed system calls by name, with their number on this machine (`platform.machine()`). KeyError for a machine
    whose table is not known."""
    column = ARCHES[machine][0]
    table = json.loads(files("synth.sandbox").joinpath("syscalls.json").read_text(encoding="utf-8"))
    return {name: row[column] for group in table.values() for name, row in group.items() if row[column] is not None}


@cache
def program(machine: str) -> bytes:
    """The filter as an array of `struct sock_filter`, for `bwrap --seccomp`. KeyError as for `numbers`."""
    return b"".join(struct.pack("<HBBI", *op) for op in _instructions(machine))


def _instructions(machine: str) -> Iterator[Op]:
    known = numbers(machine)
    yield Op(LOAD, 0, 0, ARCH_AT)
    yield Op(JUMP_EQ, 1, 0, ARCHES[machine][1])
    yield Op(RETURN, 0, 0, KILL)  # another instruction set: its numbers mean other calls
    yield Op(LOAD, 0, 0, NUMBER_AT)
    if machine == "x86_64":
        yield Op(JUMP_GE, 0, 1, X32_BIT)
        yield Op(RETURN, 0, 0, KILL)
    asked = {rule.name for rule in BY_ARGUMENT}
    for low, high in _ranges(sorted(number for name, number in known.items() if name not in asked)):
        yield Op(JUMP_GE, 0, 2, low)
        yield Op(JUMP_GT, 1, 0, high)
        yield Op(RETURN, 0, 0, ALLOW)
    for rule in BY_ARGUMENT:
        yield from _by_argument(rule, known[rule.name])
    yield Op(JUMP_EQ, 0, 1, CLONE3)
    yield Op(RETURN, 0, 0, ERRNO | ENOSYS)
    yield Op(JUMP_GT, 0, 1, max(known.values()))  # newer than this table: libc falls back on ENOSYS, not on EPERM
    yield Op(RETURN, 0, 0, ERRNO | ENOSYS)
    yield Op(RETURN, 0, 0, ERRNO | EPERM)


def _by_argument(rule: ByArgument, number: int) -> Iterator[Op]:
    hit, miss = (ALLOW, ERRNO | rule.errno) if rule.allow_listed else (ERRNO | rule.errno, ALLOW)
    yield Op(JUMP_EQ, 0, 3 + 2 * len(rule.values), number)
    yield Op(LOAD, 0, 0, ARGUMENTS_AT + 8 * rule.argument)  # the low half: both machines are little-endian
    yield Op(AND, 0, 0, rule.mask)
    for value in rule.values:
        yield Op(JUMP_EQ, 0, 1, value)
        yield Op(RETURN, 0, 0, hit)
    yield Op(RETURN, 0, 0, miss)


def _ranges(ordered: list[int]) -> Iterator[tuple[int, int]]:
    """Runs of consecutive numbers as (first, last)."""
    start = last = ordered[0]
    for number in [*ordered[1:], -1]:
        if number != last + 1:
            yield start, last
            start = number
        last = number
