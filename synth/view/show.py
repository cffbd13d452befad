"""`synth show`: one row of any table for a person; a trajectory as a conversation with its verdict and lineage."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from synth.errors import UsageError
from synth.records import Call, Criterion, Row, TaskRow, TrajectoryRow, VerdictRow
from synth.view.escape import plain
from synth.view.failure import dropped_row, failed_slot, failed_trajectory, in_one_line
from synth.view.lineage import lineage
from synth.view.lookup import ID_COLUMN, find, one

RESULT_LIMIT = 1200  # characters of a result shown
_SEARCHED = ("trajectories", "tasks", "agents", "tools", "worlds", "failed", "dropped")
_ROLE = {"system": "bright_black", "user": "bold cyan", "assistant": "bold green", "tool": "yellow"}
_MARK = {True: Text("pass", "green"), False: Text("FAIL", "bold red"), None: Text("?", "yellow")}


def show(run_dir: Path, row_id: str, console: Console | None = None, full: bool = False) -> None:
    """Print one row. Raises UsageError where no table has the id."""
    out = console or Console(highlight=False, soft_wrap=False)
    for part in render(run_dir, row_id, full):
        out.print(part)


def render(run_dir: Path, row_id: str, full: bool = False) -> list[RenderableType]:
    """The row as things that rich can print; all data escaped. What failed is shown with its reason first, on one
    screen, unless it is wanted in `full`."""
    for table in _SEARCHED:
        found = find(run_dir, table, [row_id])
        if found:
            return list(_any(run_dir, table, found[0], full))
    raise UsageError(f"{run_dir.name} has no row with the id {row_id}; `synth sql` shows which ids there are")


def _any(run_dir: Path, table: str, row: Any, full: bool) -> Iterator[RenderableType]:
    if table == "failed" and not full:
        return failed_slot(run_dir, row)
    if table == "dropped" and not full:
        return dropped_row(run_dir, row)
    if table != "trajectories":
        return _row(run_dir, table, row)
    verdicts: list[VerdictRow] = find(run_dir, "verdicts", [row.trajectory_id])
    if not full and verdicts and verdicts[0].passed is not True:
        return failed_trajectory(run_dir, row, one(run_dir, "tasks", row.task_id), verdicts[0])
    return _trajectory(run_dir, row, verdicts)


def _row(run_dir: Path, table: str, row: Row) -> Iterator[RenderableType]:
    yield Rule(plain(f"{table}  {getattr(row, ID_COLUMN[table])}"), align="left")
    grid = Table.grid(padding=(0, 2))
    for name in type(row).model_fields:
        value = getattr(row, name)
        shown = json.dumps(value, ensure_ascii=False, indent=2) if isinstance(value, dict | list) and value else value
        grid.add_row(plain(name.rstrip("_"), "bold"), plain(shown if shown is not None else "-"))
    yield grid
    tree = lineage(run_dir, table, row)
    if tree is not None:
        yield Rule("lineage", align="left")
        yield tree


def _trajectory(run_dir: Path, row: TrajectoryRow, verdicts: list[VerdictRow]) -> Iterator[RenderableType]:
    task: TaskRow = one(run_dir, "tasks", row.task_id)
    yield Rule(plain(f"trajectory {row.trajectory_id}"), align="left")
    yield plain(f"{task.kind}, difficulty {task.difficulty}, {task.split}; by {row.policy}, attempt {row.attempt}; "
                f"{row.turns} messages of the assistant, {len(row.calls)} calls; ended: {row.stop_reason}")  # fmt: skip
    if task.goal.get("text"):
        yield Text.assemble(("goal  ", "bold"), plain(task.goal["text"]))
    yield from conversation(row)
    yield Rule("state changes", align="left")
    yield from _changes(row.state_diff)
    for verdict in verdicts:
        yield from _verdict(verdict, task)
    for other in [*find(run_dir, "failed", [row.trajectory_id]), *find(run_dir, "dropped", [row.trajectory_id])]:
        yield plain(in_one_line(other), "yellow")
    yield Rule("lineage", align="left")
    tree = lineage(run_dir, "trajectories", row)
    if tree is not None:
        yield tree


def conversation(row: TrajectoryRow) -> Iterator[RenderableType]:
    """The messages with their calls."""
    records = {c.id: c for c in row.calls}
    own, turn = list(row.user_calls), -1
    for i, message in enumerate(row.messages):
        role = message["role"]
        turn += role == "assistant"
        while role == "user" and own and own[0].turn <= turn:
            yield Padding(_own(own.pop(0)), (0, 0, 0, 4))
        style = _ROLE.get(role, "")
        if role == "tool":
            record = records.get(message["tool_call_id"])
            head = Text.assemble(("← ", style), plain(message["tool_call_id"], style))
            if record is not None and not record.ok:
                head.append_text(plain(f"  error {record.error}", "red"))
            if record is not None and record.fault:
                head.append_text(plain(f"  injected fault: {record.fault}", "magenta"))
            yield Padding(Group(head, plain(message["content"], limit=RESULT_LIMIT)), (0, 0, 0, 6))
            continue
        yield Text.assemble((f"[{i}] ", "bright_black"), plain(role, style))
        if message.get("content"):
            yield Padding(plain(message["content"], style if role == "system" else ""), (0, 0, 0, 4))
        for call in message.get("tool_calls") or ():
            function = call["function"]
            effect = records[call["id"]].effect if call["id"] in records else ""
            yield Padding(
                Text.assemble(("→ ", "green"), plain(call["id"], "green"), "  ", plain(function["arguments"]),
                              plain(f"  ({effect})" if effect else "", "bright_black")), (0, 0, 0, 4))  # fmt: skip


def _own(call: Call) -> Text:
    """What the user did with a tool of their own, which no assistant sees."""
    came = plain("  done" if call.ok else f"  error {call.error}", "" if call.ok else "red")
    return Text.assemble(("the user: ", "cyan"), plain(call.name, "cyan"), "  ", plain(_json(call.arguments)), came)


def _changes(diff: list[dict[str, Any]]) -> Iterator[RenderableType]:
    if not diff:
        yield plain("none", "bright_black")
    for change in diff:
        line = Text.assemble(plain(f"{change['kind']} ", "bold"), plain(f"{change['entity']} "), plain(change["key"]))
        before, after = change["before"] or {}, change["after"] or {}
        for name in change["changed"] if change["kind"] == "update" else {**before, **after}:
            stamp = " (by the system)" if name in change["stamped"] else ""
            moved = f"{_json(before[name])} → " if name in before else ""
            gone = "gone" if change["kind"] == "delete" else _json(after.get(name))
            line.append_text(plain(f"\n    {name}: {moved}{gone}{stamp}"))
        yield line


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _verdict(verdict: VerdictRow, task: TaskRow) -> Iterator[RenderableType]:
    yield Rule("verdict", align="left")
    score = "" if verdict.score is None else f"  score {verdict.score:g}"
    yield Text.assemble(_MARK[verdict.passed], plain(f"{score}  judged by {verdict.judge}"))
    for reason in verdict.reasons:
        yield plain(f"  {reason}", "red")
    texts = {c["id"]: c for c in task.rubric.get("criteria") or ()}
    table = Table(box=None, padding=(0, 1), pad_edge=False)
    for head in ("", "part", "criterion", "evidence"):
        table.add_column(head, overflow="fold")
    for c in verdict.criteria:
        table.add_row(_MARK[c.passed], plain(c.part), _criterion(c, texts.get(c.id)), plain(c.evidence, limit=400))
    yield table


def _criterion(criterion: Criterion, spec: dict[str, Any] | None) -> Text:
    if spec is None or spec.get("text") in (None, criterion.id):
        return plain(criterion.id)
    optional = "" if spec.get("required", True) else " (not required)"
    return Text.assemble(plain(criterion.id, "bold"), plain(f"\n{spec['text']}{optional}", "bright_black"))
