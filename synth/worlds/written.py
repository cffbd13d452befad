"""Worlds that a person wrote: YAML or JSON files named in the pipeline (`stages.worlds.files`).

A written world passes the same admission as every other one. What is wrong in a file is found before a run begins and
said in one sentence with the file and the place in it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from synth.careful_yaml import Wrong, kind_of, load_json, load_yaml, read_text
from synth.errors import SpecError, UsageError
from synth.records import Split
from synth.worlds.admit import admit_world
from synth.worlds.real import category_split
from synth.worlds.simulate import compile_world
from synth.worlds.spec import World
from synth.worlds.splits import split_lookup
from synth.worlds.wellformed import wellformed
from tools_catalog.taxonomy import load_taxonomy

WHAT = "world file"


def read_world(file: str | Path) -> World:
    """The world in a file. UsageError with the file, and the place in it, where it cannot be read or loaded."""
    path = Path(file)
    try:
        text = read_text(path, WHAT)
        spec = load_json(text, WHAT) if path.suffix == ".json" else load_yaml(text, WHAT)
        if not isinstance(spec, dict):
            raise Wrong(f"the top level must be a mapping with `world`, `entities` and `tools`, not {kind_of(spec)}")
    except Wrong as wrong:
        raise UsageError(f"{shown(path)}: {wrong.problem}") from None
    try:
        world = World.load(spec)
        wellformed(world)
        return world
    except SpecError as error:
        raise UsageError(f"{shown(path)}: {error}") from None


def shown(path: Path) -> str:
    """The path as a person at this folder would write it."""
    here = os.path.relpath(path)
    return str(path) if here.startswith("..") else here


@lru_cache(maxsize=64)
def _read(file: str, digest: str) -> World:
    return read_world(file)


def written_worlds(settings: Any) -> list[World]:
    """The worlds of `files`, in order; each file is read once per process and content."""
    return [_read(file, digest) for file, digest in digests(settings).items()]


def digests(settings: Any) -> dict[str, str]:
    """SHA-256 of every file's bytes, in order. UsageError where one cannot be read."""
    out = {}
    for file in settings.files:
        try:
            out[file] = hashlib.sha256(Path(file).read_bytes()).hexdigest()
        except OSError as error:
            raise UsageError(f"{shown(Path(file))}: cannot be read ({error.strerror})") from None
    return out


def split_of(world: World, settings: Any) -> Split:
    """Held out where the world's category or domain is; else train."""
    shares = settings.split
    domains = split_lookup(load_taxonomy().domain_names(), shares.validation, shares.eval)
    by_category = category_split(settings)(world.category)
    return by_category if by_category != "train" else domains(world.domain)


def problems(settings: Any) -> list[tuple[str, str]]:
    """(path in the settings, sentence) of everything wrong with the files: they load, tools compile and are admitted,
    no two worlds share their short name."""
    out: list[tuple[str, str]] = []
    names: dict[str, str] = {}
    for i, file in enumerate(settings.files):
        at, name = f"files.{i}", shown(Path(file))
        try:
            world = read_world(file)
        except UsageError as error:
            out.append((at, str(error)))
            continue
        if world.world in names:
            out.append((at, f"{name}: world: {world.world!r} is also the name of {names[world.world]}; rename one"))
        names.setdefault(world.world, name)
        out += [(at, f"{name}: {sentence}") for sentence in faults(world, split_of(world, settings))]
    return out


def faults(world: World, split: Split = "train") -> Iterator[str]:
    """Sentences about tools of a loaded world that do not compile or are not admitted."""
    bad = compile_world(world).check()
    yield from map(str, bad.values())
    if bad:
        return
    for tool, admission in admit_world(world, split=split).items():
        if not admission.ok:
            yield f"tools.{tool}: not admitted, {WHY[admission.reason]} ({admission.detail})"


WHY = {
    "does_not_compile": "it does not compile",
    "no_arguments": "no arguments could be drawn for it; give its tables rows and its parameters schemas",
    "no_success": "no call succeeded; the last failure is in brackets",
    "error_unreached": "a declared error was never reached; make it reachable from the start state or take it out",
    "read_changed_state": "it is a read and changed state; say `effect: write`",
    "undeclared_effect": "it changed rows of an entity that its body does not name",
    "output_schema": "its result does not fit its output schema",
    "not_deterministic": "two equal calls gave different results",
    "accepts_broken_arguments": "it accepted arguments that break its input schema",
    "wrong_error_for_broken_arguments": "broken arguments were not refused as such",
    "not_idempotent": "the same request key twice did not give the same result and one change",
    "failed_call_changed_state": "a failed call changed state",
    "call_changed_its_input_state": "a call changed the state it was given",
}
