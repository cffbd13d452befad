"""Reading a pipeline file's YAML with suspicion: every mistake is one `Problem`, never a traceback."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from synth.errors import UsageError

MAX_FILE_BYTES = 1 << 20


@dataclass(frozen=True)
class Problem:
    """One mistake: `path` like `stages.tasks.part_size`, empty for the file itself."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class PipelineError(UsageError):
    """The pipeline file is wrong; the text names the first problem, `problems` has all of them."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        more = f" (and {len(problems) - 1} more: `synth validate` lists them)" if len(problems) > 1 else ""
        super().__init__(f"{file}: {problems[0]}{more}")
        self.problems = problems


class Wrong(Exception):
    """One mistake; never leaves `load_pipeline`."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.problem = Problem(path, message)


def read_text(path: Path) -> str:
    """The file as text. Raises Wrong."""
    try:
        if path.is_dir():
            raise Wrong("is a folder, not a pipeline file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise Wrong(f"is larger than {MAX_FILE_BYTES >> 10} KiB, too large for a pipeline file")
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise Wrong("does not exist; `pipelines/` has the shipped ones") from None
    except UnicodeDecodeError as error:
        raise Wrong(f"is not UTF-8 text (byte {error.start})") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        raise Wrong(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None


class _Loader(yaml.SafeLoader):
    """Safe YAML with two refusals on top: a key written twice, and aliases (which can grow without bound)."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise Wrong(f"line {self.line + 1}: YAML aliases are not used in pipeline files")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                line = key.start_mark.line + 1
                raise Wrong(f"line {line}: a key must be plain text, not {key.tag.rsplit(':', 1)[-1]}")
            if key.value in seen:
                raise Wrong(f"line {key.start_mark.line + 1}: the key {key.value!r} is written twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _yaml(text: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - _Loader is a SafeLoader
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise Wrong(one_line(f"{where}not valid YAML: {error.problem or error.context or 'cannot be read'}")) from None
    except yaml.YAMLError as error:
        raise Wrong(one_line(f"not valid YAML: {error}")) from None
    except RecursionError:
        raise Wrong("is nested too deeply to be a pipeline") from None
    except (ValueError, OverflowError) as error:  # impossible dates, integers of thousands of digits
        raise Wrong(one_line(f"a value cannot be read: {error}")) from None


def parse(text: str) -> dict[str, Any]:
    """The top-level mapping. Raises Wrong."""
    root = _yaml(text)
    if root is None:
        raise Wrong("is empty; a pipeline needs at least `name`")
    if not isinstance(root, dict):
        raise Wrong(f"the top level must be a mapping with `name` and `stages`, not {_kind(root)}")
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
    at[keys[-1]] = _yaml(value)


def one_line(text: str) -> str:
    """Text with every run of white space as one space."""
    return " ".join(text.split())


def _kind(value: Any) -> str:
    return {dict: "a mapping", list: "a list", str: "text", bool: "true or false", int: "a number"}.get(
        type(value), type(value).__name__
    )
