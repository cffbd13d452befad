"""The verbs, nothing else. Heavy imports happen inside verbs: `synth --help` must answer at once.

Exit codes: 0 done; 1 failed; 2 wrong usage or a wrong file; 3 fewer rows than asked; 4 refused; 130 interrupted.
"""

from __future__ import annotations

import errno
import io
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup


class Verbs(TyperGroup):
    """Turns the error tree into one sentence and an exit code, for every verb."""

    def invoke(self, ctx: Any) -> Any:
        from synth.errors import RefusedError, SynthError, UsageError

        try:
            return super().invoke(ctx)
        except UsageError as error:
            _stop(error, 2)
        except RefusedError as error:
            _stop(error, 4)
        except SynthError as error:
            _stop(error, 1)
        except BrokenPipeError:
            raise typer.Exit(1) from None
        except OSError as error:
            _stop(_of_the_system(error), 1)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=Verbs, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
    help="Verified multi-turn tool-use trajectories grown from real MCP tools.",
)  # fmt: skip

PipelineFile = Annotated[str, typer.Argument(metavar="FILE", help="A pipeline file, such as pipelines/tooluse.yaml.")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, such as runs/tooluse.")]
Sets = Annotated[list[str] | None, typer.Option("--set", metavar="A.B=C", help="Change one value of the file (YAML).")]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="The run folder; runs/<name> by default.")]
Workers = Annotated[
    int | None, typer.Option("--workers", min=0, max=4096, help="Workers; every CPU by default, 0: this process.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable: JSON on stdout and nothing else.")]
THROUGH: dict[str, Any] = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@app.command()
def run(
    file: PipelineFile,
    sets: Sets = None,
    out: Out = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Move what is in the run folder aside and begin anew.")
    ] = False,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Open at most N task slots.")] = None,
    retry: Annotated[
        str | None,
        typer.Option("--retry", metavar="CLASS", help="infra|model|task|judge|budget: run failed slots again."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be made; touch nothing.")] = False,
    as_json: AsJson = False,
    ray_address: Annotated[
        str | None, typer.Option("--ray-address", help="A Ray cluster; this machine by default.")
    ] = None,
    workers: Workers = None,
) -> None:
    """Run or resume a pipeline: what is done under the same settings is kept."""
    from synth import cli_run

    if dry_run:
        cli_run.plan(file, sets or [], out, as_json)
        return
    code = cli_run.run(
        file,
        sets or [],
        as_json,
        out=out,
        fresh=fresh,
        limit=limit,
        retry=retry,
        ray_address=ray_address,
        workers=workers,
    )
    raise typer.Exit(code)


@app.command()
def plan(file: PipelineFile, sets: Sets = None, out: Out = None, as_json: AsJson = False) -> None:
    """Rows per stage, model calls, tokens, cost, disk and time; touches nothing."""
    from synth import cli_run

    cli_run.plan(file, sets or [], out, as_json)


@app.command()
def validate(file: PipelineFile, sets: Sets = None) -> None:
    """Check a pipeline file and all it names; every error with its path in the file."""
    from synth import cli_run

    raise typer.Exit(cli_run.validate(file, sets or []))


@app.command()
def status(run: RunFolder, as_json: AsJson = False) -> None:
    """Stages, parts, rows in, out, dropped and failed, with reasons."""
    from synth import cli_look

    cli_look.status(run, as_json)


@app.command()
def sql(
    run: RunFolder,
    query: Annotated[str | None, typer.Argument(help="One query; a prompt without it.")] = None,
    as_json: AsJson = False,
) -> None:
    """DuckDB over the run, read-only."""
    from synth import cli_look

    cli_look.sql(run, query, as_json)


@app.command()
def show(
    run: RunFolder,
    row_id: Annotated[str, typer.Argument(metavar="ID")],
    full: Annotated[bool, typer.Option("--full", help="All of what failed, not only its reason.")] = False,
) -> None:
    """One row of any table for a person: a trajectory as a conversation, with its lineage up to the real tool; one
    that failed with its reason first, on one screen."""
    from synth.store.views import open_run

    run_dir = open_run(run).run_dir
    from synth.view.show import show as show_row

    show_row(run_dir, row_id, full=full)


@app.command()
def report(
    run: RunFolder,
    as_json: AsJson = False,
    harvest: Annotated[
        Path | None, typer.Option("--harvest", help="Real tools with the servers' own texts; your harvest by default.")
    ] = None,
    sample: Annotated[int, typer.Option("--sample", min=50, help="Tools per side of a two-sample test.")] = 3000,
    with_map: Annotated[bool, typer.Option("--map/--no-map", help="The map takes a minute of CPU.")] = True,
) -> None:
    """Pictures and figures of a run as one HTML file: what is in it, how diverse, how like real tools."""
    from synth.store.views import open_run

    run_dir = open_run(run).run_dir
    from synth.reports.needs import check_installed

    check_installed()
    from synth import cli_report

    cli_report.report(run_dir, as_json, harvest, sample, with_map)


@app.command("judge-trial")
def judge_trial(
    run: RunFolder,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Try at most N passed trajectories.")] = 2000,
    seed: Annotated[int, typer.Option("--seed", help="Which are drawn, and how each is changed.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Break passed trajectories in named ways, and vary them harmlessly: what does the judge catch?"""
    from synth.store.views import open_run

    run_dir = open_run(run).run_dir
    from synth import cli_trial

    cli_trial.judge_trial(run_dir, limit, seed, as_json)


@app.command("eval")
def eval_(
    run: RunFolder,
    model: Annotated[
        str, typer.Option("--model", help="bundled, a checkpoint folder, or a built-in policy.")
    ] = "bundled",
    pipeline: Annotated[
        Path | None, typer.Option("--pipeline", help="Take the model of that name from this pipeline file.")
    ] = None,
    tasks: Annotated[int, typer.Option("--tasks", min=1, help="Tasks of each kind.")] = 100,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="Only this kind; may be given more than once.")
    ] = None,
    attempts: Annotated[int, typer.Option("--attempts", min=1, max=64, help="Episodes per task, for pass@k.")] = 1,
    enforcer: Annotated[Literal["on", "off", "both"], typer.Option(help="Hold calls to the declared tools.")] = "both",
    grounded: Annotated[bool, typer.Option("--grounded", help="Hold strings of calls to what was said, too.")] = False,
    temperature: Annotated[float, typer.Option(min=0.0, max=2.0)] = 0.0,
    split: Annotated[Literal["eval", "validation", "train"], typer.Option(help="Which worlds.")] = "eval",
    calls: Annotated[bool, typer.Option("--calls/--no-calls", help="Also compare first calls with the run's.")] = True,
    max_turns: Annotated[
        int | None, typer.Option("--max-turns", min=1, max=1000, help="Assistant messages an episode; as in the run.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the figures to this file as well.")] = None,
    as_json: AsJson = False,
) -> None:
    """Let a policy play a run's held-out tasks: pass rate per kind, exact calls, tokens per pass."""
    from synth import cli_eval
    from synth.evaluating.playing import Plan
    from synth.store.views import open_run

    plan = Plan(
        model, tasks=tasks, kinds=tuple(kind or ()), attempts=attempts, split=split, calls=calls, max_turns=max_turns
    )
    cli_eval.eval_(open_run(run).run_dir, model, pipeline, enforcer, grounded, temperature, plan, out, as_json)


@app.command()
def export(
    run: RunFolder,
    form: Annotated[str, typer.Option("--format", help="trl, llamafactory, axolotl, verl, openai, hermes or sts.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A folder that does not exist yet.")],
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse examples of which the format cannot say everything.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """The examples of a run in another trainer's format; each row is read back and compared."""
    from synth.store.views import open_run

    run_dir = open_run(run).run_dir
    from synth import cli_export

    cli_export.export(run_dir, form, out, strict, as_json)


@app.command()
def replay(
    run: RunFolder,
    trajectory_id: Annotated[str | None, typer.Argument(metavar="[TRAJECTORY_ID]")] = None,
    sample: Annotated[int, typer.Option(min=1, help="Without an id: replay this many random trajectories.")] = 100,
) -> None:
    """Execute a trajectory's calls again on its start state; exit 0 only where all is equal."""
    from synth.store.views import open_run

    run_dir = open_run(run).run_dir
    from synth.replaying import replay_sample, replay_trajectory

    reports = (
        {trajectory_id: replay_trajectory(run_dir, trajectory_id)} if trajectory_id else replay_sample(run_dir, sample)
    )
    for name, report in reports.items():
        for difference in report.differences:
            print(f"{name} {difference}")
    calls, wrong = sum(r.calls for r in reports.values()), sum(not r.equal for r in reports.values())
    found = f"{wrong} of {len(reports)} trajectories NOT equal" if wrong else "all equal"
    print(f"{len(reports)} trajectories, {calls} calls, {found}")
    raise typer.Exit(1 if wrong else 0)


@app.command()
def doctor(
    as_json: AsJson = False,
    model: Annotated[str, typer.Option(help="Sizes of this model: k2, k2_0905, moonlight, tiny, or a folder.")] = "",
    clean: Annotated[
        bool, typer.Option("--clean", help="Remove what killed runs left of sandboxes, and old root file systems.")
    ] = False,
) -> None:
    """What this machine has: Ray, GPU, docker, sandbox, npm, endpoint; each with how to get it."""
    from synth import doctor as rooms
    from synth.doctor_model import show_model

    if clean:
        rooms.clean(as_json)
    elif model:
        show_model(model, as_json)
    else:
        rooms.show(as_json)


@app.command()
def serve(
    checkpoint: Annotated[str, typer.Argument(help="A checkpoint folder, `bundled`, or `random`: untrained.")],
    host: Annotated[str, typer.Option(help="Another address than this machine's own needs a key.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 8000,
    name: Annotated[str | None, typer.Option(help="What requests call it; the folder's name by default.")] = None,
    api_key_env: Annotated[
        str | None, typer.Option("--api-key-env", metavar="NAME", help="The environment variable that holds the key.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    dtype: Annotated[str | None, typer.Option(help="float32 on a CPU, bfloat16 on a GPU by default.")] = None,
    enforcer: Annotated[
        bool, typer.Option("--enforcer/--no-enforcer", help="Calls name declared tools and fit their schemas.")
    ] = True,
    max_batch: Annotated[int, typer.Option("--max-batch", min=1, help="Answers that run at once.")] = 32,
    cache_tokens: Annotated[int, typer.Option("--cache-tokens", min=256, help="Tokens the cache holds.")] = 65536,
    max_queue: Annotated[int, typer.Option("--max-queue", min=1, help="Answers under way; more get a 429.")] = 1024,
    max_body_mb: Annotated[int, typer.Option("--max-body-mb", min=1, max=1024, help="Of one request.")] = 8,
    grace_s: Annotated[float, typer.Option("--grace", min=0, help="Seconds that answers have when it stops.")] = 30.0,
    as_json: AsJson = False,
) -> None:
    """An OpenAI-compatible server on the model core."""
    from synth import cli_serve

    cli_serve.serve(
        checkpoint, host=host, port=port, name=name, api_key_env=api_key_env, device=device, dtype=dtype,
        enforcer=enforcer, max_batch=max_batch, cache_tokens=cache_tokens, max_queue=max_queue,
        max_body_mb=max_body_mb, grace_s=grace_s, as_json=as_json,
    )  # fmt: skip


@app.command()
def train(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A training file, such as pipelines/train.yaml.")],
    sets: Sets = None,
    out: Out = None,
    as_json: AsJson = False,
    ray_address: Annotated[
        str | None, typer.Option("--ray-address", help="A Ray cluster for several ranks; this machine by default.")
    ] = None,
) -> None:
    """Train the model core on the shards of a run, or go on where a training run was broken off."""
    from synth import cli_train

    cli_train.train(file, sets or [], out, as_json, ray_address)


@app.command()
def flywheel(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A flywheel file, such as pipelines/flywheel.yaml.")],
    sets: Sets = None,
    out: Out = None,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Rounds of rollouts by the core, training on what was verified, and evaluation on held-out worlds."""
    from synth import cli_flywheel

    raise typer.Exit(cli_flywheel.flywheel(file, sets or [], out, workers, as_json))


@app.command(context_settings=THROUGH)
def catalog(ctx: typer.Context) -> None:
    """The real tools: list, show, harvest, audit."""
    from synth.cli_catalog import catalog_app

    outcome = typer.main.get_command(catalog_app).main(args=ctx.args, prog_name="synth catalog", standalone_mode=False)
    raise typer.Exit(outcome if isinstance(outcome, int) else 0)


def _of_the_system(error: OSError) -> str:
    """A refusal of the operating system as a sentence with its mend."""
    what = f"{error.filename or 'a file of the run'}: {error.strerror or error}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{what}; free some space and give the same command again, it goes on from what is committed"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{what}; give a folder that you may write with --out"
    return what


def _stop(error: object, code: int) -> None:
    print(f"synth: {' '.join(str(error).split())}", file=sys.stderr)
    raise typer.Exit(code)


def main() -> None:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):  # a terminal that cannot show a character gets its escape
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app()


if __name__ == "__main__":
    main()
