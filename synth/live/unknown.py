"""Tasks of a server that nobody knows, from the courses that its probe kept."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rubrics.normal import flat_text
from synth.executors.protocol import PlaceTool
from synth.goals.verbs import past_of
from synth.live.draft import Draft
from synth.live.making.files import NOTE
from synth.live.phrases import request
from synth.live.probing.hands import Name, names_of
from synth.live.probing.records import Course, Found, ProbedCall, ToolProbe
from synth.live.telling import Telling, telling
from synth.live.words import CITIES, GOODS, people
from synth.packaged import HELD_OUT, packaged_yaml
from synth.places.task import PlaceTask
from synth.records import Kind, Split, canonical, rng_for
from synth.taskspec import Source
from tools_catalog.words import split_words

NO_TOOL: Kind = "no_tool"


class Unsayable(Exception):
    """A course of which no task can be made: `reason` for a count, the message for a person."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def kinds(probes: Mapping[str, ToolProbe]) -> tuple[Kind, ...]:
    """The kinds of tasks that the courses give, and `no_tool` where there is any."""
    found = {course.kind for probe in probes.values() for course in probe.courses}
    order: tuple[Kind, ...] = ("single", "chain", "parallel")
    return (*(k for k in order if k in found), NO_TOOL) if found else ()


def make(
    server: str, tools: Sequence[PlaceTool], probes: Mapping[str, ToolProbe], kind: Kind, seed: int, number: int,
    split: Split, masks: Sequence[str],
) -> PlaceTask:  # fmt: skip
    """The task with this number. Raises Unsayable where none of the kind can be made."""
    named = {t.name: t for t in tools}
    rng = rng_for(seed, "unknown", server, kind, number)
    if kind == NO_TOOL:
        return _nothing_fits(Draft(rng, split), server, tools)
    courses = [c for name in sorted(probes) for c in probes[name].courses if c.kind == kind]
    if not courses:
        raise Unsayable("nothing_kept", f"the probe kept nothing for a {kind} task")
    return draft(Draft(rng, split), server, named, rng.choice(courses), masks)


def objection(server: str, tools: Sequence[PlaceTool], course: Course, split: Split, masks: Sequence[str]) -> str:
    """Why no task can be made of a course, empty where one can."""
    try:
        draft(Draft(rng_for(0, "unknown", server), split), server, {t.name: t for t in tools}, course, masks)
    except Unsayable as why:
        return why.reason
    return ""


def draft(d: Draft, server: str, tools: dict[str, PlaceTool], course: Course, masks: Sequence[str]) -> PlaceTask:
    """A task of one course. Raises Unsayable."""
    names, patterns = names_of(tools), [re.compile(m) for m in masks]
    d.kind, d.files, d.setup = course.kind, dict(course.start.files), dict(course.start.setup)
    if "/work" in canonical([c.arguments for c in course.calls]):
        d.notes = [NOTE]
    heard: list[str] = []
    for n, call in enumerate(course.calls):
        found_by = course.kind == "chain" and _named_by_field(course)
        if n == 0 and found_by and not _said(call):
            _step(d, call, alone=False)
            continue  # looking it up is the assistant's business
        told = _ask(d, names[call.tool], call, course, n, found_by, heard, patterns)
        _step(d, call, alone=course.kind == "parallel")
        _answer(d, names[call.tool], call, told)
    for change in course.changes:
        d.changed(change)
    for back in course.read_backs:
        d.check(f"{back.tool} shows what was asked for", "call_gives", tool=back.tool, arguments=back.arguments,
                value=back.value, masks=list(masks))  # fmt: skip
    d.text = f"The calls of {', '.join(c.tool for c in course.calls)} have left what they left when they were probed"
    try:
        return d.finish(f"{server}.{'+'.join(c.tool for c in course.calls)}")
    except ValueError as error:
        raise Unsayable("cannot_be_said", str(error)) from error


def _named_by_field(course: Course) -> bool:
    """Whether everything found in the first result is named by another field of its item, and no text says it."""
    found = list(course.calls[-1].found.values())
    return bool(found) and all(f.label and f.path is not None for f in found) and not course.calls[0].writes


def _said(call: ProbedCall) -> bool:
    return any(v not in (None, "", [], {}) for v in call.arguments.values())


def _ask(
    d: Draft, name: Name, call: ProbedCall, course: Course, n: int, found_by: bool, heard: list[str],
    masks: Sequence[re.Pattern[str]],
) -> Telling | None:  # fmt: skip
    """Say the request of one call, and what is wanted of its result where it only reads."""
    wanted = request(name, call.arguments, call.found, found_by=found_by)
    vp = d.pick(wanted.vps)
    heard.append(vp)
    last = course.kind == "parallel" or n == len(course.calls) - 1
    told = None
    if last and not call.writes:
        shown = flat_text(course.calls[0].result) if course.kind == "chain" else ""  # not worth a second call
        told = telling(d.rng, call.result, name.said, "\n".join([*heard, *d.notes, shown]), masks)
        if told is None:
            raise Unsayable("nothing_to_tell", f"{call.tool} shows nothing that could be told")
        vp = f"{vp} and {d.pick(('tell me', 'let me know', 'say'))} {told.what}"
        heard.append(told.what)
        d.tell(told.value, told.say)
    d.ask(vp)
    return told


def _step(d: Draft, call: ProbedCall, *, alone: bool) -> None:
    sources = {pointer: _source(d, found) for pointer, found in call.found.items()}
    d.step(call.tool, call.arguments, "write" if call.writes else "read", sources=sources, alone=alone)


def _source(d: Draft, found: Found) -> Source:
    if found.path is None:
        return Source(kind="free", why="it stands in the text of the first result")
    return d.of(found.call, *found.path)


def _answer(d: Draft, name: Name, call: ProbedCall, told: Telling | None) -> None:
    if told is not None:
        d.say(f"{told.say[:1].upper()}{told.say[1:]}.", f"I looked: {told.say}.")
    elif call.writes:
        did = f"{past_of(name.verb)} the {name.said}" if name.verb and name.said else "done it"
        d.say(f"I've {did} as you asked.", f"Done, I've {did}.")


def _nothing_fits(d: Draft, server: str, tools: Sequence[PlaceTool]) -> PlaceTask:
    """A request that has nothing to do with any tool: none of its words stands in what the tools say of themselves."""
    known = {w for t in tools for w in split_words(f"{t.name} {t.description} {canonical(t.input_schema)}")}
    data: dict[str, Any] = packaged_yaml("synth.live", "data/elsewhere.yaml")
    fit = [topic for topic, one in sorted(data.items()) if not known & set(one["words"].split())]
    if not fit:
        raise Unsayable("nothing_foreign", "whatever could be asked for, the tools speak of it")
    topic = d.pick(fit)
    asks = data[topic]["asks"]
    template: str = asks[-1] if d.split == HELD_OUT else d.pick(asks[:-1])
    slots = {
        "city": d.pick(CITIES),
        "person": people(d.rng, 1)[0],
        "thing": d.pick(GOODS),
        "n": str(d.rng.randint(2, 9)),
    }
    d.kind, d.refuse = NO_TOOL, True
    d.text = f"It is said that nothing here can do it ({topic})"
    d.keep(*(v for k, v in slots.items() if f"{{{k}}}" in template))
    d.ask(template.format(**slots))
    return d.finish(f"{server}.no_tool.{topic}")
