"""The tools of a workspace: what an assistant is offered where a task is a folder of code."""

from __future__ import annotations

from typing import Any

_PATH = {"type": "string", "minLength": 1, "maxLength": 200}
_TEXT = {"type": "string", "maxLength": 200_000}


def _tool(
    name: str, effect: str, description: str, properties: dict[str, Any], required: list[str], output: dict[str, Any]
) -> dict[str, Any]:
    return {
        "name": name,
        "effect": effect,
        "description": description,
        "input_schema": {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        },
        "output_schema": output,
    }


_RUN = {
    "type": "object",
    "properties": {
        "exit_code": {"type": ["integer", "null"]},
        "stdout": {"type": "string"},
        "stderr": {"type": "string"},
    },
    "required": ["exit_code", "stdout", "stderr"],
}

TOOLS: list[dict[str, Any]] = [
    _tool(
        "list_files", "read", "List the files of the workspace with their sizes in bytes.",
        {"path": {**_PATH, "description": "Only files under this folder; everything when left out."}}, [],
        {"type": "object", "properties": {"files": {"type": "array", "items": {"type": "object"}}}},
    ),
    _tool(
        "read_file", "read", "Read a text file of the workspace.",
        {
            "path": {**_PATH, "description": "Path relative to the workspace."},
            "first_line": {"type": "integer", "minimum": 1, "description": "First line to show, counted from 1."},
            "last_line": {"type": "integer", "minimum": 1, "description": "Last line to show, included."},
        }, ["path"], {"type": "string"},
    ),
    _tool(
        "write_file", "write", "Write a text file: make it, or replace all that it holds.",
        {
            "path": {**_PATH, "description": "Path relative to the workspace; folders are made as needed."},
            "content": {**_TEXT, "description": "The whole new content."},
        }, ["path", "content"],
        {"type": "object", "properties": {"path": {"type": "string"}, "created": {"type": "boolean"}}},
    ),
    _tool(
        "apply_patch", "write",
        "Change files by a unified diff with '--- a/FILE' and '+++ b/FILE' headers; /dev/null makes or removes a file. "
        "Line numbers are hints, the context has to match. All hunks are applied, or none.",
        {"patch": {**_TEXT, "minLength": 1, "description": "The unified diff."}}, ["patch"],
        {"type": "object", "properties": {"changed": {"type": "array", "items": {"type": "object"}}}},
    ),
    _tool(
        "search", "read", "Find lines in the files of the workspace that contain a text or match a regular expression.",
        {
            "pattern": {"type": "string", "minLength": 1, "maxLength": 400, "description": "What to look for."},
            "regex": {"type": "boolean", "description": "Read the pattern as a Python regular expression."},
            "path": {**_PATH, "description": "Only under this folder, or in this file."},
        }, ["pattern"],
        {"type": "object", "properties": {"matches": {"type": "array", "items": {"type": "object"}}}},
    ),
    _tool(
        "run_python", "write", "Run Python code in the workspace folder and show what it prints. There is no network.",
        {"code": {**_TEXT, "minLength": 1, "description": "Source of the program."}}, ["code"], _RUN,
    ),
    _tool(
        "run_shell", "write", "Run a command line with sh in the workspace folder. There is no network.",
        {"command": {"type": "string", "minLength": 1, "maxLength": 4000, "description": "The command line."}},
        ["command"], _RUN,
    ),
    _tool(
        "run_tests", "write", "Run the unit tests of the workspace and show what failed.",
        {
            "targets": {
                "type": "array", "items": _PATH, "maxItems": 20,
                "description": "Test files or dotted names; all tests when left out.",
            }
        }, [],
        {
            "type": "object",
            "properties": {
                "ok": {"type": "boolean"}, "ran": {"type": "integer"}, "failed": {"type": "integer"},
                "errors": {"type": "integer"}, "skipped": {"type": "integer"},
                "failures": {"type": "array", "items": {"type": "object"}},
            },
        },
    ),
]  # fmt: skip
BY_NAME: dict[str, dict[str, Any]] = {tool["name"]: tool for tool in TOOLS}
