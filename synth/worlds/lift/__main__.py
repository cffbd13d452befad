"""`python -m synth.worlds.lift [SERVER ...] [--json] [--no-admission]`: what is lifted, what is not, and why.

`--audit FILE ...` compares lifts with hand labels instead (`audit.py` tells the format)."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from synth.errors import UsageError
from synth.worlds.admit import admit_world
from synth.worlds.lift.audit import audit, read_labels, summary
from synth.worlds.lift.build import lift_server
from tools_catalog import load_catalog
from tools_catalog.observed import load_observed


def survey(servers: list[str], admission: bool) -> dict[str, Any]:
    """Shares over tools and over servers, reasons, admission failures; seconds of both halves."""
    catalog = load_catalog()
    chosen = [s for s in catalog.servers if not servers or s.id in servers]
    begun = time.perf_counter()
    lifts = [lift_server(s.id, s.category, catalog.tools_of(s.id), load_observed().get(s.id)) for s in chosen]
    lifted_s = time.perf_counter() - begun
    per: dict[str, dict[str, int]] = {}
    rejected: Counter[str] = Counter()
    details: list[dict[str, str]] = []
    begun = time.perf_counter()
    for s, lift in zip(chosen, lifts, strict=True):
        passed: set[str] = set()
        for world in lift.worlds if admission else []:
            for name, verdict in admit_world(world).items():
                if verdict.ok:
                    passed.add(name)
                else:
                    rejected[verdict.reason] += 1
                    details.append(
                        {"world": world.world, "tool": name, "reason": verdict.reason, "detail": verdict.detail}
                    )
        per[s.id] = {
            "tools": len(s.tool_names),
            "lifted": lift.lifted,
            "admitted": len(passed),
            "worlds": len(lift.worlds),
        }
    tools = sum(p["tools"] for p in per.values())

    def share(what: str) -> dict[str, float]:
        over = [p[what] / p["tools"] for p in per.values() if p["tools"]]
        return {
            "of_tools": round(sum(p[what] for p in per.values()) / max(tools, 1), 4),
            "mean_of_servers": round(sum(over) / max(len(over), 1), 4),
        }

    return {
        "servers": len(per), "tools": tools, "worlds": sum(p["worlds"] for p in per.values()),
        "lifted": share("lifted"), "admitted": share("admitted") if admission else None,
        "kinds": dict(Counter(t.op for li in lifts for w in li.worlds for t in w.tools.values()).most_common()),
        "dropped": dict(Counter(d.reason for li in lifts for d in li.dropped).most_common()),
        "rejected": dict(rejected.most_common()), "rejected_tools": details,
        "seconds": {"lifting": round(lifted_s, 2), "admission": round(time.perf_counter() - begun, 2)},
        "per_server": per,
    }  # fmt: skip


def print_audit(files: list[Path], as_json: bool) -> int:
    """Print precision and recall against label files; 2 where a file cannot be read."""
    try:
        out = summary(audit(load_catalog(), [label for f in files for label in read_labels(f)]))
    except (UsageError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    if as_json:
        print(json.dumps(out))
        return 0
    for key, value in out.items():
        if isinstance(value, list) and key != "interval_95":
            print(f"{key}:", *value, sep="\n  ")
        else:
            print(f"{key:16} {value}")
    return 0


def main() -> int:
    """Print the survey as tables, or as one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m synth.worlds.lift", description=__doc__)
    parser.add_argument("servers", nargs="*")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--no-admission", action="store_true")
    parser.add_argument("--audit", nargs="+", type=Path, metavar="FILE", help="label files to compare with")
    given = parser.parse_args()
    if given.audit:
        return print_audit(given.audit, given.json)
    out = survey(given.servers, not given.no_admission)
    if given.json:
        print(json.dumps(out))
        return 0
    for key in ("servers", "tools", "worlds", "lifted", "admitted", "seconds"):
        print(f"{key:10} {out[key]}")
    for key in ("kinds", "dropped", "rejected"):
        print(f"{key}:")
        for name, count in out[key].items():
            print(f"  {name:28} {count:6}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
