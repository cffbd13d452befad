"""Runs hidden tests in a folder and says what each gave. Standard library only: its source runs inside the sandbox,
and in a process of its own when tasks are made.

A probe is a piece of code that sets `result`. Only inputs are known here; what the result has to be stays outside, so
that code under test can gain nothing by looking for it. Input on stdin: {"mark": text, "probes": [code, ...],
"seconds": of CPU, of one, "patient": whether those behind an endless one are run}. Output: a line
`mark{"i": n, "got": encoded}` per probe, written past what the code prints.
"""

from __future__ import annotations

import contextlib
import datetime
import decimal
import fractions
import io
import json
import os
import signal
import sys
from typing import Any

LARGEST = 20_000  # characters of one encoded result
ENDLESS = ["!raises", "TimeoutError"]


def encoded(value: Any) -> Any:
    """A value as JSON: plain values as they are, tuples like lists, floats to 9 digits, all else tagged `[tag, text]`.
    Objects are told by their class alone."""
    if value is None or type(value) in (bool, str, int):
        return value
    if type(value) is float:
        return float(f"{value:.9g}") if value == value and abs(value) != float("inf") else ["!float", str(value)]
    if isinstance(value, (list, tuple)):
        return [encoded(one) for one in value]
    if isinstance(value, (set, frozenset)):
        return ["!set", sorted((encoded(one) for one in value), key=_order)]
    if isinstance(value, dict):
        if all(type(key) is str for key in value):
            return {key: encoded(one) for key, one in value.items()}
        return ["!dict", sorted(([encoded(key), encoded(one)] for key, one in value.items()), key=_order)]
    if isinstance(value, (datetime.date, datetime.time)):
        return [f"!{type(value).__name__}", value.isoformat()]
    if isinstance(value, (decimal.Decimal, fractions.Fraction)):
        return [f"!{type(value).__name__}", str(value)]
    return ["!object", type(value).__name__]


def _order(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _late(number: int, frame: Any) -> None:
    raise TimeoutError("the probe took too long")


def outcome(code: str, seconds: float) -> Any:
    """What one probe gives: the encoded `result`, or `["!raises", class name]`."""
    space: dict[str, Any] = {"__name__": "probe"}
    signal.signal(signal.SIGPROF, _late)
    signal.setitimer(signal.ITIMER_PROF, seconds)  # of CPU: how busy the machine is decides nothing
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            exec(compile(code, "<probe>", "exec"), space)  # noqa: S102  inside the sandbox, or text of our own
            got = encoded(space.get("result"))
    except (SystemExit, KeyboardInterrupt, GeneratorExit) as left:
        return ["!raises", type(left).__name__]
    except Exception as raised:  # noqa: BLE001  whatever the code under test does is its answer
        return ["!raises", type(raised).__name__]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return got if len(json.dumps(got)) <= LARGEST else ["!large", len(json.dumps(got))]


def forget(folder: str, known: set[str]) -> None:
    """Drop the modules that come from the folder, so that no probe sees what another left in them. `known`: names of
    others, which stay; it grows by those that a probe was the first to need."""
    for name in [name for name in sys.modules if name not in known]:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(folder + os.sep):
            del sys.modules[name]
        else:
            known.add(name)


def main() -> None:
    """Answer for every probe on stdin, in order, in the present folder."""
    asked = json.loads(sys.stdin.read())
    out = os.dup(1)
    folder = os.getcwd()
    sys.dont_write_bytecode = False  # modules are loaded anew for every probe: compile them once
    sys.path.insert(0, folder)
    known = set(sys.modules)
    for number, code in enumerate(asked["probes"]):
        got = outcome(code, asked["seconds"])
        os.write(out, (asked["mark"] + json.dumps({"i": number, "got": got}) + "\n").encode())
        if got == ENDLESS and not asked["patient"]:
            return
        forget(folder, known)


if __name__ == "__main__":
    main()
