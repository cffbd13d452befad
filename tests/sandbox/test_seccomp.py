"""The filter of system calls, by a small interpreter of its instructions: also for machines that no test runs on."""

from __future__ import annotations

import struct

import pytest

from synth.sandbox import seccomp

EPERM, ENOSYS, NO_FAMILY = (0x00050000 | number for number in (1, 38, 97))
ALLOW, KILL = 0x7FFF0000, 0x80000000


def decide(machine: str, number: int, *arguments: int, arch: int | None = None) -> int:
    """What the filter answers to one call."""
    audit = seccomp.ARCHES[machine][1] if arch is None else arch
    data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, audit, 0, *(*arguments, *[0] * (6 - len(arguments))))
    instructions = list(struct.iter_unpack("<HBBI", seccomp.program(machine)))
    value = at = 0
    while True:
        code, yes, no, operand = instructions[at]
        at += 1
        if code == 0x20:
            value = struct.unpack_from("<I", data, operand)[0]
        elif code == 0x54:
            value &= operand
        elif code == 0x06:
            return int(operand)
        else:
            hit = {0x15: value == operand, 0x25: value > operand, 0x35: value >= operand}[code]
            at += yes if hit else no


@pytest.fixture(params=sorted(seccomp.ARCHES))
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_exactly_the_listed_calls_pass(machine: str) -> None:
    known = seccomp.numbers(machine)
    judged = {rule.name for rule in seccomp.BY_ARGUMENT}
    plain = {number for name, number in known.items() if name not in judged}
    assert len(plain) > 200
    for number in range(600):
        if number in plain:
            assert decide(machine, number, 2**64 - 1) == ALLOW, number
        elif number not in known.values():
            assert decide(machine, number) in (EPERM, ENOSYS), number


def test_dangerous_calls_are_not_listed(machine: str) -> None:
    known = seccomp.numbers(machine)
    dangerous = """
        mount umount2 pivot_root chroot unshare setns ptrace process_vm_readv process_vm_writev bpf io_uring_setup
        userfaultfd perf_event_open keyctl add_key request_key shmget semget msgget mq_open init_module finit_module
        kexec_load reboot swapon settimeofday clock_settime sethostname syslog open_by_handle_at move_pages mbind
        clone3 pidfd_getfd kcmp acct quotactl nfsservctl setpriority ioprio_set fsopen fsmount move_mount open_tree
    """
    for name in dangerous.split():
        assert name not in known, name


def test_another_instruction_set_is_killed(machine: str) -> None:
    assert decide(machine, seccomp.numbers(machine)["read"], arch=0x40000003) == KILL


def test_the_x32_calls_are_killed() -> None:
    assert decide("x86_64", 0x40000000 | seccomp.numbers("x86_64")["read"]) == KILL
    assert decide("x86_64", -1) == KILL


def test_only_local_sockets(machine: str) -> None:
    for name in ("socket", "socketpair"):
        number = seccomp.numbers(machine)[name]
        assert decide(machine, number, 1) == ALLOW
        for family in (2, 10, 16, 17, 40, (1 << 32) | 40):
            assert decide(machine, number, family) == NO_FAMILY


def test_clone_without_namespaces_only(machine: str) -> None:
    number = seccomp.numbers(machine)["clone"]
    assert decide(machine, number, 17) == ALLOW
    assert decide(machine, number, 0x003D0F00) == ALLOW  # a thread of glibc
    for flag in (0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert decide(machine, number, flag | 17) == EPERM, hex(flag)
    assert decide(machine, seccomp.CLONE3) == ENOSYS


def test_no_typing_into_terminals(machine: str) -> None:
    number = seccomp.numbers(machine)["ioctl"]
    assert decide(machine, number, 0, 0x5401) == ALLOW
    for request in (0x5412, 0x541C, 0x100005412, 0xFFFFFFFF0000541C):
        assert decide(machine, number, 0, request) == EPERM


def test_limits_and_scheduling_of_the_caller_only(machine: str) -> None:
    for name in ("prlimit64", "sched_setaffinity", "sched_setscheduler"):
        assert decide(machine, seccomp.numbers(machine)[name], 0) == ALLOW
        assert decide(machine, seccomp.numbers(machine)[name], 1) == EPERM


def test_calls_newer_than_the_table_look_as_if_there_were_none(machine: str) -> None:
    assert decide(machine, 10_000) == ENOSYS
