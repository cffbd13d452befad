"""Data tasks: a job on generated files, with example data in the tree and other data for the check.

The truth of a job is computed from the rows before they were written to a file; the expert's code reads the file.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from synth.code.harness import encoded
from synth.code.plan import plan
from synth.code.slips import slip
from synth.code.task import CodeTask, Hidden, Probe
from synth.code.wording import closing, requests

HIDDEN = 5  # data sets of the check
PEEK = """import sqlite3
connection = sqlite3.connect({name!r})
for table, sql in connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall():
    print(sql, connection.execute(f"SELECT * FROM {{table}} LIMIT 3").fetchall())
"""


@dataclass(frozen=True)
class Data:
    """One data set: text files and databases (SQL scripts) by name, and what the job gives on it."""

    files: dict[str, str]
    databases: dict[str, str]
    result: Any

    def databases_at(self, folder: str) -> dict[str, str]:
        return {f"{folder}/{name}": script for name, script in self.databases.items()}


@dataclass(frozen=True)
class Job:
    """A drawn job. `readme` says precisely what is wanted; `source` is the expert's module; `draw` makes a data set of
    a size. The function takes the folder of the data."""

    name: str
    module: str
    what: str
    readme: list[str]
    source: str
    draw: Callable[[random.Random, int], Data]
    facts: dict[str, Any]


def wanted(readme: list[str]) -> str:
    """The noun phrase of the line that says what is wanted."""
    line = next(line for line in readme if line.startswith("Wanted is "))
    return line.removeprefix("Wanted is ").rstrip(".").split(";")[0]


def task_of(job: Job, family: str, identity: str, rng: random.Random) -> CodeTask | None:
    """The task, or None where the data sets do not tell right from wrong."""
    path, tests = f"{job.module}.py", f"tests/test_{job.module}.py"
    shown = job.draw(rng, 9)
    others = [job.draw(rng, size) for size in [0, 1, 6, 14, 30][:HIDDEN]]
    if len({repr(data.result) for data in [shown, *others]}) < HIDDEN - 1:
        return None
    readme = "\n".join([f"# {job.module}", "", *job.readme, ""])
    stub = f'def {job.name}(folder):\n    """{job.what[0].upper() + job.what[1:]}; see README.md."""\n    raise NotImplementedError\n'
    camel = "".join(part.title() for part in job.name.split("_"))
    files = {
        "README.md": readme,
        path: stub,
        "tests/__init__.py": "",
        tests: f"import unittest\n\nfrom {job.module} import {job.name}\n\n\nclass {camel}Test(unittest.TestCase):\n"
        f"    def test_example_data(self):\n        self.assertEqual({job.name}('data'), {shown.result!r})\n",
        **{f"data/{name}": text for name, text in shown.files.items()},
    }
    use = f"from {job.module} import {job.name}\n"
    hidden_files: dict[str, str] = {}
    hidden_databases: dict[str, str] = {}
    probes = []
    for number, data in enumerate(others, 1):
        folder = f"other_{number}"
        hidden_files |= {f"{folder}/{name}": text for name, text in data.files.items()}
        hidden_databases |= data.databases_at(folder)
        probes.append(
            Probe(name=f"data set {number}", code=f"{use}result = {job.name}('{folder}')", expect=encoded(data.result))
        )
    probes.append(
        Probe(
            name="the example again",
            code=f"{use}{job.name}('other_2')\nresult = {job.name}('data')",
            expect=encoded(shown.result),
        )
    )
    solution: dict[str, str | None] = {path: job.source}
    slots = {"name": job.name, "path": path, "tests": tests, "what": job.what}
    read = ["README.md", path, tests, *(p for p in files if p.startswith("data/"))]
    report = closing(rng, "data", slots)
    wrong = slip(rng, files, shown.databases_at("data"), path, job.source)
    peek = "".join(PEEK.format(name=f"data/{name}") for name in shown.databases)
    steps = plan(rng, files, solution, read, "write", report, fails_first=True, peek=peek, slip=wrong)
    return CodeTask(
        id=identity, family=family, group="data", difficulty=min(5, 2 + len(job.readme) // 6 + bool(shown.databases)), files=files,
        databases=shown.databases_at("data"),
        requests=requests(rng, "data", "data", slots), plan=steps,
        hidden=Hidden(probes=probes, files=hidden_files, databases=hidden_databases,
                      protected={p: t for p, t in files.items() if p.startswith(("tests/", "data/"))}),
        solution=solution, essence=job.source,
        visible_cases={path: f"def {job.name}(folder):\n    return {shown.result!r}\n"}, facts={**job.facts, "slip": bool(wrong)},
    )  # fmt: skip
