"""Behind the verbs status and sql."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from synth.errors import UsageError
from synth.planning import status as read_status
from synth.store.views import Run, open_run, write_database


def status(run_dir: Path, as_json: bool) -> None:
    """Print what a run has: one JSON object, or a table."""
    open_run(run_dir)
    told = read_status(run_dir)
    if as_json:
        print(json.dumps(told))
        return
    ended = f", ended {told['ended']}" if told["ended"] else ""
    print(f"{told['name']}: {told['status']}, started {told['started']}{ended}")
    print(f"{'stage':<10}{'state':<10}{'parts':>6}{'opened':>9}{'rows':>9}  dropped / failed")
    for stage, line in told["stages"].items():
        ends = [f"{n:,} {reason}" for reason, n in line["dropped"].items()]
        ends += [f"{n:,} FAILED {class_}" for class_, n in line["failed"].items()]
        counts = f"{line['parts']:>6,}{line['opened']:>9,}{line['rows']:>9,}"
        print(f"{stage:<10}{line['state']:<10}{counts}  {', '.join(ends)}")


def sql(run_dir: Path, query: str | None, as_json: bool) -> None:
    """Answer one query, or each line of a prompt until it ends."""
    run = open_run(run_dir)
    write_database(run.run_dir)
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
    if as_json:
        for row in relation.fetchall():
            print(json.dumps(dict(zip(relation.columns, row, strict=True)), default=str, ensure_ascii=False))
        return
    print(_safe(str(relation)))


def _safe(text: str) -> str:
    """Values come from models and servers: no control character may reach the terminal."""
    return "".join(c if c in "\n\t" or (c.isprintable()) else "\ufffd" for c in text)
