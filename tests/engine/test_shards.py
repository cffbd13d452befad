"""The shards: what `datasets` loads equals, deeply, what the run holds."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from conftest import Runner, pipeline
from hypothesis import given
from hypothesis import strategies as st

from model_core.training.shards import rows_of
from synth.stages.shards import Candidate, choose, conversation_hash
from synth.store.views import open_run
from synth.surface import functions_of


def _candidate(kind: str, ordinal: int, **more: object) -> Candidate:
    base = {"cell": kind, "attempt": 0, "split": "train", "index": 0,
            "trajectory_id": f"t{ordinal}", "task_id": f"k{ordinal}",
            "score": 1.0,
            "refused": "", "content": f"c{ordinal}"}  # fmt: skip
    return Candidate(kind=kind, ordinal=ordinal, **(base | more))  # type: ignore[arg-type]


def test_datasets_loads_what_the_run_holds(run: Runner, tmp_path: Path) -> None:
    import datasets

    told = run()
    opened = open_run(told.run_dir)
    trajectories = {row.trajectory_id: row for row in opened.rows("trajectories")}
    agents = {row.agent_id: row for row in opened.rows("agents")}
    tools = {row.tool_id: row for row in opened.rows("tools")}
    verdicts = {row.trajectory_id: row for row in opened.rows("verdicts")}
    splits = {row.task_id: row.split for row in opened.rows("tasks")}
    cache = str(tmp_path / "cache")
    loaded = datasets.load_dataset("parquet", data_dir=str(told.run_dir / "sft"), cache_dir=cache)
    assert set(loaded) == {"train", "validation"}
    seen = 0
    for split, rows in loaded.items():
        for row in rows:
            seen += 1
            source = trajectories[row["trajectory_id"]]
            agent = agents[source.agent_id]
            assert verdicts[source.trajectory_id].passed is True
            assert splits[row["task_id"]] == split
            assert json.loads(row["tools"]) == functions_of(agent, tools)
            assert len(row["messages"]) == len(source.messages)
            for message, original in zip(row["messages"], source.messages, strict=True):
                assert message["content"] == original.get("content")
                assert message["train"] is (original["role"] == "assistant")
                calls = [
                    (c["id"], c["function"]["name"], json.loads(c["function"]["arguments"]))
                    for c in message["tool_calls"] or []
                ]
                assert calls == [
                    (c["id"], c["function"]["name"], c["function"]["arguments"]) for c in original.get("tool_calls", [])
                ]
    assert seen == sum(told.rows.values())
    plain = datasets.load_dataset(str(told.run_dir / "sft"), cache_dir=cache)
    assert {split: len(rows) for split, rows in plain.items()} == {split: len(rows) for split, rows in loaded.items()}
    stated = datasets.Features.from_dict(json.loads((told.run_dir / "sft" / "features.json").read_text()))
    assert stated == loaded["train"].features


def test_training_reads_what_the_run_writes(run: Runner) -> None:
    told = run()
    read = [row for split in ("train", "validation") for _, row in rows_of(told.run_dir / "sft", split)]
    assert len(read) == sum(told.rows.values()) > 0


def test_the_folder_states_its_checksums(run: Runner) -> None:
    folder = run().run_dir / "sft"
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    assert {line.split("  ")[1] for line in lines} == {p.name for p in folder.iterdir()} - {"SHA256SUMS"}
    for line in lines:
        sha, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == sha
    card = (folder / "README.md").read_text()
    assert "| single | 25 |" in card
    assert "12 lifted tools" not in card  # held-out worlds are not counted


def test_nothing_held_out_is_exported(run: Runner) -> None:
    opened = open_run(run().run_dir)
    relation = opened.sql("select count(*) from sft join tasks using (task_id) where split = 'eval'")
    assert relation is not None
    assert relation.fetchall() == [(0,)]


def test_without_dedup_duplicates_stay(run: Runner) -> None:
    opened = open_run(run(pipeline(shards={"dedup": False})).run_dir)
    relation = opened.sql("select count(*) from dropped where stage = 'shards' and reason = 'duplicate'")
    assert relation is not None
    assert relation.fetchall() == [(0,)]


def _talk(*words: str) -> list[dict[str, object]]:
    return [{"role": "system", "content": "x"}] + [{"role": "user", "content": word} for word in words]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Cancel order ORD-88213 please", "cancel  order ORD-10442 please", True),
        ("id 7f1c9a2b-0d1e-4f3a-9b8c-7d6e5f4a3b2c", "id 00000000-0d1e-4f3a-9b8c-7d6e5f4a3b2c", True),
        ("inv_4f9a2c is late", "inv_99aa11 is late", True),
        ("Cancel the order", "Cancel the orders", False),
        ("pay 20 dollars", "pay 30 dollars", False),
        ("well-known place", "well-meant place", False),
    ],
)
def test_near_duplicates_differ_in_ids_only(one: str, other: str, same: bool) -> None:
    assert (conversation_hash(_talk(one)) == conversation_hash(_talk(other))) is same


candidates = st.lists(
    st.builds(
        _candidate,
        st.sampled_from(["single", "chain"]),
        st.integers(0, 200),
        content=st.sampled_from([f"c{n}" for n in range(12)]),
        refused=st.sampled_from(["", "", "", "not_passed", "held_out"]),
    ),
    unique_by=lambda one: one.ordinal,
    max_size=60,
)


@given(candidates, candidates, st.integers(0, 8))
def test_candidates_beyond_what_was_needed_change_nothing(
    found: list[Candidate], later: list[Candidate], want: int
) -> None:
    target = {"single": want, "chain": want}
    chosen = choose(found, target, dedup=True)
    assert len(chosen.kept) + len(chosen.dropped) == len(found)
    assert len({one.content for one in chosen.kept}) == len(chosen.kept)
    if all(chosen.accepted()[kind] == want for kind in target):
        above = max((one.ordinal for one in found), default=0) + 1
        more = [_candidate(one.kind, one.ordinal + above, content=one.content) for one in later]
        assert choose(found + more, target, dedup=True).kept == chosen.kept


def test_of_code_tasks_like_each_other_the_first_is_kept() -> None:
    one = "def f(rows):\n    return [row.strip() for row in rows if len(row) > 3]\n"
    same, other = (
        one.replace("row", "line"),
        "def f(rows):\n    return sorted({row.lower() for row in rows}, key=len)\n",
    )
    found = [_candidate("code", n, essence=text) for n, text in enumerate([one, same, other])]
    chosen = choose(found, {"code": 5}, dedup=True)
    assert [one.ordinal for one in chosen.kept] == [0, 2]
    assert [(one.ordinal, reason) for one, reason in chosen.dropped] == [(1, "near_duplicate")]
    assert len(choose(found, {"code": 5}, dedup=False).kept) == 3


def test_one_attempt_per_task_is_kept() -> None:
    found = [_candidate("single", 1, attempt=n, trajectory_id=f"t{n}", content=f"c{n}") for n in (2, 0, 1)]
    chosen = choose(found, {"single": 5}, dedup=True)
    assert [one.attempt for one in chosen.kept] == [0]
    assert [reason for _, reason in chosen.dropped] == ["surplus", "surplus"]


def test_a_share_is_reached_by_swaps_within_cells() -> None:
    faulted = {"traits": frozenset({"faulted"})}
    found = [_candidate("single", n) for n in range(6)] + [_candidate("single", n, **faulted) for n in range(6, 9)]
    found += [_candidate("chain", n, **faulted) for n in range(20, 30)]
    target = {"single": 4, "chain": 2}
    plain = choose(found, target, dedup=True)
    assert [one.ordinal for one in plain.kept] == [0, 1, 2, 3, 20, 21]
    chosen = choose(found, target, dedup=True, shares={"faulted": 0.6})  # of six rows: four, two are there
    assert [one.ordinal for one in chosen.kept] == [0, 1, 6, 7, 20, 21]
    assert chosen.with_trait("faulted") == 4
    assert len(chosen.kept) + len(chosen.dropped) == len(found)
    assert {(one.ordinal, reason) for one, reason in chosen.dropped} >= {(2, "surplus"), (3, "surplus")}


def test_a_swap_takes_no_duplicate_and_no_second_attempt() -> None:
    faulted = {"traits": frozenset({"faulted"})}
    found = [_candidate("single", 0), _candidate("single", 1), _candidate("single", 2, content="c0", **faulted)]
    found += [_candidate("single", 3, task_id="k1", **faulted), _candidate("single", 4, **faulted)]
    chosen = choose(found, {"single": 2}, dedup=True, shares={"faulted": 1.0})
    assert [one.ordinal for one in chosen.kept] == [0, 4]


def test_a_task_gives_one_row_of_the_policy_that_is_preferred() -> None:
    def tried(ordinal: int, policy: str, refused: str = "", attempt: int = 0) -> Candidate:
        name = f"{policy}{ordinal}{attempt}"
        return Candidate("single", "single", ordinal, attempt, "train", 0, name, f"t{ordinal}", 1.0, refused, name,
                         policy=policy)  # fmt: skip

    found = [tried(0, "expert"), tried(0, "core", attempt=1), tried(0, "core", "not_passed"),
             tried(1, "expert"), tried(1, "core", "not_passed"), tried(2, "idle")]  # fmt: skip
    target = {"single": 9}

    def kept(*policies: str) -> list[str]:
        return [one.trajectory_id for one in choose(found, target, True, policies=policies).kept]

    assert kept("core", "expert") == ["core01", "expert10"]
    assert kept("expert", "core") == ["expert00", "expert10"]
    assert kept("core") == ["core01"]
    dropped = {one.trajectory_id: why for one, why in choose(found, target, True, policies=["core"]).dropped}
    assert dropped["expert00"] == dropped["idle20"] == "other_policy" and dropped["core10"] == "not_passed"
