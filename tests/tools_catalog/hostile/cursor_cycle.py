"""cursorA, cursorB, cursorA, ..."""

from wire import serve, tool

serve(
    lambda params: {"tools": [tool("t")], "nextCursor": "cursorB" if params.get("cursor") == "cursorA" else "cursorA"}
)
