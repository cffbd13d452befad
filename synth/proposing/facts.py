"""A world told to a model in our own words: tables, lifecycles, tools. No text of a real server is passed on."""

from __future__ import annotations

from synth.worlds.params import explicit
from synth.worlds.simulate import CompiledWorld
from synth.worlds.spec import Entity, FieldSpec, ToolSpec, World

MOST_FIELDS = 14
MOST_TOOLS = 30


def entities_of(world: World) -> list[str]:
    """One line per table: key, fields with their types, states with their moves."""
    return [_entity(name, entity) for name, entity in world.entities.items()]


def _entity(name: str, entity: Entity) -> str:
    shown = list(entity.fields.items())[:MOST_FIELDS]
    fields = ", ".join(f"{f}: {type_of(spec)}" for f, spec in shown)
    more = f", {len(entity.fields) - len(shown)} more" if len(entity.fields) > len(shown) else ""
    line = f"{name} (key {' + '.join(entity.keys)}): {fields}{more}"
    if entity.lifecycle:
        moves = "; ".join(f"{s} to {' or '.join(ts)}" for s, ts in entity.lifecycle.moves.items() if ts)
        line += f". {entity.lifecycle.field} moves: {moves}"
    return line


def type_of(spec: FieldSpec) -> str:
    """The short form of a field's type."""
    if spec.type == "enum":
        kind = " | ".join(map(str, spec.of or []))
    elif spec.type == "ref":
        kind = f"ref {spec.to}"
    elif spec.type in ("list", "map"):
        kind = f"{spec.type} of {spec.of if isinstance(spec.of, str) else 'record'}"
    else:
        kind = spec.type
    return kind + ("?" if spec.nullable else "")


def tools_of(world: World) -> list[str]:
    """One line per tool: operation, table, parameters."""
    lines = [_tool(world, name, tool) for name, tool in list(world.tools.items())[:MOST_TOOLS]]
    left = len(world.tools) - len(lines)
    return [*lines, f"and {left} more tools"] if left > 0 else lines


def _tool(world: World, name: str, tool: ToolSpec) -> str:
    params = ", ".join(f"{n}{'' if p.required else '?'}" for n, p in explicit(world, tool).items())
    return f"{name}: {tool.op}{' ' + tool.of if tool.of else ''}({params})"


def arguments_of(compiled: CompiledWorld, name: str) -> list[str]:
    """One line per parameter of a tool, with its type as callers see it."""
    tool = compiled.tool(name)
    properties = tool.input_schema.get("properties", {})
    out = []
    for n, p in tool.params.items():
        schema = properties.get(n, {})
        kind = schema.get("type", "any")
        allowed = f", one of {', '.join(map(str, schema['enum'][:12]))}" if "enum" in schema else ""
        out.append(f"{n} ({kind if isinstance(kind, str) else ' or '.join(kind)}, "
                   f"{'required' if p.required else 'optional'}{allowed})")  # fmt: skip
    return out
