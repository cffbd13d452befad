"""Behind the verbs run, plan and validate: reading the file, choosing a face, printing the end."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any, get_args

from synth.errors import FailureClass, UsageError
from synth.pipeline import Pipeline, PipelineError, Problem, check_named, load_pipeline


def run(file: str, sets: list[str], as_json: bool, **chosen: Any) -> int:
    """Run and print; returns the exit code."""
    from synth.policies import policies, summary
    from synth.reporting import Face, JsonLines, PlainLines, Rich
    from synth.run import Options, run_pipeline
    from synth.store.run_store import read_stages
    from synth.store.views import write_database

    if chosen["retry"] is not None and chosen["retry"] not in get_args(FailureClass):
        raise UsageError(
            f"--retry {chosen['retry']} is not a failure class; classes are {', '.join(get_args(FailureClass))}"
        )
    pipeline = _checked(file, sets)
    face: Face = JsonLines() if as_json else Rich() if sys.stderr.isatty() and sys.stdout.isatty() else PlainLines()
    try:
        result = run_pipeline(pipeline, Options(**chosen), face=face)
    finally:
        face.close()
    write_database(result.run_dir)
    if as_json:
        return result.exit_code
    print(result.text)
    for line in summary(policies(result.run_dir, read_stages(result.run_dir))):
        print(line)
    if result.exit_code == 130:
        print(f"resume with: {_command(file, sets, chosen)}")
    elif result.exit_code in (0, 3):
        print(f"look: synth status {result.run_dir}")
        print(f'      synth sql {result.run_dir} "select kind, count(*) from sft group by kind"')
    return result.exit_code


def plan(file: str, sets: list[str], out: Path | None, as_json: bool) -> None:
    """Print what a run would do."""
    from synth.planning import plan as planned
    from synth.stages import load

    pipeline = _checked(file, sets)
    told = planned(pipeline, out or Path("runs") / pipeline.name, load())
    if as_json:
        print(json.dumps(told))
        return
    print(f"{'stage':<10}{'slots':>9}{'rows':>9}{'kept':>9}{'to make':>9}{'calls':>10}{'minutes':>9}  action")
    for line in told["stages"]:
        aside = f", {line['put_aside_parts']} old parts to _old" if line["put_aside_parts"] else ""
        print(
            f"{line['stage']:<10}{line['slots']:>9,}{line['rows']:>9,}{line['kept_slots']:>9,}"
            f"{line['slots_to_make']:>9,}"
            f"{line['model_calls']:>10,}{line['seconds'] / 60:>9.1f}  {line['action']}{aside}"
        )
    print(
        f"\n{'cell':<14}{'target':>8}{'yield':>7}{'rounds':>8}{'slots':>8}{'rows':>8}{'calls':>10}{'tokens':>11}{'USD':>9}"
    )
    for line in told["cells"]:
        print(
            f"{line['cell']:<14}{line['target']:>8,}{line['yield']:>7.0%}{line['rounds']:>8}{line['slots']:>8,}"
            f"{line['rows']:>8,}{line['calls']:>10,}{line['tokens']:>11,}{line['usd']:>9,.2f}"
            + ("  short: a cap binds" if line["capped"] else "")
        )
    total = told["total"]
    print(
        f"{told['rows']:,} of {told['asked_rows']:,} rows in about {told['rounds']} rounds; "
        f"about {total['seconds'] / 60:.1f} minutes and {total['bytes'] / 2**20:,.0f} MiB in {told['run_dir']}; "
        f"{total['model_calls']:,} model calls, {total['prompt_tokens'] + total['completion_tokens']:,} tokens, "
        f"{total['cost_usd']:.2f} USD (from: {told['source']})"
    )


def validate(file: str, sets: list[str]) -> int:
    """Print every problem of a file; returns the exit code."""
    try:
        pipeline = load_pipeline(file, sets)
        problems = _named(pipeline, file)
    except PipelineError as error:
        problems = error.problems
    for problem in problems:
        print(f"{file}: {problem}", file=sys.stderr)
    if not problems:
        print(f"{file}: well-formed, {sum(pipeline.stages.shards.target.values()):,} rows asked")
    return 2 if problems else 0


def _checked(file: str, sets: list[str]) -> Pipeline:
    pipeline = load_pipeline(file, sets)
    if problems := _named(pipeline, file):
        raise PipelineError(file, problems)
    return pipeline


def _named(pipeline: Pipeline, file: str) -> list[Problem]:
    """Everything the file names outside itself: files on disk, and what a stage knows of (`problems(settings)`)."""
    from synth.stages import load

    found = check_named(pipeline, Path(file).parent)
    for stage, module in load().items():
        for path, message in getattr(module, "problems", lambda _: [])(pipeline.stage(stage)):
            found.append(Problem(f"stages.{stage}.{path}", message))
    return found


def _command(file: str, sets: list[str], chosen: dict[str, Any]) -> str:
    words = ["synth", "run", file, *(word for one in sets for word in ("--set", one))]
    for flag, value in (
        ("--out", chosen["out"]),
        ("--limit", chosen["limit"]),
        ("--ray-address", chosen["ray_address"]),
        ("--workers", chosen["workers"]),
    ):
        if value is not None:
            words += [flag, str(value)]
    return shlex.join(words)
