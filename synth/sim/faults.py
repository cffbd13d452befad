"""Injected faults: what goes wrong between an assistant and its tools, which calls it strikes, and what the call's
record says of it.

    blocked   unavailable, rate_limit, timeout: an error, nothing was carried out
    in doubt  lost_request, lost_answer: no answer came; nothing was carried out, or all of it. A read shows which
    shaped    partial, empty, stale, renamed: the read ran; its result is cut, withheld, old, or has other field names

Every shaped result but a renamed one carries a sign (`notice`), so that a careful reader knows. Planned faults come
with the task (`recover`). Besides, `fault_rate` is the share of calls struck at random, drawn from the episode's own
stream: the call after a fault that a retry mends goes through, and the others are struck a little more often in
return, so that the share over all calls is the rate.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, get_args

from synth.taskspec import FaultKind, FaultSpec, Recover

Shape = Literal["write", "list", "read"]  # of a call: what could go wrong with it
DOUBTFUL: frozenset[str] = frozenset({"lost_request", "lost_answer"})
SHAPED: frozenset[str] = frozenset({"partial", "empty", "stale", "renamed"})
FAULTS: tuple[str, ...] = get_args(FaultKind)
_BLOCKED: tuple[FaultKind, ...] = ("unavailable", "rate_limit", "timeout")
AT_RANDOM: dict[Shape, tuple[FaultKind, ...]] = {
    "write": _BLOCKED,
    "read": (*_BLOCKED, "stale", "renamed"),
    "list": (*_BLOCKED, "partial", "empty", "stale", "renamed"),
}
NOTICE = "notice"  # the name under which a shaped result carries its sign


class Fault(NamedTuple):
    """`code`, `status`, `message`: the error that is shown; of a shaped kind `message` is the notice."""

    kind: FaultKind
    code: str
    status: int
    message: str
    recover: Recover


_WORDS: dict[str, tuple[str, int, str]] = {
    "unavailable": ("service_unavailable", 503, "The service is temporarily unavailable, please try again"),
    "rate_limit": ("rate_limited", 429, "Too many requests, please retry in a moment"),
    "timeout": ("timeout", 504, "The request timed out and was not carried out, it can be sent again"),
    "lost_request": ("no_answer", 504, "No answer arrived in time. It is not known whether this was carried out"),
    "lost_answer": ("no_answer", 504, "No answer arrived in time. It is not known whether this was carried out"),
    "partial": ("", 200, "Incomplete: only a part of the entries could be loaded. Please retry for all of them"),
    "empty": ("", 200, "The page could not be loaded and is left empty. Please retry"),
    "stale": ("", 200, "This is an older copy that may be out of date. Please retry for the present data"),
    "renamed": ("", 200, ""),
}
_LASTING: dict[str, tuple[str, int, str]] = {
    "unavailable": ("service_unavailable", 503, "This function is out of service until further notice"),
    "rate_limit": ("quota_exceeded", 429, "The quota of this function is used up for today"),
    "timeout": ("timeout", 504, "The backend of this function does not respond, nothing was carried out"),
}


def fault(kind: FaultKind, recover: Recover | None = None) -> Fault:
    """The fault of a kind. `recover` None: what usually mends it."""
    usual: Recover = "look" if kind in DOUBTFUL else "visible" if kind == "renamed" else "retry"
    mend = recover or usual
    words = _LASTING if mend in ("other_way", "none") and kind in _LASTING else _WORDS
    return Fault(kind, *words[kind], mend)


def notice_of(result: Any) -> str | None:
    """The sign of a result that is not the whole truth, None where there is none."""
    said = result.get(NOTICE) if isinstance(result, dict) else None
    return said if any(said == words[2] for kind, words in _WORDS.items() if kind in SHAPED) else None


def shaped(kind: str, value: Any) -> Any:
    """What a read shows of `value` under a shaped fault; of a stale one `value` is the old result already."""
    if kind == "renamed":
        return _renamed(value)
    out = value if isinstance(value, dict) else {"items": value}
    if kind in ("partial", "empty"):
        out = {k: v[: len(v) // 2 if kind == "partial" else 0] if isinstance(v, list) else v for k, v in out.items()}
    return {**out, NOTICE: _WORDS[kind][2]}


def _renamed(value: Any) -> Any:
    """Field names in another style: `due_date` as `DueDate`, `DueDate` as `due_date`."""
    if isinstance(value, list):
        return [_renamed(v) for v in value]
    if not isinstance(value, dict):
        return value
    out = {restyled(k): _renamed(v) for k, v in value.items()}
    return out if len(out) == len(value) else {k: _renamed(v) for k, v in value.items()}


def restyled(name: str) -> str:
    if name[:1].isupper():
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).strip("_")
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


class FaultPlan:
    """Says for each call of an episode whether it is struck. Calls are counted per offered tool."""

    def __init__(self, specs: Sequence[FaultSpec], rate: float, rng: random.Random) -> None:
        self._specs, self._rate, self._rng = list(specs), rate, rng
        self._seen: Counter[str] = Counter()
        self._spared: set[str] = set()  # tools whose next call goes through

    def next(self, tool: str, shape: Shape) -> Fault | None:
        """The fault that strikes this call of `tool`, None where it goes through."""
        nth = self._seen[tool]
        self._seen[tool] += 1
        for spec in self._specs:
            if spec.tool == tool and spec.nth <= nth < spec.nth + spec.times:
                return fault(spec.kind, spec.recover)
        # always drawn: the stream depends on the call's number alone
        drawn, found = self._rng.random(), fault(self._rng.choice(AT_RANDOM[shape]))
        if self._specs or self._rate <= 0:
            return None
        if tool in self._spared:
            self._spared.discard(tool)
            return None
        again = found.recover == "retry"
        if drawn >= (self._rate / (1 - self._rate) if again and self._rate < 1 else self._rate):
            return None
        if again:
            self._spared.add(tool)
        return found
