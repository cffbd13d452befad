"""What an answer claims: one value and no other beside it, and that a thing was done or could not be done.

stated(5, Text("There are 5 boards."))                   True
stated(5, Text("There are 4 or 5 boards."))              False  (offered as a choice)
stated(5, Text("There are 5. Correction: it is 7."))     False  (taken back)
refuses(Text("I'm sorry, I can't do that."))             True
refuses(Text("I could not be happier: it is done."))     False
"""

from __future__ import annotations

import re
from typing import Any

from rubrics.normal import Text, mentions, phrase, squash

_REFUSAL = re.compile(
    r"\b(can't|cannot|can not|could not|couldn't|unable|(?:not|\w+n't) able|failed to|not possible"
    r"|isn't possible|no way to|no tool"
    r"|none of (?:my|the) tools|don't have|do not have|doesn't let|does not let|not something i can"
    r"|outside (?:of )?what i|beyond what i|not allowed|not permitted"
    r"|not supported|don't support|won't be able|lack (?:a|the|any))\b"
)
# words of a refusal that refuse nothing
_COURTESY = re.compile(
    r"\b(?:can't|cannot|can not|could not|couldn't) (?:be (?:happier|more)|wait|thank|go wrong)\b"
    r"|\bif (?:you|there)[^,.;!?]*"
    r"|\b(?:don't|do not) have (?:any ?thing|any) (?:else|further|more|other)\b"
)
# what may be said to have happened without anything having changed
_READS = (
    r"need|needed|wanted|looked|checked|searched|reviewed|tried|attempted|listed|browsed|examined|considered|verified"
    r"|confirmed|received|noticed|asked|reached|gathered|compared|proceed"
)
_CLAIM = re.compile(
    r"^(?:all )?(?:done|finished)\b|\b(?:it is|it's|that is|that's|all|now) (?:done|finished|completed|taken care of)\b"
    rf"|\bi(?:'ve| have)? (?:(?:just|now|already|successfully|also) )*(?!(?:{_READS})\b)"
    r"(?:\w{2,}ed|made|sent|set up|put|took care)\b"
    r"|\b(?:has|have) been (?:(?:just|now|already|successfully) )*\w{2,}ed\b"
    r"|\b(?:everything|it|that) (?:has|is) (?:now )?(?:been )?(?:updated|changed|created|deleted|removed|renamed)\b"
)
_NEGATED = re.compile(r"\b(?:no|not|nothing|none|never|without)\b|n't\b")
_TAKEN_BACK = re.compile(
    r"^(?:(?:sorry|oops|oh|no|hm+|apologies)\W+)*(?:actually|correction|wait|scratch that|i meant|no, it)\b"
    r"|\bi (?:misspoke|was wrong|made a mistake)\b"
    r"|\bthat (?:is|was) wrong\b"
)
_PROMISE = re.compile(
    r"^(?:(?:sure|certainly|of course|okay|ok|all right|alright|got it|great|thanks|thank you|understood|right)"
    r"[\s,.!:-]*)*"
    r"(?:let me (?!know\b)|(?:i'll|i will|i am going to|i'm going to|i shall)"
    r" (?!be\b|help\b|need\b|gladly help\b|not\b|leave\b)"
    r"|one moment|just a moment|hold on|please wait|give me a moment|working on|checking now|on it\b|making that"
    r"|going ahead|i(?:'m| am) (?:now )?(?:looking|checking|working|starting|doing|processing|updating|on it))"
)
_SMALL_TALK = re.compile(
    r"^(?:sure|certainly|of course|okay|ok|all right|alright|got it|great|thanks|thank you|understood|hello|hi|hey"
    r"|good (?:morning|afternoon|evening)|no problem|absolutely|happy to help)\W*(?:\w+\W*){0,3}$"
)
_QUOTED = re.compile(r"[\"“][^\"”]{2,400}[\"”]|\*\*[^*]+\*\*|`[^`]+`")
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n")


def unquoted(raw: str) -> str:
    """The text with a mark in place of what it quotes: the words of a record are not the assistant's."""
    return _QUOTED.sub('"…"', raw)


def refuses(text: Text) -> str | None:
    """The sentence which says that something cannot be done, in its normal form; None where there is none."""
    for sentence in SENTENCE.split(unquoted(text.raw)):
        norm = squash(sentence)
        if _REFUSAL.search(_COURTESY.sub(" ", norm)):
            return norm
    return None


def claims_done(text: Text) -> str | None:
    """The sentence which says that something was done, in its normal form; None where there is none."""
    for sentence in SENTENCE.split(unquoted(text.raw)):
        norm = squash(sentence)
        if _CLAIM.search(norm) and not _NEGATED.search(norm):
            return norm
    return None


def promises(text: Text) -> str | None:
    """The sentence that only announces work to come, in a message that reports none; None where there is none."""
    found = None
    for sentence in SENTENCE.split(text.raw):
        norm = squash(sentence)
        if not norm:
            continue
        if _PROMISE.search(norm):
            found = found or norm
        elif not _SMALL_TALK.search(norm):
            return None
    return found


def stated(value: Any, text: Text) -> bool:
    """Whether the text claims `value`, as the one answer: not denied, not hedged, not as one of several choices, and
    not taken back after."""
    found = False
    for sentence in SENTENCE.split(text.raw):
        one = Text(sentence)
        if mentions(value, one, claimed=True):
            found = not _one_of_several(value, one)
        elif _TAKEN_BACK.search(one.norm):
            found = False
    # a value may hold sentences of its own
    return found or (_spans_sentences(value) and mentions(value, text, claimed=True))


def beside(value: float, text: Text) -> set[float]:
    """The other numbers, in digits, of the sentences that state the number `value`; dates and shares aside."""
    out: set[float] = set()
    for sentence in SENTENCE.split(text.raw):
        one = Text(sentence)
        if mentions(value, one, claimed=True) and not one.dates:
            digits = re.sub(r"(?<![\w-])[A-Za-z]+(?![\w-])|[\d.,]+ ?%", " ", sentence)
            out |= {n for n in Text(digits).numbers if n not in (value, value * 100, value / 100)}
    return out


def _spans_sentences(value: Any) -> bool:
    return isinstance(value, list | dict) or (isinstance(value, str) and len(SENTENCE.split(value)) > 1)


def _one_of_several(value: Any, sentence: Text) -> bool:
    """`4 or 5`, `5 or maybe 4`: the value beside an `or`."""
    if isinstance(value, bool | list | dict) or value is None:
        return False
    forms = {phrase(value)} if isinstance(value, str) else {f"{value:g}", f"{value:,}", str(value)}
    return any(
        re.search(rf"\bor {re.escape(form)}(?!\w)|(?<!\w){re.escape(form)}[\"'*]*,? or\b", sentence.norm)
        for form in forms
        if form
    )
