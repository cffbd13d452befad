"""How a tool is shown to an assistant: under another name, with other parameter names or all of them in one wrapper,
with less said about it. The world behind stays the same.

There is one place where shown and own meet: `shown_world` gives the world as the agent sees it, where a shown tool
takes its arguments at other places (`Param.at`) and is checked against the shown schema. Whatever works on that world
(plans, sources, drawn arguments, error texts, judging, replay) speaks the shown names without knowing it.
`own_arguments` and `shown_arguments` carry arguments over for anybody who has the recorded mapping and the real tool.

A renaming is made total by swapping: where `a` is shown as `b`, `b` stands for an argument `a` that the tool does not
know. So each is the other's inverse on any object, and the shown schema takes exactly what the own one takes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from synth.records import AgentRow, ToolRow
from synth.worlds.simulate import CompiledTool, CompiledWorld
from synth.worlds.spec import Param, ToolSpec

__all__ = ["Surface", "can_rename", "function_tool", "functions_of", "own_arguments", "schemas_of",
           "shown_arguments", "shown_schema", "shown_world", "surfaces_of"]  # fmt: skip

# what stands at the root of a schema whose properties can be renamed and wrapped without changing what it takes
_PLAIN_ROOT = frozenset({
    "type", "properties", "required", "additionalProperties", "title", "description", "$schema", "$defs", "definitions",
    "minProperties", "maxProperties",
})  # fmt: skip
_TYPES = frozenset({
    "type", "format", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
    "minLength", "maxLength", "minItems", "maxItems", "uniqueItems",
})  # fmt: skip
_NOTES = frozenset({"description", "title", "examples", "$comment"})
_COMPOUND = re.compile(r"_|-|[a-z][A-Z]")
_TOKEN = re.compile(r"[\w-]+")
_FIRST_SENTENCE = re.compile(r"^.*?[.!?](?=\s|$)", re.DOTALL)


class Surface(BaseModel):
    """How one tool is shown. `params`: own name -> shown name, of top-level parameters; `wrap`: the one parameter that
    holds all others. `notes` and `types` false: nothing is said about what parameters mean, or of which type they
    are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tool: str  # its own name
    params: dict[str, str] = {}
    wrap: str | None = None
    description: Literal["own", "short", "none"] = "own"
    notes: bool = True
    types: bool = True

    @property
    def moves(self) -> bool:
        """Whether arguments stand elsewhere than the tool has them."""
        return bool(self.params) or self.wrap is not None


def surfaces_of(agent: AgentRow) -> dict[str, Surface]:
    """The recorded mapping of an agent: {shown name: surface}, of the tools that are not shown as they are."""
    return {name: Surface.model_validate(s) for name, s in (agent.traits.get("surfaces") or {}).items()}


# --- arguments ---


def _swapped(params: Mapping[str, str]) -> dict[str, str]:
    return {**{shown: own for own, shown in params.items()}, **params}


def shown_arguments(arguments: Mapping[str, Any], surface: Surface) -> dict[str, Any]:
    """Arguments of the tool's own form in the form that is shown."""
    names = _swapped(surface.params)
    out = {names.get(name, name): value for name, value in arguments.items()}
    return {surface.wrap: out} if surface.wrap is not None else out


def own_arguments(arguments: Mapping[str, Any], surface: Surface) -> dict[str, Any] | None:
    """The inverse of `shown_arguments`; None where the arguments are not in their wrapper."""
    if surface.wrap is not None:
        inner = arguments.get(surface.wrap)
        if len(arguments) != 1 or not isinstance(inner, dict):
            return None
        arguments = inner
    names = _swapped(surface.params)
    return {names.get(name, name): value for name, value in arguments.items()}


# --- schemas ---


def can_rename(schema: Any) -> bool:
    """Whether the parameters of a schema can be renamed and wrapped exactly."""
    return isinstance(schema, dict) and schema.get("type") == "object" and not set(schema) - _PLAIN_ROOT


def shown_schema(schema: Mapping[str, Any], surface: Surface) -> dict[str, Any]:
    """The schema of the shown form: takes x where `schema` takes `own_arguments(x)`."""
    out = dict(schema)
    if surface.params:
        names = surface.params
        out["properties"] = {names.get(n, n): p for n, p in (schema.get("properties") or {}).items()}
        if "required" in schema:
            out["required"] = [names.get(n, n) for n in schema["required"]]
    if surface.wrap is None:
        return out
    hoisted: dict[str, Any] = {
        k: out.pop(k) for k in ("$schema", "$defs", "definitions") if k in out
    }  # pointers are from the root
    return {"type": "object", "properties": {surface.wrap: out}, "required": [surface.wrap],
            "additionalProperties": False, **hoisted}  # fmt: skip


# --- what the assistant reads ---


def functions_of(agent: AgentRow, tools: Mapping[str, ToolRow]) -> list[dict[str, Any]]:
    """The agent's tools as OpenAI-style functions, in order. KeyError where a tool is missing in `tools`."""
    surfaces = surfaces_of(agent)
    offered: dict[str, str] = agent.traits["offered"]
    names = {(tools[t].world_id, tools[t].name): name for name, t in offered.items()}
    out = []
    for name, tool_id in offered.items():
        row = tools[tool_id]
        peers = {own: shown for (world, own), shown in names.items() if world == row.world_id and own != shown}
        out.append(function_tool(name, row, surfaces.get(name), peers))
    return out


def schemas_of(agent: AgentRow, tools: Mapping[str, ToolRow]) -> dict[str, Any]:
    """What the arguments of the agent's tools have to fit, by shown name; nothing withheld."""
    surfaces = surfaces_of(agent)
    out = {}
    for name, tool_id in agent.traits["offered"].items():
        schema, surface = tools[tool_id].input_schema, surfaces.get(name)
        out[name] = shown_schema(schema, surface) if surface is not None and surface.moves else schema
    return out


def function_tool(
    name: str, row: ToolRow, surface: Surface | None = None, peers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """A tool in the OpenAI form. `peers`: own -> shown names of the tools beside it, which descriptions may mention."""
    described: str = row.description
    schema: dict[str, Any] = row.input_schema
    reword = _rewording({**(peers or {}), **(surface.params if surface is not None else {})})
    if surface is not None:
        schema = _said(shown_schema(schema, surface) if surface.moves else schema, surface, reword)
        if surface.description != "own":
            first = _FIRST_SENTENCE.match(described)
            described = (first.group(0) if first else described) if surface.description == "short" else ""
    return {"type": "function", "function": {"name": name, "description": reword(described), "parameters": schema}}


def _rewording(names: Mapping[str, str]) -> Callable[[str], str]:
    """Puts shown names for own ones in a text; only names that no sentence has by chance (two words in one)."""
    telling = {own: shown for own, shown in names.items() if _COMPOUND.search(own)}
    if not telling:
        return lambda text: text
    return lambda text: _TOKEN.sub(lambda m: telling.get(m.group(0), m.group(0)), text)


def _said(node: Any, surface: Surface, reword: Callable[[str], str], named: bool = False) -> Any:
    """A schema with less said in it. `named`: the keys of the node are names, not keywords."""
    if isinstance(node, list):
        return [_said(n, surface, reword) for n in node]
    if not isinstance(node, dict):
        return node
    out = {}
    for key, value in node.items():
        if not named and ((not surface.notes and key in _NOTES) or (not surface.types and key in _TYPES)):
            continue
        if not named and key == "description" and isinstance(value, str):
            out[key] = reword(value)
        elif not named and key in ("enum", "const", "default", "examples", "required"):
            out[key] = value
        else:
            out[key] = _said(value, surface, reword, not named and key in ("properties", "$defs", "definitions"))
    return out


# --- the world behind it ---


class _ShownWorld(CompiledWorld):
    """A world some of whose tools take their arguments elsewhere; all else is the base's own."""

    def __init__(self, base: CompiledWorld, surfaces: Mapping[str, Surface]) -> None:
        self.__dict__.update(base.__dict__)
        self._base, self._surfaces = base, surfaces
        self._tools = {}

    def tool(self, name: str) -> CompiledTool:
        surface = self._surfaces.get(name)
        if surface is None:
            return self._base.tool(name)
        found = self._tools.get(name)
        if found is None:
            own = self._base.tool(name)
            spec = _moved(own, surface)
            # a body reads canonical names; only the errors of a multiplexer speak of parameters
            found = CompiledTool(self.world, self.entities, name, spec) if own.op == "choose" else own.placed(spec)
            self._tools[name] = found
        return found

    def case(self, name: str, case: str) -> CompiledTool:
        """For drawing: values by canonical name, which are the same however the tool is shown."""
        return self._base.case(name, case)

    def item(self, name: str) -> CompiledTool:
        return self._base.item(name)


def shown_world(base: CompiledWorld, surfaces: Mapping[str, Surface]) -> CompiledWorld:
    """The world as an agent sees it. `surfaces` by the tools' own names; tools keep these, only their arguments move.
    States are the base's: the same calls in shown form give the same results and states."""
    moving = {own: s for own, s in surfaces.items() if s.moves and own in base.world.tools}
    return _ShownWorld(base, moving) if moving else base


def _moved(tool: CompiledTool, surface: Surface) -> ToolSpec:
    """The tool's spec with its parameters at the shown places."""
    ahead = [surface.wrap] if surface.wrap is not None else []

    def at(name: str, param: Param) -> Param:
        first, *rest = param.at or [name]
        return param.model_copy(update={"at": [*ahead, surface.params.get(first, first), *rest]})

    params = {n: at(n, p) for n, p in tool.params.items()}
    cases = tool.spec.cases
    if cases is not None:
        cases = {c: s.model_copy(update={"params": {n: at(n, p) for n, p in (s.params or {}).items()}})
                 if s.params is not None else s for c, s in cases.items()}  # fmt: skip
    schema = shown_schema(tool.input_schema, surface)
    return tool.spec.model_copy(update={"params": params, "cases": cases, "input_schema": schema})
