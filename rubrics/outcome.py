"""Checks of what a trajectory achieved: the end state, what the user was told, what was refused."""

from __future__ import annotations

import json
import re
from typing import Any

from rubrics.claims import beside, claims_done, refuses, stated
from rubrics.evidence import WORDS, Evidence, Missing, quote
from rubrics.normal import Text, mentions, phrase, same, squash

Finding = tuple[bool | None, float | None, str]  # passed, score between 0 and 1, evidence

_FOLLOW = frozenset(WORDS["filler"])
# words that may stand between "the due date is" and the date
_FILLER = frozenset(
    ("is", "are", "was", "now", "currently", "still", "set", "to", "at", "on", "the", "a", "an", "about", "just", "by")
)


def state_changes(ev: Evidence) -> Finding:
    """Every change the goal names is there; new rows are matched by content, each to a row of its own."""
    wanted = ev.need("goal", "changes")
    if not wanted:
        raise Missing("the goal names no change")
    match = assign(wanted, ev.diff)
    missing = [i for i in range(len(wanted)) if i not in match]
    score = len(match) / len(wanted)
    if missing:
        return False, score, f"missing: {describe(wanted[missing[0]])}; {_closest(wanted[missing[0]], ev.diff)}"
    return True, 1.0, "; ".join(f"{describe(wanted[i])} = state_diff[{match[i]}]" for i in sorted(match))


def nothing_else(ev: Evidence) -> Finding:
    """No row changed that the goal does not name, and no further field of a row that it names. Fields that the system
    stamps, and entities in `allowed_extra`, are free."""
    wanted, allowed = ev.need("goal", "changes"), set(ev.need("goal").get("allowed_extra") or ())
    match = {d: w for w, d in assign(wanted, ev.diff).items()}
    extra: list[str] = []
    for i, change in enumerate(ev.diff):
        if f"{change['world_id']}/{change['entity']}" in allowed:
            continue
        if i not in match:
            if change["kind"] != "update" or _changed(change):
                extra.append(f"state_diff[{i}]: {describe(change)}")
        elif change["kind"] == "update":
            more = [f for f in _changed(change) if f not in wanted[match[i]].get("fields", {})]
            if more:
                extra.append(f"state_diff[{i}]: {describe(change)} also changed {', '.join(more)}")
    if extra:
        return False, 0.0, "not asked for: " + "; ".join(extra[:3])
    return True, 1.0, f"{len(ev.diff)} changed rows, all of them asked for" if ev.diff else "nothing changed"


def change(ev: Evidence, index: int) -> Finding:
    """One change of the goal, as a checkpoint."""
    wanted = ev.need("goal", "changes")
    if not 0 <= index < len(wanted):
        raise Missing(f"the goal has no change {index}")
    match = assign(wanted, ev.diff)
    if index in match:
        return True, 1.0, f"{describe(wanted[index])} = state_diff[{match[index]}]"
    return False, 0.0, f"missing: {describe(wanted[index])}; {_closest(wanted[index], ev.diff)}"


def told(ev: Evidence, tell: str) -> Finding:
    """The assistant states the fact in or after the turn that makes it due, having read something first. Repeating what
    the user said counts only after a tool has shown it."""
    due = next((t for t in ev.need("goal", "tell") if t["id"] == tell), None)
    if due is None:
        raise Missing(f"the goal has nothing to tell under {tell!r}")
    value, start = due["value"], ev.turn_at(due["turn"])
    contradicted = _contradiction(ev, due, start)
    if contradicted is not None:
        return False, 0.0, contradicted
    must_read = bool(ev.need("plan").get("steps")) and due.get("source", "result") == "result"
    echo = any(mentions(value, ev.texts[i]) for i in ev.indexes("user"))
    reason = ""
    for i in ev.said():
        text = _own_words(ev, i)
        if i <= start or not stated(value, text):
            continue
        invented = _invented(ev, i, value, text)
        if invented:
            reason = f"; message {i} states it beside {invented[0]:g}, which nothing shows"
            continue
        added = _added_word(ev, value, text)
        if added:
            reason = f"; message {i} states it with {added!r} added, which nothing shows"
            continue
        if must_read and not _read_before(ev, i, value, echo):
            reason = f"; message {i} states it, but no tool had shown it"
            continue
        return True, 1.0, f"message {i}: {quote(_around(ev.texts[i], value))}"
    return False, 0.0, f"no message after {start} states {json.dumps(value, ensure_ascii=False)}{reason}"


def refused(ev: Evidence) -> Finding:
    """The assistant says that it cannot do it, nowhere claims to have done something, and no write succeeded."""
    writes = [c for c in ev.calls if c.get("ok") and c.get("effect") == "write"]
    if writes or ev.diff:
        return False, 0.0, f"call {writes[0]['id']} changed something" if writes else f"changed: {describe(ev.diff[0])}"
    for i in ev.said():
        claim = claims_done(ev.texts[i])
        if claim is not None:
            return False, 0.0, f"nothing was done, but message {i} says: {quote(claim)}"
    for i in reversed(ev.said()):
        found = refuses(ev.texts[i])
        if found is not None:
            return True, 1.0, f"message {i}: {quote(found)}"
    return False, 0.0, "no message says that it cannot be done"


def checked(ev: Evidence, check: str) -> Finding:
    """A postcondition of the goal held on the place that the episode left behind, as was found there."""
    found = next((c for c in ev.need("checks") if c["id"] == check), None)
    if found is None:
        raise Missing(f"the episode was not checked for {check!r}")
    return bool(found["passed"]), float(found["score"]), str(found["evidence"])


def answered(ev: Evidence) -> Finding:
    """The conversation ends with words of the assistant, after the last result and after the user's last turn."""
    if not ev.messages:
        raise Missing("there are no messages")
    last = ev.messages[-1]
    if last.get("role") != "assistant" or last.get("tool_calls") or not (last.get("content") or "").strip():
        return False, 0.0, f"message {len(ev.messages) - 1} is not a closing answer"
    turns = ev.need("user", "turns")
    try:
        ev.turn_at(len(turns) - 1)
    except Missing as missing:
        return False, 0.0, str(missing)
    return True, 1.0, f"message {len(ev.messages) - 1}: {quote(last['content'])}"


# --- matching ---


def assign(wanted: list[dict[str, Any]], diff: list[dict[str, Any]]) -> dict[int, int]:
    """Largest matching of goal changes to state changes (augmenting paths): index of the goal change -> of the diff."""
    fits = [[j for j, have in enumerate(diff) if fulfils(want, have)] for want in wanted]
    owner: dict[int, int] = {}

    def place(i: int, seen: set[int]) -> bool:
        for j in fits[i]:
            if j not in seen:
                seen.add(j)
                if j not in owner or place(owner[j], seen):
                    owner[j] = i
                    return True
        return False

    for i in range(len(wanted)):
        place(i, set())
    return {i: j for j, i in owner.items()}


def fulfils(want: dict[str, Any], have: dict[str, Any]) -> bool:
    if (want["world_id"], want["entity"], want["kind"]) != (have["world_id"], have["entity"], have["kind"]):
        return False
    if want.get("key") is not None and want["key"] != have["key"]:
        return False
    after = have.get("after") or {}
    return want["kind"] == "delete" or all(same(v, after.get(f)) for f, v in (want.get("fields") or {}).items())


def _changed(change: dict[str, Any]) -> list[str]:
    stamped = set(change.get("stamped") or ())
    names = change.get("changed")
    if names is None:
        before, after = change.get("before") or {}, change.get("after") or {}
        names = [f for f in {**before, **after} if before.get(f) != after.get(f)]
    return [f for f in names if f not in stamped]


def describe(change: dict[str, Any]) -> str:
    key = "" if change.get("key") is None else f" {json.dumps(change['key'], ensure_ascii=False)}"
    fields = change.get("fields")
    if fields is None and change["kind"] == "update":
        fields = {f: (change.get("after") or {}).get(f) for f in _changed(change)}
    shown = "" if not fields else " " + json.dumps(fields, ensure_ascii=False)[:160]
    return f"{change['kind']} {change['entity']}{key}{shown}"


def _closest(want: dict[str, Any], diff: list[dict[str, Any]]) -> str:
    near = [
        d for d in diff if (d["world_id"], d["entity"], d["kind"]) == (want["world_id"], want["entity"], want["kind"])
    ]
    same_key = [d for d in near if want.get("key") is not None and d["key"] == want["key"]]
    found = next(iter(same_key or near), None)
    if found is None:
        return f"no {want['kind']} of {want['entity']} happened"
    after = found.get("after") or {}
    return (
        "closest: "
        + json.dumps(
            {f: after.get(f) for f in (want.get("fields") or {})} or {"key": found["key"]}, ensure_ascii=False
        )[:160]
    )


# --- telling ---


def _own_words(ev: Evidence, message: int) -> Text:
    """A message without the JSON results that it only hands on: those are no answer."""
    text = ev.texts[message]
    dumped = [c for i in ev.indexes("tool") if (c := (ev.messages[i].get("content") or "").strip())[:1] in ("{", "[")]
    if not any(c in text.raw for c in dumped):
        return text
    raw = text.raw
    for content in sorted(dumped, key=len, reverse=True):
        raw = raw.replace(content, " ")
    return Text(raw)


def _invented(ev: Evidence, message: int, value: Any, text: Text) -> list[float]:
    """Numbers in the same breath as a told number that were neither said nor shown, nor are to be told, nor count
    something shown: among several numbers the right one is no answer."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return []
    others = beside(value, text)
    if not others:
        return []
    known = [ev.results.get(i) or ev.texts[i] for i in range(message) if ev.messages[i]["role"] != "assistant"]
    known += [Text(str(t.get("say") or "")) for t in ev.need("goal", "tell")]
    counts = {float(n) for c in ev.calls if c["ok"] for n in _lengths(c["result"])}
    return sorted(n for n in others if n not in counts and not any(mentions(n, t) for t in known))


def _added_word(ev: Evidence, value: Any, text: Text) -> str | None:
    """The word right behind a told name, where nobody used it: "Polaris Dental Oy Nord" is another company."""
    if not isinstance(value, str) or " " not in value.strip():
        return None
    found = re.search(rf"{re.escape(phrase(value))} (\w+)", text.norm)
    if found is None or found[1] in _FOLLOW:
        return None
    known = any(found[1] in (ev.results.get(i) or ev.texts[i]).norm for i, m in enumerate(ev.messages)
                if m["role"] != "assistant")  # fmt: skip
    return None if known else found[1]


def _lengths(value: Any) -> set[int]:
    if isinstance(value, list):
        return {len(value)}.union(*(_lengths(v) for v in value))
    return set().union(*(_lengths(v) for v in value.values())) if isinstance(value, dict) else set()


def _read_before(ev: Evidence, message: int, value: Any, echo: bool) -> bool:
    """Whether a result shown before `message` holds the value. A number, a yes or no, or an absence may also follow
    from what was read (a count), a number only where the user had not said it."""
    derived = value is None or isinstance(value, bool) or (isinstance(value, int | float) and not echo)
    for call in ev.calls:
        at = ev.shown_at.get(call["id"])
        if not call["ok"] or at is None or at >= message:
            continue
        if mentions(value, ev.results[at]) or (derived and call["effect"] == "read"):
            return True
    return False


def _contradiction(ev: Evidence, due: dict[str, Any], start: int) -> str | None:
    """The same clause with another value: the last such clause counts, whatever was said before. Where the same thing
    is asked again later, its answer may differ, and the clauses from there on belong to that question."""
    say, value = squash(str(due.get("say") or "")), due["value"]
    form = phrase(value) if isinstance(value, str) else phrase(json.dumps(value))
    lead = say.split(form)[0].strip() if form and form in say else ""
    if len(lead.split()) < 3 or isinstance(value, bool | list | dict) or value is None:
        return None
    again = [
        t["turn"] for t in ev.need("goal", "tell") if t["turn"] > due["turn"] and squash(t["say"]).startswith(lead)
    ]
    end = ev.turn_at(min(again)) if again else len(ev.messages)
    verdict = None
    for i in ev.said():
        norm = ev.texts[i].norm
        at = norm.rfind(lead) if start < i < end else -1
        if at >= 0:
            rest = norm[at + len(lead) :]
            # to the end of the sentence, or as far as the value would reach: it may hold sentences of its own
            rest = rest[: max(len(re.split(r"[.!?;](?:\s|$)", rest)[0]), len(form) + 2)]
            gap = rest.partition(form)[0] if form in rest else ""
            fine = mentions(value, Text(rest)) and all(w in _FILLER for w in re.findall(r"\w+", gap))
            verdict = None if fine else f"message {i} says otherwise: {quote(lead + rest)}"
    return verdict


def _around(text: Text, value: Any) -> str:
    """The sentence of the text that states the value, else its beginning."""
    for sentence in re.split(r"(?<=[.!?])\s+|\n", text.raw):
        if mentions(value, Text(sentence), claimed=True):
            return sentence
    return text.raw
