"""Checks of what was done about faults: nothing carried out twice, nothing called out of service untried."""

from __future__ import annotations

import json
from typing import Any

from rubrics.evidence import Evidence, Missing
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
    """No write that was carried out although its answer was lost is sent again with success."""
    done: dict[tuple[str, str], str] = {}
    for call in ev.calls:
        if call["effect"] != "write":
            continue
        what = (call["name"], json.dumps(call["arguments"], sort_keys=True))
        if call["ok"] and what in done:
            return False, 0.0, f"{call['id']} repeats {done[what]}, which had been carried out"
        if call.get("fault") == "lost_answer":
            done[what] = call["id"]
    return True, 1.0, "nothing was repeated" if not done else f"{', '.join(done.values())} was not repeated"
