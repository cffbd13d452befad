"""Behind the verb eval."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from synth.errors import UsageError
from synth.evaluating.figures import table
from synth.evaluating.playing import Plan, evaluate
from synth.models import clients
from synth.models.said import said_by
from synth.models.settings import K2Model
from synth.pipeline import Pipeline, load_pipeline
from synth.pipeline_stages import BUILT_IN_POLICIES


def eval_(
    run_dir: Path, model: str, pipeline: Path | None, enforcer: str, grounded: bool, temperature: float, plan: Plan,
    out: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Evaluate and print: one JSON object, or tables."""
    found = [evaluate(run_dir, one) for one in plans(model, pipeline, enforcer, grounded, temperature, plan)]
    text = json.dumps(found, ensure_ascii=False, indent=1)
    if out is not None:
        out.write_text(text + "\n", encoding="utf-8")
    if as_json:
        print(text)
        return
    for figures in found:
        for line in table(figures):
            print(line)


def plans(
    model: str, pipeline: Path | None, enforcer: str, grounded: bool, temperature: float, plan: Plan
) -> list[Plan]:
    """One plan per form of the policy: a checkpoint is tried with and without the enforcer unless one is chosen.
    Raises UsageError for a model that cannot be asked."""
    if model in BUILT_IN_POLICIES:
        return [replace(plan, policy=model)]
    if pipeline is not None:
        return [replace(plan, policy=model, backend=_checked(_named(load_pipeline(pipeline), model)))]
    forms = {"on": [True], "off": [False], "both": [True, False]}[enforcer]
    out = []
    for form in forms:
        backend = K2Model(kind="k2", checkpoint=model, enforcer=form, grounded=grounded and form,
                          temperature=temperature)  # fmt: skip
        more = " without enforcer" if not form else " grounded" if grounded else ""
        out.append(replace(plan, policy=said_by(backend, model) + more, backend=_checked(backend)))
    return out


def _named(pipeline: Pipeline, model: str) -> Any:
    if model not in pipeline.models:
        known = ", ".join(sorted(pipeline.models)) or "none"
        raise UsageError(f"the pipeline {pipeline.name} has no model {model!r}; it has {known}")
    return pipeline.models[model]


def _checked(backend: Any) -> Any:
    problems = clients.problems(backend)
    if problems:
        raise UsageError("; ".join(problems))
    clients.ready(backend)
    return backend
