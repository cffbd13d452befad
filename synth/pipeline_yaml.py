"""The pipeline file as a mapping: its text, and values set on the command line on top."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from synth import careful_yaml
from synth.careful_yaml import Problem, Wrong, kind_of, load_yaml
from synth.errors import UsageError

WHAT = "pipeline file"


class PipelineError(UsageError):
    """The pipeline file is wrong; the text names the first problem, `problems` has all of them."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        more = f" (and {len(problems) - 1} more: `synth validate` lists them)" if len(problems) > 1 else ""
        super().__init__(f"{file}: {problems[0]}{more}")
        self.problems = problems


def read_text(path: Path) -> str:
    """The file as text. Raises Wrong."""
    return careful_yaml.read_text(path, WHAT, "`pipelines/` has the shipped ones")


def parse(text: str) -> dict[str, Any]:
    """The top-level mapping. Raises Wrong."""
    root = load_yaml(text, WHAT, whole_keys=True)
    if root is None:
        raise Wrong("is empty; a pipeline needs at least `name`")
    if not isinstance(root, dict):
        raise Wrong(f"the top level must be a mapping with `name` and `stages`, not {kind_of(root)}")
    return root


def override(root: dict[str, Any], text: str) -> None:
    """Apply one `a.b.c=value` (value in YAML) to the mapping in place. Raises Wrong."""
    key, equals, value = text.partition("=")
    keys = key.strip().split(".")
    if not equals or not all(keys):
        raise Wrong(f"--set {text!r} is not of the form a.b.c=value")
    at = root
    for depth, step in enumerate(keys[:-1]):
        if at.get(step) is None:
            at[step] = {}
        if not isinstance(at[step], dict):
            raise Wrong(f"--set {key} goes through a value, not a mapping", ".".join(keys[: depth + 1]))
        at = at[step]
    at[keys[-1]] = load_yaml(value, WHAT, whole_keys=True)
