"""The system call filter of containers: the same allow-list as the local engine's, as the JSON the engine takes.

Compared with what engines allow by default: sockets are AF_UNIX only (a network namespace does not confine AF_VSOCK),
and there is no io_uring, ptrace or System V IPC.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from synth.sandbox.seccomp import ARCHES, BY_ARGUMENT, ENOSYS, EPERM, ByArgument, numbers

BITS: Final = 32  # the kernel reads the low half of these arguments
NAMES: Final = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}


@cache
def profile() -> str:
    """The profile as one JSON text, for `security_opt=["seccomp=" + profile()]`. Names that a machine does not have
    are passed over by the engine, so one profile serves all."""
    asked = {rule.name for rule in BY_ARGUMENT}
    known = {name for machine in ARCHES for name in numbers(machine)}
    rules: list[dict[str, Any]] = [
        {"names": sorted(known - asked), "action": "SCMP_ACT_ALLOW"},
        # its flags lie in memory, which no filter reads: libc falls back to clone only where clone3 is missing
        {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS},
    ]
    for rule in BY_ARGUMENT:
        rules += _by_argument(rule)
    machines = [{"architecture": NAMES[name], "subArchitectures": []} for name in ARCHES]
    return json.dumps({"defaultAction": "SCMP_ACT_ERRNO", "archMap": machines, "syscalls": rules})


def _by_argument(rule: ByArgument) -> Iterator[dict[str, Any]]:
    """One rule for each value and each group of other values; the engine compares only for equality under a mask."""
    groups = {True: [(value, rule.mask) for value in rule.values], False: list(_others(rule.values, rule.mask))}
    for value, mask in groups[rule.allow_listed]:
        yield _rule(rule, value, mask, {"action": "SCMP_ACT_ALLOW"})
    if rule.errno != EPERM:  # which is the answer by default
        for value, mask in groups[not rule.allow_listed]:
            yield _rule(rule, value, mask, {"action": "SCMP_ACT_ERRNO", "errnoRet": rule.errno})


def _rule(rule: ByArgument, value: int, mask: int, action: dict[str, Any]) -> dict[str, Any]:
    compared = {"index": rule.argument, "value": mask, "valueTwo": value, "op": "SCMP_CMP_MASKED_EQ"}
    return {"names": [rule.name], **action, "args": [compared]}


def _others(values: tuple[int, ...], mask: int, bit: int = BITS - 1, prefix: int = 0) -> Iterator[tuple[int, int]]:
    """(value, mask) of disjoint groups that hold exactly the numbers under `mask` that are not among `values`."""
    while bit >= 0 and not mask >> bit & 1:
        bit -= 1
    if not values:
        yield prefix, mask >> (bit + 1) << (bit + 1) if bit >= 0 else mask
        return
    if bit < 0:
        return
    for one in (0, 1 << bit):
        same = tuple(value for value in values if value & 1 << bit == one)
        yield from _others(same, mask, bit - 1, prefix | one)
