"""Constrained decoding: replies held to the declared tools, to a schema, and to their token budget."""

from model_core.enforcer.calls import SchemaConstraint, ToolConstraint, schema_constraint, tool_constraint
from model_core.enforcer.schema import SchemaRefused

__all__ = ["SchemaConstraint", "SchemaRefused", "ToolConstraint", "schema_constraint", "tool_constraint"]
