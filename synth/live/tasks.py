"""Which tasks can be made for which server, and one of them by its number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from synth.live.draft import Draft
from synth.places.task import PlaceTask
from synth.records import Kind, Split, rng_for

Write = Callable[[Draft], None]


class Family(NamedTuple):
    """One sort of task: `write` fills a draft."""

    kind: Kind
    write: Write


def families() -> Mapping[str, Mapping[str, Family]]:
    """Server id -> name -> family."""
    from synth.live.making import FAMILIES

    return FAMILIES


def kinds(server_id: str) -> tuple[Kind, ...]:
    """The kinds of tasks there are for a server, in a fixed order; none for one that is not known."""
    return tuple(dict.fromkeys(family.kind for family in families().get(server_id, {}).values()))


def make(server_id: str, kind: Kind, seed: int, number: int, split: Split = "train") -> PlaceTask:
    """The task with this number. The same arguments give the same task, in any process; another number another one.
    Raises KeyError for a server or kind that there is not."""
    fitting = [(name, f) for name, f in families()[server_id].items() if f.kind == kind]
    if not fitting:
        raise KeyError(f"no family of kind {kind} for {server_id}")
    name, family = rng_for(seed, "live family", server_id, kind, number).choice(fitting)
    draft = Draft(rng_for(seed, "live", server_id, name, number), split)
    draft.kind = kind
    family.write(draft)
    return draft.finish(f"{server_id}.{name}")
