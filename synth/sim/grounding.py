"""Where the expert's argument values come from: each is found again in what was said or shown, never taken on trust."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rubrics.normal import Text, flat_text, leaves, mentions, same, squash
from synth.errors import TaskFailure
from synth.sim.faults import restyled
from synth.taskspec import Fact, Source, Step, UserProfile

WORK = "work"  # why a free source needs no ground: a query, a place in a file, what the assistant composes itself
MayChoose = Callable[[str, Any], bool]


@dataclass(frozen=True)
class Heard:
    """What the assistant knows at one moment: the prompt, what the user said, the results of the plan's steps."""

    prompt: Text
    user: Text
    profile: UserProfile
    results: Mapping[int, Any]


def said(fact: Fact, user: Text, profile: UserProfile) -> bool:
    """Whether the user has said the fact. A yes or no, or an absent value, counts as said with its turn."""
    if squash(fact.say).rstrip(".!") in user.norm:
        return True
    if isinstance(fact.value, bool) or fact.value is None:
        return (
            fact.told is not None and fact.told < len(profile.turns) and squash(profile.turns[fact.told]) in user.norm
        )
    return mentions(fact.value, user)


def arguments(step: Step, heard: Heard, may_choose: MayChoose) -> dict[str, Any]:
    """The step's arguments, each value taken from its source. `may_choose(pointer, value)` says whether a value may be
    a free choice. Raises TaskFailure("task") for one without ground."""
    out: dict[str, Any] = copy.deepcopy(step.arguments)
    covered: list[str] = []
    for pointer, source in step.sources.items():
        found, planned = parts(pointer), at(step.arguments, parts(pointer))
        put(out, found, _value(step, pointer, planned, source, heard, may_choose))
        covered.append(pointer)
    for pointer, _ in leaves(step.arguments):
        if not any(pointer == c or pointer.startswith(c + "/") for c in covered):
            raise _no_ground(step, pointer, "has no source")
    return out


def _value(step: Step, pointer: str, planned: Any, source: Source, heard: Heard, may_choose: MayChoose) -> Any:
    if source.kind == "free" and source.why == WORK:
        return planned
    if source.kind == "free":
        for inner, value in leaves(planned, pointer):
            if not may_choose(inner, value) and not _known(value, heard):
                raise _no_ground(step, inner, f"= {value!r} is called a free choice, but names something nobody named")
        return planned
    if source.kind == "prompt":
        if not mentions(planned, heard.prompt):
            raise _no_ground(step, pointer, "does not stand in the system prompt")
        return planned
    if source.kind == "user":
        return _from_user(step, pointer, planned, source, heard)
    if source.step is None or source.step not in heard.results:
        raise _no_ground(step, pointer, f"comes from step {source.step}, which gave no result")
    try:
        found = at(heard.results[source.step], source.path, named=restyled)
    except (KeyError, IndexError, TypeError):
        raise _no_ground(step, pointer, f"is not at {source.path} of the result of step {source.step}") from None
    return planned if str(found) == str(planned) else found


def _from_user(step: Step, pointer: str, planned: Any, source: Source, heard: Heard) -> Any:
    if source.fact is not None:
        fact = next((f for f in heard.profile.facts if f.id == source.fact), None)
        if fact is None:
            raise _no_ground(step, pointer, f"comes from the unknown fact {source.fact}")
        if not said(fact, heard.user, heard.profile):
            raise _no_ground(step, pointer, f"comes from fact {source.fact}, which the user has not said")
        if same(fact.value, planned):
            return planned
    if not mentions(planned, heard.user):
        raise _no_ground(step, pointer, "is not what the user said")
    return planned


def _known(value: Any, heard: Heard) -> bool:
    """Whether somebody or something named the value: the prompt, the user, a result."""
    texts = [heard.prompt, heard.user, *(Text(flat_text(r)) for r in heard.results.values())]
    return any(mentions(value, text) for text in texts)


def _no_ground(step: Step, pointer: str, why: str) -> TaskFailure:
    return TaskFailure("task", "sim.grounding", f"step {step.id}, {step.tool}, argument {pointer} {why}")


# --- JSON pointers ---


def parts(pointer: str) -> list[str]:
    """The steps of a JSON pointer."""
    return [p.replace("~1", "/").replace("~0", "~") for p in pointer.split("/")[1:]]


def at(value: Any, path: list[Any], named: Callable[[str], str] | None = None) -> Any:
    """The value at a path; list positions may be given as text. `named`: what else a field may be called. Raises
    KeyError, IndexError or TypeError."""
    for step in path:
        if named is not None and isinstance(value, dict) and step not in value and isinstance(step, str):
            step = named(step)
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


def put(value: Any, path: list[str], new: Any) -> None:
    """Set the value at a path that exists."""
    if not path:
        raise KeyError("the whole arguments object has no single source")
    holder = at(value, path[:-1])
    if isinstance(holder, list):
        holder[int(path[-1])] = new
    else:
        holder[path[-1]] = new
