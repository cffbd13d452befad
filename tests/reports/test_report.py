"""The verb on a small run: files, stable keys, hostile names, missing things in one sentence."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from synth.cli import app
from synth.pipeline import load_pipeline
from synth.reports import needs, page
from synth.run import Options, run_pipeline

RECIPE = Path(__file__).parents[2] / "pipelines" / "tooluse.yaml"
TINY = [
    "stages.rollouts.beside={}",
    "stages.worlds.servers=[paddle, trello, beads, redis, documenso, iterable, postman, zabbix]",
    "stages.worlds.synthetic=120", "stages.agents.count=6",
    "stages.tasks.part_size=5", "stages.shards.target={single: 2}",
]  # fmt: skip
KEYS = {
    "run", "duplicates", "categories", "domains", "operations", "verbs", "variety", "probed", "measures", "histograms",
    "two_sample", "own_texts", "nearest", "map", "cpu_seconds",
}  # fmt: skip
HOSTILE = "</script><script>alert(1)</script>\u202e"


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_pipeline(
        load_pipeline(RECIPE, TINY), Options(out=tmp_path_factory.mktemp("runs") / "r", workers=0)
    ).run_dir


@pytest.fixture(scope="module")
def figures(run_dir: Path) -> Any:
    done = CliRunner().invoke(app, ["report", str(run_dir), "--json", "--sample", "60"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_json_keys_and_files(figures: Any, run_dir: Path) -> None:
    assert set(figures) == KEYS
    assert {"auc", "spread", "linear", "ungrouped", "groups", "giveaways"} <= set(figures["two_sample"][0])
    assert figures["map"]["files"] == ["map.png", "map.html"]
    assert all((run_dir / name).stat().st_size > 10_000 for name in ("report.html", "map.png", "map.html"))
    assert all(s["conserved"] for s in figures["run"]["stages"].values())
    assert figures["duplicates"]["near_duplicates"] == 0 and figures["duplicates"]["tools"] >= 120


def test_the_page_is_whole_and_needs_no_network(figures: Any, run_dir: Path) -> None:
    for name in ("report.html", "map.html"):
        text = (run_dir / name).read_text()
        assert not re.search(r"""(src|href)=["'](https?:)?//""", text)
        assert text.rstrip().endswith("</html>")
    assert f"{figures['duplicates']['tools']:,}" in (run_dir / "report.html").read_text()


def test_hostile_names_are_text(figures: Any, tmp_path: Path) -> None:
    hostile = json.loads(json.dumps(figures))
    hostile["categories"][0]["category"] = hostile["verbs"][0]["verb"] = hostile["run"]["name"] = HOSTILE
    hostile["map"] = None
    hostile["probed"] = [
        {"server": "own", "tool": HOSTILE, "calls": 9, "answered": 8, "kept": 0, "refused": {HOSTILE: 7}}
    ]
    page.write_report_page(tmp_path, hostile)
    text = (tmp_path / "report.html").read_text()
    assert "<script" not in text and text.count("&lt;script&gt;alert(1)") >= 5 and "\u202e" not in text


def test_a_hostile_name_on_the_map_is_data(tmp_path: Path) -> None:
    data = {"points": [[0, 0, HOSTILE, 0, 0, 0]], "panels": [], "words": [HOSTILE], "colours": [], "other": "#000"}
    page.write_map_page(tmp_path, data)
    text = (tmp_path / "map.html").read_text()
    body = text.split('id="data">')[1].split("</script>")[0]
    assert text.count("<script") == 2 and json.loads(body)["words"] == [HOSTILE] and "\u202e" not in text


def test_a_missing_library_is_one_sentence(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "LIBRARIES", ("sklearn", "no_such_library"))
    done = CliRunner().invoke(app, ["report", str(run_dir)])
    assert done.exit_code == 2
    assert done.stderr == "synth: synth report needs no_such_library: pip install 'synth-tooluse[report]'\n"


@pytest.mark.parametrize("arguments", [["/nowhere"], ["RUN", "--harvest", "/nowhere.jsonl", "--no-map"]])
def test_a_wrong_folder_or_harvest_is_one_sentence(run_dir: Path, arguments: list[str]) -> None:
    done = CliRunner().invoke(app, ["report", *(str(run_dir) if a == "RUN" else a for a in arguments)])
    assert done.exit_code == 2 and done.stderr.count("\n") == 1 and "Traceback" not in done.stderr
