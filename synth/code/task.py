"""What a code task is: a folder, a request, hidden tests, and how the expert goes about it. Everything is text."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Group = Literal["function", "data", "bug", "feature"]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ToolCall(Part):
    """One call of a workspace tool, under its own name."""

    tool: str
    arguments: dict[str, Any]


class ExpertStep(Part):
    """One message of the expert. The last step of a plan has no calls and closes the work; its `say` may hold
    `{ran}`, the number of tests that the last `run_tests` ran (`synth.code.speak`)."""

    say: str
    calls: list[ToolCall]


class Probe(Part):
    """One hidden test: `code` runs in the tree and sets `result`; `expect` is what it must give, as
    `synth.code.harness.encoded` writes it. `expect` never enters the sandbox."""

    name: str
    code: str
    expect: Any


class Hidden(Part):
    """What the check knows and the assistant does not."""

    probes: list[Probe] = Field(min_length=1)
    files: dict[str, str] = {}  # inputs that only the check puts there
    databases: dict[str, str] = {}  # path -> SQL script
    protected: dict[str, str] = {}  # visible test files: put back as they were before the probes run


class CodeTask(Part):
    """One task. The truth is `hidden`, run on the tree that the assistant leaves."""

    id: str
    family: str
    group: Group
    difficulty: int = Field(ge=1, le=5)
    files: dict[str, str]  # the tree as the assistant finds it
    databases: dict[str, str] = {}  # path -> SQL script; built into SQLite files at the start
    requests: list[str] = Field(min_length=4)  # wordings of the opening message; the last one is for the eval split
    plan: list[ExpertStep]
    hidden: Hidden
    solution: dict[str, str | None]  # what the expert's files are in the end; None: removed
    essence: str  # what the task is about, for near-duplicates: the solution's changed code
    visible_cases: dict[str, str] = {}  # what a policy that hard-codes the visible cases would leave: path -> text
    facts: dict[str, Any] = {}  # parameters of the family, for reports


def database(script: str) -> bytes:
    """The SQLite file that an SQL script of ours makes."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(script)
        connection.commit()
        return connection.serialize()
    finally:
        connection.close()


def built(files: Mapping[str, str], databases: Mapping[str, str]) -> dict[str, bytes]:
    """Files as bytes, databases among them."""
    found = {path: text.encode() for path, text in files.items()}
    found |= {path: database(script) for path, script in databases.items()}
    return dict(sorted(found.items()))


def start_files(task: CodeTask) -> dict[str, bytes]:
    """The tree as the assistant finds it."""
    return built(task.files, task.databases)


def solved_files(task: CodeTask) -> dict[str, bytes]:
    """The tree as the expert leaves it."""
    tree = start_files(task)
    for path, text in task.solution.items():
        if text is None:
            tree.pop(path, None)
        else:
            tree[path] = text.encode()
    return tree
