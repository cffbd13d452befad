"""The containers' system call filter says the same as the local engine's."""

from __future__ import annotations

import json
import random

import pytest

from synth.sandbox.docker_seccomp import profile
from synth.sandbox.seccomp import BY_ARGUMENT, ByArgument


def rules_of(name: str) -> list[dict[str, object]]:
    return [rule for rule in json.loads(profile())["syscalls"] if name in rule["names"]]


def answer(rule: ByArgument, argument: int) -> object:
    """What the profile does with a call: the action of the one rule that matches, or the default."""
    hits = [
        one
        for one in rules_of(rule.name)
        for compared in one["args"]  # type: ignore[attr-defined]
        if argument & compared["value"] == compared["valueTwo"]
    ]
    assert len(hits) <= 1, "two rules for one call: which of them holds is the engine's choice"
    return (hits[0]["action"], hits[0].get("errnoRet")) if hits else ("SCMP_ACT_ERRNO", None)


@pytest.mark.parametrize("rule", BY_ARGUMENT, ids=lambda rule: rule.name)
def test_calls_that_depend_on_an_argument(rule: ByArgument) -> None:
    near = [value ^ 1 << bit for value in rule.values for bit in range(32)]
    high = [value | 1 << 32 for value in rule.values]  # the kernel reads the low half only
    drawn = random.Random(7)
    for argument in [*rule.values, *near, *high, *(drawn.getrandbits(32) for _ in range(500))]:
        allowed = ((argument & rule.mask) in rule.values) == rule.allow_listed
        refusal = ("SCMP_ACT_ERRNO", rule.errno if rule.errno != 1 else None)
        assert answer(rule, argument) == (("SCMP_ACT_ALLOW", None) if allowed else refusal), hex(argument)


@pytest.mark.parametrize("name", ["ptrace", "io_uring_setup", "unshare", "setns", "mount", "bpf", "keyctl", "add_key"])
def test_what_is_not_named_is_refused(name: str) -> None:
    assert json.loads(profile())["defaultAction"] == "SCMP_ACT_ERRNO"
    assert rules_of(name) == []


def test_clone3_is_missing_so_that_libc_takes_clone() -> None:
    assert [(rule["action"], rule["errnoRet"]) for rule in rules_of("clone3")] == [("SCMP_ACT_ERRNO", 38)]
