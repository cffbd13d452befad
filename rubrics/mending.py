"""Checks of what was done about faults: nothing carried out twice, nothing called out of service untried."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from rubrics.evidence import Evidence, Missing
from rubrics.normal import leaves
from rubrics.outcome import Finding


def recovered(ev: Evidence, tool: str) -> Finding:
    """After `tool` failed, or gave a result that is not the whole truth, a later call succeeded. Where it never failed
    there is nothing to tell by."""
    failed = next((i for i, c in enumerate(ev.calls) if c["name"] == tool and fell_short(c)), None)
    if failed is None:
        raise Missing(f"{tool} never failed")
    what = f"{ev.calls[failed]['id']} failed ({ev.calls[failed]['error'] or ev.calls[failed].get('fault')})"
    again = next((c for c in ev.calls[failed + 1 :] if not fell_short(c)), None)
    if again is None:
        return False, 0.0, f"{what} and nothing succeeded after it"
    return True, 1.0, f"{what}, {again['id']} succeeded"


def fell_short(call: dict[str, Any]) -> bool:
    """Whether a call failed, or its result was cut, withheld or old."""
    return not call["ok"] or (bool(call.get("fault")) and call.get("recover") == "retry")


def carried_out(call: dict[str, Any]) -> bool:
    """Whether a call had its effect, told or not."""
    return bool(call.get("ok")) or call.get("fault") == "lost_answer"


def tried(ev: Evidence, tool: str) -> Finding:
    """`tool` was called: what nobody tried cannot be said to be out of service."""
    made = next((c for c in ev.calls if c["name"] == tool), None)
    if made is None:
        return False, 0.0, f"{tool} was never called"
    return True, 1.0, f"{made['id']}: {made['error'] or 'ok'}"


def no_repeated_effect(ev: Evidence) -> Finding:
    """No write that was carried out, told or not, is sent once more, unless the plan sends it as often, or another
    write with the same row came between (on, off, on)."""
    planned = Counter((s["tool"], _canonical(s["arguments"])) for s in ev.get("plan", {}).get("steps") or ())
    done: dict[tuple[str, str], int] = {}
    sent: Counter[tuple[str, str]] = Counter()
    for i, call in enumerate(ev.calls):
        if call["effect"] != "write":
            continue
        what = (call["name"], _canonical(call["arguments"]))
        if what in done and sent[what] >= planned[what] and not _between(ev.calls[done[what] + 1 : i], call):
            return False, 0.0, f"{call['id']} repeats {ev.calls[done[what]]['id']}, which had been carried out"
        if carried_out(call):
            done[what] = i
            sent[what] += 1
    return True, 1.0, f"{sum(sent.values())} writes carried out, none sent again"


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _between(calls: list[dict[str, Any]], call: dict[str, Any]) -> bool:
    mine = _named(call)
    return any(
        carried_out(c) and c["effect"] == "write" and mine & _named(c)
        and (c["name"], c["arguments"]) != (call["name"], call["arguments"])
        for c in calls
    )  # fmt: skip


def _named(call: dict[str, Any]) -> set[str]:
    """The values by which a call may name a row."""
    return {str(v) for _, v in leaves(call["arguments"]) if not isinstance(v, bool) and len(str(v)) > 2}
