"""Figures of the poison scan: `python benchmarks/poison_figures.py [LISTING]`.

The fixtures of tests/tools_catalog/poison.py by kind, those worded after the rules were written, and of a listing
(harvest lines, `.jsonl` or `.jsonl.xz`) the share of tools that are flagged and the CPU time per tool.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "tools_catalog"))

from poison import FIXTURES, HARMLESS, UNSEEN, Fixture

from tools_catalog.originals import read_harvest
from tools_catalog.scan import Before, scan_tools


def found(fixtures: list[Fixture], same: bool) -> Counter[str]:
    """How many are found, by kind; `same`: as their kind, else as anything."""
    out: Counter[str] = Counter()
    for f in fixtures:
        attacks = {one.attack for one in scan_tools("vendor", [f.tool], f.before)}
        out[f.attack] += f.attack in attacks if same else bool(attacks)
    return out


def main() -> None:
    of = Counter(f.attack for f in FIXTURES)
    right = found(FIXTURES, same=True)
    print(f"fixtures: {sum(right.values())} of {len(FIXTURES)} found as what they are")
    for attack, n in of.items():
        print(f"  {attack:<22} {right[attack]} of {n}")
    print(f"worded anew: {sum(found(UNSEEN, same=False).values())} of {len(UNSEEN)} found as anything")
    print(f"harmless: {sum(bool(scan_tools('vendor', [t])) for t in HARMLESS)} of {len(HARMLESS)} flagged")
    if len(sys.argv) > 1:
        _listing(Path(sys.argv[1]))


def _listing(path: Path) -> None:
    servers: dict[str, list[dict[str, Any]]] = {}
    for row in read_harvest(path):
        servers.setdefault(str(row["server_id"]), []).append(row)
    names = {t["name"]: s for s, tools in servers.items() for t in tools}
    begin, findings = time.process_time(), []
    for server, tools in servers.items():
        own = {t["name"] for t in tools}
        findings += scan_tools(server, tools, Before(others={n: s for n, s in names.items() if n not in own}))
    spent, n = time.process_time() - begin, sum(map(len, servers.values()))
    flagged = Counter(f.server for f in {(f.server, f.tool): f for f in findings}.values())
    total, each = sum(flagged.values()), spent / n * 1000
    print(f"listing: {total} of {n} tools flagged ({total / n:.2%}), {each:.1f} ms of CPU per tool")
    print("  by kind: " + ", ".join(f"{k} {v}" for k, v in Counter(f.attack for f in findings).most_common()))
    print("  by server: " + ", ".join(f"{k} {v}" for k, v in flagged.most_common(8)))


if __name__ == "__main__":
    main()
