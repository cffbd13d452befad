"""`python -m synth.fidelity SERVER ...` or `--all`: the table of `docs/fidelity.md`, servers set aside apart."""

from __future__ import annotations

import argparse
import json
import logging
import sys

from synth.errors import UsageError
from synth.fidelity.command import audit_server
from synth.fidelity.report import as_json, markdown, table
from synth.fidelity.setups import load_setups
from tools_catalog.harvest.outcome import HarvestFailure


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m synth.fidelity")
    parser.add_argument("servers", nargs="*")
    parser.add_argument("--all", action="store_true", help="every server that has a set-up")
    parser.add_argument("--calls", type=int, default=240)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--detail", action="store_true", help="figures per tool and disagreements with examples")
    args = parser.parse_args()
    logging.getLogger("mcp").setLevel(logging.CRITICAL)
    setups = load_setups()
    names = list(setups) if args.all else args.servers
    audits = []
    for name in names:
        try:
            audits.append(audit_server(name, args.calls, args.seed))
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


if __name__ == "__main__":
    sys.exit(main())
