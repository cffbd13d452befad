"""Behind the verbs status and sql."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import duckdb

from synth.cells import table
from synth.errors import UsageError
from synth.planning import status as read_status
from synth.policies import table as policies_table
from synth.reporting import coming_text
from synth.store.views import Run, open_run, write_database
from synth.view.escape import clean


def status(run_dir: Path, as_json: bool) -> None:
    """Print what a run has: one JSON object, or a table."""
    open_run(run_dir)
    told = read_status(run_dir)
    if as_json:
        print(json.dumps(told))
        return
    ended = f", ended {told['ended']}" if told["ended"] else ""
    print(f"{told['name']}: {told['status']}, started {told['started']}{ended}")
    print(f"{'stage':<10}{'state':<10}{'parts':>6}{'opened':>9}{'rows':>9}{'cpu s':>7}  dropped / failed")
    for stage, line in told["stages"].items():
        ends = [f"{n:,} {reason}" for reason, n in line["dropped"].items()]
        ends += [f"{n:,} FAILED {class_}" for class_, n in line["failed"].items()]
        counts = f"{line['parts']:>6,}{line['opened']:>9,}{line['rows']:>9,}{(told['cpu'] or {}).get(stage, 0):>7,.0f}"
        print(f"{stage:<10}{line['state']:<10}{counts}  {', '.join(ends)}")
    if told["cells"]:
        print("\n" + "\n".join(table(told["cells"])))
    if told["policies"]:
        print("\n" + "\n".join(policies_table(told["policies"])))
    for cell, (have, want) in told["short"].items():
        print(f"short: {cell} {have:,} of {want:,}")
    if told["status"] != "done" and told["forecast"] and told["forecast"]["slots"]:
        print(coming_text(told["forecast"]))
    for role, spent in (told["usage"] or {}).items():
        tokens = f"{spent['prompt_tokens']:,.0f} tokens in, {spent['completion_tokens']:,.0f} out"
        print(f"{role:<14}{spent['requests']:>10,.0f} requests, {tokens}, {spent['cost_usd']:,.4f} USD")


def sql(run_dir: Path, query: str | None, as_json: bool) -> None:
    """Answer one query, or each line of a prompt until it ends."""
    run = open_run(run_dir)
    try:
        write_database(run.run_dir)
    except OSError:  # the answer does not need the file
        print(f"{run.run_dir} cannot be written, so its synth.duckdb stays as it is", file=sys.stderr)
    if query is not None:
        _answer(run, query, as_json)
        return
    interactive = sys.stdin.isatty()
    while True:
        try:
            line = input("synth> " if interactive else "").strip()
        except EOFError:
            return
        if line in ("exit", "quit", ".quit"):
            return
        try:
            if line:
                _answer(run, line, as_json)
        except UsageError as error:  # a prompt goes on after a mistyped query
            print(error, file=sys.stderr)


def _answer(run: Run, query: str, as_json: bool) -> None:
    relation = run.sql(query)
    if relation is None:
        return
    try:  # DuckDB runs a query when its rows are asked for
        rows = relation.fetchall() if as_json else []
        shown = "" if as_json else str(relation)
    except duckdb.Error as error:
        raise UsageError(" ".join(str(error).split())) from None
    for row in rows:
        print(json.dumps(dict(zip(relation.columns, row, strict=True)), default=str, ensure_ascii=False))
    if shown:
        print(clean(shown))
