"""Reading a person's YAML or JSON file with suspicion: every mistake is one `Wrong`, never a traceback."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

MAX_FILE_BYTES = 1 << 20
_TEXT, _NULL, _TIMESTAMP = "tag:yaml.org,2002:str", "tag:yaml.org,2002:null", "tag:yaml.org,2002:timestamp"
_INT = "tag:yaml.org,2002:int"


@dataclass(frozen=True)
class Problem:
    """One mistake: `path` like `stages.tasks.part_size`, empty for the file itself."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class Wrong(Exception):
    """One mistake; the reader of a kind of file turns it into its own error."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.problem = Problem(path, message)


def read_text(path: Path, what: str, hint: str = "") -> str:
    """The file as text; `what` is a noun such as "pipeline file". Raises Wrong."""
    try:
        if path.is_dir():
            raise Wrong(f"is a folder, not a {what}")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise Wrong(f"is larger than {MAX_FILE_BYTES >> 10} KiB, too large for a {what}")
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise Wrong("does not exist" + (f"; {hint}" if hint else "")) from None
    except UnicodeDecodeError as error:
        raise Wrong(f"is not UTF-8 text (byte {error.start})") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        raise Wrong(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None


class _Loader(yaml.SafeLoader):
    """Safe YAML with two refusals on top: a key written twice, and aliases (which can grow without bound). Times stay
    texts, and the bare key `null` is the text "null". `whole_keys`: keys may be whole numbers, read as texts."""

    whole_keys = False

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise Wrong(f"line {self.line + 1}: YAML aliases are not used here")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag == _NULL and key.value == "null":
                key.tag = _TEXT
            if self.whole_keys and isinstance(key, yaml.ScalarNode) and key.tag == _INT and key.value.isdecimal():
                key.tag = _TEXT
            if not isinstance(key, yaml.ScalarNode) or key.tag != _TEXT:
                line, kind = key.start_mark.line + 1, key.tag.rsplit(":", 1)[-1]
                raise Wrong(f"line {line}: a key must be plain text, not {kind}; put it in quotes")
            if key.value in seen:
                raise Wrong(f"line {key.start_mark.line + 1}: the key {key.value!r} is written twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


_Loader.add_constructor(_TIMESTAMP, lambda loader, node: node.value)


class _WholeKeysLoader(_Loader):
    whole_keys = True


def load_yaml(text: str, what: str, whole_keys: bool = False) -> Any:
    """The value of a YAML text; `whole_keys`: keys like `1:` are read as the text "1". Raises Wrong."""
    try:
        return yaml.load(text, Loader=_WholeKeysLoader if whole_keys else _Loader)  # noqa: S506 - both are SafeLoaders
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise Wrong(one_line(f"{where}not valid YAML: {error.problem or error.context or 'cannot be read'}")) from None
    except yaml.YAMLError as error:
        raise Wrong(one_line(f"not valid YAML: {error}")) from None
    except RecursionError:
        raise Wrong(f"is nested too deeply to be a {what}") from None
    except (ValueError, OverflowError) as error:  # integers of thousands of digits
        raise Wrong(one_line(f"a value cannot be read: {error}")) from None


def load_json(text: str, what: str) -> Any:
    """The value of a JSON text. Raises Wrong."""
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise Wrong(f"line {error.lineno}: not valid JSON: {error.msg}") from None
    except RecursionError:
        raise Wrong(f"is nested too deeply to be a {what}") from None
    except ValueError as error:  # integers of thousands of digits
        raise Wrong(one_line(f"a value cannot be read: {error}")) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        twice = next(k for i, (k, _) in enumerate(pairs) if any(k == earlier for earlier, _ in pairs[:i]))
        raise Wrong(f"the key {twice!r} is written twice")
    return out


def one_line(text: str) -> str:
    """Text with every run of white space as one space."""
    return " ".join(text.split())


def kind_of(value: Any) -> str:
    """What a person calls the value: a mapping, a list, text, ..."""
    return {dict: "a mapping", list: "a list", str: "text", bool: "true or false", int: "a number"}.get(
        type(value), type(value).__name__
    )
