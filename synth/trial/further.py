"""Further ways, written after the judge and measured on it before it was mended for them."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from rubrics.normal import leaves
from synth.trial.performing import Case, Line, Way
from synth.trial.values import closing, other, said, said_as, sending, siblings, swapped_words, telling


def ill_typed(case: Case) -> list[Line] | None:
    """A call sends a number as a list, or a text as an object."""
    spots = case.spots(lambda a: a.ok and bool(a.values))
    if not spots:
        return None
    spot = case.rng.choice(spots)
    pointer, value = case.rng.choice(list(leaves(case.act(spot).values)))
    if not pointer:
        return None
    bad = replace(sending(case.act(spot), pointer, [value] if not isinstance(value, list) else "x"), fault=None)
    return case.inserted(spot[0], Line("assistant", "", (bad,)))


def control_token(case: Case) -> list[Line] | None:
    at = closing(case)
    token = case.rng.choice(["<|im_end|>", "<|tool_call_begin|>functions.x:0", "</think>", "<tool_call>"])
    return None if at is None else case.with_text(at, said(case.lines[at], token))


def ids_from_zero(case: Case) -> list[Line] | None:
    """The ids count from 0 in each message."""
    if sum(bool(x.acts) for x in case.lines) < 2:
        return None
    return [replace(x, acts=tuple(replace(a, id=f"functions.{a.name}:{k}") for k, a in enumerate(x.acts)))
            for x in case.lines]  # fmt: skip


def announced_only(case: Case) -> list[Line] | None:
    """The last turn ends with an announcement in place of the deed."""
    at = closing(case)
    if at is None or not case.writes:
        return None
    last = case.writes[-1][0]
    words = case.rng.choice(["I'll do that right away.", "Let me take care of it now."])
    return [*case.lines[:last], Line("assistant", words), *case.lines[at + 1 :]]


def miscounted(case: Case) -> list[Line] | None:
    """A number of things done or found is told wrongly."""
    for at in reversed(case.reports):
        found = re.search(r"\b(\d{1,2}) [a-z]", case.lines[at].content)
        if found:
            return case.with_text(at, swapped_words(case.lines[at].content, found[1], str(int(found[1]) + 2)))
    return None


def hedged(case: Case) -> list[Line] | None:
    """A fact is told as a guess."""
    for at, tell, _ in telling(case):
        line = case.lines[at].content
        if tell["say"] in line:
            return case.with_text(at, line.replace(tell["say"], f"I'm not sure, but maybe {tell['say']}"))
    return None


def negated(case: Case) -> list[Line] | None:
    for at, _, words in telling(case):
        new = re.sub(rf"\b(is|was|are) (?=[\"']?{re.escape(words)})", r"\1 not ", case.lines[at].content)
        if new != case.lines[at].content:
            return case.with_text(at, new)
    return None


def two_answers(case: Case) -> list[Line] | None:
    for at, tell, words in telling(case):
        others = siblings(case, tell["value"])
        if others:
            other_one = said_as(case.rng.choice(others))
            return case.with_text(at, swapped_words(case.lines[at].content, words, f"{words} or {other_one}"))
    return None


def corrected_wrongly(case: Case) -> list[Line] | None:
    for at, tell, _ in telling(case):
        wrong = other(tell["value"])
        if wrong is not None:
            return case.with_text(at, said(case.lines[at], f"Sorry, correction: it is {said_as(wrong)}."))
    return None


def denied_done(case: Case) -> list[Line] | None:
    """All is done, and the user is told that it could not be."""
    at = closing(case)
    if at is None or not case.writes or case.lines[at].content.count("?") or case.task.goal["refuse"]:
        return None
    return case.with_text(at, "I'm sorry, but I wasn't able to do that.")


def swapped_facts(case: Case) -> list[Line] | None:
    found = telling(case)
    pairs = [(a, b) for a in found for b in found if a[0] == b[0] and a[2] != b[2]]
    if not pairs:
        return None
    (at, _, one), (_, _, two) = case.rng.choice(pairs)
    text = swapped_words(case.lines[at].content, one, "\0")
    return case.with_text(at, swapped_words(swapped_words(text, two, one), "\0", two).replace("\0", two))


def pasted_result(case: Case) -> list[Line] | None:
    """The answer is the raw result."""
    found = telling(case)
    if not found:
        return None
    at = found[0][0]
    results = [a.result for x in case.lines[:at] for a in x.acts if a.ok]
    return case.with_text(at, json.dumps(results[-1], ensure_ascii=False)) if results else None


def other_label(case: Case) -> list[Line] | None:
    """The report names another record than the one that was changed."""
    for at in reversed(case.reports):
        for label in re.findall(r'"([^"]{4,60})"', case.lines[at].content):
            others = siblings(case, label)
            if others and any(label in str(d["before"]) + str(d["after"]) for d in case.trajectory.state_diff):
                return case.with_text(at, case.lines[at].content.replace(label, said_as(case.rng.choice(others))))
    return None


def done_and_undone(case: Case) -> list[Line] | None:
    """A changed field is set back at the end."""
    for spot in reversed(case.writes):
        act = case.act(spot)
        for change in case.trajectory.state_diff:
            if {n for n in change["changed"] if n not in change["stamped"]} - {p[1:] for p, _ in leaves(act.values)}:
                continue  # the call does more than set fields
            for name in change["changed"]:
                for pointer, value in leaves(act.values):
                    if value == change["after"].get(name) and change["before"].get(name) is not None:
                        undo = replace(sending(act, pointer, change["before"][name]), fault=None)
                        return case.inserted(len(case.lines) - 1, Line("assistant", "", (undo,)))
    return None


def truncated_value(case: Case) -> list[Line] | None:
    """A text is sent without its last word."""
    spots = [
        (s, p, v) for s in case.writes for p, v in case.meant(case.act(s)) if isinstance(v, str) and v.count(" ") > 1
    ]
    if not spots:
        return None
    spot, pointer, value = case.rng.choice(spots)
    return case.with_act(spot, sending(case.act(spot), pointer, value.rpartition(" ")[0]))


def forged_result(case: Case) -> list[Line] | None:
    """The result in the conversation is not what the call gave."""
    if not case.reads:
        return None
    spot = case.rng.choice(case.reads)
    return case.with_act(spot, replace(case.act(spot), fake='{"items": [], "note": "nothing found"}'))


def told_too_early(case: Case) -> list[Line] | None:
    """It is said to be done before it is."""
    if not case.writes or not case.reports:
        return None
    at = case.writes[0][0]
    return case.with_text(at, "Done. I've updated it as you asked.")


def empty_report(case: Case) -> list[Line] | None:
    """After the deed there is a word that says nothing of it, and an offer."""
    at = closing(case)
    if at is None or at not in [line for line, _, _ in telling(case)]:
        return None
    return case.with_text(at, "Is there anything else I can do for you?")


def off_topic_fact(case: Case) -> list[Line] | None:
    at = closing(case)
    facts = ("The office is closed on the 29th.", "Your plan covers 25 seats.", "Mr. Okonkwo approved it.",
             "It usually takes about 45 minutes.", "See https://help.example.org/kb/77 for more.")  # fmt: skip
    return None if at is None else case.with_text(at, said(case.lines[at], case.rng.choice(facts)))


def silent_failure(case: Case) -> list[Line] | None:
    """A write is spoilt so that it fails, and is reported as done."""
    if not case.writes:
        return None
    spot = case.rng.choice(case.writes)
    values = [(p, v) for p, v in case.meant(case.act(spot)) if isinstance(v, str)]
    if not values:
        return None
    pointer, value = case.rng.choice(values)
    return case.with_act(spot, sending(case.act(spot), pointer, value[::-1]))


FURTHER: dict[str, Way] = {
    w.__name__: w
    for w in (
        ill_typed, control_token, ids_from_zero, announced_only, miscounted, hedged, negated, two_answers,
        corrected_wrongly, denied_done, swapped_facts, pasted_result, other_label, done_and_undone, truncated_value,
        forged_result, told_too_early, empty_report, off_topic_fact, silent_failure,
    )
}  # fmt: skip
