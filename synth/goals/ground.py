"""Where an argument comes from: what the user says (`Told`), what a call showed (`Seen`), what is free (`Chosen`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from synth.goals.desk import FREE_ROLES, Act, Desk, pointer
from synth.records import canonical


@dataclass(frozen=True, eq=False)
class Told:
    """A value the user says. `name` and `noun` are the words a question about it would use; `clause` states it."""

    value: Any
    name: str
    noun: str
    clause: str
    said: str  # how the value stands in a sentence
    identity: bool = False  # names a row, rather than being payload

    @property
    def at(self) -> str:
        return canonical([self.value, self.name, self.noun])


@dataclass(frozen=True, eq=False)
class Seen:
    """A value shown by a call at `path`."""

    call: Look
    path: tuple[str | int, ...]


@dataclass(frozen=True, eq=False)
class Chosen:
    """A value the assistant is free to choose."""

    why: str


Origin = Told | Seen | Chosen


@dataclass(eq=False)
class Look:
    """A call with the origins of its values by JSON pointer, and what it gave."""

    act: Act
    values: dict[str, Any]
    arguments: dict[str, Any]
    origins: dict[str, Origin]
    result: Any
    changes: tuple[Any, ...] = ()
    step: int | None = None  # set once it is part of the plan


@dataclass(frozen=True, eq=False)
class Description:
    """How the user names a row: `phrase` in full, `short` when it was just spoken of."""

    phrase: str
    short: str
    told: tuple[Told, ...]
    vague: str = ""  # "one of my support tickets": names it no further


@dataclass(frozen=True, eq=False)
class Found:
    """A key made known: its origin, the looks that lead there in order, and the words the user needs."""

    origin: Origin
    words: Description
    looks: tuple[Look, ...]


def records(
    value: Any, path: tuple[str | int, ...] = (), depth: int = 0
) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """Every object inside a result, with its path."""
    if isinstance(value, dict):
        yield path, value
        if depth < 4:
            for k, v in value.items():
                if isinstance(v, dict | list):
                    yield from records(v, (*path, k), depth + 1)
    elif isinstance(value, list) and depth < 4:
        for i, v in enumerate(value):
            if isinstance(v, dict | list):
                yield from records(v, (*path, i), depth + 1)


def at_path(value: Any, path: tuple[str | int, ...] | list[str | int]) -> Any:
    """The value at a path of a result; KeyError, IndexError or TypeError where there is none."""
    for step in path:
        value = value[step]
    return value


def own_key(act: Act, desk: Desk) -> str | None:
    """The one required parameter of an act, where it is the generated key of its own entity."""
    required = [(n, p) for n, p in act.params.items() if p.required]
    if len(required) != 1 or act.of is None:
        return None
    name, p = required[0]
    own = (
        p.role == "key"
        and p.entity in (None, act.of)
        and p.compare == "eq"
        and (p.field or desk.entity(act.of).keys[0]) in desk.entity(act.of).keys
    )
    return name if own else None


def free_rest(act: Act, values: Mapping[str, Any], origins: Mapping[str, Origin]) -> dict[str, Origin]:
    """`origins`, with the fixed action and whatever else is unaccounted for and free by its role."""
    out = dict(origins)
    for name in values:
        at = pointer(name, act.params[name])
        if act.params[name].role in FREE_ROLES and not any(o == at or o.startswith(at + "/") for o in out):
            out[at] = Chosen("a choice of the caller")
    for at in act.fixed_at:
        out[at] = Chosen("names the action")
    return out
