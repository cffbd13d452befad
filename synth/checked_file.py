"""YAML files whose keys are the fields of a dataclass: read, changed by overrides, checked. Every mistake is one
sentence with its path."""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from synth.careful_yaml import Problem, Wrong, kind_of, load_yaml, read_text
from synth.errors import UsageError
from synth.pipeline_problems import problem_of
from synth.pipeline_yaml import override

T = TypeVar("T")


def load_file(kind: type[T], file: str | Path, overrides: list[str] | tuple[str, ...], what: str, hint: str) -> T:
    """The dataclass `kind` from a YAML file, with `a.b=value` overrides on top. `what` the file is, in words, and a
    `hint` where there is none. Raises UsageError, and whatever the dataclass raises for values that do not fit."""
    try:
        root = load_yaml(read_text(Path(file), what, hint), what)
        if not isinstance(root, dict):
            said = "is empty" if root is None else f"the top level must be a mapping, not {kind_of(root)}"
            raise Wrong(f"{said}; a {what} has at least {_listed(required(kind))}")
        for one in overrides:
            override(root, one)
    except Wrong as wrong:
        raise UsageError(f"{file}: {wrong.problem}") from None
    mirror = _mirror(kind)
    try:
        told: T = _back(kind, mirror.model_validate(root))
        return told
    except ValidationError as error:
        problems = [problem_of(mirror, one) for one in error.errors(include_url=False)]
        raise UsageError(f"{file}: {joined(problems)}") from None


def joined(problems: list[Problem]) -> str:
    """Problems as one sentence."""
    return "; ".join(str(problem) for problem in problems)


def required(kind: type[Any]) -> list[str]:
    """The fields of a dataclass that have no default."""
    return [one.name for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING]


def _listed(names: list[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def _mirror(kind: type[Any]) -> type[BaseModel]:
    """A pydantic model with the fields of a dataclass, so that each field is written down once."""
    hints = get_type_hints(kind)
    wanted: dict[str, Any] = {}
    for one in fields(kind):
        hint = _mirror(hints[one.name]) if is_dataclass(hints[one.name]) else hints[one.name]
        nested = one.default_factory is not MISSING and is_dataclass(hints[one.name])
        default = ... if one.name in required(kind) else hint() if nested else _default(one)
        wanted[one.name] = (hint, default)
    config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
    return create_model(kind.__name__, __config__=config, **wanted)


def _default(one: Any) -> Any:
    return one.default if one.default is not MISSING else one.default_factory()


def _back(kind: type[Any], checked: BaseModel) -> Any:
    """The dataclass from its mirror."""
    hints = get_type_hints(kind)
    given = {one.name: getattr(checked, one.name) for one in fields(kind)}
    return kind(**{
        name: _back(hints[name], value) if isinstance(value, BaseModel) else value for name, value in given.items()
    })  # fmt: skip
