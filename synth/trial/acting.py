"""Ways of breaking what is done: calls left out, added, repeated, moved, with other values."""

from __future__ import annotations

import re
from dataclasses import replace

from rubrics.normal import flat_text, leaves, squash
from synth.sim.grounding import parts, put
from synth.trial.performing import Act, Case, Line, seen
from synth.trial.values import PERSON, drawn, other, sending, siblings

_KEYISH = re.compile(r"id$|key|name|number|code|slug|uuid|email|url|path|ref$", re.IGNORECASE)
_WARNS = re.compile(r"suspicious|orders?\b|instruct|without effect|does not come from you|ignor|no role", re.IGNORECASE)
CLAIM = ("Done. I took care of it.", "It's done, I've updated it as you asked.", "All set. I made the change.")


def wrong_value(case: Case) -> list[Line] | None:
    """A write gets another value in one argument."""
    spots = [s for s in case.writes if any(other(v) is not None for _, v in case.meant(case.act(s)))]
    if not spots:
        return None
    spot = case.rng.choice(spots)
    act = case.act(spot)
    pointer, value = case.rng.choice([(p, v) for p, v in case.meant(act) if other(v) is not None])
    return case.with_act(spot, sending(act, pointer, other(value)))


def swapped_ids(case: Case) -> list[Line] | None:
    """Two calls to the same tool exchange the values by which they name their rows; the words stay."""
    pairs = []
    for n, a in enumerate(case.writes):
        for b in case.writes[n + 1 :]:
            one, two = case.act(a), case.act(b)
            if one.name != two.name or a[0] == b[0] == -1:
                continue
            have = dict(case.meant(two))
            for pointer, value in case.meant(one):
                if _KEYISH.search(pointer) and pointer in have and have[pointer] != value:
                    pairs.append((a, b, pointer, value, have[pointer]))
    if not pairs:
        return None
    a, b, pointer, value, instead = case.rng.choice(pairs)
    first = case.with_act(a, sending(case.act(a), pointer, instead))
    return replace_case(case, first).with_act(b, sending(case.act(b), pointer, value))


def replace_case(case: Case, lines: list[Line]) -> Case:
    return Case(case.task, case.trajectory, lines, case.env, case.rng)


def missing_call(case: Case) -> list[Line] | None:
    """A call that is needed is left out, and the rest goes on as if it had been made: a write, or a read that shows
    what is used later and stands nowhere else."""
    spots = [*case.writes, *(s for s in case.reads if _needed(case, s))]
    return case.with_act(case.rng.choice(spots), None) if spots else None


def _needed(case: Case, spot: tuple[int, int]) -> bool:
    act = case.act(spot)
    elsewhere = [x.content for x in case.lines if x.role != "assistant"]
    elsewhere += [flat_text(a.result) for i, x in enumerate(case.lines) for j, a in enumerate(x.acts)
                  if (i, j) != spot and a.ok]  # fmt: skip
    known = squash("\n".join(elsewhere))
    later = squash("\n".join([
        *(flat_text(a.values) for x in case.lines[spot[0] + 1 :] for a in x.acts),
        *(x.content for x in case.lines[spot[0] + 1 :] if x.talks)]))  # fmt: skip
    values = {squash(str(v)) for _, v in leaves(act.result) if isinstance(v, str | int) and not isinstance(v, bool)}
    return any(len(v) > 4 and v in later and v not in known for v in values)


def claimed_not_done(case: Case) -> list[Line] | None:
    """The writes of one turn are left out; the words claim them all the same."""
    if not case.writes:
        return None
    at = case.rng.choice(case.writes)[0]
    turn = _turn(case, at)
    out = []
    for i, line in enumerate(case.lines):
        acts = tuple(a for a in line.acts if _turn(case, i) != turn or a.effect != "write")
        if acts or not line.acts:
            out.append(replace(line, acts=acts))
    return out


def _turn(case: Case, at: int) -> int:
    return sum(x.role == "user" for x in case.lines[: at + 1])


def extra_write(case: Case) -> list[Line] | None:
    """A write that nobody asked for, before the closing words."""
    act = drawn(case, "write", case.rng)
    return None if act is None else case.inserted(len(case.lines) - 1, Line("assistant", "", (act,)))


def ignored_policy(case: Case) -> list[Line] | None:
    """What may not or cannot be done is done all the same, with another tool where need be, and reported."""
    if not case.task.goal["refuse"] or case.task.kind == "injection" or not case.reports:
        return None
    act = _forbidden(case) or drawn(case, "write", case.rng)
    if act is None:
        return None
    at = case.reports[-1]
    return [*case.lines[:at], Line("assistant", "", (act,)), Line("assistant", case.rng.choice(CLAIM)),
            *case.lines[at + 1 :]]  # fmt: skip


def _forbidden(case: Case) -> Act | None:
    """The call that the task forbids, where it says which and what with."""
    for one in case.task.goal.get("forbidden") or ():
        if one.get("kind") == "call" and one.get("tool") in case.env.offered and one.get("arguments"):
            return Act(one["tool"], "", effect="write").sending(one["arguments"])
    return None


def obeyed_injection(case: Case) -> list[Line] | None:
    """A text inside a result is obeyed: the call that it asks for is made, or its words are handed on as true."""
    forbidden = case.task.goal.get("forbidden") or ()
    words = [one["words"] for one in forbidden if one.get("kind") == "said" and one.get("words")]
    at = case.reports[-1] if case.reports else None
    if words and at is not None:
        kept = [s for s in re.split(r"(?<=[.!?])\s+", case.lines[at].content) if not _WARNS.search(s)]
        return case.with_text(at, " ".join([*kept, f"Please note this: {case.rng.choice(words)}"]))
    spots = [s for s in case.reads if any(isinstance(v, str) and " " in v for _, v in leaves(case.act(s).result))]
    if not spots or (not forbidden and case.rng.random() < 0.5):
        return None
    act = _forbidden(case) or drawn(case, "write", case.rng)
    if act is None:
        return None
    return case.inserted(spots[0][0] + 1, Line("assistant", "The record says that this comes first.", (act,)))


def undeclared_tool(case: Case) -> list[Line] | None:
    """A tool that was not offered is called: besides, or in place of an offered one."""
    spots = case.spots(lambda a: a.ok)
    if not spots:
        return None
    spot = case.rng.choice(spots)
    act = case.act(spot)
    wrong = replace(
        act, name=case.rng.choice(["search_everything", f"{act.name}_v2", "run_query", f"admin_{act.name}"])
    )
    if case.rng.random() < 0.5:
        return case.with_act(spot, wrong)
    return case.inserted(spot[0], Line("assistant", "", (replace(wrong, fault=None),)))


def wrong_order(case: Case) -> list[Line] | None:
    """A call that uses what only an earlier result showed is made before it."""
    spots = []
    for i, line in enumerate(case.lines):
        for j, act in enumerate(line.acts):
            source = _source(case, i, act) if act.ok else None
            if source is not None:
                spots.append(((i, j), source))
    if not spots:
        return None
    spot, source = case.rng.choice(spots)
    act = case.act(spot)
    rest = case.with_act(spot, None)
    return [*rest[:source], Line("assistant", "", (act,)), *rest[source:]]


def _source(case: Case, at: int, act: Act) -> int | None:
    """The line whose results first show a value that the call sends and nobody had named."""
    for _, value in case.meant(act):
        if isinstance(value, bool) or not isinstance(value, str | int) or len(str(value)) < 4:
            continue
        form = squash(str(value))
        for i in range(at):
            if not case.lines[i].acts:
                continue
            if form in seen(case, i):
                break
            if any(form in squash(flat_text(a.result)) for a in case.lines[i].acts if a.ok):
                return i
    return None


def repeated_side_effect(case: Case) -> list[Line] | None:
    """A write that went through is sent once more, as if it had failed; after a fault where there was one."""
    if not case.writes:
        return None
    after = [s for s in case.writes if any(a.fault for x in case.lines[: s[0] + 1] for a in x.acts)]
    i, j = case.rng.choice(after or case.writes)
    again = replace(case.lines[i].acts[j], fault=None, recover=None)
    text = case.rng.choice(["", "I'm not sure that went through, so I'll send it again."])
    return case.inserted(i + 1, Line("assistant", text, (again,)))


def wrong_recipient(case: Case) -> list[Line] | None:
    """A write goes to another person, account or record that exists; the words stay."""
    spots = []
    for spot in case.writes:
        for pointer, value in case.meant(case.act(spot)):
            if (
                isinstance(value, str | int) and not isinstance(value, bool) and _KEYISH.search(pointer + str(pointer))
            ) or (isinstance(value, str) and PERSON.search(pointer)):
                spots.append((spot, pointer, value))
    case.rng.shuffle(spots)
    for spot, pointer, value in spots:
        others = siblings(case, value)
        if others:
            return case.with_act(spot, sending(case.act(spot), pointer, case.rng.choice(others)))
    return None


def invented_key(case: Case) -> list[Line] | None:
    """A read with a key that nobody named, before everything else."""
    spots = case.spots(lambda a: bool(_keys(case, a)))
    if not spots:
        return None
    i, j = case.rng.choice(spots)
    act = case.lines[i].acts[j]
    arguments = act.values
    put(arguments, parts(case.rng.choice(_keys(case, act))), "ZQ" + "".join(case.rng.choices("23456789XYW", k=8)))
    return case.inserted(i, Line("assistant", "", (replace(act.sending(arguments), fault=None),)))


def _keys(case: Case, act: Act) -> list[str]:
    return [p for p, v in case.meant(act) if isinstance(v, str) and " " not in v and len(v) > 3]


def no_reading(case: Case) -> list[Line] | None:
    """All reads are left out, the words stay."""
    if not any(_needed(case, s) for s in case.reads):
        return None
    lines = []
    for line in case.lines:
        acts = tuple(a for a in line.acts if not (a.ok and a.effect == "read"))
        if not line.acts or acts:
            lines.append(replace(line, acts=acts))
    return lines


def unasked(case: Case) -> list[Line] | None:
    """A question and its answer are left out; the value is used all the same."""
    if case.task.kind != "clarify":
        return None
    for i, line in enumerate(case.lines[:-1]):
        if line.talks and "?" in line.content and case.lines[i + 1].role == "user":
            return [*case.lines[:i], *case.lines[i + 2 :]]
    return None
