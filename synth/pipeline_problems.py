"""pydantic's errors as sentences about the user's file: the path as written, the nearest known key."""

from __future__ import annotations

import difflib
import re
import types
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from synth.careful_yaml import Problem, one_line


def problem_of(root: type[BaseModel], error: Any) -> Problem:
    """One entry of `ValidationError.errors()` as a problem of the file that `root` describes."""
    path, owner = _walk(root, error["loc"])
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return Problem(
            path, f"unknown key, {nearest(path.rsplit('.', 1)[-1], list(owner.model_fields) if owner else [])}"
        )
    if kind == "missing":
        return Problem(path, "is missing")
    if kind == "value_error":
        return Problem(path, one_line(str(context.get("error", error["msg"]))))
    if kind == "literal_error" and error["loc"][-1] == "[key]":
        known = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        return Problem(path, f"unknown key, {nearest(str(error['loc'][-2]), known)}")
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        wrong = context.get("tag")
        said = f"has kind {wrong!r}, which is not known" if wrong else "has no `kind`"
        return Problem(path, f"{said}; kinds are {context.get('expected_tags', 'k2, openai, scripted')}")
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return Problem(path, f"must be a mapping, got {_shown(error.get('input'))}")
    message = error["msg"][:1].lower() + error["msg"][1:]
    return Problem(path, one_line(f"{message.replace('input should', 'should')}, got {_shown(error.get('input'))}"))


def nearest_of(wrong: str, many: list[str]) -> str:
    """Like `nearest`, for lists too long to be listed."""
    near = difflib.get_close_matches(wrong, many, n=1, cutoff=0.5)
    return f"the nearest one is {near[0]!r}" if near else "`synth catalog list` shows them"


def nearest(wrong: str, known: list[str]) -> str:
    """`the nearest known one is 'x'`, or the list of known ones."""
    near = difflib.get_close_matches(wrong, known, n=1, cutoff=0.5)
    if near:
        return f"the nearest known one is {near[0]!r}"
    return f"known ones are {', '.join(known)}" if known else "nothing may be written here"


def _walk(root: type[BaseModel], loc: tuple[Any, ...]) -> tuple[str, type[BaseModel] | None]:
    """The path as the user wrote it (pydantic also names the branch of a union it tried), and the model that owns
    its last step."""
    at: Any = root
    owner: type[BaseModel] | None = None
    path: list[str] = []
    for step in loc:
        at, branch = _strip(at), None
        if get_origin(at) in (Union, types.UnionType):
            options = [_strip(option) for option in get_args(at)]
            models = [option for option in options if _is_model(option)]
            tagged = [model for model in models if len(models) > 1 and _tag(model) == step]
            branch = tagged[0] if tagged else None
            if branch is None and len(models) == 1 and len(options) == 2 and type(None) in options:
                at = models[0]  # `X | None` names no branch
            elif branch is None:
                lists = [option for option in options if get_origin(option) is list]
                at = lists[0] if isinstance(step, int) and lists else at
                if not isinstance(step, int):
                    continue  # `int`, `literal['auto']`
        if branch is not None:
            at = branch
            continue
        if step == "[key]":
            continue
        path.append(str(step))
        owner = at if _is_model(at) else None
        at = _step(at, step)
    return ".".join(path), owner


def _step(at: Any, step: Any) -> Any:
    if _is_model(at):
        field = at.model_fields.get(str(step))
        return field.annotation if field else None
    if get_origin(at) in (dict, list):
        return get_args(at)[-1]
    return None


def _strip(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _tag(model: Any) -> str | None:
    field = model.model_fields.get("kind")
    return get_args(field.annotation)[0] if field else None


def _shown(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**20:
        return "a number of more than 20 digits"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
