"""Questions: nobody is asked for what they have said already."""

from __future__ import annotations

import re
from typing import Any

from rubrics.claims import SENTENCE
from rubrics.evidence import Evidence, quote
from rubrics.normal import Text, mentions, phrase, squash
from rubrics.outcome import Finding

_STEM = re.compile(r"(?:ies|es|s|ing|ed)$")
_REQUEST = re.compile(
    r"\b(?:please|could you|can you|would you|i need you to|kindly)\b.{0,20}\b(?:tell|give|provide|share|specify|say)\b"
    r"|\blet me know (?:which|what|who|when|where|the|your)\b"
    r"|\bi(?:'ll| will|'d| would)? need (?:to know|your|the)\b"
)
_CONFIRMS = re.compile(
    r"^(?:\w+[,.!] )?(?:so |just to (?:confirm|check|be sure)[,:]? |before i \w+.{0,60}?, )*"
    r"(?:shall|should|do you want|would you like|can i|may i|is (?:that|this|it)"
    r"|are you sure|did you mean|do you mean|ready|ok(?:ay)? to|correct|right"
    r"|want me to|you want|you(?:'d| would) like)\b"
)


def asks_once(ev: Evidence) -> Finding:
    """No question asks for a fact that the user had told, unless it names the value (to confirm it), asks for another
    fact as well, or the plan needs it asked."""
    facts = ev.need("user", "facts")
    planned = {f for a in ev.get("plan", {}).get("asks") or () for f in a["facts"]}
    asked = 0
    for i in ev.said():
        if ev.messages[i].get("tool_calls") or ("?" not in ev.texts[i].raw and not _REQUEST.search(ev.texts[i].norm)):
            continue
        heard = [ev.texts[j] for j in ev.indexes("user") if j < i]
        turn = sum(any(phrase(t) in h.norm for h in heard) for t in ev.need("user", "turns")) - 1
        now = [f for f in facts if f["told"] is None or f["told"] <= turn]
        for raw in SENTENCE.split(ev.texts[i].raw):
            if not _is_question(raw):
                continue
            asked += 1
            again = _told_already(raw, now, heard, planned, ev.texts[i])
            if again is not None:
                return False, 0.0, f"message {i} asks {quote(raw)}, but the user had said {again['value']!r}"
    return True, 1.0, f"{asked} questions, none for what was said"


def _is_question(raw: str) -> bool:
    norm = squash(raw)
    return (raw.rstrip(" \"')*").endswith("?") and not _CONFIRMS.match(norm)) or bool(_REQUEST.search(norm))


def _told_already(
    raw: str, facts: list[dict[str, Any]], heard: list[Text], planned: set[str], whole: Text
) -> dict[str, Any] | None:
    words = _stems(raw)
    hits = [(f, best) for f in facts if (best := _best(f, words))]
    close = [f for f, best in hits if not any(best < other for _, other in hits)]
    told = [f for f in close if any(_said(f, t) for t in heard)]
    if not told or len(told) < len(close):
        return None
    if any(f["id"] in planned and sum(_said(f, t) for t in heard) < 2 and not _asked_fact(f, heard) for f in told):
        return None
    return None if any(mentions(f["value"], whole) for f in told if f["value"] is not None) else told[0]


def _asked_fact(fact: dict[str, Any], heard: list[Text]) -> bool:
    """Whether the user has given the fact by itself, as the answer to a question."""
    say = phrase(fact["say"])
    return any(say in t.norm for t in heard)


def _said(fact: dict[str, Any], text: Text) -> bool:
    if isinstance(fact["value"], bool) or fact["value"] is None:
        return phrase(fact["say"]) in text.norm
    return mentions(fact["value"], text)


def _best(fact: dict[str, Any], words: frozenset[str]) -> frozenset[str]:
    found = [p for about in fact["about"] if (p := _stems(about)) and p <= words]
    return max(found, key=len, default=frozenset())


def _stems(text: str) -> frozenset[str]:
    return frozenset(_STEM.sub("", w) if len(w) > 3 else w for w in re.findall(r"[^\W_]+", squash(text)))
