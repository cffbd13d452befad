"""Every tool has to be dropped."""

from wire import serve, tool

serve(lambda params: {"tools": [tool("a", {"type": "object", "properties": {"x": {"type": 7}}})]})
