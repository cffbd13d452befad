"""The language as JSON Schema: of a whole world and of one tool, for editors and for models that write in it.

Made from the pydantic models, so that it never lags behind them, and kept shallow (worlds.md 2.5): no null branches, no
recursion (a record in a record, a case in a case, a body in a body end in a plain object), one flat object per tool
with an `op` enum. What a schema cannot say (names that must exist, expressions) `World.load` and `compile_world` say.
"""

from __future__ import annotations

from copy import deepcopy
from functools import lru_cache
from typing import Any

from synth.worlds.spec import World
from synth.worlds.statements import STATEMENTS, TYPES

Schema = dict[str, Any]
DRAFT = "https://json-schema.org/draft/2020-12/schema"
MAX_TEXT = 2_000  # characters of one text in a spec
TEXT: Schema = {"$ref": "#/$defs/Text"}
# what says where a thing came from, or holds a real server's own form: not for who invents a world
_BRIEF = {
    "World": ("server", "roots", "operators"),
    "ToolSpec": ("parents", "source", "input_schema", "output_schema", "params", "envelope", "annotations"),
}
_ENDS = {"FieldSpec": ("fields", "Part"), "ToolSpec": ("cases", "Case")}  # recursive key, name of the last level


def world_schema(brief: bool = False) -> Schema:
    """JSON Schema of a world. `brief` leaves out provenance and spelled-out parameters: for a model that proposes."""
    return deepcopy(_whole(brief))


def tool_schema(brief: bool = False) -> Schema:
    """JSON Schema of one tool (the value under its name in `tools`)."""
    whole = _whole(brief)
    used = _used(whole["$defs"], *_refs(whole["$defs"]["ToolSpec"]))
    return deepcopy({**whole["$defs"]["ToolSpec"], "$schema": DRAFT, "$defs": {n: whole["$defs"][n] for n in used}})


@lru_cache(maxsize=2)
def _whole(brief: bool) -> Schema:
    raw = World.model_json_schema(by_alias=True)
    parts: dict[str, Schema] = {name: _tidy(body) for name, body in raw.pop("$defs").items()}
    parts |= {"World": _tidy(raw), "Text": {"type": "string", "maxLength": MAX_TEXT}}
    for name, hidden in _BRIEF.items() if brief else ():
        for key in hidden:
            del parts[name]["properties"][key]
    for name, (key, last) in _ENDS.items():
        end = deepcopy(parts[name])
        del end["properties"][key]
        parts[last] = end
        parts[name]["properties"][key] = {"type": "object", "additionalProperties": {"$ref": f"#/$defs/{last}"}}
    _short_forms(parts)
    parts |= {"Statement": _statement({"$ref": "#/$defs/Inner"}), "Inner": _statement({"type": "object"})}
    for holder in ("ToolSpec", "Case"):
        for key in ("do", "then"):
            parts[holder]["properties"][key] = {"type": "array", "items": {"$ref": "#/$defs/Statement"}}
    parts["World"]["properties"]["shared"]["additionalProperties"]["items"] = {"$ref": "#/$defs/Statement"}
    world = parts.pop("World")
    return {"$schema": DRAFT, **world, "$defs": {n: parts[n] for n in _used(parts, *_refs(world))}}


def _tidy(node: Any, key: str = "") -> Any:
    """Without titles, defaults and null branches that say no more than leaving the key out; texts are bounded."""
    if isinstance(node, list):
        return [_tidy(n) for n in node]
    if not isinstance(node, dict):
        return node
    if key == "properties":
        return {name: _tidy(body) for name, body in node.items()}
    absent = node.get("default", "") is None  # leaving the key out says null
    options = [o for o in node.get("anyOf", ()) if not (absent and o == {"type": "null"})]
    if len(options) == 1:
        return _tidy({**{k: v for k, v in node.items() if k != "anyOf"}, **options[0]})
    out = {k: _tidy(v, k) for k, v in node.items() if k not in ("title", "default", "description")}
    if options:
        out["anyOf"] = [_tidy(o) for o in options]
    return TEXT if out == {"type": "string"} else out


def _short_forms(parts: dict[str, Schema]) -> None:
    """A field may be a text ("open | solved", "ref Contact?"), so may a sum that is conserved; paging is a word."""
    sums = parts["World"]["properties"]["conserve"]
    sums["items"] = {"anyOf": [TEXT, sums["items"]]}
    for name in ("FieldSpec", "Part"):
        long = parts[name]
        parts[name] = {"anyOf": [TEXT, long]}
    for name in ("ToolSpec", "Case"):
        parts[name]["properties"]["paging"] = {
            "anyOf": [{"type": "string", "enum": ["offset", "page", "cursor", "none"]}, {"$ref": "#/$defs/Paging"}]
        }


def _statement(inner: Schema) -> Schema:
    """One flat object that holds the keys of any core statement."""
    props: dict[str, Schema] = {}
    for kind, form in STATEMENTS.items():
        for key in (kind, *form.needs, *form.may):
            wanted = TYPES.get(key, str)
            if key in ("do", "otherwise"):
                props[key] = {"type": "array", "items": inner}
            elif wanted is dict:
                props[key] = {"type": "object", "additionalProperties": TEXT}
            elif wanted is list:
                props[key] = {"type": "array", "items": TEXT if key == "by" else {"anyOf": [TEXT, {"type": "object"}]}}
            else:
                props[key] = TEXT
    return {"type": "object", "properties": props, "additionalProperties": False, "minProperties": 1}


def _refs(node: Any) -> list[str]:
    """Names of the definitions a schema points to, in order."""
    if isinstance(node, list):
        return [r for n in node for r in _refs(n)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"].rsplit("/", 1)[-1]] if "$ref" in node else []
    return own + [r for k, n in node.items() if k != "$defs" for r in _refs(n)]


def _used(parts: dict[str, Schema], *names: str) -> list[str]:
    """Definitions reachable from `names`, those included."""
    seen: dict[str, None] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen[name] = None
            waiting += _refs(parts[name])
    return sorted(seen)
