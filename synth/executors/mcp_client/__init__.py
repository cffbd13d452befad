"""Sessions with live MCP servers that nobody trusts: bounded, recorded, replaced where they break."""

from synth.executors.mcp_client.outcomes import Answer, Reason, ServerFailure
from synth.executors.mcp_client.session import Bounds, Session

__all__ = ["Answer", "Bounds", "Reason", "ServerFailure", "Session"]
