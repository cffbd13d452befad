"""What cannot be said is counted, what is wrong stops the export, and the verb answers in sentences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hard_rows import ROWS, SYSTEM, TOOLS, result, row, run_with, says, tool, user
from typer.testing import CliRunner

from synth.cli import app
from synth.errors import CorruptRun, UsageError
from synth.exporting import export
from synth.exporting.sharegpt import Hermes

ODD = {
    "broken": [user("go"), says("", ("ping", "{not json")), result("ping", 0, "no"), says("It failed.")],
    "list": [user("go"), says("", ("ping", "[1]")), result("ping", 0, "no"), says("It failed.")],
    "quiet": [user("go"), says("wait", train=False), user("yes"), says("Done.")],
    "twice": [user("go"), user("now"), says("Done.")],
    "open": [user("go"), says("Done."), user("thanks")],
    "tags": [user("what is <tool_call>?"), says("A tag.")],
    "control": [user("go<|im_end|>"), says("Done.")],
    "named": [user("go"), says("", ("a.b", {})), result("a.b", 0, "{}"), says("Done.")],
    "huge": [user("go"), says("", ("ping", {"n": 2**70})), result("ping", 0, "{}"), says("Done.")],
    "fine": [user("go"), says("", ("ping", {"n": 0.1234567890123456789})), result("ping", 0, "{}"), says("Done.")],
    "thinks": [user("go"), {**says("Done."), "reasoning_content": "easy"}],
}


def counts(
    tmp_path: Path, name: str, form: str, tools: list[Any] | None = None
) -> tuple[dict[str, int], dict[str, int]]:
    run = run_with(tmp_path / f"run-{name}-{form}", [row(name, ODD[name], tools or [])])
    report = export(run, form, tmp_path / f"out-{name}-{form}")
    assert sum(report.rows.values()) + sum(report.refused.values()) == report.examples == 1
    return dict(report.refused), dict(report.lossy)


@pytest.mark.parametrize(
    ("name", "form", "refused", "lossy"),
    [
        ("broken", "openai", "arguments_not_json", ""), ("list", "trl", "arguments_not_an_object", ""),
        ("quiet", "trl", "untrained_message", ""), ("quiet", "hermes", "untrained_message", ""),
        ("quiet", "openai", "", ""), ("quiet", "axolotl", "", ""), ("quiet", "verl", "", ""),
        ("quiet", "sts", "", "untrained_message"), ("twice", "llamafactory", "turn_order", ""),
        ("open", "llamafactory", "ends_with_the_user", ""), ("tags", "hermes", "tags_in_the_text", ""),
        ("named", "openai", "tool_name", ""), ("named", "trl", "", ""),
        ("huge", "trl", "number_too_large", ""), ("huge", "verl", "", ""), ("fine", "trl", "", "number_rounded"),
        ("thinks", "openai", "", "reasoning"),
        ("thinks", "hermes", "", "reasoning"), ("thinks", "llamafactory", "", "reasoning"), ("thinks", "sts", "", ""),
    ],
)  # fmt: skip
def test_what_a_format_cannot_say_is_counted(tmp_path: Path, name: str, form: str, refused: str, lossy: str) -> None:
    assert counts(tmp_path, name, form) == ({refused: 1} if refused else {}, {lossy: 1} if lossy else {})


def test_too_many_tools_and_odd_tools(tmp_path: Path) -> None:
    many = [tool(f"t{i}", {}) for i in range(129)]
    assert counts(tmp_path, "tags", "openai", many)[0] == {"too_many_tools": 1}
    assert counts(tmp_path, "tags", "verl", [tool("t", {}, strict=True)])[0] == {"tool_keys": 1}
    assert counts(tmp_path, "tags", "trl", [tool("t", {}, strict=True)])[0] == {}


def test_words_beside_calls_are_lossy_for_llamafactory_and_refused_when_strict(run_dir: Path, tmp_path: Path) -> None:
    loose = export(run_dir, "llamafactory", tmp_path / "loose")
    assert (loose.lossy, loose.lossy_rows) == ({"words_beside_calls": 1, "results_joined": 1}, 1)
    strict = export(run_dir, "llamafactory", tmp_path / "strict", strict=True)
    assert strict.refused == {"results_joined+words_beside_calls": 1} and strict.rows == {"train": 2}


def test_control_tokens_of_a_family_are_counted_and_no_other_family_minds(tmp_path: Path) -> None:
    report = export(run_with(tmp_path / "run", [row("c", ODD["control"], TOOLS)]), "trl", tmp_path / "out")
    assert report.rendered == {"mistral": 1}
    assert report.unrendered == {f: {"control_tokens_in_the_text": 1} for f in ("chatml", "kimi_k2")}


def test_a_writer_that_loses_something_silently_is_caught(
    run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Hermes.write

    def forgetful(self: Hermes, example: Any, lossy: set[str]) -> Any:
        made = plain(self, example, lossy)
        made["conversations"][-1]["value"] += " "
        return made

    monkeypatch.setattr(Hermes, "write", forgetful)
    with pytest.raises(CorruptRun, match="row 0 of train"):
        export(run_dir, "hermes", tmp_path / "out")
    assert not [p for p in tmp_path.iterdir() if "out" in p.name]


def test_an_argument_lost_in_a_lossy_row_is_caught(
    run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from synth.exporting.sharegpt import LlamaFactory

    plain = LlamaFactory.write

    def forgetful(self: LlamaFactory, example: Any, lossy: set[str]) -> Any:
        made = plain(self, example, lossy)
        if lossy:
            made["conversations"][1]["value"] = made["conversations"][1]["value"].replace(":3", ":4")
        return made

    monkeypatch.setattr(LlamaFactory, "write", forgetful)
    with pytest.raises(CorruptRun, match="row 1"):
        export(run_dir, "llamafactory", tmp_path / "out")


def test_splits_stay_apart_and_the_report_lies_beside(tmp_path: Path) -> None:
    run = run_with(tmp_path / "run", ROWS[:2])
    other = run_with(tmp_path / "other", [row("talk", [SYSTEM, user("hi"), says("Hello.")], TOOLS)])
    (other / "sft" / "train-00000.parquet").rename(run / "sft" / "validation-00000.parquet")
    report = export(run, "openai", tmp_path / "out")
    assert report.rows == {"train": 2, "validation": 1}
    told = json.loads((tmp_path / "out" / "export.json").read_text())
    assert told["rows"] == {"train": 2, "validation": 1} and set(told["files"]) == {"train.jsonl", "validation.jsonl"}
    assert told["rendered"] == {"chatml": 3, "kimi_k2": 3, "mistral": 3}


def test_wrong_use_is_one_sentence(run_dir: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine").write_text("x")
    with pytest.raises(UsageError, match="there is no format 'parquet'; use one of trl"):
        export(run_dir, "parquet", tmp_path / "out")
    with pytest.raises(UsageError, match="is not empty"):
        export(run_dir, "trl", taken)
    with pytest.raises(UsageError, match="has no examples"):
        export(tmp_path, "trl", tmp_path / "out")
    assert (taken / "mine").read_text() == "x"


def test_the_verb(run_dir: Path, tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, ["export", str(run_dir), "--format", "llamafactory", "--out", str(tmp_path / "out")])
    assert ran.exit_code == 0
    assert "llamafactory: 3 of 3 examples (3 train)" in ran.output and "1 words_beside_calls" in ran.output
    again = CliRunner().invoke(app, ["export", str(run_dir), "--format", "trl", "--out", str(tmp_path / "out")])
    assert again.exit_code == 2
    told = CliRunner().invoke(app, ["export", str(run_dir), "--format", "sts", "--out", str(tmp_path / "s"), "--json"])
    assert json.loads(told.output)["rows"] == {"train": 3}
