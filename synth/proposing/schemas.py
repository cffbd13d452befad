"""The JSON Schemas that replies are held to: the language's own, less what is decided for the model (ids, lineage,
clock), with limits on how much of it there may be."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from synth.worlds import tool_schema, world_schema

Schema = dict[str, Any]
MAX_ENTITIES, MAX_TOOLS, MAX_ROWS, MAX_FIELDS = 8, 24, 60, 24
MAX_NEW_TOOLS = 4
TOOL_NAME = r"^[A-Za-z][A-Za-z0-9_.-]{1,63}$"
NAME = r"^[A-Za-z_][A-Za-z0-9_]{0,63}$"
_DECIDED = ("world", "category", "domain", "clock")  # of a world, by the pipeline
_KEPT_SMALL = {"Entity": ("fixed",), "FieldSpec": ("derive",), "Part": ("derive",)}  # a person may, a model may not


def proposed_world(parent_tools: Sequence[str]) -> Schema:
    """The schema of a proposed world. Each tool names in `grows_from` the tool of the parent that it follows."""
    schema = world_schema(brief=True)
    properties = schema["properties"]
    for key in _DECIDED:
        del properties[key]
    properties["entities"] |= {"minProperties": 1, "maxProperties": MAX_ENTITIES, "propertyNames": {"pattern": NAME}}
    properties["tools"] |= {"minProperties": 4, "maxProperties": MAX_TOOLS, "propertyNames": {"pattern": TOOL_NAME}}
    schema["required"] = ["title", "entities", "tools"]
    _limit(schema["$defs"])
    _ask_for_texts(schema["$defs"]["ToolSpec"], parent_tools)
    return schema


def proposed_tools(siblings: Sequence[str]) -> Schema:
    """The schema of new tools for a world that is there; `grows_from` names a tool of it."""
    tool = tool_schema(brief=True)
    defs = tool.pop("$defs")
    tool.pop("$schema")
    _limit(defs)
    _ask_for_texts(tool, siblings)
    names = {"pattern": TOOL_NAME}
    error = {
        "type": "object", "additionalProperties": False, "required": ["say"],
        "properties": {"status": {"type": "integer"}, "say": {"type": "string", "maxLength": 300}},
    }  # fmt: skip
    properties = {
        "tools": {"type": "object", "additionalProperties": tool, "minProperties": 1, "maxProperties": MAX_NEW_TOOLS,
                  "propertyNames": names},
        "errors": {"type": "object", "additionalProperties": error, "maxProperties": 8,
                   "propertyNames": {"pattern": NAME}},
    }  # fmt: skip
    return {
        "type": "object",
        "properties": properties,
        "required": ["tools"],
        "additionalProperties": False,
        "$defs": defs,
    }


@lru_cache(maxsize=1)
def descriptions() -> Schema:
    """The schema of rewritten descriptions: texts per tool, and per parameter of it."""
    text = {"type": "string", "maxLength": 2_000}
    tool = {
        "type": "object", "additionalProperties": False, "required": ["description"],
        "properties": {"description": text, "arguments": {"type": "object", "additionalProperties": text}},
    }  # fmt: skip
    tools = {"type": "object", "additionalProperties": tool, "minProperties": 1, "maxProperties": 64}
    return {"type": "object", "properties": {"tools": tools}, "required": ["tools"], "additionalProperties": False}


def _limit(defs: dict[str, Any]) -> None:
    for name, keys in _KEPT_SMALL.items():
        for key in keys:
            for form in (defs.get(name, {}), *defs.get(name, {}).get("anyOf", ())):
                form.get("properties", {}).pop(key, None)
    if "Entity" in defs:
        entity = defs["Entity"]["properties"]
        entity["rows"] = {"type": "integer", "minimum": 1, "maximum": MAX_ROWS}
        entity["fields"] |= {"minProperties": 1, "maxProperties": MAX_FIELDS, "propertyNames": {"pattern": NAME}}


def _ask_for_texts(tool: Schema, parents: Sequence[str]) -> None:
    text = {"type": "string", "maxLength": 2_000}
    tool["properties"] |= {
        "description": text, "arguments": {"type": "object", "additionalProperties": text},
        "grows_from": {"type": "string", "enum": list(parents)},
    }  # fmt: skip
    tool["required"] = ["op", "description", "grows_from"]
