"""How tools are told to a model: K2's JSON, or one line a tool.

The compact form keeps what a call needs (names, types, allowed values, what must be given) and the first sentence of
the description; what is said about single parameters, and bounds, are left out:

    create_reader(email: email, full_name, tags?: string[], topic?: web|print) Creates a reader.

A parameter is a string where no type stands, and optional where a `?` does. It is a fifth of the JSON's tokens, so
that a tiny model can read a dozen tools. A checkpoint trained on it says so: `tool_declarations` in its config.json.

`compact_id_last` is the same and tells results otherwise too: in a list of records the first member of each, which is
nearly always its id, comes last. A causal model reads what a record is about before its id then, and finds the id by
the name; an id that stands first can know nothing of what follows it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from model_core.errors import ModelError

Declarations = Literal["json", "compact", "compact_id_last"]

_FIRST_SENTENCE = re.compile(r"^.*?[.!?](?=\s|$)", re.DOTALL)
_DEEPEST = 6  # parts of parts that are written out


def declare(tools: Sequence[Mapping[str, Any]], form: Declarations = "json") -> str:
    """The body of the `tool_declare` message for OpenAI-style tools. Raises `ModelError` for an unknown form."""
    if form == "json":
        return json.dumps([_wrapped(tool) for tool in tools], ensure_ascii=False, separators=(",", ":"))
    if form in ("compact", "compact_id_last"):
        return "\n".join(_line(_wrapped(tool)["function"]) for tool in tools)
    raise ModelError(f"tools can be declared as {' or '.join(get_args(Declarations))}, not {form!r}")


def told(result: str, form: Declarations = "json") -> str:
    """The text of a result as the form tells it. What is no JSON, or names a member twice, stays as it is."""
    if form != "compact_id_last":
        return result
    try:
        read = json.loads(result, object_pairs_hook=_once)
    except ValueError:
        return result
    return json.dumps(_id_last(read, False), ensure_ascii=False) if isinstance(read, dict | list) else result


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(members)) != len(members):
        raise ValueError("a member is named twice")
    return found


def _id_last(value: Any, in_list: bool) -> Any:
    if isinstance(value, list):
        return [_id_last(item, True) for item in value]
    if not isinstance(value, dict):
        return value
    members = [(name, _id_last(part, False)) for name, part in value.items()]
    return dict(members[1:] + members[:1] if in_list else members)


def _wrapped(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    """In OpenAI's envelope, added where a bare function was given."""
    return tool if "function" in tool else {"type": "function", "function": tool}


def _line(function: Mapping[str, Any]) -> str:
    schema = function.get("parameters") or {}
    described = " ".join(str(function.get("description") or "").split())
    first = _FIRST_SENTENCE.match(described)
    return f"{function['name']}({_members(schema, schema, 0)}) {first.group(0) if first else described}".rstrip()


def _members(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> str:
    must = set(schema.get("required") or ())
    parts = []
    for name, part in (schema.get("properties") or {}).items():
        kind = _kind(part, root, depth + 1)
        parts.append(f"{name}{'' if name in must else '?'}{'' if kind == 'string' else f': {kind}'}")
    return ", ".join(parts)


def _kind(schema: Any, root: Mapping[str, Any], depth: int) -> str:
    """The type of a value in a word or a few."""
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return "any"
    if isinstance(schema.get("$ref"), str):
        return _kind(_pointed(schema["$ref"], root), root, depth + 1)
    if "enum" in schema or "const" in schema:
        values = schema["enum"] if "enum" in schema else [schema["const"]]
        return "|".join(v if isinstance(v, str) else json.dumps(v) for v in values)
    for key in ("anyOf", "oneOf"):
        if isinstance(schema.get(key), Sequence):
            return _either(_kind(part, root, depth + 1) for part in schema[key])
    kind = schema.get("type", "any")
    if isinstance(kind, list):
        return _either(_kind({**schema, "type": one}, root, depth) for one in kind)
    if kind == "array":
        item = _kind(schema.get("items"), root, depth + 1)
        return f"({item})[]" if "|" in item else f"{item}[]"
    if kind == "object" and schema.get("properties"):
        return f"{{{_members(schema, root, depth)}}}"
    return str(schema["format"]) if kind == "string" and schema.get("format") else str(kind)


def _either(kinds: Any) -> str:
    """Alternatives, null left out: a value that may be null may as well not be given."""
    return "|".join(dict.fromkeys(kind for kind in kinds if kind != "null")) or "null"


def _pointed(pointer: str, root: Mapping[str, Any]) -> Any:
    """What a local pointer names; nothing where it leads nowhere."""
    at: Any = root
    for step in pointer.removeprefix("#").strip("/").split("/"):
        at = at.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(at, Mapping) else None
    return at
