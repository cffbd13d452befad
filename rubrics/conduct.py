"""Checks of how a trajectory went about it: grounded arguments, questions asked, order, economy, recovery."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from rubrics.evidence import Evidence, Missing, quote
from rubrics.normal import Text, leaves, mentions, same, squash
from rubrics.outcome import Finding

# Choices of the caller that say nothing about the world.
_FREE_ROLES = frozenset(
    {"limit", "offset", "page", "sort", "order", "projection", "confirm", "dry_run", "ignored", "action", "idempotency"}
)
_LONG_TEXT = 4  # words: from here on a payload may be phrased anew, if most of its words have ground
_WORD = re.compile(r"[^\W_]+")


def grounded(ev: Evidence) -> Finding:
    """Each text or number argument that is a key or a payload occurs earlier: in a user message, a tool result or the
    system prompt. Booleans are free, enum members may be phrased, paging and sorting are choices."""
    if not ev.calls:
        return True, 1.0, "no calls"
    params, (free, meant) = ev.get("params", {}), _planned(ev)
    checked, loose = 0, []
    for call in ev.calls:
        at = ev.asked_at.get(call["id"])
        if at is None:
            raise Missing(f"call {call['id']} stands in no message")
        if not isinstance(call["arguments"], dict):
            continue
        for pointer, value in leaves(call["arguments"]):
            info = _param(params.get(call["name"], {}), pointer)
            if value is None or value == "" or isinstance(value, bool) or same(value, info.get("default")):
                continue
            if info.get("role") in _FREE_ROLES and (call["name"], pointer) not in meant and _allowed(value, info):
                continue
            if any(same(value, v) for v in free.get((call["name"], pointer), ())):
                continue
            checked += 1
            if not _has_ground(value, info, _sources(ev, at)):
                loose.append(f"{call['id']} {pointer} = {json.dumps(value, ensure_ascii=False)[:80]}")
    if loose:
        return False, 1 - len(loose) / checked, f"nothing before it says: {'; '.join(loose[:3])}"
    return True, 1.0, f"{checked} arguments, each said or shown before"


def _sources(ev: Evidence, before: int) -> list[Text]:
    """What was said or shown before a message; the assistant's own words are no ground."""
    return [ev.results.get(i) or ev.texts[i] for i in range(before) if ev.messages[i]["role"] != "assistant"]


def _param(params: dict[str, Any], pointer: str) -> dict[str, Any]:
    """The parameter that `pointer` lies in."""
    while pointer:
        if pointer in params:
            found: dict[str, Any] = params[pointer]
            return found
        pointer = pointer.rpartition("/")[0]
    return {}


def _has_ground(value: Any, info: dict[str, Any], sources: list[Text]) -> bool:
    if any(mentions(value, text) for text in sources):
        return True
    if not isinstance(value, str):
        return False
    if value in (info.get("enum") or ()):
        if info.get("role") == "filter":
            return True  # narrowing a read by a member of a closed list claims nothing
        stems = [w[: max(4, len(w) - 3)] for w in squash(value).split() if len(w) > 3]
        return bool(stems) and all(any(re.search(rf"\b{re.escape(s)}", t.norm) for t in sources) for s in stems)
    if info.get("role") == "query":
        words = _WORD.findall(squash(value))
        return bool(words) and all(any(w in t.norm for t in sources) for w in words)
    words = _WORD.findall(squash(value))
    if len(words) < _LONG_TEXT or info.get("role") == "key" or " " not in value.strip():
        return False  # an address or a slug is no phrase: one wrong letter makes it another one
    known = [any(w in t.norm for t in sources) for w in words]
    numbers = [k for w, k in zip(words, known, strict=True) if any(c.isdigit() for c in w)]
    return all(numbers) and sum(known) / len(words) >= 0.6


def _allowed(value: Any, info: dict[str, Any]) -> bool:
    """A free choice is still one among the members, where there is a closed list."""
    return not info.get("enum") or value in info["enum"]


def _planned(ev: Evidence) -> tuple[dict[tuple[str, str], list[Any]], set[tuple[str, str]]]:
    """From the plan, by (tool, pointer): the values that it calls a free choice; and the arguments that it takes from
    somewhere, which are payload whatever role they have."""
    free: dict[tuple[str, str], list[Any]] = {}
    meant: set[tuple[str, str]] = set()
    for step in ev.get("plan", {}).get("steps") or ():
        values = dict(leaves(step["arguments"]))
        for pointer, source in step["sources"].items():
            for at, value in values.items():
                if at == pointer or at.startswith(pointer + "/"):
                    if source["kind"] == "free":
                        free.setdefault((step["tool"], at), []).append(value)
                    else:
                        meant.add((step["tool"], at))
    return free, meant


def asked(ev: Evidence, facts: list[str]) -> Finding:
    """The assistant asked for the facts: each came from the user in answer to a question, and not before."""
    known = {f["id"]: f for f in ev.need("user", "facts")}
    heard, missing = [], []
    for name in facts:
        if name not in known:
            raise Missing(f"the user has no fact {name!r}")
        at = _told_at(ev, known[name])
        question = at is not None and at > 0 and "?" in (ev.messages[at - 1].get("content") or "")
        if question and at is not None and ev.messages[at - 1]["role"] == "assistant":
            heard.append(f"message {at - 1}: {quote(ev.messages[at - 1]['content'])}")
        else:
            missing.append(name)
    score = len(heard) / len(facts) if facts else 1.0
    if missing:
        return False, score, f"never asked for: {', '.join(missing)}"
    return True, score, "; ".join(heard)


def _told_at(ev: Evidence, fact: dict[str, Any]) -> int | None:
    for i in ev.indexes("user"):
        if squash(fact["say"]).rstrip(".!") in ev.texts[i].norm or mentions(fact["value"], ev.texts[i]):
            return i
    return None


def _tool_names(ev: Evidence, which: Any) -> set[str]:
    """A tool name, a plan step's number, or a list of either."""
    if isinstance(which, list):
        return set().union(*(_tool_names(ev, w) for w in which)) if which else set()
    if isinstance(which, int):
        step = next((s for s in ev.need("plan").get("steps") or () if s["id"] == which), None)
        if step is None:
            raise Missing(f"the plan has no step {which}")
        return {step["tool"]}
    return {str(which)}


def order(ev: Evidence, first: Any, then: Any) -> Finding:
    """A successful call of `first` comes before the first successful call of `then`."""
    before, after = _tool_names(ev, first), _tool_names(ev, then)
    a = next((i for i, c in enumerate(ev.calls) if c["ok"] and c["name"] in before), None)
    b = next((i for i, c in enumerate(ev.calls) if c["ok"] and c["name"] in after), None)
    if b is None:
        return False, 0.0, f"{' or '.join(sorted(after))} was never called with success"
    if a is None or a >= b:
        return False, 0.0, f"{ev.calls[b]['id']} came without {' or '.join(sorted(before))} before it"
    return True, 1.0, f"{ev.calls[a]['id']} before {ev.calls[b]['id']}"


def derived(ev: Evidence, step: int) -> Finding:
    """The values that a plan step takes from earlier results were seen in a result and then used."""
    plan_step = next((s for s in ev.need("plan").get("steps") or () if s["id"] == step), None)
    if plan_step is None:
        raise Missing(f"the plan has no step {step}")
    values = dict(leaves(plan_step["arguments"]))
    taken = [p for p, s in plan_step["sources"].items() if s["kind"] == "result"]
    wanted = [v for p, v in values.items() if any(p == t or p.startswith(t + "/") for t in taken)]
    if not wanted:
        raise Missing(f"step {step} takes nothing from a result")
    proof: list[str] = []
    lost: list[Any] = []
    for value in wanted:
        user = next((c for c in ev.calls if c["ok"] and _uses(c, value) and _seen_before(ev, c, value)), None)
        if user is None:
            lost.append(value)
        else:
            proof.append(f"{json.dumps(value, ensure_ascii=False)} used by {user['id']}")
    if lost:
        return False, len(proof) / len(wanted), f"not looked up and used: {json.dumps(lost, ensure_ascii=False)[:120]}"
    return True, 1.0, "; ".join(proof)


def _uses(call: dict[str, Any], value: Any) -> bool:
    return any(same(value, v) for _, v in leaves(call["arguments"]))


def _seen_before(ev: Evidence, call: dict[str, Any], value: Any) -> bool:
    for earlier in ev.calls:
        if earlier["id"] == call["id"]:
            return False
        shown = ev.shown_at.get(earlier["id"])
        if earlier["ok"] and shown is not None and mentions(value, ev.results[shown]):
            return True
    return False


def no_repeat_failures(ev: Evidence, max: int = 2) -> Finding:  # noqa: A002 - the rubric's own word
    """No identical call fails more than `max` times."""
    fails = Counter((c["name"], json.dumps(c["arguments"], sort_keys=True)) for c in ev.calls if not c["ok"])
    (what, most) = fails.most_common(1)[0] if fails else (("", ""), 0)
    if most > max:
        return False, 0.0, f"{what[0]} failed {most} times with the same arguments {what[1][:80]}"
    return True, 1.0, f"at most {most} identical failures"


def economy(ev: Evidence, calls: int) -> Finding:
    """No more than `calls` calls."""
    made = len(ev.calls)
    return made <= calls, 1.0 if made <= calls else calls / made, f"{made} calls, {calls} allowed"


def no_unneeded_write(ev: Evidence) -> Finding:
    """No more successful writes than the plan has."""
    planned = sum(s["effect"] == "write" for s in ev.need("plan").get("steps") or ())
    made = [c["id"] for c in ev.calls if c["ok"] and c["effect"] == "write"]
    if len(made) > planned:
        return False, 0.0, f"{len(made)} successful writes, {planned} needed: {', '.join(made[:6])}"
    return True, 1.0, f"{len(made)} successful writes, {planned} needed"
