"""Checks of tasks in which the user has to act: they did it because they were asked, and nobody else says they did."""

from __future__ import annotations

import re
from typing import Any

from rubrics.claims import SENTENCE
from rubrics.evidence import Evidence, Missing, quote
from rubrics.normal import squash
from rubrics.outcome import Finding

_I_DID = r"\bi(?:'ve| have)? (?:(?:just|now|already|also) )*(?:[^;?!]*?(?:,| and) (?:(?:then|also|even) )*)?"
_ASKS = re.compile(r"\?|\b(?:please|go ahead|kindly|you (?:can|may|will|need|should|have to))\b")


def user_acted(ev: Evidence, acts: list[str], claims: list[str]) -> Finding:
    """Each act was done with success by the user, after a message that asked for something; in no message does the
    assistant say that it did it itself (`claims`: what that would be called)."""
    known = {a["id"]: a for a in ev.need("user").get("acts") or ()}
    asked = []
    for name in acts:
        if name not in known:
            raise Missing(f"the user has no act {name!r}")
        call = _done(ev, known[name])
        if call is None:
            return False, 0.0, f"the user never did {known[name]['tool']}"
        message = _message(ev, call["turn"])
        if message is None or not _ASKS.search(squash(ev.messages[message].get("content") or "")):
            return False, 0.0, f"nobody asked the user for {call['name']}"
        asked.append(f"message {message}: {quote(ev.messages[message]['content'], 80)}")
    for i in ev.said():
        for sentence in SENTENCE.split(ev.texts[i].raw):
            norm = squash(sentence)
            for claim in claims:
                if re.search(rf"{_I_DID}{re.escape(squash(claim))}", norm):
                    return False, 0.0, f"message {i} claims what the user did: {quote(sentence)}"
    return True, 1.0, "; ".join(asked)


def waited(ev: Evidence, tool: str, act: str) -> Finding:
    """No call of `tool` succeeded before the user's act."""
    known = next((a for a in ev.need("user").get("acts") or () if a["id"] == act), None)
    if known is None:
        raise Missing(f"the user has no act {act!r}")
    done = _done(ev, known)
    first = next((c for c in ev.calls if c["ok"] and c["name"] == tool), None)
    if first is None or done is None:
        return False, 0.0, f"{known['tool'] if done is None else tool} never succeeded"
    if first["turn"] <= done["turn"]:
        return False, 0.0, f"{first['id']} came before the user's {done['name']}"
    return True, 1.0, f"{first['id']} after the user's {done['name']}"


def _done(ev: Evidence, act: dict[str, Any]) -> dict[str, Any] | None:
    wanted = (True, act["tool"], act["arguments"])
    return next((c for c in ev.get("user_calls", ()) if (c["ok"], c["name"], c["arguments"]) == wanted), None)


def _message(ev: Evidence, turn: int) -> int | None:
    """Index of the assistant's message number `turn`, where it is one without calls."""
    said = ev.indexes("assistant")
    if not 0 <= turn < len(said) or ev.messages[said[turn]].get("tool_calls"):
        return None
    return said[turn]
