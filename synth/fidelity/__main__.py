"""`python -m synth.fidelity SERVER ...` or `--all`: the table of `docs/fidelity.md`, servers set aside apart."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from typing import Any

from synth.errors import UsageError
from synth.fidelity.command import audit_server, learn_server
from synth.fidelity.report import as_json, markdown, table
from synth.fidelity.setups import load_setups
from tools_catalog.harvest.outcome import HarvestFailure
from tools_catalog.observed import FILE, load_observed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m synth.fidelity")
    parser.add_argument("servers", nargs="*")
    parser.add_argument("--all", action="store_true", help="every server that has a set-up")
    parser.add_argument("--calls", type=int, default=240)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--pure", action="store_true", help="lift without the observed facts")
    parser.add_argument("--learn", action="store_true", help="write observed facts (tools_catalog/data/observed.json)")
    parser.add_argument("--detail", action="store_true", help="figures per tool and disagreements with examples")
    args = parser.parse_args()
    logging.getLogger("mcp").setLevel(logging.CRITICAL)
    setups = load_setups()
    names = list(setups) if args.all else args.servers
    if args.learn:
        return _learn(names, args.calls, args.seed)
    audits = []
    for name in names:
        try:
            audits.append(audit_server(name, args.calls, args.seed, args.pure))
        except (HarvestFailure, UsageError) as why:
            print(f"{name}: not audited: {why}", file=sys.stderr)
            continue
        if args.json:
            print(json.dumps(as_json(audits[-1])), flush=True)
        elif args.detail:
            print(markdown(audits[-1], examples=True), flush=True)
    if not args.json:
        print(table(audits))
    return 0 if audits else 1


def _learn(names: list[str], calls: int, seed: int) -> int:
    """Audit `names` and replace their observed facts; the seed must not be one that figures are reported with."""
    known: dict[str, Any] = dict(load_observed())
    for name in names:
        try:
            found = learn_server(name, calls, seed)
        except (HarvestFailure, UsageError) as why:
            print(f"{name}: nothing learned: {why}", file=sys.stderr)
            continue
        known.pop(name, None)
        if found:
            known[name] = found
        print(f"{name}: {sum(len(f) for f in found.values())} facts of {len(found)} tools", flush=True)
    FILE.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
