"""Harmless variations: other orders, other words, further looks. The judge must let them pass."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from dataclasses import replace

from rubrics.normal import flat_text, squash
from synth.executors.world import WorldExecutor
from synth.sim.roles import CHOICES, param_roles
from synth.trial.performing import Act, Case, Line, seen
from synth.trial.values import sending, swapped_words, telling

_PREFIXES = ("Sure! ", "Here you go: ", "Thanks for waiting. ", "Good news: ")
_SUFFIXES = (" Let me know if there is anything else.", " Happy to help further.", " Is there anything else?",
             " Have a nice day!")  # fmt: skip
_LOOKS = ("Let me look into that.", "One moment, please.", "I'll check.", "Working on it.")
_REPHRASED = (
    ("Done.", "That's taken care of."), ("It's done.", "All done."), ("All set.", "Sorted."),
    ("Finished.", "Completed."), ("Here is what I found:", "According to the records,"), ("I checked:", "I looked:"),
    ("I've updated", "I updated"), ("I set", "I've set"), ("I created", "I've created"), ("I deleted", "I've deleted"),
    ("I've added", "I added"), ("I've removed", "I removed"), ("I moved", "I've moved"), ("has been", "was"),
    ("is now", "has been set to"), ("I'm sorry, but I can't do that:", "I'm afraid that isn't something I can do:"),
    ("Unfortunately I'm not able to help with this one.", "I'm unable to do this."),
)  # fmt: skip


def reordered_calls(case: Case) -> list[Line] | None:
    """The independent calls of one message in another order."""
    spots = [i for i, x in enumerate(case.lines) if len(x.acts) > 1 and not any(a.fault for a in x.acts)]
    if not spots or _ids_of_new_rows_used(case):
        return None
    at = case.rng.choice(spots)
    acts = case.lines[at].acts
    return [replace(x, acts=acts[::-1]) if i == at else x for i, x in enumerate(case.lines)]


def one_by_one(case: Case) -> list[Line] | None:
    """The calls of one message in messages of their own."""
    spots = [i for i, x in enumerate(case.lines) if len(x.acts) > 1]
    if not spots:
        return None
    at = case.rng.choice(spots)
    line = case.lines[at]
    alone = [Line("assistant", line.content if k == 0 else "", (a,)) for k, a in enumerate(line.acts)]
    return [*case.lines[:at], *alone, *case.lines[at + 1 :]]


def _ids_of_new_rows_used(case: Case) -> bool:
    """New rows get their ids in the order of the calls: where one is used later, another order is another story."""
    keys = {squash(str(d["key"])) for d in case.trajectory.state_diff if d["kind"] == "insert"}
    later = squash("\n".join([*(flat_text(a.values) for x in case.lines for a in x.acts),
                              *(x.content for x in case.lines if x.role == "assistant")]))  # fmt: skip
    return any(k in later for k in keys)


def other_words(case: Case) -> list[Line] | None:
    """The same reports in other words."""
    out = []
    for i, line in enumerate(case.lines):
        text = line.content
        if i in case.reports:
            for old, new in _REPHRASED:
                text = text.replace(old, new)
        out.append(replace(line, content=text))
    return out if out != case.lines else None


def courtesies(case: Case) -> list[Line] | None:
    """Friendly words around the last report."""
    if not case.reports or "?" in case.lines[case.reports[-1]].content:
        return None
    at = case.reports[-1]
    text = case.lines[at].content
    return case.with_text(at, f"{case.rng.choice(_PREFIXES)}{text}{case.rng.choice(_SUFFIXES)}")


def announced(case: Case) -> list[Line] | None:
    """A word before the calls."""
    spots = [i for i, x in enumerate(case.lines) if x.acts and not x.content]
    if not spots:
        return None
    return case.with_text(case.rng.choice(spots), case.rng.choice(_LOOKS))


def marked_up(case: Case) -> list[Line] | None:
    """Told values in bold or as code, dates in words, thousands with commas."""
    found = telling(case)
    if not found:
        return None
    at, tell, words = case.rng.choice(found)
    value = tell["value"]
    forms = [f"**{words}**", f"`{words}`"]
    if isinstance(value, int) and abs(value) >= 1000:
        forms.append(f"{value:,}")
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        day = dt.date.fromisoformat(value)
        forms.append(f"{day:%B} {day.day}, {day.year}")
        forms.append(f"{day.day} {day:%B} {day.year}")
    text = case.lines[at].content
    if f'"{words}"' in text:
        return case.with_text(at, text.replace(f'"{words}"', f"**{words}**"))
    return case.with_text(at, swapped_words(text, words, case.rng.choice(forms)))


def read_again(case: Case) -> list[Line] | None:
    """Something that was read is read once more before the last report."""
    if not case.reads or not case.reports:
        return None
    spot = case.rng.choice(case.reads)
    act = replace(case.act(spot), fault=None)
    at = case.reports[-1]
    if at <= spot[0] or case.lines[at - 1].role == "user":
        return None
    return case.inserted(at, Line("assistant", "Let me double-check.", (act,)))


def looked_around(case: Case) -> list[Line] | None:
    """A list is read that the task does not need, before anything else."""
    if case.task.kind in ("no_tool", "chat"):
        return None
    for name in case.rng.sample(sorted(case.env.offered), len(case.env.offered)):
        offered = case.env.offered[name]
        if offered.row.effect != "read" or not isinstance(offered.executor, WorldExecutor):
            continue
        if offered.row.input_schema.get("required"):
            continue
        executor = offered.executor
        result, _ = executor.compiled.execute(executor.start, offered.row.name, {})
        if result.ok:
            return case.inserted(2, Line("assistant", "", (Act(name, "{}"),)))
    return None


def asked_to_go_ahead(case: Case) -> list[Line] | None:
    """A careful assistant asks before the first write, and is told to go on."""
    if not case.writes:
        return None
    at = case.writes[0][0]
    question = case.rng.choice(["Shall I go ahead with that?", "I have all I need. Do you want me to proceed?"])
    return case.inserted(
        at, Line("assistant", question), Line("user", "Yes, please do what I asked for, nothing more.")
    )


def checked_after(case: Case) -> list[Line] | None:
    """After a write its row is looked at, by a key that the write named."""
    for spot in case.rng.sample(case.writes, len(case.writes)):
        values = [v for _, v in case.meant(case.act(spot)) if isinstance(v, str | int) and not isinstance(v, bool)]
        for name in sorted(case.env.offered):
            offered = case.env.offered[name]
            if offered.row.effect != "read" or not isinstance(offered.executor, WorldExecutor):
                continue
            needed = offered.row.input_schema.get("required") or []
            if len(needed) != 1:
                continue
            role = param_roles(offered.executor.compiled.tool(offered.row.name)).get(f"/{needed[0]}", {}).get("role")
            if role != "key":
                continue
            for value in values:
                executor = offered.executor
                result, _ = executor.compiled.execute(executor.start, offered.row.name, {needed[0]: value})
                if result.ok:
                    act = Act(name, "").sending({needed[0]: value})
                    return case.inserted(spot[0] + 1, Line("assistant", "", (act,)))
    return None


def other_choices(case: Case) -> list[Line] | None:
    """A free choice (page size, order) is made otherwise, with the same rows shown."""
    spots = []
    for spot in case.reads:
        act = case.act(spot)
        offered = case.env.offered[act.name]
        if not isinstance(offered.executor, WorldExecutor):
            continue
        roles = param_roles(offered.executor.compiled.tool(offered.row.name))
        for pointer, value in ((p, act.values.get(p[1:])) for p in roles if p.count("/") == 1):
            info = roles[pointer]
            if info["role"] not in CHOICES or act.values.get(pointer[1:]) is None:
                continue
            if isinstance(value, int) and not isinstance(value, bool) and info["role"] == "limit":
                spots.append((spot, pointer, value + 1))
            elif info["enum"]:
                spots += [(spot, pointer, v) for v in info["enum"] if v != value]
    case.rng.shuffle(spots)
    for spot, pointer, value in spots:
        act = case.act(spot)
        new = sending(act, pointer, value)
        offered = case.env.offered[act.name]
        assert isinstance(offered.executor, WorldExecutor)
        executor = offered.executor
        before, _ = executor.compiled.execute(executor.start, offered.row.name, act.values)
        after, _ = executor.compiled.execute(executor.start, offered.row.name, new.values)
        if after.ok and _same_rows(before.value, after.value) and seen(case, spot[0]):
            return case.with_act(spot, new)
    return None


def _same_rows(a: object, b: object) -> bool:
    return Counter(flat_text(a).split("\n")) == Counter(flat_text(b).split("\n"))
