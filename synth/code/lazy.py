"""Policies that do not solve the task. All of them have to fail the check."""

from __future__ import annotations

from synth.code.plan import call
from synth.code.task import CodeTask, ToolCall
from synth.executors.patching import unified


def lazy(task: CodeTask) -> dict[str, list[ToolCall]]:
    """Calls of each lazy policy: `idle` only looks, `delete_tests` removes the visible tests, `empty_tests` leaves
    tests that assert nothing, `hard_code` makes the visible tests pass by what they say (where the task has cases)."""
    tests = {path: text for path, text in task.hidden.protected.items() if path.startswith("tests/test_")}
    patch = "".join(unified(path, text, None) for path, text in sorted(tests.items()))
    found = {
        "idle": [call("list_files"), call("run_tests")],
        "delete_tests": [call("apply_patch", patch=patch), call("run_tests")],
        "empty_tests": [call("write_file", path=path, content=PASSING) for path in sorted(tests)] + [call("run_tests")],
    }
    if task.visible_cases:
        writes = [call("write_file", path=path, content=text) for path, text in sorted(task.visible_cases.items())]
        found["hard_code"] = [*writes, call("run_tests")]
    return found


PASSING = (
    "import unittest\n\n\nclass Fine(unittest.TestCase):\n    def test_fine(self):\n        self.assertTrue(True)\n"
)
