"""`synth catalog audit --live ID`: how far the worlds lifted from a server behave as the server does."""

from __future__ import annotations

import json
import logging
import sys
from typing import Annotated

import typer

from synth.errors import UsageError


def audit(
    live: Annotated[str, typer.Option("--live", metavar="ID", help="Server to start here and compare with.")],
    calls: Annotated[int, typer.Option(min=1, max=5000, help="Calls to compare.")] = 240,
    seed: Annotated[int, typer.Option(help="Of the random sequences of calls.")] = 1,
    pure: Annotated[bool, typer.Option("--pure", help="Lift without what earlier audits observed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    examples: Annotated[bool, typer.Option("--examples", help="Show calls on which the two sides differ.")] = False,
) -> None:
    """Drive the same random calls through a live server and through its lifted worlds, and compare."""
    from synth.fidelity.command import audit_server
    from synth.fidelity.report import as_json as row
    from synth.fidelity.report import markdown
    from tools_catalog.harvest.outcome import HarvestFailure

    for name in ("mcp", "client"):  # the SDK's log repeats what a server sent; the report says it, escaped
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        done = audit_server(live, calls, seed, pure)
    except HarvestFailure as why:
        raise UsageError(f"{live} cannot be installed here: {why.detail} ({why.reason}).") from None
    if as_json:
        sys.stdout.write(json.dumps(row(done)) + "\n")
    else:
        text = markdown(done, examples)
        sys.stdout.write("".join(c if c.isprintable() or c == "\n" else " " for c in text) + "\n")
    if not done.compared:
        raise typer.Exit(1)
