"""Which split a world belongs to, decided before anything is made from it.

Whole categories (of real servers) and whole domains (of evolved worlds) are held out, ranked by a hash of their name, so
that eval shares no root server and no domain with train. A world is in the split of its root server's category; it may
only move into domains of the same split.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from synth.records import Split, content_hash


def split_table(names: Iterable[str], validation: float, held_out: float) -> dict[str, Split]:
    """Split of every name. Shares are of the number of names, rounded up, so that a share above 0 is never empty."""
    ranked = sorted(set(names), key=lambda n: content_hash(["split", n]))
    n_eval = math.ceil(len(ranked) * held_out)
    n_validation = math.ceil(len(ranked) * validation)
    out: dict[str, Split] = {}
    for i, name in enumerate(ranked):
        out[name] = "eval" if i < n_eval else "validation" if i < n_eval + n_validation else "train"
    return out


def split_lookup(names: Iterable[str], validation: float, held_out: float) -> Callable[[str], Split]:
    """The same as a function; a name that was not in the list is train."""
    table = split_table(names, validation, held_out)
    return lambda name: table.get(name, "train")
