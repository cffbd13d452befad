"""The commit protocol: kill the driver between any two steps, and the table is the old one or the new one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import ALL, Runner, files

from synth.errors import CorruptRun, UsageError
from synth.records import AgentRow, Call, DroppedRow, WorldRow
from synth.stage import Output, Part
from synth.store.inputs import CommittedInputs
from synth.store.parts import PartEntry, write_part
from synth.store.run_store import RunStore, read_stage, read_stages
from synth.store.schema import from_arrow, to_arrow
from synth.store.views import open_run, write_database
from synth.work import Job, do_part

STEPS = ("before manifest", "after manifest", "after shelving", "after placing")


class Crash(BaseException):
    """The driver is gone."""


def _part(run_dir: Path, index: int, prompt: str, drops: int = 1) -> PartEntry:
    agents = [
        AgentRow(agent_id=f"a{index}{n}", split="train", world_ids=[], tool_ids=[], system_prompt=prompt, traits={})
        for n in range(3)
    ]
    dropped = [DroppedRow(stage="agents", row_id=f"d{n}", parent_id="", reason=prompt, detail="") for n in range(drops)]
    output = Output(opened=3 + drops, rows=list(agents), closed_with_rows=3, dropped=dropped)
    return write_part(run_dir, Part("agents", index, 0, 3 + drops), output, prompt, 1)


def _seen(run_dir: Path) -> list[tuple[str, str]]:
    """What plain globs over the two tables see."""
    rows = [
        r["system_prompt"] for p in sorted(run_dir.glob("agents/part-*.parquet")) for r in pq.read_table(p).to_pylist()
    ]
    drops = [r["reason"] for p in sorted(run_dir.glob("dropped/part-*.parquet")) for r in pq.read_table(p).to_pylist()]
    return sorted({("agents", r) for r in rows} | {("dropped", d) for d in drops})


def _consistent(run_dir: Path) -> None:
    """Manifest and files say the same, byte for byte."""
    on_disk = {(t, p.name) for t in ALL for p in (run_dir / t).glob("part-*.parquet")}
    named = {}
    for state in read_stages(run_dir).values():
        for entry in state.parts.values():
            for file in entry.files:
                named[file.table, file.name] = file.sha256
    assert set(named) == on_disk
    for (table, name), sha in named.items():
        assert hashlib.sha256((run_dir / table / name).read_bytes()).hexdigest() == sha
    assert not any((run_dir / t / "_tmp").exists() and any((run_dir / t / "_tmp").iterdir()) for t in ALL)


def _crash_at(step: str, nth: int) -> object:
    seen = [0]

    def fault(point: str) -> None:
        if point == step:
            seen[0] += 1
            if seen[0] == nth:
                raise Crash

    return fault


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("replaced", [False, True], ids=["first", "again"])
def test_a_crash_between_two_steps_leaves_the_old_part_or_the_new_one(
    tmp_path: Path, step: str, nth: int, replaced: bool
) -> None:
    if replaced:
        RunStore(tmp_path).publish("agents", _part(tmp_path, 0, "old"))
    store = RunStore(tmp_path, fault=_crash_at(step, nth))  # type: ignore[arg-type]
    entry = _part(tmp_path, 0, "new")
    try:
        store.publish("agents", entry)
        crashed = False
    except Crash:
        crashed = True
    during = _seen(tmp_path)
    assert {what for _, what in during} <= {"old", "new"}
    RunStore(tmp_path)
    _consistent(tmp_path)
    after = _seen(tmp_path)
    old = [("agents", "old"), ("dropped", "old")] if replaced else []
    committed = not crashed or step != "before manifest"
    assert after == ([("agents", "new"), ("dropped", "new")] if committed else old)
    if replaced and committed:
        assert len(list((tmp_path / "agents" / "_old").iterdir())) == 1


@pytest.mark.parametrize("step", ["before manifest", "after manifest", "after shelving"])
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_crash_while_a_stage_is_put_aside(tmp_path: Path, step: str, nth: int) -> None:
    store = RunStore(tmp_path)
    for index in range(3):
        store.publish("agents", _part(tmp_path, index, "old"))
    try:
        RunStore(tmp_path, fault=_crash_at(step, nth)).reset("agents", "other")  # type: ignore[arg-type]
        crashed = False
    except Crash:
        crashed = True
    after = RunStore(tmp_path)
    _consistent(tmp_path)
    gone = not (crashed and step == "before manifest")
    assert len(after.stages["agents"].parts) == (0 if gone else 3)
    assert after.stages["agents"].fingerprint == ("other" if gone else "")


def test_an_attempt_that_the_driver_cannot_see_is_not_committed(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    entry = _part(tmp_path, 0, "elsewhere")
    (tmp_path / "agents" / "_tmp" / entry.files[0].tmp).unlink()
    with pytest.raises(CorruptRun, match="shared"):
        store.publish("agents", entry)
    assert read_stage(tmp_path, "agents").parts == {}


def test_attempts_of_dead_workers_are_swept(tmp_path: Path) -> None:
    _part(tmp_path, 0, "never published")
    RunStore(tmp_path)
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_torn_generation_is_not_the_newest(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.publish("agents", _part(tmp_path, 0, "one"))
    torn = tmp_path / "agents" / "_manifest" / "agents-000099.json"
    torn.write_text('{"stage": "agen')
    with pytest.raises(CorruptRun, match=r"agents-000099\.json is damaged"):
        read_stage(tmp_path, "agents")
    store = RunStore(tmp_path)
    assert store.stages["agents"].parts.keys() == {0}
    assert store.remade == ["the manifest agents-000099.json"]
    store.publish("agents", _part(tmp_path, 1, "two"))
    assert read_stage(tmp_path, "agents").parts.keys() == {0, 1}


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"parts": [{}], "generation": 1}'])
def test_damaged_manifests_are_said_and_made_again(run: Runner, text: str) -> None:
    whole = run()
    before = files(whole.run_dir, *ALL, "sft")
    for path in (whole.run_dir / "trajectories" / "_manifest").iterdir():
        path.write_text(text)
    with pytest.raises(CorruptRun, match="`synth run` makes again"):
        open_run(whole.run_dir).rows("trajectories")
    (whole.run_dir / "run.json").write_text("[]")
    assert run().made > 0
    assert files(whole.run_dir, *ALL, "sft") == before


@pytest.mark.parametrize("table", ["worlds", "trajectories", "sft"])
def test_a_file_damaged_without_losing_a_byte_is_made_again(run: Runner, table: str) -> None:
    whole = run()
    before = files(whole.run_dir, *ALL, "sft")
    victim = sorted((whole.run_dir / table).glob("*.parquet"))[0]
    damaged = bytearray(victim.read_bytes())
    damaged[8:40] = bytes(byte ^ 0xFF for byte in damaged[8:40])
    victim.write_bytes(damaged)
    assert run().made > 0
    assert files(whole.run_dir, *ALL, "sft") == before


def test_damage_met_by_a_part_stops_the_run_and_costs_no_slot(tmp_path: Path) -> None:
    class Stage:
        @staticmethod
        def run(*_: object) -> Output:
            raise CorruptRun("worlds/part-00000.parquet cannot be read")

    job = Job(Stage, Part("tasks", 0, 0, 5), 1, None, CommittedInputs(tmp_path, {}), "digest")
    done = do_part(job)
    assert isinstance(done.error, CorruptRun)
    assert done.entry is None


def test_a_committed_file_that_is_gone_is_noticed_and_made_again(run: Runner) -> None:
    whole = run()
    before = files(whole.run_dir, *ALL, "sft")
    victim = sorted((whole.run_dir / "trajectories").glob("part-*"))[1]
    victim.unlink()
    with pytest.raises(CorruptRun, match=victim.name):
        open_run(whole.run_dir).rows("trajectories")
    torn = sorted((whole.run_dir / "tasks").glob("part-*"))[0]
    torn.write_bytes(torn.read_bytes()[:-10])
    again = run()
    assert again.made > 0
    assert files(whole.run_dir, *ALL, "sft") == before


@pytest.mark.parametrize("lost", ["train-00000.parquet", "README.md"])
def test_lost_shards_are_built_again(run: Runner, lost: str) -> None:
    whole = run()
    before = files(whole.run_dir, "sft")
    (whole.run_dir / "sft" / lost).unlink()
    assert run().made == 1
    assert files(whole.run_dir, "sft") == before
    assert (whole.run_dir / "sft" / lost).is_file()


@pytest.mark.parametrize("step", ["before manifest", "after manifest", "after shelving sft"])
def test_a_crash_while_shards_are_swapped(tmp_path: Path, step: str) -> None:
    def build(name: str) -> tuple[PartEntry, dict[str, object]]:
        folder = tmp_path / f"_sft-{name}"
        folder.mkdir()
        (folder / "README.md").write_text(name)
        output = Output(
            opened=1, dropped=[DroppedRow(stage="shards", row_id="t", parent_id="", reason=name, detail="")]
        )
        return write_part(tmp_path, Part("shards", 0, 0, 1), output, name, 1), {
            "files": {"README.md": hashlib.sha256(name.encode()).hexdigest()}
        }

    store = RunStore(tmp_path)
    entry, extra = build("old")
    store.publish_shards(entry, "f1", "_sft-old", extra)
    assert (tmp_path / "sft" / "README.md").read_text() == "old"
    store = RunStore(tmp_path, fault=_crash_at(step, 1))  # type: ignore[arg-type]
    entry, extra = build("new")
    with pytest.raises(Crash):
        store.publish_shards(entry, "f2", "_sft-new", extra)
    RunStore(tmp_path)
    wanted = "old" if step == "before manifest" else "new"
    assert (tmp_path / "sft" / "README.md").read_text() == wanted
    assert _seen(tmp_path) == [("dropped", wanted)]
    assert not list(tmp_path.glob("_sft-*"))


def test_views_follow_a_moved_run(run: Runner, tmp_path: Path) -> None:
    told = run()
    write_database(told.run_dir)
    moved = tmp_path / "it's moved [x] *"
    told.run_dir.rename(moved)
    opened = open_run(moved)
    count = opened.sql("select count(*) from sft join trajectories using (trajectory_id)")
    assert count is not None
    assert count.fetchall() == [(43,)]
    write_database(moved)
    assert opened.table("tools").columns[:2] == ["tool_id", "world_id"]


def test_an_empty_table_is_an_empty_view_with_its_columns(run: Runner) -> None:
    opened = open_run(run(limit=1).run_dir)
    for table in (*ALL, "sft"):
        assert opened.table(table).columns
    assert opened.table("failed").filter("class = 'infra'").fetchall() == []


@pytest.mark.parametrize(
    "query",
    ["drop view sft", "create table x (a int)", "copy (select 1) to 'x.csv'",
     "explain analyze copy (select 1) to 'x.csv'",
     "attach 'x.db' as y", "select 1; drop view sft", "set threads = 1", "select nothing from nowhere", "selec"],
)  # fmt: skip
def test_sql_reads_and_nothing_else(run: Runner, query: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError):
        open_run(run(limit=1).run_dir).sql(query)
    assert not (tmp_path / "x.csv").exists()


def test_rows_come_back_as_they_went_in(run: Runner) -> None:
    opened = open_run(run().run_dir)
    tools = opened.rows("tools")
    assert tools[0].input_schema["properties"]["p0"] == {"type": "string", "enum": ["a", None, 1]}
    assert tools[1].semantics is None
    assert tools[0].semantics == {"op": 0}
    row = opened.rows("trajectories")[0]
    assert row.calls[0].arguments == {"x": row.messages[1]["content"]}
    assert type(row.calls[0]).__name__ == "Call"
    assert type(row).model_validate(row.model_dump()) == row
    failed = opened.rows("failed")
    assert {row.class_ for row in failed} <= {"task", "model"}
    relation = opened.sql("select class, count(*) from failed group by class order by class")
    assert relation is not None
    assert [name for name, _ in relation.fetchall()] == sorted({row.class_ for row in failed})


def test_manifests_state_sha_rows_and_ids(run: Runner) -> None:
    run_dir = run().run_dir
    newest = sorted((run_dir / "tasks" / "_manifest").glob("*.json"))[-1]
    for part in json.loads(newest.read_text())["parts"]:
        for file in part["files"]:
            path = run_dir / file["table"] / file["name"]
            table = pq.read_table(path)
            ids = table.column(0 if file["table"] == "tasks" else 1).to_pylist()
            assert hashlib.sha256(path.read_bytes()).hexdigest() == file["sha256"]
            assert (len(table), min(ids), max(ids)) == (file["rows"], file["first_id"], file["last_id"])


def test_parquet_has_the_contracts_types(run: Runner) -> None:
    run_dir = run().run_dir
    schema = pq.read_schema(next((run_dir / "trajectories").glob("part-*")))
    assert schema.field("messages").type == pa.string()
    calls = schema.field("calls").type.value_type
    assert [calls.field(i).name for i in range(calls.num_fields)] == [
        "turn", "id", "name", "arguments", "executor", "ok", "error", "result", "effect", "latency_ms", "fault",
        "recover",
    ]  # fmt: skip
    assert pq.read_schema(next((run_dir / "failed").glob("part-*"))).names[3] == "class"


def test_a_column_that_an_earlier_version_did_not_write_takes_its_default() -> None:
    world = WorldRow(
        world_id="w", category="c", domain="d", origin="written", split="train", server=None, parents=[], roots=[],
        operators=[], spec={}, marks={"tool": ["a", "b", "c"]},
    )  # fmt: skip
    table = to_arrow(WorldRow, [world])
    assert from_arrow(WorldRow, table.drop_columns(["marks"])) == [world.model_copy(update={"marks": None})]
    with pytest.raises(KeyError):
        from_arrow(WorldRow, table.drop_columns(["spec"]))


def test_a_nested_field_that_an_earlier_version_did_not_write_takes_its_default() -> None:
    class Holder(AgentRow):
        calls: list[Call]

    call = Call(turn=0, id="functions.f:0", name="f", arguments={}, executor="world", ok=False, error="timeout",
                result=None, effect="read", latency_ms=0.0, fault="timeout", recover="retry")  # fmt: skip
    row = Holder(agent_id="a", split="train", world_ids=[], tool_ids=[], system_prompt="", traits={}, calls=[call])
    table = to_arrow(Holder, [row])
    older = [{k: v for k, v in c.items() if k != "recover"} for c in table.column("calls")[0].as_py()]
    at = table.column_names.index("calls")
    found = from_arrow(Holder, table.set_column(at, "calls", pa.array([older])))
    assert found[0].calls == [call.model_copy(update={"recover": None})]
