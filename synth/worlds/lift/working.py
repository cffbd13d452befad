"""Rows that stand for work: the field that tells how far it is, and the events by which the clock moves it on."""

from __future__ import annotations

from typing import Any

from synth.worlds.lift.table import Table

_BEGUN = ("queued", "pending", "scheduled", "created")
_RUNNING = ("running", "in_progress", "processing", "started", "active")
_DONE = ("done", "completed", "complete", "success", "succeeded", "successful", "finished", "ready", "passed")
Stages = tuple[str, str, str]


def begin_work(tool: dict[str, Any], own: Table, style: str) -> None:
    """A job's row begins queued; the clock, not a caller, moves it on."""
    if own.job is None:
        own.job = _told(own) or own.add(_free(own), _spec(), style)
        spec = own.spec(own.job)
        assert spec is not None
        spec["set_by"] = "system"
        spec.pop("null", None)
        ends: dict[str, Any] = {"type": "time", "null": 0.3, "within": ["-20d", "-1h"], "set_by": "system"}
        own.ends = own.add(("finished", "at"), ends, style)
        last = own.spec(own.ends) or {}
        if last.get("type") == "time":
            last.update(set_by="system", null=last.get("null") or 0.3)
        else:
            own.ends = None
    tool["init"] = {own.job: f"'{stages(own)[0]}'", **({own.ends: "null"} if own.ends else {})}
    tool["shows"] = [own.key, own.job]


def events(t: Table) -> list[dict[str, Any]]:
    """Work that was asked for runs after a call and is done some calls later."""
    if t.job is None:
        return []
    begun, running, done = stages(t)
    at = f"it['{t.job}']"
    ends = {t.ends: "now"} if t.ends else {}
    return [
        {"of": t.name, "when": f"{at} == '{begun}'", "after": 1, "to": {t.job: f"'{running}'"}},
        {"of": t.name, "when": f"{at} == '{running}'", "after": 2, "to": {t.job: f"'{done}'", **ends}},
    ]


def stages(t: Table) -> Stages:
    """The members of the job's state that mean begun, running and done."""
    spec = t.spec(str(t.job)) or {}
    found = [next((m for m in spec.get("of", ()) if m.lower() in words), "") for words in (_BEGUN, _RUNNING, _DONE)]
    return found[0], found[1], found[2]


def _told(own: Table) -> str | None:
    """A state that rows have already, with all three stages, which no tool sets."""
    written = {"_".join(b.field or b.arg.words) for r in own.readings for b in r.roles if b.role == "field"}
    for word in ("status", "state"):
        name = own.column((word,))
        spec = own.spec(name) if name else None
        if name is None or spec is None or spec["type"] != "enum" or own.lifecycle is not None or word in written:
            continue
        have = {m.lower() for m in spec["of"]}
        if have & set(_BEGUN) and have & set(_RUNNING) and have & set(_DONE):
            return name
    return None


def _free(own: Table) -> tuple[str, ...]:
    return ("status",) if own.lifecycle is None and own.column(("status",)) is None else ("progress",)


def _spec() -> dict[str, Any]:
    return {"type": "enum", "of": ["queued", "running", "done"], "weights": [1, 1, 4]}
