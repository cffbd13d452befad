"""What a run tells while it goes: `events.jsonl` always, and one of three faces: a TTY, plain lines, JSON lines."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TextIO

STAGE_WORDS = {"rollouts": "trajectories", "judge": "verdicts"}


def round_text(event: dict[str, Any]) -> str:
    """What a round gave and the forecast of the end, in one line."""
    text = f"round {event['round']}: {event['accepted']:,} of {event['asked']:,} rows accepted"
    if event["stopped"]:
        return f"{text}; {event['stopped']}"
    coming = event["forecast"]
    return f"{text}; {coming_text(coming)}" if coming["slots"] else text


def coming_text(coming: dict[str, Any]) -> str:
    """A forecast (synth.issuing) in words."""
    parts = [f"{coming['slots']:,} slots in {coming['rounds']} more round{'s' * (coming['rounds'] > 1)}"]
    if coming["seconds"] is not None:
        parts.append(f"{coming['seconds']:,.0f} s")
    if coming["tokens"]:
        parts.append(f"{coming['calls']:,} calls and {coming['tokens']:,} tokens")
    if coming["usd"]:
        parts.append(f"{coming['usd']:,.2f} USD")
    return f"to come: about {', '.join(parts)}, {coming['rows']:,} rows at the end"


class Face(Protocol):
    """How events are shown. An event is a flat dict with `event` and `at`."""

    def show(self, event: dict[str, Any]) -> None: ...
    def close(self) -> None: ...


class Silent:
    """Shows nothing (the Python face)."""

    def show(self, event: dict[str, Any]) -> None:
        return None

    def close(self) -> None:
        return None


class JsonLines(Silent):
    """Every event as one JSON line on stdout."""

    def show(self, event: dict[str, Any]) -> None:
        print(json.dumps(event, ensure_ascii=False), flush=True)


class PlainLines(Silent):
    """A line per round and note, and progress at most every few seconds."""

    def __init__(self, stream: TextIO = sys.stderr, every: float = 5.0) -> None:
        self._stream, self._every, self._last = stream, every, 0.0
        self._rows: dict[str, int] = {}

    def show(self, event: dict[str, Any]) -> None:
        text = self._text(event)
        if text:
            print(text, file=self._stream, flush=True)

    def _text(self, event: dict[str, Any]) -> str:
        kind = event["event"]
        if kind == "part":
            self._rows[event["stage"]] = event["rows_total"]
            if time.monotonic() - self._last < self._every:
                return ""
            self._last = time.monotonic()
            return "  " + "  ".join(f"{STAGE_WORDS.get(s, s)} {n:,}" for s, n in self._rows.items())
        if kind == "stage":
            return f"{event['stage']}: {event['kept']} parts kept, {event['to_make']} to make"
        if kind == "opening":
            return f"round {event['round']}: {event['slots']:,} task slots in {event['parts']:,} parts"
        if kind == "round":
            return round_text(event)
        return str(event.get("text", ""))


class Rich(Silent):
    """Live bars on a terminal, one per stage; notes above them."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._bars = Progress(
            TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(),
            TextColumn("parts  {task.fields[rows]:>9,} rows"),
            TimeElapsedColumn(), transient=False,
        )  # fmt: skip
        self._tasks: dict[str, Any] = {}
        self._bars.start()

    def show(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "stage":
            total = event["kept"] + event["to_make"]
            task = self._task(event["stage"])
            self._bars.update(task, total=total, completed=event["kept"], rows=event["rows"])
        elif kind == "part":
            task = self._task(event["stage"])
            self._bars.update(task, completed=event["parts"], rows=event["rows_total"])
        elif kind == "opening":
            for stage in ("tasks", "rollouts", "judge"):
                self._bars.update(self._task(stage), total=event["parts_open"])
        elif kind == "round":
            self._bars.console.print(round_text(event), markup=False, highlight=False)
        elif event.get("text"):
            self._bars.console.print(event["text"], markup=False, highlight=False)

    def _task(self, stage: str) -> Any:
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(
                STAGE_WORDS.get(stage, stage), total=1 if stage == "shards" else None, rows=0
            )
        return self._tasks[stage]

    def close(self) -> None:
        self._bars.stop()


class Reporter:
    """Writes events to `events.jsonl` of the run folder and hands them to a face."""

    def __init__(self, run_dir: Path, face: Face) -> None:
        self._face = face
        self._log = (run_dir / "events.jsonl").open("a", encoding="utf-8")

    def event(self, event: str, **fields: Any) -> None:
        """Record one event."""
        full = {"event": event, "at": now(), **fields}
        self._log.write(json.dumps(full, ensure_ascii=False) + "\n")
        self._log.flush()
        self._face.show(full)

    def note(self, text: str, **fields: Any) -> None:
        """A sentence for the user."""
        self.event("note", text=text, **fields)

    def __enter__(self) -> Reporter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._face.close()
        self._log.close()


def now() -> str:
    """The time of an event, UTC, seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")
