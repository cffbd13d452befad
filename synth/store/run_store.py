"""The driver's side of the commit protocol. One manifest per stage is the truth; files follow it.

    publish:  1. the worker has written and fsynced `<table>/_tmp/<attempt>.parquet` (all tables of the part)
              2. the driver renames the next generation of `<table>/_manifest/<stage>-<n>.json` into place   <- commit
              3. superseded files move to `_old/`, attempt files get their committed names

A crash before 2 leaves attempts that nobody knows: they are deleted at start-up. A crash after 2 leaves moves that the
manifest names: start-up finishes them. So a part, with all the tables it writes, is either committed or absent, and
a plain glob over `<table>/part-*.parquet` never sees a row that is not committed.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synth.errors import CorruptRun
from synth.records import STAGES, StageName, canonical
from synth.store.files import read_json, sha256_of, sync_dir, write_json
from synth.store.parts import STAGE_TABLE, PartEntry, PartFile

KEPT_GENERATIONS = 2

FaultPoint = Callable[[str], None]


def _no_fault(_: str) -> None:
    return None


@dataclass
class StageState:
    """The newest generation of one stage."""

    stage: StageName
    generation: int = 0
    fingerprint: str = ""
    complete: bool = False
    parts: dict[int, PartEntry] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)  # `inputs` digest; shards: sha256 of each file in sft/

    def digest(self) -> str:
        """The content of all committed parts."""
        return hashlib.sha256(canonical([[i, self.parts[i].digest()] for i in sorted(self.parts)]).encode()).hexdigest()

    def files(self, table: str) -> list[PartFile]:
        return [f for i in sorted(self.parts) for f in self.parts[i].files if f.table == table]

    def count(self, what: str) -> int:
        return sum(getattr(part, what) for part in self.parts.values())

    def to_json(self) -> dict[str, Any]:
        return {
            "stage": self.stage, "table": STAGE_TABLE[self.stage], "generation": self.generation,
            "fingerprint": self.fingerprint, "complete": self.complete, "extra": self.extra,
            "parts": [self.parts[index].to_json() for index in sorted(self.parts)],
        }  # fmt: skip


def manifest_dir(run_dir: Path, stage: StageName) -> Path:
    """Where a stage's manifest lives. `sft/` is swapped as a whole, so the manifest of shards lies beside it."""
    return run_dir / ("dropped" if stage == "shards" else STAGE_TABLE[stage]) / "_manifest"


def read_stage(run_dir: Path, stage: StageName, damaged: list[Path] | None = None) -> StageState:
    """The newest generation; an empty state where there is none. One that cannot be read raises CorruptRun, or, where
    a list is given, is noted there and the one before counts."""
    for path in sorted(manifest_dir(run_dir, stage).glob(f"{stage}-*.json"), reverse=True):
        try:
            value = read_json(path) or {}
            parts = {p["index"]: PartEntry.from_json(p) for p in value["parts"]}
            return StageState(
                stage, value["generation"], value["fingerprint"], value["complete"], parts, value["extra"]
            )
        except (KeyError, TypeError, AttributeError):
            if not path.exists():  # a driver at work has replaced it since it was listed
                return read_stage(run_dir, stage, damaged)
            if damaged is None:
                raise CorruptRun(f"{path} is damaged; `synth run` makes again what it held") from None
            damaged.append(path)
    return StageState(stage)


def read_stages(run_dir: Path) -> dict[StageName, StageState]:
    """All stages as committed; reading takes no lock."""
    return {stage: read_stage(run_dir, stage) for stage in STAGES}


class RunStore:
    """The committed state of a run folder, changed by one driver (hold `files.locked` meanwhile)."""

    def __init__(self, run_dir: Path, fault: FaultPoint = _no_fault) -> None:
        self.run_dir = run_dir
        self._fault = fault
        self.remade: list[str] = []  # committed files that were gone or damaged and will be made again
        damaged: list[Path] = []
        self.stages = {stage: read_stage(run_dir, stage, damaged) for stage in STAGES}
        for path in damaged:  # the generation before counts; the parts that it does not name are made again
            self.remade.append(f"the manifest {path.name}")
            path.unlink()
        self._recover()

    def publish(self, stage: StageName, entry: PartEntry) -> None:
        """Commit one part; replaces the part of the same index."""
        self._check_visible(entry)
        state = self.stages[stage]
        old = state.parts.get(entry.index)
        state.parts[entry.index] = entry
        state.complete = False
        self._commit(state)
        self._settle(entry.files, (old.files if old else []))

    def publish_shards(self, entry: PartEntry, fingerprint: str, built: str, extra: dict[str, Any]) -> None:
        """Commit the shards built in the folder `built`: the manifest first, then the swap, which start-up can finish.
        `extra["files"]` has the sha256 of each file in the folder."""
        self._check_visible(entry)
        state = self.stages["shards"]
        gone = [file for old in state.parts.values() for file in old.files]
        state.parts, state.fingerprint, state.complete = {entry.index: entry}, fingerprint, True
        state.extra = {"built": built, **extra}
        self._commit(state)
        self._settle(entry.files, gone)
        self._swap_sft(state)

    def retire(self, stage: StageName, indexes: Iterable[int]) -> None:
        """Take parts out of the table; their files move to `_old/`."""
        state = self.stages[stage]
        gone = [state.parts.pop(index) for index in sorted(set(indexes)) if index in state.parts]
        if gone:
            state.complete = False
            self._commit(state)
            self._settle([], [file for entry in gone for file in entry.files])

    def reset(self, stage: StageName, fingerprint: str) -> None:
        """Begin a stage under another fingerprint: everything made under the old one moves to `_old/`."""
        state = self.stages[stage]
        gone = [file for entry in state.parts.values() for file in entry.files]
        state.parts, state.extra, state.fingerprint, state.complete = {}, {}, fingerprint, False
        self._commit(state)
        self._settle([], gone)

    def complete(self, stage: StageName, inputs: str) -> None:
        """Note that a stage has all the parts that follow from `inputs`, the digest of what came before it."""
        state = self.stages[stage]
        if not state.complete or state.extra.get("inputs") != inputs:
            state.complete = True
            state.extra = {**state.extra, "inputs": inputs}
            self._commit(state)

    def _check_visible(self, entry: PartEntry) -> None:
        for file in entry.files:
            path = self.run_dir / file.table / "_tmp" / file.tmp
            if not path.is_file():
                raise CorruptRun(f"{path}, which a worker wrote, is not here; a run folder must lie on a shared disk")

    def _commit(self, state: StageState) -> None:
        state.generation += 1
        folder = manifest_dir(self.run_dir, state.stage)
        self._fault("before manifest")
        write_json(folder / f"{state.stage}-{state.generation:06d}.json", state.to_json())
        self._fault("after manifest")
        for stale in sorted(folder.glob(f"{state.stage}-*.json"))[:-KEPT_GENERATIONS]:
            stale.unlink()

    def _settle(self, new: list[PartFile], old: list[PartFile]) -> None:
        """Bring the files of one commit in line with the manifest."""
        for file in old:
            if not any(f.name == file.name and f.table == file.table and f.sha256 == file.sha256 for f in new):
                self._shelve(file.table, file.name)
                self._fault("after shelving")
        for file in new:
            self._place(file)
            self._fault("after placing")
        for table in {file.table for file in [*new, *old]}:
            sync_dir(self.run_dir / table)

    def _place(self, file: PartFile) -> None:
        tmp, final = self.run_dir / file.table / "_tmp" / file.tmp, self.run_dir / file.table / file.name
        if tmp.exists():
            tmp.replace(final)

    def _shelve(self, table: str, name: str) -> None:
        source = self.run_dir / table / name
        if source.exists():
            shelf = self.run_dir / table / "_old"
            shelf.mkdir(exist_ok=True)
            source.replace(_free(shelf, name))

    def _recover(self) -> None:
        """Finish interrupted moves, delete attempts of dead drivers, notice committed files that are gone."""
        named = {(f.table, f.name): f for s in self.stages.values() for e in s.parts.values() for f in e.files}
        for table in {f.table for f in named.values()} | {"dropped", "failed"} | set(STAGE_TABLE.values()) - {"sft"}:
            for path in sorted((self.run_dir / table).glob("part-*.parquet")):
                file = named.get((table, path.name))
                pending = file is not None and (path.parent / "_tmp" / file.tmp).exists()
                if file is None or pending or path.stat().st_size != file.bytes or sha256_of(path) != file.sha256:
                    self._shelve(table, path.name)
        for file in named.values():
            self._place(file)
        for table in {*STAGE_TABLE.values(), "dropped", "failed"}:
            shutil.rmtree(self.run_dir / table / "_tmp", ignore_errors=True)
        for stage, state in self.stages.items():
            lost = {
                i for i, e in state.parts.items() for f in e.files if not (self.run_dir / f.table / f.name).is_file()
            }
            if lost:
                self.remade += [f"{stage} part {index}" for index in sorted(lost)]
                self.retire(stage, lost)
        self._swap_sft(self.stages["shards"])

    def _swap_sft(self, state: StageState) -> None:
        """Put the built folder that the manifest names in the place of `sft/`; sweep other leftovers."""
        final, built = self.run_dir / "sft", state.extra.get("built")
        if built is not None and (self.run_dir / built).is_dir():
            if final.is_dir():
                shelf = self.run_dir / "_old"
                shelf.mkdir(exist_ok=True)
                final.replace(_free(shelf, "sft"))
                self._fault("after shelving sft")
            (self.run_dir / built).replace(final)
            sync_dir(self.run_dir)
        for leftover in self.run_dir.glob("_sft-*"):
            shutil.rmtree(leftover)
        sums: dict[str, str] = state.extra.get("files", {})
        if state.parts and any(
            not (final / name).is_file() or sha256_of(final / name) != sha for name, sha in sums.items()
        ):
            self.remade.append("sft")
            self.retire("shards", list(state.parts))


def _free(shelf: Path, name: str) -> Path:
    """The first unused `<n>-<name>` of a shelf."""
    number = 1
    while (shelf / f"{number:04d}-{name}").exists():
        number += 1
    return shelf / f"{number:04d}-{name}"
