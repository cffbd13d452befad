"""The loop: what is kept, what is made again, how a run ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import toys
from conftest import ALL, Runner, files, pipeline

from synth.errors import RefusedError, SpecError, UsageError
from synth.pipeline import Pipeline
from synth.planning import plan, status
from synth.stage import Context, Output, Part
from synth.store.views import open_run


def test_a_run_ends_with_its_targets_and_a_second_one_does_nothing(run: Runner) -> None:
    first = run()
    assert (first.exit_code, first.rows) == (0, {"single": 25, "chain": 18})
    before = files(first.run_dir, *ALL, "sft")
    second = run()
    assert (second.exit_code, second.made, second.rows) == (0, 0, first.rows)
    assert "nothing to do" in second.text
    assert files(first.run_dir, *ALL, "sft") == before


def test_nothing_disappears(run: Runner) -> None:
    told = status(run().run_dir)["stages"]
    for stage, line in told.items():
        ended = (
            line["closed_with_rows"]
            + sum(line["dropped"].values())
            - line["extra_drops"]
            + sum(line["failed"].values())
        )
        assert ended == line["opened"], stage
        assert line["state"] == "complete", stage
    assert told["rollouts"]["opened"] == told["tasks"]["rows"]
    assert told["judge"]["opened"] == told["rollouts"]["rows"]
    assert told["shards"]["opened"] == told["rollouts"]["rows"]
    assert {"held_out", "duplicate", "not_passed", "undecided", "surplus"} >= set(told["shards"]["dropped"])
    assert told["shards"]["dropped"]["duplicate"] > 0


def test_a_broken_ledger_is_never_committed(run: Runner) -> None:
    def lossy(ctx: Context, part: Part) -> Output:
        out = toys.Tasks.run(ctx, part)
        out.opened += 1
        return out

    with pytest.raises(AssertionError, match="slots opened"):
        run(stages=toys.modules(tasks=toys.altered(toys.Tasks, run=lossy)))


def test_a_changed_judge_keeps_the_rollouts(run: Runner) -> None:
    first = run()
    before = files(first.run_dir, "worlds", "tools", "agents", "tasks", "trajectories")
    second = run(pipeline(judge={"economy": False}))
    judged = len(list((first.run_dir / "verdicts").glob("part-*")))
    assert second.made == judged + 1  # and the shards
    assert files(first.run_dir, "worlds", "tools", "agents", "tasks", "trajectories") == before
    assert len(list((first.run_dir / "verdicts" / "_old").iterdir())) == judged
    assert (first.run_dir / "_old" / "0001-sft").is_dir()


@pytest.mark.parametrize("target", [{"single": 40, "chain": 18}, {"single": 3}, {"single": 3, "clarify": 5}])
def test_a_changed_target_gives_the_shards_of_a_fresh_run(run: Runner, tmp_path: Path, target: dict[str, int]) -> None:
    run()
    grown = run(pipeline(shards={"target": target}))
    fresh = run(pipeline(shards={"target": target}), out=tmp_path / "fresh")
    assert grown.rows == fresh.rows == target
    assert files(grown.run_dir, "sft") == files(fresh.run_dir, "sft")


def test_a_changed_version_remakes_everything_after_it(run: Runner) -> None:
    run()
    told = run(stages=toys.modules(agents=toys.altered(toys.Agents, VERSION="2")))
    stages = status(told.run_dir)["stages"]
    assert told.made == sum(stages[s]["parts"] for s in ("agents", "tasks", "rollouts", "judge", "shards"))


def test_a_changed_prompt_remakes_its_stage_and_a_missing_one_is_said(run: Runner, tmp_path: Path) -> None:
    prompt = tmp_path / "prompt.txt"
    stages = toys.modules(judge=toys.altered(toys.Judge, ASSETS=[str(prompt)]))
    with pytest.raises(UsageError, match=r"prompt\.txt"):
        run(stages=stages)
    prompt.write_text("Judge.")
    first = run(stages=stages)
    assert run(stages=stages).made == 0
    prompt.write_text("Judge well.")
    assert run(stages=stages).made == len(list((first.run_dir / "verdicts").glob("part-*"))) + 1


def test_a_users_error_in_a_stage_stops_the_run(run: Runner) -> None:
    def refuses(ctx: Context, part: Part) -> Output:
        raise SpecError("entities.x", "has no fields")

    with pytest.raises(UsageError, match=r"entities\.x: has no fields"):
        run(stages=toys.modules(tools=toys.altered(toys.Tools, run=refuses)))
    assert run().exit_code == 0


def test_what_a_later_stage_lacks_is_said_before_an_earlier_one_works(run: Runner) -> None:
    class NotReady:
        def __getattr__(self, name: str) -> object:
            return getattr(toys.modules()["rollouts"], name)

        @staticmethod
        def ready(settings: object) -> None:
            raise UsageError("export the key")

    with pytest.raises(UsageError, match="export the key"):
        run(stages={**toys.modules(), "rollouts": NotReady()})
    whole = run()
    assert whole.exit_code == 0
    assert run(stages={**toys.modules(), "rollouts": NotReady()}).made == 0  # nothing to do needs no key


def test_interrupted_rounds_resume_to_the_same_bytes(run: Runner, tmp_path: Path) -> None:
    whole = run(out=tmp_path / "whole")
    cuts = 0
    for allowed in range(1, 40, 3):
        try:
            run(
                stages=toys.modules(judge=_dies_after(toys.Judge, allowed // 3), tasks=_dies_after(toys.Tasks, allowed))
            )
        except _PowerCut:
            cuts += 1
    assert cuts > 2
    resumed = run()
    assert resumed.rows == whole.rows
    assert files(resumed.run_dir, *ALL, "sft") == files(whole.run_dir, *ALL, "sft")


class _PowerCut(BaseException):
    """Nothing classifies it: the process is gone."""


def _dies_after(stage: Any, parts: int) -> Any:
    left = [parts]

    def dying(ctx: Context, part: Part) -> Output:
        left[0] -= 1
        if left[0] < 0:
            raise _PowerCut
        return stage.run(ctx, part)

    return toys.altered(stage, run=dying)


def test_another_run_is_refused_and_fresh_moves_it_aside(run: Runner, tmp_path: Path) -> None:
    run()
    other = Pipeline.model_validate(pipeline().model_dump(mode="json") | {"seed": 2})
    with pytest.raises(RefusedError, match=r"seed \(1 there, 2 now\)"):
        run(other)
    again = run(other, fresh=True)
    assert again.exit_code == 0
    assert (tmp_path / "run.old-1" / "run.json").is_file()


def test_a_folder_that_is_no_run_is_left_alone(run: Runner, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("mine")
    for fresh in (False, True):
        with pytest.raises(RefusedError, match="not a run folder"):
            run(fresh=fresh)
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["thesis.txt"]


def test_two_drivers_never_share_a_folder(run: Runner, tmp_path: Path) -> None:
    from synth.store.files import locked

    run()
    with locked(tmp_path / "run"), pytest.raises(RefusedError, match="in use"):
        run()


def test_fewer_rows_than_asked_is_exit_3_and_more_effort_goes_on(run: Runner) -> None:
    few = run(limit=15)
    assert (few.exit_code, few.status) == (3, "short")
    assert status(few.run_dir)["stages"]["tasks"]["opened"] == 15
    assert run(limit=15).made == 0
    assert run().exit_code == 0


def test_a_kind_that_never_passes_is_given_up(run: Runner) -> None:
    def refuse(ctx: Context, part: Part) -> Output:
        out = toys.Judge.run(ctx, part)
        out.rows = [row.model_copy(update={"passed": False}) for row in out.rows]
        return out

    told = run(
        pipeline(shards={"target": {"single": 30}}), stages=toys.modules(judge=toys.altered(toys.Judge, run=refuse))
    )
    assert (told.exit_code, told.rows) == (3, {})
    assert status(told.run_dir)["stages"]["tasks"]["opened"] < 1000


def test_infra_failures_refuse_the_export_and_retry_reopens_them(run: Runner, tmp_path: Path) -> None:
    def breaks(ctx: Context, part: Part) -> Output:
        if part.index == 0:
            raise OSError("disk on fire")
        return toys.Rollouts.run(ctx, part)

    broken = toys.modules(rollouts=toys.altered(toys.Rollouts, run=breaks))
    with pytest.raises(RefusedError, match="infra failures"):
        run(stages=broken)
    assert not (tmp_path / "run" / "sft").exists()
    failed = open_run(tmp_path / "run").rows("failed")
    lost = [row for row in failed if row.class_ == "infra"]
    assert lost
    assert all("disk on fire" in row.detail and row.parent_id.startswith("task_") for row in lost)

    allowed = run(pipeline(shards={"allow_infra": True}), stages=broken)
    assert allowed.exit_code == 0
    mended = run(retry="infra")
    assert mended.exit_code == 0
    assert "infra" not in status(mended.run_dir)["stages"]["rollouts"]["failed"]
    assert files(mended.run_dir, "sft") == files(run(out=tmp_path / "never_broken").run_dir, "sft")


def test_a_broken_early_stage_stops_before_later_ones(run: Runner, tmp_path: Path) -> None:
    def breaks(ctx: Context, part: Part) -> Output:
        raise KeyError("gone")

    with pytest.raises(RefusedError, match="30 of 30 slots of agents"):
        run(stages=toys.modules(agents=toys.altered(toys.Agents, run=breaks)))
    assert status(tmp_path / "run")["stages"]["tasks"]["opened"] == 0
    notes = [json.loads(line) for line in (tmp_path / "run" / "events.jsonl").read_text().splitlines()]
    assert any("KeyError: 'gone'" in note.get("text", "") for note in notes)


def test_retry_counts_attempts(run: Runner) -> None:
    run()
    again = run(retry="model")
    rows = [row for row in open_run(again.run_dir).rows("failed") if row.class_ == "model"]
    assert rows
    assert {row.attempts for row in rows} == {2}


def test_run_json_and_events_tell_what_happened(run: Runner) -> None:
    told = run()
    stored = json.loads((told.run_dir / "run.json").read_text())
    assert stored["status"] == "done"
    assert stored["exit_code"] == 0
    assert stored["pipeline"]["stages"]["tasks"]["part_size"] == 10
    assert "target" not in stored["stages"]["tasks"]["covers"]["settings"]
    events = [json.loads(line) for line in (told.run_dir / "events.jsonl").read_text().splitlines()]
    assert sum(event["event"] == "part" for event in events) == told.made
    assert events[-1]["event"] == "end"


def test_a_plan_touches_nothing_and_says_what_is_kept(run: Runner, tmp_path: Path) -> None:
    empty = plan(pipeline(), tmp_path / "run", toys.modules())
    assert not (tmp_path / "run").exists()
    assert {line["action"] for line in empty["stages"]} == {"make"}
    done = run()
    before = {p: p.stat().st_mtime_ns for p in done.run_dir.rglob("*")}
    told = plan(pipeline(judge={"economy": False}), done.run_dir, toys.modules())
    assert before == {p: p.stat().st_mtime_ns for p in done.run_dir.rglob("*")}
    actions = {line["stage"]: line["action"] for line in told["stages"]}
    assert actions["worlds"] == actions["agents"] == "keep"
    assert actions["judge"] == actions["shards"] == "make"
    assert told["total"]["model_calls"] == 0
    same = plan(pipeline(), done.run_dir, toys.modules())
    assert {line["action"] for line in same["stages"]} == {"keep"}
    assert same["total"]["seconds"] == 0


def test_a_model_policy_is_planned_with_calls_and_cost(tmp_path: Path) -> None:
    asked = pipeline().model_dump(mode="json")
    asked["models"] = {
        "t": {"kind": "openai", "base_url": "http://127.0.0.1:1", "model": "m", "usd_per_mtoken_in": 1.0}
    }
    asked["stages"]["rollouts"] = {"policy": "t"}
    total = plan(Pipeline.model_validate(asked), tmp_path / "run", toys.modules())["total"]
    assert total["model_calls"] > 0
    assert total["cost_usd"] == pytest.approx(total["prompt_tokens"] / 1e6, rel=1e-3)
