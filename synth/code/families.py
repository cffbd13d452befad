"""The families of code tasks, and tasks by family, seed and number."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from synth.code.functions import base, dates, graphs, grids, intervals, lists, notations, records, texts
from synth.code.packages import render
from synth.code.packages.bugs import bug_task
from synth.code.packages.features import feature_task
from synth.code.similar import Distinct
from synth.code.task import CodeTask, Group
from synth.code.truth import bench
from synth.code.wrangling import base as data
from synth.code.wrangling import tables
from synth.code.wrangling import texts as files
from synth.errors import TaskFailure, UsageError
from synth.records import Split, make_id, rng_for

TRIES = 60  # drawings of one task
GIVES_UP = 25  # near duplicates in a row before `Supply` takes a family to be used up
ROOM = 40  # of a family without an end
Maker = Callable[[str, str, random.Random], CodeTask | None]  # family, id, random stream


class Family(NamedTuple):
    """One family. `split`: where its tasks belong, so that what is evaluated is never trained on. `room`: about how
    many tasks it has before near duplicates are all that comes, `ROOM` where no end was met; who draws families at
    random draws them in this proportion."""

    name: str
    group: Group
    split: Split
    make: Maker
    room: int = ROOM


def _function(draw: Callable[[random.Random], base.Function]) -> Maker:
    return lambda family, identity, rng: base.task_of(draw(rng), family, identity, rng)


def _data(draw: Callable[[random.Random], data.Job]) -> Maker:
    return lambda family, identity, rng: data.task_of(draw(rng), family, identity, rng)


def _bug(domain: str) -> Maker:
    return lambda family, identity, rng: bug_task(domain, identity, rng, bench())


def _feature(domain: str) -> Maker:
    return lambda family, identity, rng: feature_task(domain, identity, rng, bench())


_FUNCTIONS: dict[str, Callable[[random.Random], base.Function]] = {
    "text_steps": texts.text_steps,
    "list_steps": lists.list_steps,
    "grid_steps": grids.grid_steps,
    "record_query": records.record_query,
    "interval_sets": intervals.interval_sets,
    "date_rules": dates.date_rules,
    "graph_queries": graphs.graph_queries,
    "settings_files": notations.settings_files,
    "calculators": notations.calculators,
    "code_schemes": notations.code_schemes,
}
_DATA: dict[str, Callable[[random.Random], data.Job]] = {
    "csv_report": tables.csv_report,
    "sqlite_report": tables.sqlite_report,
    "json_reshape": files.json_reshape,
    "log_summary": files.log_summary,
    "messy_table": files.messy_table,
}
_EVAL = frozenset({"graph_queries", "json_reshape", "bug_billing", "feature_billing"})
# what `python -m synth.code validate --count 500` found of them
_ROOM = {
    "interval_sets": 12, "date_rules": 15, "graph_queries": 15, "calculators": 26, "csv_report": 14,
    "sqlite_report": 17, "json_reshape": 16, "log_summary": 24, "messy_table": 23,
    "feature_stock": 15, "feature_loans": 15, "feature_billing": 15, "feature_tracker": 15,
}  # fmt: skip
_VALIDATION = frozenset({"list_steps", "csv_report"})


def _split(name: str) -> Split:
    return "eval" if name in _EVAL else "validation" if name in _VALIDATION else "train"


_MAKERS: dict[str, tuple[Group, Maker]] = {
    **{name: ("function", _function(draw)) for name, draw in _FUNCTIONS.items()},
    **{name: ("data", _data(draw)) for name, draw in _DATA.items()},
    **{f"bug_{domain}": ("bug", _bug(domain)) for domain in render.DOMAINS},
    **{f"feature_{domain}": ("feature", _feature(domain)) for domain in render.DOMAINS},
}
FAMILIES: dict[str, Family] = {
    name: Family(name, group, _split(name), make_one, _ROOM.get(name, ROOM))
    for name, (group, make_one) in _MAKERS.items()
}


def families() -> tuple[str, ...]:
    """Names of all families."""
    return tuple(FAMILIES)


def make(family: str, seed: int, number: int) -> CodeTask:
    """The task of that number: the same one for the same three values, in any process. Numbers give independent
    drawings; near duplicates among them are for `Supply` to leave out."""
    if family not in FAMILIES:
        raise UsageError(f"there is no family {family!r} of code tasks; known are {', '.join(FAMILIES)}")
    identity = make_id("code", seed, family, number)
    for attempt in range(TRIES):
        task = FAMILIES[family].make(family, identity, rng_for("code", seed, family, number, attempt))
        if task is not None:
            return task
    raise TaskFailure("task", "code.families", f"{family}: no task after {TRIES} drawings")


class Supply:
    """Tasks of some families without end, the families taking turns, near duplicates left out. A family that gives
    nothing but near duplicates any more is out of it."""

    def __init__(self, seed: int, names: Sequence[str] | None = None) -> None:
        self.near = dict.fromkeys(names or FAMILIES, 0)  # left out, by family
        self.cpu = dict.fromkeys(self.near, 0.0)  # seconds, those for what was left out among them
        self._seed = seed
        self._numbers = dict.fromkeys(self.near, 0)
        self._given = {name: Distinct() for name in self.near}

    def __iter__(self) -> Iterator[CodeTask]:
        left = list(self.near)
        while left:
            for name in list(left):
                task = self.next(name)
                if task is None:
                    left.remove(name)
                else:
                    yield task

    def next(self, name: str) -> CodeTask | None:
        """The next task of a family, None where it is used up."""
        began = _cpu()
        try:
            return self._next(name)
        finally:
            self.cpu[name] += _cpu() - began

    def _next(self, name: str) -> CodeTask | None:
        for _ in range(GIVES_UP):
            task = make(name, self._seed, self._numbers[name])
            self._numbers[name] += 1
            if self._given[name].add(task.essence):
                return task
            self.near[name] += 1
        return None


def _cpu() -> float:
    return time.thread_time() + bench().cpu_seconds


def generate(seed: int, count: int, names: Sequence[str] | None = None) -> Iterator[CodeTask]:
    """The first `count` tasks of `Supply`; fewer where the families are used up."""
    return islice(Supply(seed, names), count)
