"""The slots a model fills: rows that say who wrote them, drops with reasons, failures with a class; up to tools."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from endpoint import Endpoint
from parents import reply
from typer.testing import CliRunner

from synth import open_run
from synth.cli import app
from synth.fingerprints import fingerprints
from synth.pipeline import Pipeline, PipelineError, load_pipeline
from synth.pipeline_stages import ProposeSettings, WorldsSettings
from synth.records import WorldRow
from synth.run import Options, RunResult, run_pipeline
from synth.stages import load

SERVERS = "[beads, redis, trello]"
RECIPE = """
name: asked
seed: 5
models:
  writer: {model}
stages:
  worlds: {{servers: {servers}, synthetic: 60, propose: {{model: writer, {asked}}}}}
  agents: {{count: 10}}
  tasks: {{part_size: 4}}
  shards: {{target: {{single: 4}}, max_rounds: 1, max_infra_share: 1.0}}
"""
ALL = "worlds: 10, new_tools: 0.5, rewrite_descriptions: 0.5"
SCRIPTED = "{kind: scripted, script: script.json}"


def first_tool(prompt: str) -> str:
    """The first tool of the application that a prompt tells of."""
    told = prompt[prompt.index("Tools (a ?" if "Tools (a ?" in prompt else "Tools that it has") :]
    found = re.search(r"^- ([\w.-]+): \w+ ?\w*\(", told, re.MULTILINE)
    assert found is not None
    return found[1]


def proposal(prompt: str) -> str:
    """What a good model answers: the example as a world, one report as a new tool, new words for two tools."""
    if prompt.startswith("Design"):
        return json.dumps(reply(first_tool(prompt)))
    if prompt.startswith("Write"):
        entity, key = re.findall(r"^- (\w+) \(key ([\w +]+)\)", prompt, re.MULTILINE)[0]
        body = {
            "op": "do", "effect": "read", "takes": {"least": "int"}, "grows_from": first_tool(prompt),
            "description": "Tells whether there are at least so many records of the kind that matters most here.",
            "do": [{"return": f"{{enough: size(rows({entity})) >= args.least, first: rows({entity}).first().{key}}}"}],
        }  # fmt: skip
        return json.dumps({"tools": {"has_enough": body, "broken": body | {"of": "Nothing"}}})
    names = re.findall(r"^([\w.-]+) \((?:changes|reads)", prompt, re.MULTILINE)
    texts = ("One more way of working.", "Yet another way of working.", f"Like {names[0]}, but use_with_care.")
    return json.dumps({"tools": {n: {"description": text} for n, text in zip(names, texts, strict=False)}})


def recipe(folder: Path, model: str = SCRIPTED, asked: str = ALL, servers: str = SERVERS) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / "asked.yaml"
    file.write_text(RECIPE.format(model=model, asked=asked, servers=servers))
    return file


def script(folder: Path, *replies: Any, **rules: Any) -> None:
    body = {"replies": list(replies), "rules": [{"when": when, "reply": said} for when, said in rules.items()]}
    (folder / "script.json").write_text(json.dumps(body))


def made(folder: Path, endpoint: Endpoint, **settings: Any) -> tuple[Pipeline, Path]:
    url = f"{{kind: openai, base_url: '{endpoint.url}', model: pen-1, timeout_s: 5}}"
    return load_pipeline(recipe(folder, url, **settings)), folder / "run"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint(proposal)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, endpoint: Endpoint) -> RunResult:
    pipeline, out = made(tmp_path_factory.mktemp("whole"), endpoint)
    return run_pipeline(pipeline, Options(out=out, workers=0))


def worlds_of(result: RunResult, operator: str) -> list[WorldRow]:
    return [row for row in open_run(result.run_dir).rows("worlds") if operator in row.operators]


def test_proposed_worlds_become_tools_and_say_who_wrote_them(whole: RunResult) -> None:
    rows = worlds_of(whole, "propose_world")
    assert len(rows) == 10
    run = open_run(whole.run_dir)
    lifted = {w.world_id: w for w in run.rows("worlds") if w.origin == "lifted"}
    for row in rows:
        (parent,) = (lifted[p] for p in row.parents)
        assert (row.origin, row.split, row.roots) == ("synthetic", parent.split, parent.roots)
        assert row.operators == [*parent.operators, "propose_world"] and row.domain != parent.domain
        assert row.model["name"] == "endpoint:pen-1" and set(row.model["tools"]) == set(row.spec["tools"])
        assert row.model["usage"]["prompt_tokens"] == 100 * row.model["replies"] == 100
    assert len({row.domain for row in rows}) == len(rows)
    tools = [t for t in run.rows("tools") if t.world_id in {r.world_id for r in rows}]
    assert len(tools) >= 8 and all(
        t.provenance["model"] == {"name": "endpoint:pen-1", "wrote": ["tool"]} for t in tools
    )
    assert all(p in {t.tool_id for t in run.rows("tools")} for t in tools for p in t.parents)


def test_what_was_spent_is_kept_by_role(whole: RunResult) -> None:
    run = open_run(whole.run_dir)
    spent = run.rows("usage")
    told = json.loads(CliRunner().invoke(app, ["status", str(whole.run_dir), "--json"]).stdout)["usage"]
    assert {(u.stage, u.role, u.model) for u in spent} == {("worlds", "proposer", "endpoint:pen-1")}
    assert told["proposer"]["requests"] == sum(u.requests for u in spent) > 10
    assert told["proposer"]["prompt_tokens"] == 100 * told["proposer"]["requests"]
    assert {u.row_id for u in spent} <= {w.world_id for w in run.rows("worlds")}
    shown = CliRunner().invoke(app, ["status", str(whole.run_dir)]).stdout
    assert f"proposer{told['proposer']['requests']:>16,} requests" in shown


def test_the_lineage_of_a_tool_names_its_writer(whole: RunResult) -> None:
    tool = next(t for t in open_run(whole.run_dir).rows("tools") if t.name == "book_bike")
    shown = CliRunner().invoke(app, ["show", str(whole.run_dir), tool.tool_id])
    assert "tool written by endpoint:pen-1" in shown.stdout and "by propose_world" in shown.stdout


def test_the_same_world_twice_is_a_near_duplicate_whoever_wrote_it(whole: RunResult) -> None:
    ids = {row.world_id for row in worlds_of(whole, "propose_world")}
    run = open_run(whole.run_dir)
    kept = Counter(t.name for t in run.rows("tools") if t.world_id in ids)
    gone = Counter(d.reason for d in run.rows("dropped") if d.stage == "tools" and d.parent_id in ids)
    assert sum(kept.values()) + gone.total() == 80
    assert set(gone) == {"near_duplicate"} and kept["book_bike"] == 1


def test_evolved_worlds_get_new_tools_and_refused_ones_are_counted(whole: RunResult) -> None:
    rows = worlds_of(whole, "propose_tools")
    assert rows
    run = open_run(whole.run_dir)
    for row in rows:
        assert row.model["tools"] == ["has_enough"] and "has_enough" in row.spec["tools"] and "has_enough" in row.marks
        (lost,) = [d for d in run.rows("dropped") if d.parent_id == row.world_id and d.detail.startswith("broken:")]
        assert (lost.stage, lost.reason) == ("worlds", "does_not_load")
    wrote = {t.name: t.provenance.get("model") for t in run.rows("tools") if t.world_id == rows[0].world_id}
    assert wrote.pop("has_enough") == {"name": "endpoint:pen-1", "wrote": ["tool"]} or "has_enough" not in wrote
    assert all(m is None or m["wrote"] == ["description"] for m in wrote.values())


def test_words_are_taken_where_they_pass_and_counted_where_not(whole: RunResult) -> None:
    rows = worlds_of(whole, "rewrite_descriptions")
    assert rows
    run = open_run(whole.run_dir)
    for row in rows:
        assert len(row.model["descriptions"]) == 2
        for name in row.model["descriptions"]:
            assert row.spec["tools"][name]["description"].endswith("way of working.")
        reasons = [d.reason for d in run.rows("dropped") if d.parent_id == row.world_id and d.stage == "worlds"]
        assert {"names_other_tool", "names_unknown"} & set(reasons)


def test_a_run_that_is_done_asks_nothing_again(whole: RunResult, endpoint: Endpoint) -> None:
    before = len(endpoint.asked)
    pipeline, out = made(whole.run_dir.parent, endpoint)
    again = run_pipeline(pipeline, Options(out=out, workers=0))
    assert (again.made, len(endpoint.asked)) == (0, before)
    assert {body["response_format"]["json_schema"]["strict"] for body in endpoint.asked} == {False}


def test_an_endpoint_that_is_gone_fails_slots_and_retry_makes_them(tmp_path: Path) -> None:
    late = Endpoint(proposal)
    pipeline, out = made(tmp_path, late, asked="worlds: 3, new_tools: 0.5", servers="[beads]")
    run_pipeline(pipeline, Options(out=out, workers=0))
    failed = [f for f in open_run(out).rows("failed") if f.stage == "worlds"]
    assert len(failed) >= 4 and {(f.class_, f.boundary) for f in failed} == {("infra", "worlds.propose")}
    assert worlds_of(RunResult(out, 0, "", ""), "propose_world") == []
    late.start()
    try:
        run_pipeline(pipeline, Options(out=out, workers=0, retry="infra"))
    finally:
        late.stop()
    assert [f for f in open_run(out).rows("failed") if f.stage == "worlds"] == []
    spent = json.loads((out / "run.json").read_text())["usage"]["proposer"]["requests"]
    assert spent >= 6 * len(failed) + len(late.asked)  # what was asked in vain, six times each, is counted too
    done = RunResult(out, 0, "", "")
    assert len(worlds_of(done, "propose_world")) == 3 and worlds_of(done, "propose_tools")


@pytest.mark.parametrize("error", ["refused", "malformed"])
def test_a_model_that_refuses_fails_its_slots_and_costs_evolved_worlds_nothing(tmp_path: Path, error: str) -> None:
    script(tmp_path, {"error": error})
    run_pipeline(load_pipeline(recipe(tmp_path, servers="[beads]")), Options(out=tmp_path / "run", workers=0))
    run = open_run(tmp_path / "run")
    assert Counter(f.class_ for f in run.rows("failed") if f.stage == "worlds") == {"model": 10}
    evolved = [w for w in run.rows("worlds") if w.origin == "synthetic"]
    assert sum(len(w.spec["tools"]) for w in evolved) >= 60 and all(w.model is None for w in evolved)
    said = Counter(d.reason for d in run.rows("dropped") if d.stage == "worlds" and d.parent_id.startswith("world_"))
    assert said[f"model_{error}"] > 0


def test_wrong_twice_is_a_drop_and_a_scripted_run_is_the_same_twice(tmp_path: Path) -> None:
    kept = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        script(folder, {"content": "[]"}, {"content": "{}"})
        file = recipe(folder, asked="worlds: 4, rewrite_descriptions: 0.3", servers="[beads]")
        run_pipeline(load_pipeline(file), Options(out=folder / "run", workers=0))
        run = open_run(folder / "run")
        kept.append([r.model_dump_json() for table in ("worlds", "dropped", "tools") for r in run.rows(table)])
        proposals = [d for d in run.rows("dropped") if d.reason == "does_not_load" and "replies: 2" in d.detail]
        assert len(proposals) >= 4
    assert kept[0] == kept[1]


def test_the_script_and_the_prompts_are_in_the_fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path, {"content": "{}"})
    pipeline = load_pipeline(recipe(tmp_path))
    before = fingerprints(pipeline, load())["worlds"]
    assert {"script", "prompt propose_world.j2"} <= before.covers["outside"].keys()
    script(tmp_path, {"content": "{ }"})
    assert fingerprints(pipeline, load())["worlds"].digest != before.digest


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("wrolds: 4", "unknown key, the nearest known one is 'worlds'"),
        ("worlds: -1", "greater than or equal to 0"),
        ("new_tools: 1.5", "less than or equal to 1"),
        ("worlds: 0", "asks the model for nothing"),
        ("worlds: 1, backend: {kind: k2}", "is not written here"),
    ],
)
def test_settings_that_cannot_be(tmp_path: Path, asked: str, part: str) -> None:
    with pytest.raises(PipelineError, match=re.escape(part)):
        load_pipeline(recipe(tmp_path, asked=asked))


def test_proposals_need_servers() -> None:
    with pytest.raises(ValueError, match="proposals grow from the worlds of servers"):
        WorldsSettings(servers=[], files=["own.yaml"], propose=ProposeSettings(model="writer", worlds=1))


def test_the_model_is_checked_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(model: str, verb: str = "validate") -> str:
        found = CliRunner().invoke(app, [verb, str(recipe(tmp_path, model))])
        assert found.exit_code == 2, found.output
        return found.stderr

    assert "script.json" in told(SCRIPTED)
    assert "stages.worlds.propose.model" in told("{kind: k2, checkpoint: nowhere}")
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    lacking = "{kind: openai, base_url: 'http://127.0.0.1:1', model: m, api_key_env: NO_SUCH_KEY}"
    with pytest.raises(Exception, match="NO_SUCH_KEY"):
        run_pipeline(load_pipeline(recipe(tmp_path, lacking)), Options(out=tmp_path / "run", workers=0))
    file = recipe(tmp_path)
    file.write_text(file.read_text().replace("model: writer,", "model: writre,"))
    with pytest.raises(PipelineError, match=r"stages\.worlds\.propose\.model names 'writre'.*'writer'"):
        load_pipeline(file)


def test_plan_counts_the_calls(tmp_path: Path) -> None:
    script(tmp_path, {"content": "{}"})
    file = recipe(tmp_path)
    told = json.loads(CliRunner().invoke(app, ["plan", str(file), "--json"]).stdout)
    line = next(line for line in told["stages"] if line["stage"] == "worlds")
    assert line["model_calls"] == told["total"]["model_calls"] == round(10 * 2.0 + 6 * 0.5 * 2.0 + 6 * 0.5 * 1.1)
    assert line["prompt_tokens"] > 10 * 2.0 * 3000
