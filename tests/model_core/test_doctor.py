"""`synth doctor --model` counts a configuration."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from model_core import ModelConfig, sizes
from synth import doctor_model
from synth.cli import app


def test_doctor_counts_a_preset_and_a_folder(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["doctor", "--model", "k2"])
    assert told.exit_code == 0
    assert "1,026,408,232,448" in told.stdout
    assert "70,272 bytes" in told.stdout
    tiny = ModelConfig.preset("tiny")
    (tmp_path / "config.json").write_text(json.dumps(tiny.to_public()))
    counted = json.loads(CliRunner().invoke(app, ["doctor", "--model", str(tmp_path), "--json"]).stdout)
    assert counted["parameters"] == sizes(tiny).parameters


def test_doctor_refuses_another_name_and_says_what_torch_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(doctor_model.UsageError, match="no preset 'k9'; there are k2"):
        doctor_model.show_model("k9", as_json=False)
    monkeypatch.setattr(doctor_model, "find_spec", lambda name: None)
    with pytest.raises(doctor_model.UsageError, match="needs torch"):
        doctor_model.show_model("k2", as_json=False)
