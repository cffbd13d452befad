"""How well a model-played user kept to its profile: what was refused, and what ended an episode.

python -m synth.reports.users RUN [--json]
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from synth.sim.held import REASONS
from synth.sim.model_user import BOUNDARY
from synth.store.views import open_run


def of_run(run_dir: str | Path) -> dict[str, Any]:
    """{"episodes": played, "failed": ended by a reply that stayed wrong (by reason), "replies": n, "refused": {reason:
    share of the replies of played episodes}, "done": share of played episodes that the user ended}."""
    run = open_run(run_dir)
    rows = run.table("trajectories").select("played_user, stop_reason").fetchall()
    played = [(json.loads(p) if isinstance(p, str) else p, stop) for p, stop in rows if p is not None]
    failed = [d for (d,) in run.table("failed").filter(f"boundary = '{BOUNDARY}'").select("detail").fetchall()]
    refused: Counter[str] = Counter()
    for trace, _ in played:
        refused.update(trace["refused"])
    replies = sum(trace["replies"] for trace, _ in played)
    return {
        "episodes": len(played),
        "failed": dict(Counter(d.partition(":")[0] for d in failed)),
        "replies": replies,
        "refused": {reason: round(refused[reason] / replies, 4) if replies else 0.0 for reason in REASONS},
        "done": round(sum(stop == "done" for _, stop in played) / len(played), 4) if played else 0.0,
    }


def main(arguments: Sequence[str]) -> None:
    """Print the figures of a run, as a table or as one JSON object."""
    found = of_run(next(a for a in arguments if not a.startswith("-")))
    if "--json" in arguments:
        print(json.dumps(found))
        return
    failed = ", ".join(f"{n} {reason}" for reason, n in found["failed"].items()) or "none"
    print(f"{found['episodes']:,} episodes with a model-played user, {found['done']:.1%} ended by it; failed: {failed}")
    print(f"{found['replies']:,} replies, of them refused at first:")
    for reason, share in found["refused"].items():
        print(f"  {reason:<12}{share:>8.2%}")


if __name__ == "__main__":
    main(sys.argv[1:])
