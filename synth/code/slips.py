"""First versions that are wrong: the expert makes a mistake that the visible tests show, and corrects it."""

from __future__ import annotations

import random
from collections.abc import Mapping

from synth.code.packages.mutate import mutations
from synth.code.task import built
from synth.code.truth import bench

SHARE = 0.35  # of written functions that are wrong at first
TRIES = 4


def slip(
    rng: random.Random, files: Mapping[str, str], databases: Mapping[str, str], path: str, solved: str
) -> dict[str, str | None]:
    """A mutation of the solved module that some visible test notices; nothing where the expert is right at once."""
    if rng.random() >= SHARE:
        return {}
    pool = mutations(solved)
    for mutation in rng.sample(pool, min(TRIES, len(pool))):
        text = mutation.apply(solved)
        if bench().tests(built({**files, path: text}, databases)).failing:
            return {path: text}
    return {}
