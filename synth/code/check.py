"""Judges the tree that an assistant left: hidden tests, run in a fresh sandbox, compared outside it."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from synth.code import harness
from synth.code.task import Hidden, Probe, built
from synth.errors import TaskFailure
from synth.records import canonical, make_id
from synth.sandbox import Engine, Limits, Sandbox, SandboxError

BOUNDARY = "code.check"
LIMITS = Limits(seconds=90.0)  # wall time of all probes: far more than they need
PROBE_SECONDS = 2.0  # of CPU


class Missed(BaseModel):
    """One hidden test that did not pass. `reason` tells what came, never what was expected."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    reason: str


class Check(BaseModel):
    """How the hidden tests went. `tampered`: visible test files that were changed or removed (put back before the
    check); it is no failure by itself, since the hidden tests decide."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    passed: bool
    score: float
    total: int
    ok: int
    tampered: list[str]
    failures: list[Missed]


@functools.cache
def harness_source() -> str:
    return Path(harness.__file__).read_text(encoding="utf-8")


def asked(probes: Sequence[str], mark: str, seconds: float = PROBE_SECONDS, *, patient: bool = True) -> bytes:
    """The harness's input; `seconds` of CPU for each probe. `patient`: go on behind one that took longer."""
    return json.dumps({"mark": mark, "probes": list(probes), "seconds": seconds, "patient": patient}).encode()


def answers(stdout: bytes, mark: str, count: int) -> list[Any]:
    """What each probe gave, `["!nothing"]` where it gave nothing. A second answer to a probe is not heard."""
    found: dict[int, Any] = {}
    for line in stdout.decode(errors="replace").split("\n"):
        _, here, text = line.partition(mark)
        if not here:
            continue
        try:
            one = json.loads(text)
        except ValueError:
            continue
        if isinstance(one, dict) and isinstance(one.get("i"), int):
            found.setdefault(one["i"], one.get("got"))
    return [found.get(number, ["!nothing"]) for number in range(count)]


def check(hidden: Hidden, files: Mapping[str, bytes], engine: Engine) -> Check:
    """Run the hidden tests on a tree. Raises TaskFailure("infra") for the sandbox's own faults alone."""
    protected = built(hidden.protected, {})
    tampered = sorted(path for path, data in protected.items() if files.get(path) != data)
    tree = {**files, **protected, **built(hidden.files, hidden.databases)}
    try:
        sandbox = engine.open(LIMITS)
        try:
            got = _run(hidden, tree, sandbox)
        finally:
            sandbox.close()
    except SandboxError as broken:
        raise TaskFailure("infra", BOUNDARY, str(broken)[:400]) from broken
    failures = [missed for probe, one in zip(hidden.probes, got, strict=True) if (missed := _missed(probe, one))]
    total = len(hidden.probes)
    ok = total - len(failures)
    return Check(
        passed=not failures, score=ok / total, total=total, ok=ok, tampered=tampered, failures=failures
    )  # fmt: skip


def score(hidden: Hidden, files: Mapping[str, bytes], engine: Engine) -> float:
    """Fraction of the hidden tests that pass on a tree: a reward."""
    return check(hidden, files, engine).score


def _run(hidden: Hidden, tree: Mapping[str, bytes], sandbox: Sandbox) -> list[Any]:
    mark = make_id("probe", *(probe.code for probe in hidden.probes)) + ":"
    sandbox.put(dict(tree))
    ran = sandbox.python(harness_source(), stdin=asked([probe.code for probe in hidden.probes], mark))
    if ran.outcome == "crashed":
        raise SandboxError(ran.detail or "the sandbox crashed")
    return answers(ran.stdout, mark, len(hidden.probes))


def _missed(probe: Probe, got: Any) -> Missed | None:
    if canonical(got) == canonical(probe.expect):
        return None
    return Missed(name=probe.name, reason=_told(got))


def _told(got: Any) -> str:
    if got == ["!nothing"]:
        return "no answer: the run ended before"
    if isinstance(got, list) and len(got) == 2 and got[0] == "!raises":
        return f"raised {got[1]}"
    return f"gave {canonical(got)[:200]}"
