"""How the expert goes about a task: look, read, test, change, test again, report. Calls are literal; what the report
says of the tests is filled from the run."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from synth.code.task import ExpertStep, ToolCall
from synth.code.wording import say
from synth.executors.patching import unified

Files = Mapping[str, str]
WHOLE = 0.3  # share of written files that are sent whole where a patch would replace most of them anyway


def call(tool: str, **arguments: object) -> ToolCall:
    return ToolCall(tool=tool, arguments=dict(arguments))


def patch_of(before: Files, after: Mapping[str, str | None]) -> str:
    """One unified diff over all files that change."""
    return "".join(unified(path, before.get(path), text) for path, text in sorted(after.items()))


def change(rng: random.Random, before: Files, after: Mapping[str, str | None], words: str) -> ExpertStep:
    """The step that changes the files: one patch, or whole files where little of them stays."""
    texts = {path: text for path, text in after.items() if text is not None}
    if len(texts) == len(after) == 1 and rng.random() < WHOLE:
        path, text = next(iter(texts.items()))
        if len(text) < 2 * len(unified(path, before.get(path), text)):
            return ExpertStep(say=say(rng, words), calls=[call("write_file", path=path, content=text)])
    return ExpertStep(say=say(rng, words), calls=[call("apply_patch", patch=patch_of(before, after))])


def plan(
    rng: random.Random,
    files: Files,
    solution: Mapping[str, str | None],
    read: Sequence[str],
    words: str,
    report: str,
    *,
    fails_first: bool,
    find: str = "",
    peek: str = "",
    trial: str = "",
    slip: Mapping[str, str | None] | None = None,
) -> list[ExpertStep]:
    """Steps from the first look to the report. `read`: files that matter; `find`: a text to search for first; `peek`:
    Python that shows what no text file holds; `trial`: Python that tries the result on what the tests lack; `slip`:
    a first version that the visible tests refuse."""
    steps = [ExpertStep(say=say(rng, "look"), calls=[call("list_files")])]
    if fails_first and rng.random() < 0.6:
        steps.append(ExpertStep(say=say(rng, "test_first"), calls=[call("run_tests")]))
    if find and rng.random() < 0.6:
        steps.append(ExpertStep(say=say(rng, "search"), calls=[call("search", pattern=find)]))
    if len(read) > 2 and rng.random() < 0.5:
        half = len(read) // 2
        steps.append(ExpertStep(say=say(rng, "read"), calls=[call("read_file", path=p) for p in read[:half]]))
        steps.append(ExpertStep(say="", calls=[call("read_file", path=p) for p in read[half:]]))
    else:
        steps.append(ExpertStep(say=say(rng, "read"), calls=[call("read_file", path=p) for p in read]))
    if peek:
        steps.append(ExpertStep(say=say(rng, "peek"), calls=[call("run_python", code=peek)]))
    now: Files = files
    if slip:
        steps.append(change(rng, files, slip, words))
        steps.append(ExpertStep(say=say(rng, "test_again"), calls=[call("run_tests")]))
        now = {**files, **{path: text for path, text in slip.items() if text is not None}}
        words = "slip"
    left = {path: text for path, text in solution.items() if now.get(path) != text}
    steps.append(change(rng, now, left, words))
    steps.append(ExpertStep(say=say(rng, "test_again"), calls=[call("run_tests")]))
    if trial and rng.random() < 0.5:
        steps.append(ExpertStep(say=say(rng, "try"), calls=[call("run_python", code=trial)]))
    return [*steps, ExpertStep(say=report, calls=[])]
