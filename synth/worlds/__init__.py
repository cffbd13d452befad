"""Worlds that run: the semantics language, its interpreter, lifting, evolving, start states."""

from synth.worlds.jsonschema import tool_schema, world_schema
from synth.worlds.simulate import CompiledWorld, Result, Simulator, compile_world
from synth.worlds.spec import World

__all__ = ["CompiledWorld", "Result", "Simulator", "World", "compile_world", "tool_schema", "world_schema"]
