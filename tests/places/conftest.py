"""Toy families, and an engine that contains nothing: for code of our own only."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "executors"))

import synth.code
from synth.places import hands


@pytest.fixture
def toy_families(monkeypatch: pytest.MonkeyPatch) -> None:
    import code_toys

    for name in list(synth.code.FAMILIES):
        monkeypatch.delitem(synth.code.FAMILIES, name)
    for name, family in code_toys.FAMILIES.items():
        monkeypatch.setitem(synth.code.FAMILIES, name, family)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch, toy_families: None) -> None:
    """Workspaces of toy tasks, run in plain processes."""
    from plain import PlainEngine

    monkeypatch.setattr(hands, "open_engine", lambda name, **settings: PlainEngine())
    monkeypatch.setattr(hands, "_hands", {})
