"""Real MCP tools: the list of servers, the shipped catalog of facts, and the harvester (`tools_catalog.harvest`)."""

from tools_catalog.describe import describe_tool
from tools_catalog.effects import Effect, effect_of
from tools_catalog.facts import Catalog, ServerFacts, ToolFacts, load_catalog
from tools_catalog.params import describe_parameter
from tools_catalog.servers import ServerSpec, load_servers

__all__ = [
    "Catalog",
    "Effect",
    "ServerFacts",
    "ServerSpec",
    "ToolFacts",
    "describe_parameter",
    "describe_tool",
    "effect_of",
    "load_catalog",
    "load_servers",
]
