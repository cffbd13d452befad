"""The rounds. Each step leaves its result in the folder of the flywheel and is passed over where it is there already,
so a flywheel that was killed goes on from its last whole step (runs and training from within a step).

    ground/                    the expert's run
    round-0/evaluation.json    of the core that plays first
    round-K/run/               a copy of the ground with other tasks, played by the core of the round before
    round-K/mix/               what is trained on
    round-K/training/model/    the core of the round
    round-K/evaluation.json
    flywheel.json  flywheel.md what became of it
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from synth.cli_train import prepare
from synth.errors import RefusedError
from synth.evaluating.playing import Plan, played, told
from synth.flywheel.file import FlywheelFile
from synth.flywheel.mixing import mix
from synth.flywheel.record import record, write_record
from synth.models.k2.checkpoints import folder_of
from synth.models.k2.slots import cpus_here
from synth.models.said import said_by
from synth.pipeline import Pipeline
from synth.run import Options, run_pipeline
from synth.store.files import locked, read_json, write_json
from synth.training_file import TrainingFile

Say = Callable[[str], None]
SETTINGS, EVALUATION = "settings.json", "evaluation.json"
FREE = ("rounds",)  # may change when a flywheel is taken up again


class Stopped(Exception):
    """The user pressed Ctrl-C in a run; what is finished is kept."""


def turn(file: FlywheelFile, out: Path, say: Say = lambda line: None, workers: int | None = None) -> dict[str, Any]:
    """Turn the flywheel to its last round; returns its record. `workers` as in `run.Options`.

    Raises RefusedError for a folder of another flywheel, Stopped after a Ctrl-C, and what its steps raise."""
    out.mkdir(parents=True, exist_ok=True)
    with locked(out):
        _belongs(file, out)
        wheel = _Wheel(file, out, say, workers)
        wheel.run(file.ground(), out / "ground")
        wheel.evaluate(0, file.core)
        core = file.core
        for number in range(1, file.rounds + 1):
            core = wheel.round(number, core)
        return record(out, file.rounds)


def _belongs(file: FlywheelFile, out: Path) -> None:
    now = {key: value for key, value in asdict(file).items() if key not in FREE}
    then = read_json(out / SETTINGS)
    if then is None:
        if (out / "ground").exists():
            raise RefusedError(f"{out} holds something else than a flywheel; give another folder with --out")
        write_json(out / SETTINGS, now)
    elif changed := sorted(key for key in then.keys() | now.keys() if then.get(key) != now.get(key)):
        raise RefusedError(
            f"{out} holds a flywheel with other settings ({', '.join(changed)}); give another folder with --out"
        )


class _Wheel:
    def __init__(self, file: FlywheelFile, out: Path, say: Say, workers: int | None) -> None:
        self.file, self.out, self.say, self.workers = file, out, say, workers

    def round(self, number: int, core: str) -> str:
        """One round; returns its checkpoint folder."""
        at = self.out / f"round-{number}"
        self.say(f"round {number}: rollouts by {said_by(self.file.model(core, 0.0), core)}")
        self._copy_ground(at / "run")
        self.run(self.file.round(number, core), at / "run")
        runs = [self.out / f"round-{k}" / "run" / "sft" for k in range(1, number + 1)]
        about = mix(runs, self.out / "ground" / "sft", self.file.replay, self.file.training.seed + number, at / "mix")
        self.say(f"round {number}: training on {about['rows']:,} rows, {about['replayed']:,} of them replayed")
        trained = str(self.train(number, core))
        self.evaluate(number, trained)
        return trained

    def _copy_ground(self, run: Path) -> None:
        """Worlds, tools and agents are those of the ground: its folder, copied, keeps them."""
        if run.exists():
            return
        aside = run.with_name(".run")
        shutil.rmtree(aside, ignore_errors=True)
        shutil.copytree(self.out / "ground", aside, ignore=shutil.ignore_patterns(".lock", "_old", "_tmp", "*.duckdb"))
        aside.rename(run)

    def run(self, pipeline: Pipeline, folder: Path) -> None:
        """Make or take up a run; fewer rows than asked are no reason to stop."""
        result = run_pipeline(pipeline, Options(out=folder, workers=self.workers))
        if result.exit_code == 130:
            raise Stopped
        self.say(f"{folder.name}: {result.text}")

    def train(self, number: int, core: str) -> Path:
        """The core of the round, from the one before, with its vocabulary."""
        import torch

        from model_core.config import ModelConfig
        from model_core.training import run_job

        at, folder = self.out / f"round-{number}", folder_of(core)
        assert folder is not None
        settings = replace(self.file.training, seed=self.file.training.seed + number)
        told = TrainingFile(
            f"round-{number}", str(at / "mix"), settings, str(folder), ModelConfig.read(folder).tool_declarations,
            self.file.max_length, str(folder),
        )  # fmt: skip
        torch.set_num_threads(cpus_here())  # an engine in this process has left one
        return run_job(prepare(told, at / "training", self.say), at / "training", self.say)

    def evaluate(self, number: int, core: str) -> None:
        """The held-out tasks of the ground, played by a core."""
        path = self.out / f"round-{number}" / EVALUATION
        if not path.exists():
            backend = self.file.model(core, 0.0)
            name = said_by(backend, core)
            self.say(f"round {number}: evaluating {name}")
            began = time.monotonic()
            plan = Plan(name, backend, self.file.evaluation.tasks, self.file.kinds(), calls=False)
            attempts, guesses = played(self.out / "ground", plan)
            write_json(path, {
                "model": name, "seconds": round(time.monotonic() - began, 1),
                "figures": told(Path("ground"), plan, attempts, guesses),
                "episodes": [[a.task_id, a.kind, a.passed, a.why] for a in attempts],
            })  # fmt: skip
        for line in write_record(self.out, number):
            self.say(line)
