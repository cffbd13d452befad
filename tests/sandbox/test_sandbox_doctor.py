"""What `synth doctor` tells of sandboxes."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from typer.testing import CliRunner

from synth import doctor_sandbox
from synth.cli import app
from synth.sandbox import Held, Probe, slots
from synth.sandbox.engine import PARTS
from synth.sandbox.local import LocalEngine


def test_what_is_not_held_is_named() -> None:
    held = tuple(Held(part, part != "memory", "") for part in PARTS)
    contains, text = doctor_sandbox.told(Probe("local", True, held, "bubblewrap 9"))
    assert not contains
    assert text.startswith("bubblewrap 9; held: processes, network")
    assert text.endswith("NOT held: memory")


def test_an_engine_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    contains, text = doctor_sandbox.local_state()
    assert not contains and "apt-get install bubblewrap" in text


@pytest.mark.skipif(
    (shutil.which("bwrap") is None or os.geteuid() != 0) and not os.environ.get("CI"),
    reason="needs bubblewrap and root",
)
def test_clean_removes_and_counts_what_a_dead_run_left(monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalEngine() as engine:
        assert engine.groups is not None
        slot = slots.take()
        group = engine.groups.group(str(slot.number))
        group.make()
        os.close(slot.lock)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    lines = CliRunner().invoke(app, ["doctor", "--clean", "--json"]).stdout.splitlines()
    found = {line["engine"]: line["removed"] for line in map(json.loads, lines)}
    assert found["local"] >= 1 and found["docker"] == 0
    assert not any(path.exists() for path in group.paths)
