"""A workspace whose hidden tests can be run after the episode."""

from __future__ import annotations

import asyncio

from synth.code.check import check as run_hidden
from synth.code.task import Hidden, built
from synth.errors import TaskFailure
from synth.executors.workspace import WorkspaceExecutor
from synth.places.code import HIDDEN, MOST_FAILURES
from synth.records import Checked
from synth.sandbox import Engine, Limits
from synth.taskspec import PlaceCheck, PlaceStart


class Workspace(WorkspaceExecutor):
    """A folder of code in a sandbox. A check runs in a sandbox of its own, on a copy of the tree."""

    def __init__(self, world_id: str, engine: Engine, start: PlaceStart, limits: Limits) -> None:
        super().__init__(world_id, engine, built(start.files, start.setup.get("databases", {})), limits)
        self._checks_on = engine

    async def check(self, check: PlaceCheck) -> Checked:
        """The hidden tests on the tree as it is now."""
        if check.check != HIDDEN:
            raise TaskFailure("task", "places.workspace", f"a workspace knows no check {check.check!r}")
        found = await asyncio.to_thread(run_hidden, Hidden.model_validate(check.params), self.tree(), self._checks_on)
        told = f"{found.ok} of {found.total} hidden tests pass"
        told += "".join(f"; {one.name}: {one.reason}" for one in found.failures[:MOST_FAILURES])
        if found.tampered:
            told += f"; changed and put back: {', '.join(found.tampered)}"
        return Checked(id=check.id, passed=found.passed, score=found.score, evidence=told)
