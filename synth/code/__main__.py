"""`python -m synth.code validate --count 500 --engine local`: tries code tasks out and prints a table.
`python -m synth.code show FAMILY NUMBER`: one task for a person."""

from __future__ import annotations

import argparse
import sys
import time

from synth.code.families import families, make
from synth.code.task import CodeTask
from synth.code.validate import spread, table, validate
from synth.errors import UsageError
from synth.sandbox import open_engine


def main() -> int:
    """Exit 0 where there are as many valid tasks as asked for, 1 where there are not, 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m synth.code")
    verbs = parser.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("validate", help="try tasks out in sandboxes")
    one.add_argument("--count", type=int, default=500)
    one.add_argument("--seed", type=int, default=1)
    one.add_argument("--engine", choices=["local", "docker", "auto"], default="auto")
    one.add_argument("--workers", type=int, default=4)
    one.add_argument("--family", action="append", choices=families())
    one = verbs.add_parser("show", help="show one task")
    one.add_argument("family", choices=families())
    one.add_argument("number", type=int, nargs="?", default=0)
    one.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    if asked.verb == "show":
        print(shown(make(asked.family, asked.seed, asked.number)))
        return 0
    try:
        engine = open_engine(asked.engine)
    except UsageError as wrong:
        print(wrong, file=sys.stderr)
        return 2
    try:
        began = time.perf_counter()
        found = validate(asked.seed, asked.count, engine, asked.workers, asked.family)
        mean, most = spread([one.task for one in found.valid])
        print(f"{len(found.valid)} valid tasks on {engine.name} in {time.perf_counter() - began:.0f} s\n")
        print(table(found) + "\n")
        print(f"nearest other task: {mean:.2f} in the mean, {most:.2f} at most (Jaccard of code shingles)")
    finally:
        engine.close()
    return 0 if len(found.valid) == asked.count else 1


def shown(task: CodeTask) -> str:
    """A task as text."""
    parts = [f"{task.id}  {task.family}, difficulty {task.difficulty}", *(f"[user] {text}" for text in task.requests)]
    parts += [f"=== {path}\n{text}" for path, text in task.files.items()]
    for step in task.plan:
        parts.append(f"[expert] {step.say}")
        for call in step.calls:
            parts.append(f"  -> {call.tool} " + ", ".join(f"{k}={v}" for k, v in call.arguments.items()))
    parts += [f"[hidden] {probe.name}\n{probe.code}\n  => {probe.expect!r}" for probe in task.hidden.probes]
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
