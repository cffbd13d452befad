"""Which split a world belongs to, decided before anything is made from it.

Whole categories (of real servers) and whole domains (of evolved worlds) are held out, in the order of a hash of their
name, so that eval shares no root server and no domain with train. A world is in the split of its root server's
category; it may only move into domains of the same split.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from synth.records import Split, content_hash

SLACK = 1.25  # a group is passed over when it would overshoot its share by more than this


def split_table(weights: Mapping[str, float], validation: float, held_out: float) -> dict[str, Split]:
    """Split of every name. `weights` says how much a name counts (tools of a category); shares are of the whole weight.
    A share above 0 gets at least one name where there are enough."""
    ranked = sorted(weights, key=lambda n: content_hash(["split", n]))
    out: dict[str, Split] = dict.fromkeys(weights, "train")
    total = sum(weights.values())
    wanted: list[tuple[Split, float]] = [("eval", held_out), ("validation", validation)]
    for split, share in wanted:
        taken = 0.0
        free = [n for n in ranked if out[n] == "train"]
        for name in free[:-1]:
            if share > 0 and taken < share * total * 0.9 and taken + weights[name] <= share * total * SLACK:
                out[name] = split
                taken += weights[name]
        if share > 0 and taken == 0 and len(free) > 1:
            out[min(free, key=lambda n: (weights[n], n))] = split
    return out


def split_lookup(
    weights: Mapping[str, float] | Iterable[str], validation: float, held_out: float
) -> Callable[[str], Split]:
    """The same as a function; a name that was not in the list is train. Names without weights count alike."""
    table = split_table(weights if isinstance(weights, Mapping) else dict.fromkeys(weights, 1.0), validation, held_out)
    return lambda name: table.get(name, "train")
