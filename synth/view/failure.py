"""Why a trajectory did not pass, or a slot gave no row: the verdict first, on one screen."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

import rubrics
from rubrics.outcome import assign
from synth.records import Call, Criterion, DroppedRow, FailedRow, TaskRow, TrajectoryRow, VerdictRow
from synth.view.escape import plain
from synth.view.lookup import find

SCREEN = 38  # lines, at 100 columns and more
COLUMNS = 100
MOST_CAUSES = 3
MOST_PLACES = 3  # per cause
MOST_STATE = 3
_CALL = re.compile(r"functions\.[A-Za-z0-9_.-]+:\d+")
_MESSAGE = re.compile(r"\bmessage (\d+)")
_STATE_CHECKS = frozenset({"state_changes", "nothing_else", "change", "no_unneeded_write"})
_CLASS = {
    "infra": "the machinery broke, not the task: `synth run --retry infra` runs the slot again",
    "model": "the model gave nothing usable: `synth run --retry model` asks again",
    "task": "no task or plan that holds could be made here; other slots fill its place",
    "judge": "the judge broke on it: `synth run --retry judge` judges it again",
    "budget": "a cap was reached before its turn: raise the cap and run again",
}


class Screen:
    """Lines that are cut rather than wrapped, counted."""

    def __init__(self) -> None:
        self.lines: list[Text] = []

    def add(self, *parts: Text | str | tuple[str, str]) -> None:
        line = Text.assemble(*parts)
        line.no_wrap, line.overflow = True, "ellipsis"
        self.lines.append(line)

    def wrapped(self, text: str, most: int, lead: str = "", style: str = "") -> None:
        """The text over at most `most` lines."""
        for piece in textwrap.wrap(text, COLUMNS - len(lead), max_lines=most, placeholder=" …"):
            self.add(lead, plain(piece, style))


def failed_trajectory(
    run_dir: Path, row: TrajectoryRow, task: TaskRow, verdict: VerdictRow
) -> Iterator[RenderableType]:
    """Verdict, what decided it and where, then the conversation in short."""
    out = Screen()
    what = "FAILED" if verdict.passed is False else "COULD NOT TELL"
    out.add((f"{what}  ", "bold red"), plain(row.trajectory_id, "bold"))
    out.add(plain(f"{task.kind}, difficulty {task.difficulty}, {task.split}; by {row.policy}, attempt {row.attempt}; "
                  f"{row.turns} turns, {len(row.calls)} calls; ended: {row.stop_reason}"))  # fmt: skip
    if task.goal.get("text"):
        out.wrapped(f"goal  {task.goal['text']}", 2)
    marked = _causes(out, row, task, verdict)
    for other in [*find(run_dir, "failed", [row.trajectory_id]), *find(run_dir, "dropped", [row.trajectory_id])]:
        out.add(("also  ", "bold"), plain(in_one_line(other)))
    _short_conversation(out, row, marked)
    out.add(plain("--full shows every message, all criteria, the state changes and the lineage", "bright_black"))
    yield Group(*out.lines)  # not one by one: a console joins texts and forgets that they are cut


def _causes(out: Screen, row: TrajectoryRow, task: TaskRow, verdict: VerdictRow) -> set[int]:
    """What decided, with the places it points to. Returns the indexes of the messages concerned."""
    specs = {c["id"]: c for c in (*(task.rubric.get("criteria") or ()), *rubrics.standing())}
    decisive = [c for c in verdict.criteria if c.passed is verdict.passed and specs.get(c.id, {}).get("required", True)]
    decisive = [c for c in decisive if not c.evidence.startswith("not looked at")]
    marked: set[int] = set()
    if not decisive:
        out.add(("why  ", "bold red"), plain("; ".join(verdict.reasons) or "the judge gives no reason"))
    for c in decisive[:MOST_CAUSES]:
        spec = specs.get(c.id, {})
        out.add(
            ("✗ " if c.passed is False else "? ", "bold red"), plain(c.id, "bold"), plain(f"  {spec.get('text', '')}")
        )
        out.wrapped(c.evidence, 2, "    ", "red")
        if spec.get("check", c.id) in _STATE_CHECKS:
            _state(out, row, task)
        marked |= _places(out, row, c)
    if len(decisive) > MOST_CAUSES:
        out.add(plain(f"  and {len(decisive) - MOST_CAUSES} more failed criteria", "bright_black"))
    return marked


def _places(out: Screen, row: TrajectoryRow, criterion: Criterion) -> set[int]:
    """The calls and messages that the evidence names."""
    marked: set[int] = set()
    records = {c.id: c for c in row.calls}
    for call_id in list(dict.fromkeys(_CALL.findall(criterion.evidence)))[:MOST_PLACES]:
        at = _message_of(row, call_id)
        if at is None:
            continue
        marked.add(at)
        out.add(("    at ", "bold"), f"message {at}, call ", plain(f"{call_id} {_arguments(row, call_id)}"))
        if call_id in records:
            out.add("       gave ", plain(_gave(records[call_id])))
    for text in list(dict.fromkeys(_MESSAGE.findall(criterion.evidence)))[:MOST_PLACES]:
        if int(text) < len(row.messages) and int(text) not in marked:
            marked.add(int(text))
            message = row.messages[int(text)]
            out.add(
                ("    at ", "bold"), plain(f"message {text}, {message['role']}: {_line(message.get('content') or '')}")
            )
    return marked


def _state(out: Screen, row: TrajectoryRow, task: TaskRow) -> None:
    """Paths of the state that are not as the goal has them."""
    wanted, diff = task.goal.get("changes") or [], row.state_diff
    match = assign(wanted, diff)
    lines = [line for i, w in enumerate(wanted) if i not in match for line in _missing(w, diff)]
    writes = ", ".join(c.id for c in row.calls if c.ok and c.effect == "write")
    for j, d in enumerate(diff):
        if j not in match.values() and not any(_same_row(w, d) for w in wanted):
            fields = ", ".join(d["changed"]) if d["kind"] == "update" else d["kind"]
            lines.append(f"{d['entity']}/{_key(d['key'])}: {fields} was not asked for; writes: {writes}")
    for line in lines[:MOST_STATE]:
        out.add(("    state ", "bold"), plain(line))


def _missing(wanted: dict[str, Any], diff: list[dict[str, Any]]) -> list[str]:
    path = f"{wanted['entity']}/{_key(wanted['key']) if wanted['key'] is not None else '(new)'}"
    same = next((d for d in diff if _same_row(wanted, d)), None)
    if same is None:
        fields = ", ".join(f"{f} = {_json(v)}" for f, v in wanted["fields"].items())
        return [f"{path}: wanted {wanted['kind']} {fields}; nothing of the kind happened"]
    if same["kind"] != wanted["kind"]:
        return [f"{path}: wanted {wanted['kind']}, was {same['kind']}"]
    after = same["after"] or {}
    return [f"{path}/{f}: wanted {_json(v)}, is {_json(after.get(f))}" for f, v in wanted["fields"].items()
            if after.get(f) != v]  # fmt: skip


def _same_row(wanted: dict[str, Any], change: dict[str, Any]) -> bool:
    """Whether a change may be the wanted one gone wrong: the same row, or another new row of the entity."""
    if (wanted["world_id"], wanted["entity"]) != (change["world_id"], change["entity"]):
        return False
    return change["kind"] == "insert" if wanted["kind"] == "insert" else bool(wanted["key"] == change["key"])


def _short_conversation(out: Screen, row: TrajectoryRow, marked: set[int]) -> None:
    """One line a message, the ones concerned marked; the middle is left out where the screen ends."""
    records = {c.id: c for c in row.calls}
    entries: list[tuple[int, Text]] = []
    for i, message in enumerate(row.messages):
        if message["role"] in ("system", "tool"):
            continue
        style = "cyan" if message["role"] == "user" else "green"
        parts = [_line(message["content"])] if message.get("content") else []
        for call in message.get("tool_calls") or ():
            record = records.get(call["id"])
            bad = (
                ""
                if record is None or record.ok
                else f" ✗ {record.error}" + (f" (injected {record.fault})" if record.fault else "")
            )
            parts.append(f"→ {call['id'].removeprefix('functions.')} {call['function']['arguments']}{bad}")
        mark = ("▶", "bold red") if i in marked else (" ", "")
        entries.append((i, Text.assemble(mark, (f"[{i}] {message['role']}: ", style), plain(_line("  ".join(parts))))))
    room = max(4, SCREEN - len(out.lines) - 2)
    kept = _kept([i for i, _ in entries], marked, room)
    out.add((f"conversation ({len(row.messages)} messages)", "bold"))
    last = -1
    for n, (i, line) in enumerate(entries):
        if i not in kept:
            continue
        if n > last + 1:
            out.add(plain(f"  … {n - last - 1} left out", "bright_black"))
        out.add(line)
        last = n
    if last + 1 < len(entries):
        out.add(plain(f"  … {len(entries) - last - 1} left out", "bright_black"))


def _kept(indexes: list[int], marked: set[int], room: int) -> set[int]:
    """The messages concerned, the first, and the last ones, as many as there is room for (gaps take a line too)."""
    if len(indexes) <= room:
        return set(indexes)
    chosen = {indexes[0], *sorted(marked & set(indexes))[: max(1, room // 3)]}
    for i in reversed(indexes):
        if len(chosen) + 3 >= room:
            break
        chosen.add(i)
    return chosen


# --- slots without a row ---


def failed_slot(run_dir: Path, row: FailedRow) -> Iterator[RenderableType]:
    """Which slot failed, why, what it stands under, and what can be done."""
    out = Screen()
    out.add(("FAILED  ", "bold red"), plain(row.row_id, "bold"), f"  in stage {row.stage}")
    out.add(plain(f"class {row.class_}: {_CLASS[row.class_]}"))
    out.add(plain(f"at {row.boundary}, after {row.attempts} {'try' if row.attempts == 1 else 'tries'}"))
    for part in row.detail.split(" | ")[:8]:
        out.wrapped(part, 3, "  ", "red")
    _parents(out, run_dir, row.parent_id)
    yield Group(*out.lines)


def dropped_row(run_dir: Path, row: DroppedRow) -> Iterator[RenderableType]:
    out = Screen()
    out.add(("DROPPED  ", "bold yellow"), plain(row.row_id, "bold"), f"  in stage {row.stage}")
    out.wrapped(
        f"{row.reason.replace('_', ' ')}: {row.detail}" if row.detail else row.reason.replace("_", " "), 6, "  "
    )
    _parents(out, run_dir, row.parent_id)
    yield Group(*out.lines)


def _parents(out: Screen, run_dir: Path, parent_id: str) -> None:
    """The task or agent a slot stands under, in a few lines."""
    for task in find(run_dir, "tasks", [parent_id]) if parent_id else ():
        out.add(("task  ", "bold"), plain(f"{task.task_id}: {task.kind}, difficulty {task.difficulty}, {task.split}"))
        if task.goal.get("text"):
            out.wrapped(f"goal  {task.goal['text']}", 3, "  ")
        for text in (task.user.get("turns") or ())[:2]:
            out.wrapped(f"user  {text}", 2, "  ", "cyan")
        for step in (task.plan.get("steps") or ())[:8]:
            out.add(plain(f"  step {step['id']}  {step['tool']} {_json(step['arguments'])}"))
        parent_id = task.agent_id
    for agent in find(run_dir, "agents", [parent_id]) if parent_id else ():
        held = f"{agent.traits.get('role', '')}, {len(agent.tool_ids)} tools, {agent.split}"
        out.add(("agent  ", "bold"), plain(f"{agent.agent_id}: {held}"))


def in_one_line(row: FailedRow | DroppedRow) -> str:
    if isinstance(row, FailedRow):
        return f"failed in stage {row.stage} ({row.class_} at {row.boundary}): {_line(row.detail)}"
    return f"dropped in stage {row.stage}: {row.reason} {_line(row.detail)}"


def _message_of(row: TrajectoryRow, call_id: str) -> int | None:
    return next((i for i, m in enumerate(row.messages) for c in m.get("tool_calls") or () if c["id"] == call_id), None)


def _arguments(row: TrajectoryRow, call_id: str) -> str:
    return next((_line(c["function"]["arguments"]) for m in row.messages for c in m.get("tool_calls") or ()
                 if c["id"] == call_id), "")  # fmt: skip


def _gave(record: Call) -> str:
    fault = f" (injected fault: {record.fault})" if record.fault else ""
    return f"{'' if record.ok else f'error {record.error}{fault}: '}{_line(_json(record.result))}"


def _line(text: str, limit: int = 400) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[:limit] + "…"


def _key(key: Any) -> str:
    return key if isinstance(key, str) else _json(key)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
